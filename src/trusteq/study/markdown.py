"""A study's tables as Markdown: those of arXiv 2508.13533, over training seeds, and what stands behind each number.

A cell over several seeds is the mean and, after ±, the standard deviation over them; of one seed it is the value with
its interval over items.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from trusteq.compare.measures import METHODS, method_title
from trusteq.errors import RunError, StudyError
from trusteq.record.directory import load_run
from trusteq.record.reading import read
from trusteq.report.markdown_text import escaped, table
from trusteq.study.pairs import PairMeasures

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from trusteq.record.directory import Run
    from trusteq.stats.estimate import Estimate
    from trusteq.study.plan import Study

MISSING = "–"
BINS = ((0.0, 0.6), (0.6, 0.8), (0.8, 0.9), (0.9, 1.0))
"""Ranges of confidence whose shares are shown; sums of the audit's ten bins."""


@dataclass(frozen=True)
class Repetition:
    """What is on disk of one seed."""

    seed: int
    run: Run
    pairs: Sequence[PairMeasures]
    protocol: Run | None

    @cached_property
    def measures(self) -> dict[str, dict[str, Estimate]]:
        """Each candidate's estimates by name."""
        return {candidate.name: candidate.flat for candidate in self.run.document.candidates}

    def own(self, model: str, measure: str) -> Estimate | None:
        """An estimate of one model by itself."""
        if model == self.run.document.reference.name:
            return next(iter(self.measures.values())).get(f"{measure}_reference")
        return self.measures.get(model, {}).get(f"{measure}_candidate")

    def between(self, first: str, second: str, measure: str) -> Estimate | None:
        """An estimate of two models."""
        for pair in self.pairs:
            if {pair.first, pair.second} == {first, second} and measure in pair.estimates:
                return pair.estimates[measure]
        return None


