"""A study's tables, as Markdown: those of arXiv 2508.13533, over training seeds, with the spread of each number.

With several seeds, a cell is the mean over seeds and, after ±, the standard deviation; with one seed, the value with
its interval over items, cut at the bounds of the measure. `trusteq.study.latex` prints the same tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from statistics import mean, stdev
from typing import TYPE_CHECKING, Any

from trusteq.comparing.measures import METHODS, method_title
from trusteq.errors import RunError, StudyError
from trusteq.record.document import ProtocolSummary
from trusteq.record.evidence import evidence
from trusteq.record.reading import read
from trusteq.record.run import load_run
from trusteq.report.bounded import SHARE, bounded
from trusteq.report.markdown_text import escaped, table
from trusteq.report.wording import URGENT
from trusteq.study.pairs import PairMeasures
from trusteq.study.spread import between_seeds, over_items

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from trusteq.models.base import Finding
    from trusteq.record.run import Run
    from trusteq.stats.estimate import Estimate
    from trusteq.study.plan import Study

MISSING = "–"
DECISIVE = {
    "accuracy_difference": "accuracy difference",
    "disagreement": "answers changed",
    "ece_difference": "ECE difference",
    "alignment_lime": "alignment, LIME",
    "alignment_shapley": "alignment, Shapley",
}
"""The most important numbers of a candidate, and what they are called."""
BINS = ((0.0, 0.6), (0.6, 0.8), (0.8, 0.9), (0.9, 1.0))
"""Ranges of confidence to show the share of answers in; each a union of some of the audit's ten bins."""


@dataclass(frozen=True)
class Repetition:
    """The results of one seed, read from disk."""

    seed: int
    run: Run
    pairs: Sequence[PairMeasures]
    protocol: Run | None

    @cached_property
    def measures(self) -> dict[str, dict[str, Estimate]]:
        """Each candidate's estimates by name."""
        return {candidate.name: candidate.flat for candidate in self.run.document.candidates}

    @cached_property
    def urgent(self) -> list[Finding]:
        """What must be read before any number."""
        return [finding for finding in evidence(self.run).findings if finding.kind in URGENT]

    def of_model(self, model: str, measure: str) -> Estimate | None:
        """An estimate for a single model, e.g. its accuracy."""
        if model == self.run.document.reference.name:
            name = f"{measure}_reference"
            return bounded(next(iter(self.measures.values())).get(name), name)
        name = f"{measure}_candidate"
        return bounded(self.measures.get(model, {}).get(name), name)

    def between(self, first: str, second: str, measure: str) -> Estimate | None:
        """An estimate for a pair of models, e.g. their disagreement."""
        for pair in self.pairs:
            if {pair.first, pair.second} == {first, second} and measure in pair.estimates:
                return bounded(pair.estimates[measure], measure)
        return None

    def beside(self, reference: str, model: str, measure: str) -> Estimate | None:
        """An estimate for the reference and another model, be it a candidate or the peer; its interval is not cut."""
        if model in self.measures:
            return self.measures[model].get(measure)
        pairs = (pair.estimates for pair in self.pairs if {pair.first, pair.second} == {reference, model})
        return next(pairs, {}).get(measure)


@dataclass(frozen=True)
class StudyTable:
    """A table: its name and caption, which LaTeX prints, its headings, and its rows; names come first in a row."""

    name: str
    caption: str
    heads: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


def tables(study: Study, repetitions: Sequence[Repetition]) -> str:
    """All tables, over the seeds that are done."""
    if not repetitions:
        return f"# {study.name}\n\nNo seed has finished yet.\n"
    return "\n\n".join(_markdown(part) for part in contents(study, repetitions) if part) + "\n"


def _markdown(part: str | StudyTable) -> str:
    if isinstance(part, str):
        return part
    return table(part.heads, [(escaped(name), *cells) for name, *cells in part.rows])


def spread_words(repetitions: Sequence[Repetition]) -> str:
    """What the cells hold, in a sentence."""
    if len(repetitions) > 1:
        return "Each cell is the mean over seeds ± their standard deviation."
    return "Each cell is the value with its interval over items."


