"""What the models look at: alignment, its place between chance and ceiling, and the words they weigh differently."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING

from trusteq.comparing.answers import Answers, Pair
from trusteq.comparing.measures import METHODS, PATCH_COUNTS, PATCH_METHODS, PUBLISHED_METHODS, in_words, method_title
from trusteq.comparing.slices import ALPHA, ANSWERS, MIN_EXPLAINED, answers_in_words
from trusteq.record.document import Part
from trusteq.report.bounded import bounded
from trusteq.report.page.html_table import Table, figure
from trusteq.report.page.slices import columns, in_order, row, slice_estimates
from trusteq.report.wording import about, beside_alignment, interval
from trusteq.stats.p_value import p_figure, p_words
from trusteq.stats.resampling import Resampling

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from trusteq.record.document import AuditedCandidate
    from trusteq.record.evidence import Evidence
    from trusteq.stats.estimate import Estimate

MOST_WORDS = 25
MOST_SMALL = 12
"""Slices named that are too small for a row."""


@dataclass(frozen=True)
class ExplanationPart:
    """One candidate's attributions compared with the reference's.

    beside: alignment asked in a way that it was not trained on, in sentences. too_small: which slices ``strata`` has no
    row for, in a sentence; empty if none. tested, differing: how many words were frequent enough to be tested, and how
    many are shown to weigh differently.
    """

    summary: Table | None
    beside: list[str]
    ladder: Table | None
    strata: Table | None
    too_small: str
    transfer: str | None
    words: Table | None
    tested: int
    differing: int


def explanation(evidence: Evidence, candidate: AuditedCandidate, unit: str = "word") -> ExplanationPart:
    """What was measured of one candidate's attributions; ``unit`` is what they weigh."""
    measures, words = candidate.flat, evidence.words
    leans = None if words is None else words[words["candidate"] == candidate.name]
    return ExplanationPart(
        _summary(measures, unit),
        beside_alignment(candidate),
        _ladder(measures, unit) or _published(measures) or _patches(measures),
        _strata(evidence, candidate),
        _too_small(evidence, candidate),
        _transfer(measures),
        None if leans is None else _words(leans, unit),
        0 if leans is None else len(leans),
        len(candidate.words),
    )


_SUMMARY = {
    "alignment_{}": "alignment: 1 means the same words, 0 unrelated ones; noise removed",
    "alignment_{}_to_peer": "alignment, relative to the retrained reference's",
    "alignment_{}_of_peer": "alignment of the retrained reference",
    "alignment_per_item_{}": "alignment, each item with equal weight",
    "size_ratio_{}": "size of the candidate's attributions relative to the reference's",
    "reliability_reference_{}": "reliability of the reference's attributions: the share that is not noise",
    "reliability_candidate_{}": "reliability of the candidate's attributions",
}


def _summary(measures: Mapping[str, Estimate], unit: str) -> Table | None:
    rows = _by_method(measures, _SUMMARY, unit)
    return Table("Alignment of attributions", ("", *map(method_title, METHODS)), rows) if rows else None


def _ladder(measures: Mapping[str, Estimate], unit: str) -> Table | None:
    """Jaccard of the top words from chance to ceiling, on independent halves of the plan."""
    steps = {
        "jaccard_halves_chance_{}": "chance: two random sets of words",
        "jaccard_halves_{}": "candidate and reference, on independent masks",
        "jaccard_ceiling_reference_{}": "ceiling: the reference against itself",
        "jaccard_adjusted_{}": "place between the two: 0 is chance, 1 the ceiling",
        "jaccard_{}": "for comparison: both models on shared masks, all explained items",
        "jaccard_chance_{}": "chance level of that",
    }
    if not any(f"jaccard_halves_{method}" in measures for method in METHODS):
        return None
    rows = _by_method(measures, steps, unit)
    caption = about("Jaccard index of the top words, on a ladder from chance to ceiling", unit)
    return Table(caption, ("", *map(method_title, METHODS)), rows)


def _published(measures: Mapping[str, Estimate]) -> Table | None:
    """The same ladder under the published protocol."""
    if "jaccard_lime_chance" not in measures:
        return None
    rows = []
    for title, part in (("chance", "_chance"), ("candidate and reference", ""), ("ceiling", "_ceiling")):
        names = [f"jaccard_{method}{part}" for method in PUBLISHED_METHODS]
        estimates = [bounded(measures.get(name), name) for name in names]
        rows.append((title, *(figure(e) for e in estimates)))
    return Table(
        "Jaccard index of the top words under the published protocol", ("", *map(method_title, PUBLISHED_METHODS)), rows
    )