def tables(study: Study, found: Sequence[Repetition]) -> str:
    """All tables of the seeds that are done."""
    if not found:
        return f"# {study.name}\n\nNo seed is done yet.\n"
    models = (study.audit.reference, *study.candidates())
    all_models = (*models, *(() if study.audit.peer is None else (study.audit.peer,)))
    items = found[0].run.document.items.n
    parts = [
        f"# {study.name}",
        " ".join(study.description.split()),
        f"Seeds {', '.join(str(r.seed) for r in found)}; {items:,} items. "
        + (
            "A cell is the mean over seeds ± the standard deviation over them."
            if len(found) > 1
            else "A cell is the value with its interval over items."
        ),
        "## Verdicts",
        _verdicts(study, found),
        "## Accuracy, size and speed",
        table(
            ("model", "accuracy", "parameters", "on disk, MB", "alone, ms an item"),
            [(escaped(m), _cell([r.own(m, "accuracy") for r in found]), *_costs(found, m)) for m in models],
        ),
        "## Do they look at the same words?",
        _words(all_models, found),
        "Jaccard is that of the paper: both models on the same masks, all explained items. Between chance and ceiling:",
        _between(all_models, found),
        f"Here both are explained on independent halves of the masks, items of more than {study.audit.k} words alone; "
        "the ceiling is the first model with itself.",
        *_protocol(models, found),
        "## Are they sure to the same degree?",
        table(
            ("model", "ECE", "MCE", "Brier", "NLL"),
            [
                (escaped(m), *(_cell([r.own(m, q) for r in found]) for q in ("ece", "mce", "brier", "nll")))
                for m in models
            ],
        ),
        "The reliability diagrams are in `reliability/`.",
        "Share of answers by confidence, mean over seeds:",
        table(
            ("model", *(f"{low:g} to {high:g}" for low, high in BINS)),
            [(escaped(m), *(_share(found, m, low, high) for low, high in BINS)) for m in models],
        ),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def repetition(directory: Path, seed: int) -> Repetition:
    """What a study's folder holds of a seed that is done."""
    file = directory / "pairs" / f"seed-{seed}.json"
    try:
        pairs = read(file.read_text("utf-8"), list[PairMeasures], where=file.name)
    except (OSError, ValueError, RunError) as error:
        raise StudyError(f"{file}: cannot be read ({error}); remove runs/seed-{seed} and run the study again") from None
    protocol = directory / "protocol" / f"seed-{seed}"
    return Repetition(
        seed,
        load_run(directory / "runs" / f"seed-{seed}"),
        pairs,
        load_run(protocol) if protocol.is_dir() else None,
    )


def _verdicts(study: Study, found: Sequence[Repetition]) -> str:
    """A row a candidate and seed: the verdict, and the numbers that people ask for first."""
    asked = (
        ("accuracy_difference", "accuracy difference"),
        ("disagreement", "answers changed"),
        ("ece_difference", "ECE difference"),
        ("alignment_lime", "alignment, LIME"),
        ("alignment_shapley", "alignment, Shapley"),
    )
    rows = []
    for name in study.candidates():
        for r in found:
            (candidate,) = (c for c in r.run.document.candidates if c.name == name)
            estimates = (r.measures[name].get(measure) for measure, _ in asked)
            rows.append((escaped(name), str(r.seed), candidate.verdict.outcome, *map(_interval, estimates)))
    return table(("candidate", "seed", "verdict", *(words for _, words in asked)), rows)


def _words(models: Sequence[str], found: Sequence[Repetition]) -> str:
    """A row a pair of models: changed answers, the paper's Jaccard, and alignment."""
    asked = (("jaccard", "Jaccard"), ("alignment", "alignment"))
    return _pairs(models, found, asked, {"disagreement": "answers changed"})


def _between(models: Sequence[str], found: Sequence[Repetition]) -> str:
    """A row a pair of models: Jaccard without what both share by their masks, its floor and its ceiling."""
    asked = ("jaccard_halves", "Jaccard"), ("jaccard_halves_chance", "chance"), ("jaccard_ceiling_reference", "ceiling")
    return _pairs(models, found, asked, {})


def _pairs(
    models: Sequence[str],
    found: Sequence[Repetition],
    of_methods: Sequence[tuple[str, str]],
    first_of_all: Mapping[str, str],
) -> str:
    """Measures of every two models, each with its head; some are of a method."""
    heads = {f"{measure}_{m}": f"{head}, {method_title(m)}" for m in METHODS for measure, head in of_methods}
    heads = {**first_of_all, **heads}
    rows = [
        (
            f"{escaped(first)}, {escaped(second)}",
            *(_cell([r.between(first, second, measure) for r in found]) for measure in heads),
        )
        for first, second in combinations(models, 2)
    ]
    return table(("models", *heads.values()), rows)


def _protocol(models: Sequence[str], found: Sequence[Repetition]) -> list[str]:
    """Mean and variance over the protocol's own runs, as the paper prints them; both averaged over seeds."""
    audits = [r.protocol.document for r in found if r.protocol is not None]
    ran = [audit.protocol for audit in audits if audit.protocol is not None]
    if not ran:
        return []
    items, k = ran[0].items, audits[0].k
    methods = dict.fromkeys(pair.method for pair in ran[0].pairs)
    rows = []
    for first, second in combinations(models, 2):
        cells = []
        for method in methods:
            pairs = [
                pair
                for protocol in ran
                for pair in protocol.pairs
                if pair.method == method and {pair.first, pair.second} == {first, second}
            ]
            cells.append(_cell([pair.mean for pair in pairs]))
            several = len(pairs[0].runs) > 1
            cells.append(f"{mean(pair.variance.value for pair in pairs):.6f}" if several else "run once")
        rows.append((f"{escaped(first)}, {escaped(second)}", *cells))
    return [
        f"Under the published protocol, {items:,} items, Jaccard of the top {k}:",
        table(("models", *(head for m in methods for head in (f"{m.upper()}, mean", "variance over runs"))), rows),
    ]


def _costs(found: Sequence[Repetition], model: str) -> tuple[str, str, str]:
    measured = [
        entry for r in found if r.run.costs is not None for entry in r.run.costs["models"] if entry["name"] == model
    ]

    def average(of: Callable[[Mapping[str, Any]], float | None], digits: int) -> str:
        values = [value for entry in measured if (value := of(entry)) is not None]
        return f"{mean(values):,.{digits}f}" if values else MISSING

    return (
        average(lambda e: e["parameters"], 0),
        average(lambda e: _scaled(e["disk_bytes"], 1e-6), 1),
        average(lambda e: _scaled((e["latency"] or {}).get("median"), 1e3), 1),
    )


def _scaled(value: float | None, by: float) -> float | None:
    return None if value is None else value * by


def _share(found: Sequence[Repetition], model: str, low: float, high: float) -> str:
    shares = []
    for r in found:
        entries = [r.run.document.reference, *r.run.document.candidates]
        (bins,) = (entry.reliability for entry in entries if entry.name == model)
        inside = (b["share"] for b in bins if b["low"] >= low - 1e-9 and b["high"] <= high + 1e-9)
        shares.append(sum(share.value for share in inside if share is not None))
    return f"{mean(shares):.1%}"


def _cell(estimates: Sequence[Estimate | None]) -> str:
    values = [e for e in estimates if e is not None]
    if not values:
        return MISSING
    of = "" if len(values) == len(estimates) else f" ({len(values)} of {len(estimates)} seeds)"
    if len(values) == 1:
        return _interval(values[0]) + of
    return f"{mean(e.value for e in values):.3f} ± {stdev(e.value for e in values):.3f}{of}"


def _interval(estimate: Estimate | None) -> str:
    return MISSING if estimate is None else f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