def contents(study: Study, repetitions: Sequence[Repetition]) -> list[str | StudyTable]:
    """Paragraphs of Markdown, and tables."""
    models = (study.audit.reference, *study.candidates())
    all_models = (*models, *(() if study.audit.peer is None else (study.audit.peer,)))
    items = repetitions[0].run.document.items.n
    return [
        f"# {study.name}",
        " ".join(study.description.split()),
        f"Seeds {', '.join(str(r.seed) for r in repetitions)}; {items:,} items. {spread_words(repetitions)}",
        *_first(repetitions),
        "## Verdicts",
        _verdicts(study, repetitions),
        *(_apart(study, repetitions) if len(repetitions) > 1 else ()),
        "## Accuracy, size and speed",
        StudyTable(
            "accuracy",
            "Accuracy, size and speed.",
            ("model", "accuracy", "parameters", "on disk, MB", "one at a time, ms per item"),
            [
                (
                    _named(m, repetitions),
                    _cell([r.of_model(m, "accuracy") for r in repetitions]),
                    *_costs(repetitions, m),
                )
                for m in models
            ],
        ),
        "## Do they look at the same words?",
        _words(all_models, repetitions),
        f"Every Jaccard index here is of the top {study.audit.k} words of two models. On shared masks, all explained "
        "items count, and the explainer's noise is the same for both models. On independent masks, next to chance and "
        "ceiling:",
        _between(all_models, repetitions),
        f"There each model is explained on its own half of the masks, using only items of more than {study.audit.k} "
        "words; the ceiling compares the first model with itself.",
        *_protocol(models, repetitions),
        "## Are they equally confident?",
        StudyTable(
            "calibration",
            "Calibration: ECE and MCE over 10 bins of equal width, Brier score summed over labels.",
            ("model", "ECE", "MCE", "Brier", "NLL"),
            [
                (
                    _named(m, repetitions),
                    *(_cell([r.of_model(m, q) for r in repetitions]) for q in ("ece", "mce", "brier", "nll")),
                )
                for m in models
            ],
        ),
        "The reliability diagrams are in `reliability/`.",
        "Share of answers in each range of confidence, mean over seeds:",
        StudyTable(
            "confidence",
            "Share of answers in each range of confidence, mean over seeds.",
            ("model", *(f"{low:g} to {high:g}" for low, high in BINS)),
            [(m, *(_share(repetitions, m, low, high) for low, high in BINS)) for m in models],
        ),
    ]


def repetition(directory: Path, seed: int) -> Repetition:
    """The results of a finished seed, read from the study's folder."""
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


def _first(repetitions: Sequence[Repetition]) -> list[str]:
    """What must be read before any number, by model, as a list under its heading; nothing where there is nothing."""
    seeds: dict[tuple[str, str], list[str]] = {}
    for r in repetitions:
        for finding in r.urgent:
            seeds.setdefault((finding.model, finding.message), []).append(str(r.seed))
    lines = [
        f"- **{escaped(model)}**, seed{'s' if len(of) > 1 else ''} {', '.join(of)}: {escaped(message)}"
        for (model, message), of in seeds.items()
    ]
    return ["## Read this first", "\n".join(lines)] if lines else []


def _named(model: str, repetitions: Sequence[Repetition]) -> str:
    """A model's name, and in brackets what kind of thing must be known about it before its numbers are read."""
    kinds: dict[str, int] = {}
    for r in repetitions:
        for kind in dict.fromkeys(finding.kind for finding in r.urgent if finding.model == model):
            kinds[kind] = kinds.get(kind, 0) + 1
    of = len(repetitions)
    notes = [kind if count == of else f"{kind} in {count} of {of} seeds" for kind, count in kinds.items()]
    return f"{model} ({', '.join(notes)})" if notes else model


def _verdicts(study: Study, repetitions: Sequence[Repetition]) -> StudyTable:
    """The table with a row for each candidate and seed: the verdict and the most important numbers."""
    rows = []
    for name in study.candidates():
        for r in repetitions:
            (candidate,) = (c for c in r.run.document.candidates if c.name == name)
            estimates = (bounded(r.measures[name].get(measure), measure) for measure in DECISIVE)
            rows.append((_named(name, [r]), str(r.seed), candidate.verdict.outcome, *map(_interval, estimates)))
    heads = ("candidate", "seed", "verdict", *DECISIVE.values())
    return StudyTable("verdicts", f"May it replace {study.audit.reference}?", heads, rows)


def _apart(study: Study, repetitions: Sequence[Repetition]) -> list[str | StudyTable]:
    """Two rows for each model beside the reference: how far its numbers vary with trainings, and with items."""
    peer = () if study.audit.peer is None else (study.audit.peer,)
    rows = []
    for name in (*study.candidates(), *peer):
        by_training, by_items = [], []
        for measure in DECISIVE:
            found = [e for r in repetitions if (e := r.beside(study.audit.reference, name, measure)) is not None]
            spread = between_seeds([e.value for e in found]) if len(found) > 1 else None
            by_training.append(MISSING if spread is None else "{:.3f} [{:.3f}, {:.3f}]".format(*spread))
            by_items.append(f"{over_items(found):.3f}" if found else MISSING)
        rows += [(name, "training", *by_training), ("", "items", *by_items)]
    caption = "Standard deviation between trainings on the same items, and standard error over items of one training."
    return [
        "## Training or items?",
        f"{caption} The mean over {len(repetitions)} seeds is uncertain by the first divided by "
        f"√{len(repetitions)}, and by the second, which more seeds do not lessen, because all are measured on the same "
        "items.",
        StudyTable("spread", caption, ("model", "what varies", *DECISIVE.values()), rows),
    ]


