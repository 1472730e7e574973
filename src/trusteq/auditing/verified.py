"""A finished run computed once more from what it keeps of the models' answers, and whether it comes to the same."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import trusteq
from trusteq.auditing.computed import FINDINGS, computed
from trusteq.compare.own_measures import with_functions
from trusteq.errors import RunError
from trusteq.record.directory import manifest, tables
from trusteq.record.document import document
from trusteq.record.plain import plain
from trusteq.record.read_back import read_items, read_responses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trusteq.record.audit import Audit
    from trusteq.record.directory import Run

ROUNDING = 1e-7
"""The relative difference that another processor's or library's rounding may make, and no other answer."""

SMALL = 1e-3
"""Below it differences count as if of this size: what is nothing but rounding has no size of its own."""

NOT_COMPUTED = frozenset({"schema_version"})
"""How it is written."""

COMPUTED = frozenset({"estimates", "flips", "plan", "attributions", "words"})
"""The tables that are made of the answers; the others are the answers and the items."""

SENTENCES = ("method", "reason", "advice", "description", "message")
"""How the names of values end that are written for people."""


ABSENT = "(absent)"

GAPS = frozenset({"None", "nan", "NaT", "<NA>"})
"""What stands for a missing value, here and in tables."""


@dataclass(frozen=True)
class Difference:
    """A value of a run that is not what it comes to: where it stands, what it is, what it would be."""

    where: str
    told: Any
    found: Any


@dataclass(frozen=True)
class Verified:
    """How a run compares with what the answers in it come to.

    estimates: how many it holds, slices included. perturbations: how many answers to perturbed items of each model.
    rounded: how many values differ by rounding alone; largest: the largest relative difference among these.
    unchecked: what was not compared, in words.
    """

    estimates: int
    models: int
    perturbations: int
    values: int
    differences: tuple[Difference, ...]
    rounded: int
    largest: float
    unchecked: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether everything comes to the same."""
        return not self.differences


def verified(run: Run, tell: Callable[[str, int, int], None] = lambda stage, done, total: None) -> Verified:
    """The run beside the same computed once more; no model is asked."""
    if not run.manifest["files"]:
        raise RunError(
            f"{run.directory}: written by an older trusteq, which did not keep all that models said; audit again"
        )
    own = with_functions(run.document.own_measures, where=str(run.directory))
    items = read_items(run)
    audit = computed(read_responses(run, items), items, run.policy, run.document.settings, own=own, tell=tell)
    unchecked = ["what was noticed when models were opened and asked; what they cost; other audits; rows left out"]
    pairs = [*_leaves("audit.json", run.audit, plain(document(audit))), *_cells(run, audit)]
    hashes, made = ["ids", "asked", "content"], manifest(audit)
    if arrays := run.manifest["data"]["arrays"]:
        unchecked.append(f"the arrays that models read ({', '.join(arrays)}), which a run does not keep")
        hashes = ["ids"]
    pairs += [(f"manifest.json: data.{name}", run.manifest["data"][name], made["data"][name]) for name in hashes]
    pairs.append(("manifest.json: plan", run.manifest["plan"], made["plan"]))
    if (version := run.manifest["trusteq"]) != trusteq.__version__:
        unchecked.append(f"sentences, which trusteq {version} may have worded otherwise")
        pairs = [(where, told, found) for where, told, found in pairs if not where.endswith(SENTENCES)]
    apart = [_apart(told, found) for _, told, found in pairs]
    moved = [by for by in apart if 0 < by <= ROUNDING]
    return Verified(
        estimates=len(run.table("estimates")),
        models=len(audit.everybody),
        perturbations=0 if audit.explanation is None else sum(map(len, audit.explanation.plans)),
        values=len(pairs),
        differences=tuple(Difference(*map(plain, p)) for p, by in zip(pairs, apart, strict=True) if by > ROUNDING),
        rounded=len(moved),
        largest=max(moved, default=0.0),
        unchecked=tuple(unchecked),
    )


def _leaves(where: str, told: Any, found: Any) -> Iterator[tuple[str, Any, Any]]:
    """Every value of two documents side by side, but for what only asking tells."""
    if where.endswith(".findings"):
        told = [finding for finding in told if finding["kind"] in FINDINGS]
    if isinstance(told, dict) and isinstance(found, dict):
        for key in dict.fromkeys([*told, *found]):
            if key not in NOT_COMPUTED:
                within = f"{where}.{key}" if ": " in where else f"{where}: {key}"
                yield from _leaves(within, told.get(key, ABSENT), found.get(key, ABSENT))
    elif isinstance(told, list) and isinstance(found, list) and len(told) == len(found):
        for i, (one, other) in enumerate(zip(told, found, strict=True)):
            yield from _leaves(f"{where}.{i}", one, other)
    else:
        yield where, told, found


def _cells(run: Run, audit: Audit) -> Iterator[tuple[str, Any, Any]]:
    """Every value of a run's tables beside what it should be, but for those that it was computed from."""
    made = tables(audit)
    for file in run.manifest["files"]:
        name, _, ending = file.rpartition(".")
        if ending == "parquet" and name not in made:
            yield file, "a table", ABSENT
    for name, make in made.items():
        if name not in COMPUTED:
            continue
        kept = run.table(name)
        for column, wanted in make().items():
            where = f"{name}.parquet: {column}"
            if column not in kept or len(kept) != len(wanted):
                yield where, f"{len(kept)} rows" if column in kept else ABSENT, f"{len(wanted)} rows"
                continue
            for row, (told, found) in enumerate(zip(kept[column], wanted, strict=True), 1):
                yield f"{where}, row {row}", told, found


def _apart(told: Any, found: Any) -> float:
    """How far apart two values are: 0 where they are the same, a relative difference of numbers, else infinity."""
    if isinstance(told, int | float | np.number) and isinstance(found, int | float | np.number):
        one, other = float(told), float(found)
        if one == other or (math.isnan(one) and math.isnan(other)):
            return 0.0
        apart = abs(one - other) / max(abs(one), abs(other), SMALL)
        return apart if math.isfinite(apart) else math.inf
    return 0.0 if told == found or {str(told), str(found)} <= GAPS else math.inf
