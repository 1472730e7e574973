"""A finished run computed again from its stored answers, and whether the result matches."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

import trusteq
from trusteq.auditing.compute import FINDINGS, compute_audit
from trusteq.comparing.own_measures import with_functions
from trusteq.errors import RunError
from trusteq.progress import silent
from trusteq.record.document import document
from trusteq.record.manifest import manifest
from trusteq.record.plain import plain
from trusteq.record.run import AGREEMENT_SINCE
from trusteq.record.saving import tables
from trusteq.record.stored_responses import items_to_explain, read_items, read_responses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trusteq.data.items import Items
    from trusteq.explain.explanation import ExplainSettings
    from trusteq.progress import Tell
    from trusteq.record.audit import Audit
    from trusteq.record.responses import Responses
    from trusteq.record.run import Run

ROUNDING = 1e-7
"""The largest relative difference that rounding on another processor or library may cause; no answer changes by it."""

SMALL = 1e-3
"""Smaller values are compared as if they were of this size: a value that is only rounding has no meaningful size."""

NOT_COMPUTED = frozenset({"schema_version"})
"""Keys that describe the format, not the audit."""

COMPUTED = frozenset({"estimates", "flips", "plan", "attributions", "agreement", "words"})
"""The tables computed from the answers; the others hold the answers and the items themselves."""

SENTENCES = ("method", "reason", "sentence", "description", "message")
"""Endings of the names of values that are sentences for people."""

ABSENT = "(absent)"

GAPS = frozenset({"None", "nan", "NaT", "<NA>"})
"""How a missing value is written, here and in tables."""


@dataclass(frozen=True)
class Difference:
    """A value of a run that does not match: where it is, what the run says, and what its answers give.

    The fields ``told`` and ``found`` are keys of ``trusteq verify --json``.
    """

    where: str
    told: Any
    found: Any


@dataclass(frozen=True)
class Verified:
    """How a run compares with what its stored answers give.

    estimates: how many the run holds, slices included. perturbations: how many answers to perturbed items each model
    gave. rounded: how many values differ only by rounding; largest: the largest relative difference among these.
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
        """Whether everything matches."""
        return not self.differences


def verify_run(run: Run, progress: Tell = silent) -> Verified:
    """The run compared with the same audit computed again; no model runs."""
    if not run.manifest["files"]:
        raise RunError(f"{run.directory}: written by an older trusteq that did not keep all answers; audit again")
    own_measures = with_functions(run.document.own_measures, where=str(run.directory))
    items = read_items(run)
    responses, settings = read_responses(run, items), run.document.settings
    audit = compute_audit(responses, items, run.policy, settings, own_measures=own_measures, progress=progress)
    unchecked = ["findings from opening and running the models; what they cost; other audits; rows left out"]
    pairs = [*_values("audit.json", run.audit, plain(document(audit))), *_cells(run, audit)]
    hashes, expected = ["ids", "asked", "content"], manifest(audit)
    if arrays := run.manifest["data"]["arrays"]:
        unchecked.append(f"the arrays that models read ({', '.join(arrays)}), which a run does not store")
        hashes = ["ids"]
    pairs += [(f"manifest.json: data.{name}", run.manifest["data"][name], expected["data"][name]) for name in hashes]
    pairs.append(("manifest.json: plan", run.manifest["plan"], expected["plan"]))
    if (version := run.manifest["trusteq"]) != trusteq.__version__:
        unchecked.append(f"sentences, which trusteq {version} may have worded differently")
        pairs = [pair for pair in pairs if not pair[0].endswith(SENTENCES)]
    pairs += _explained_items(responses, items, settings["explain"], seed=settings["seed"])
    distances = [_distance(stored, recomputed) for _, stored, recomputed in pairs]
    rounded = [distance for distance in distances if 0 < distance <= ROUNDING]
    return Verified(
        estimates=len(run.table("estimates")),
        models=len(audit.everybody),
        perturbations=0 if audit.explanation is None else sum(map(len, audit.explanation.plans)),
        values=len(pairs),
        differences=tuple(
            Difference(*map(plain, pair))
            for pair, distance in zip(pairs, distances, strict=True)
            if distance > ROUNDING
        ),
        rounded=len(rounded),
        largest=max(rounded, default=0.0),
        unchecked=tuple(unchecked),
    )


def _explained_items(
    responses: Responses, items: Items, settings: ExplainSettings | None, *, seed: int
) -> Iterator[tuple[str, Any, Any]]:
    """The items that were explained, and those that the models' answers say should be."""
    if responses.explanation is not None and settings is not None and settings.drawn_by_change:
        should, _ = items_to_explain(items, settings, responses, seed=seed)
        were, should_be = (sorted(items.ids[i] for i in one) for one in (responses.explanation.positions, should))
        yield "plan.parquet: id", " ".join(were), " ".join(should_be)


def _values(where: str, stored: Any, recomputed: Any) -> Iterator[tuple[str, Any, Any]]:
    """Every value of two documents side by side, except what only running the models shows."""
    if where.endswith(".findings"):
        stored = [finding for finding in stored if finding["kind"] in FINDINGS]
    if isinstance(stored, dict) and isinstance(recomputed, dict):
        for key in dict.fromkeys([*stored, *recomputed]):
            if key not in NOT_COMPUTED:
                path = f"{where}.{key}" if ": " in where else f"{where}: {key}"
                yield from _values(path, stored.get(key, ABSENT), recomputed.get(key, ABSENT))
    elif isinstance(stored, list) and isinstance(recomputed, list) and len(stored) == len(recomputed):
        for i, (one, other) in enumerate(zip(stored, recomputed, strict=True)):
            yield from _values(f"{where}.{i}", one, other)
    else:
        yield where, stored, recomputed


def _cells(run: Run, audit: Audit) -> Iterator[tuple[str, Any, Any]]:
    """Every cell of the run's computed tables side by side with the recomputed one."""
    recomputed_tables = tables(audit)
    for file in run.manifest["files"]:
        name, _, ending = file.rpartition(".")
        if ending == "parquet" and name not in recomputed_tables:
            yield file, "a table", ABSENT
    for name, columns in recomputed_tables.items():
        if name not in COMPUTED or (name == "agreement" and run.manifest["schema_version"] < AGREEMENT_SINCE):
            continue
        table = run.table(name)
        for column, values in columns().items():
            where = f"{name}.parquet: {column}"
            if column not in table or len(table) != len(values):
                yield where, f"{len(table)} rows" if column in table else ABSENT, f"{len(values)} rows"
                continue
            for row, (stored, recomputed) in enumerate(zip(table[column], values, strict=True), 1):
                yield f"{where}, row {row}", stored, recomputed


def _distance(stored: Any, recomputed: Any) -> float:
    """How far apart two values are: 0 if equal, the relative difference of two numbers, else infinity."""
    if isinstance(stored, int | float | np.number) and isinstance(recomputed, int | float | np.number):
        one, other = float(stored), float(recomputed)
        if one == other or (math.isnan(one) and math.isnan(other)):
            return 0.0
        relative = abs(one - other) / max(abs(one), abs(other), SMALL)
        return relative if math.isfinite(relative) else math.inf
    return 0.0 if stored == recomputed or {str(stored), str(recomputed)} <= GAPS else math.inf