def _words(models: Sequence[str], repetitions: Sequence[Repetition]) -> StudyTable:
    """The table with a row for each pair of models: changed answers, Jaccard on shared masks, and alignment."""
    columns = (("jaccard", "Jaccard on shared masks"), ("alignment", "alignment"))
    caption = "Changed answers, and agreement on the words: Jaccard of the top words, and cosine without the noise."
    return _pairs("words", caption, models, repetitions, columns, {"disagreement": "answers changed"})


def _between(models: Sequence[str], repetitions: Sequence[Repetition]) -> StudyTable:
    """The table with a row for each pair of models: Jaccard on independent masks, its floor and its ceiling."""
    columns = (
        ("jaccard_halves", "Jaccard on independent masks"),
        ("jaccard_halves_chance", "its chance level"),
        ("jaccard_ceiling_reference", "its ceiling"),
    )
    caption = "Jaccard of the top words on independent masks, between chance and ceiling."
    return _pairs("masks", caption, models, repetitions, columns, {})


def _pairs(
    name: str,
    caption: str,
    models: Sequence[str],
    repetitions: Sequence[Repetition],
    by_method: Sequence[tuple[str, str]],
    before: Mapping[str, str],
) -> StudyTable:
    """The table of each pair of models, a column per measure: those in ``before``, then those of each method."""
    heads = {f"{measure}_{m}": f"{head}, {method_title(m)}" for m in METHODS for measure, head in by_method}
    heads = {**before, **heads}
    rows = [
        (
            f"{first}, {second}",
            *(_cell([r.between(first, second, measure) for r in repetitions]) for measure in heads),
        )
        for first, second in combinations(models, 2)
    ]
    return StudyTable(name, caption, ("models", *heads.values()), rows)


def _protocol(models: Sequence[str], repetitions: Sequence[Repetition]) -> list[str | StudyTable]:
    """Heading and table of the mean and variance over the protocol's runs, as in the paper; averaged over seeds."""
    audits = [r.protocol.document for r in repetitions if r.protocol is not None]
    protocols = [audit.protocol for audit in audits if isinstance(audit.protocol, ProtocolSummary)]
    if not protocols:
        return []
    items, k = protocols[0].items, audits[0].k
    methods = dict.fromkeys(pair.method for pair in protocols[0].pairs)
    rows = []
    for first, second in combinations(models, 2):
        cells = []
        for method in methods:
            pairs = [
                pair
                for protocol in protocols
                for pair in protocol.pairs
                if pair.method == method and {pair.first, pair.second} == {first, second}
            ]
            cells.append(_cell([bounded(pair.mean, SHARE) for pair in pairs]))
            repeated = len(pairs[0].runs) > 1
            cells.append(f"{mean(pair.variance.value for pair in pairs):.6f}" if repeated else "run once")
        rows.append((f"{first}, {second}", *cells))
    return [
        f"Under the published protocol, {items:,} items, Jaccard of the top {k}:",
        StudyTable(
            "protocol",
            f"Jaccard of the top {k} words under the published protocol, {items:,} items.",
            (
                "models",
                *(head for m in methods for head in (f"published Jaccard, {m.upper()}", "its variance over runs")),
            ),
            rows,
        ),
    ]


def _costs(repetitions: Sequence[Repetition], model: str) -> tuple[str, str, str]:
    measured = [
        entry
        for r in repetitions
        if r.run.costs is not None
        for entry in r.run.costs["models"]
        if entry["name"] == model
    ]

    def average(figure: Callable[[Mapping[str, Any]], float | None], digits: int) -> str:
        values = [value for entry in measured if (value := figure(entry)) is not None]
        return f"{mean(values):,.{digits}f}" if values else MISSING

    return (
        average(lambda e: e["parameters"], 0),
        average(lambda e: _scaled(e["disk_bytes"], 1e-6), 1),
        average(lambda e: _scaled((e["latency"] or {}).get("median"), 1e3), 1),
    )


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _share(repetitions: Sequence[Repetition], model: str, low: float, high: float) -> str:
    shares = []
    for r in repetitions:
        models = [r.run.document.reference, *r.run.document.candidates]
        (bins,) = (entry.reliability for entry in models if entry.name == model)
        inside = (b["share"] for b in bins if b["low"] >= low - 1e-9 and b["high"] <= high + 1e-9)
        shares.append(sum(share.value for share in inside if share is not None))
    return f"{mean(shares):.1%}"


def _cell(estimates: Sequence[Estimate | None]) -> str:
    values = [e for e in estimates if e is not None]
    if not values:
        return MISSING
    note = "" if len(values) == len(estimates) else f" ({len(values)} of {len(estimates)} seeds)"
    if len(values) == 1:
        return _interval(values[0]) + note
    return f"{mean(e.value for e in values):.3f} ± {stdev(e.value for e in values):.3f}{note}"


def _interval(estimate: Estimate | None) -> str:
    return MISSING if estimate is None else f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