def _patches(measures: Mapping[str, Estimate]) -> Table | None:
    """Jaccard of the top patches with its chance level and its ceiling, a row for each method and k."""
    rows = [
        (
            f"{method_title(method)}, top {k}",
            *(figure(measures.get(f"{name}{part}")) for part in ("", "_chance", "_ceiling")),
        )
        for method in PATCH_METHODS
        for k in PATCH_COUNTS
        if (name := f"jaccard_{method}_top{k}") in measures
    ]
    caption = "Jaccard index of the pixels of the top patches under the protocol for vision transformers"
    return Table(caption, ("", "candidate and reference", "chance", "at most"), rows) if rows else None


def _by_method(measures: Mapping[str, Estimate], names: Mapping[str, str], unit: str) -> list[tuple[str, ...]]:
    """A row for each name that was measured by some method, under its title."""
    rows = []
    for name, title in names.items():
        estimates = [bounded(measures.get(one), one) for one in (name.format(method) for method in METHODS)]
        if any(estimates):
            rows.append((about(title, unit), *(figure(e) for e in estimates)))
    return rows


def _strata(evidence: Evidence, candidate: AuditedCandidate) -> Table | None:
    """Alignment by what the models answered, and by label, slice and quarter of length."""
    names = [f"alignment_{method}" for method in METHODS]
    estimates = slice_estimates(evidence, candidate)
    rows = []
    for s in in_order(candidate.strata):
        if not s.measures.keys().isdisjoint(names):
            p, name = min(((p, name) for name, p in s.p_judged.items()), default=(1.0, ""))
            where, items, *figures = row(s, names, estimates)
            rows.append((where, items, f"{in_words(name)}, {p_words(p)}" if p < ALPHA else "", *figures))
    of_methods = (f"alignment, {method_title(method)}" for method in METHODS)
    heads = ("items with", "items", "worse than the rest (Holm)", *of_methods)
    return Table("Where alignment is high or low", heads, rows, words=frozenset({0, 2})) if rows else None


def _too_small(evidence: Evidence, candidate: AuditedCandidate) -> str:
    """The slices with too few explained items for an alignment of their own, and how many they have."""
    if evidence.attributions is None or not candidate.strata:
        return ""
    explained = evidence.items["id"].isin(list(evidence.sample_of(candidate.name))).to_numpy()
    sample, models = Resampling(len(explained)), (0, evidence.models.index(candidate.name))
    pair = Pair(*(Answers(evidence.outcomes[model], sample) for model in models))
    small = [
        Part(column, value, n)
        for column, values in {ANSWERS: answers_in_words(pair), **columns(evidence)}.items()
        for value, n in Counter(compress(values, explained)).most_common()
        if n < MIN_EXPLAINED
    ]
    if not small:
        return ""
    names = [f"{s.column} = {s.value} ({s.n:,})" for s in in_order(small)]
    more = f" and {len(names) - MOST_SMALL:,} more" if len(names) > MOST_SMALL else ""
    return f"Slices with fewer than {MIN_EXPLAINED} explained items have no row: {', '.join(names[:MOST_SMALL])}{more}."


def _transfer(measures: Mapping[str, Estimate]) -> str | None:
    estimate = measures.get("transfer_to_candidate")
    return None if estimate is None else interval(estimate)


def _words(leans: pd.DataFrame, unit: str) -> Table | None:
    """How much each model leans on each word, strongest evidence first."""
    strongest = leans.sort_values(["p_value", "word"], kind="stable").head(MOST_WORDS)
    ends = ("lean_difference", "lean_difference_low", "lean_difference_high")
    rows = [
        (
            row["word"],
            f"{row['lean_reference']:.2f}",
            f"{row['lean_candidate']:.2f}",
            "{:.2f} [{:.2f}, {:.2f}]".format(*(row[end] for end in ends)),
            p_figure(row["q_value"]),
            f"{row['items']:,}",
        )
        for row in strongest.to_dict("records")
    ]
    more = f", {MOST_WORDS} of {len(leans):,}" if len(leans) > MOST_WORDS else ""
    heads = (unit, "reference's lean", "candidate's lean", "difference", "q", "items")
    caption = about(f"How much each model leans on each word, strongest evidence first{more}", unit)
    return Table(caption, heads, rows) if rows else None
