"""What the models look at: alignment, its place between chance and ceiling, and the words that tell them apart."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING

from trusteq.compare.answers import Answers, Pair
from trusteq.compare.measures import METHODS, PUBLISHED_METHODS, method_title
from trusteq.compare.slices import ANSWERS, MIN_EXPLAINED, answers_in_words
from trusteq.record.document import Part
from trusteq.report.page.slices import columns, in_order, row, sliced
from trusteq.report.page.tables import Table, figure
from trusteq.report.wording import interval
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
    """One candidate's attributions beside the reference's.

    too_small: which slices ``strata`` has no row for, in a sentence; empty if none. tested, unlike: how many words were
    frequent enough to be tested, and how many are shown to weigh differently.
    """

    summary: Table | None
    ladder: Table | None
    strata: Table | None
    too_small: str
    transfer: str | None
    words: Table | None
    tested: int
    unlike: int


def explanation(evidence: Evidence, candidate: AuditedCandidate) -> ExplanationPart:
    """What was measured of one candidate's attributions."""
    measures, words = candidate.flat, evidence.words
    own = None if words is None else words[words["candidate"] == candidate.name]
    return ExplanationPart(
        _summary(measures),
        _ladder(measures) or _published(measures),
        _strata(evidence, candidate),
        _too_small(evidence, candidate),
        _transfer(measures),
        None if own is None else _words(own),
        0 if own is None else len(own),
        len(candidate.words),
    )


_SUMMARY = {
    "alignment_{}": "alignment: 1 is the same words, 0 unrelated ones; noise taken out",
    "alignment_{}_to_peer": "alignment, as a share of what the reference trained once more reaches",
    "alignment_{}_of_peer": "alignment of the reference trained once more",
    "alignment_per_item_{}": "alignment, each item with equal weight",
    "size_ratio_{}": "size of the candidate's attributions over the reference's",
    "reliability_reference_{}": "reliability of the reference's attributions: the share that is no noise",
    "reliability_candidate_{}": "reliability of the candidate's attributions",
}


def _summary(measures: Mapping[str, Estimate]) -> Table | None:
    rows = _by_method(measures, _SUMMARY)
    return Table("Alignment of attributions", ("", *map(method_title, METHODS)), rows) if rows else None


def _ladder(measures: Mapping[str, Estimate]) -> Table | None:
    """Jaccard of the top words from chance to ceiling, on independent halves of the plan."""
    steps = {
        "jaccard_halves_chance_{}": "chance: two random sets of words",
        "jaccard_halves_{}": "candidate and reference",
        "jaccard_ceiling_reference_{}": "ceiling: the reference and itself",
        "jaccard_adjusted_{}": "place between the two: 0 is chance, 1 the ceiling",
        "jaccard_{}": "for comparison: as published, both models on the same masks",
        "jaccard_chance_{}": "chance of that",
    }
    if not any(f"jaccard_halves_{method}" in measures for method in METHODS):
        return None
    rows = _by_method(measures, steps)
    return Table(
        "Jaccard index of the top words, on a ladder from chance to ceiling", ("", *map(method_title, METHODS)), rows
    )


def _published(measures: Mapping[str, Estimate]) -> Table | None:
    """The same ladder under the published protocol."""
    if "jaccard_lime_chance" not in measures:
        return None
    rows = []
    for words, part in (("chance", "_chance"), ("candidate and reference", ""), ("ceiling", "_ceiling")):
        found = [measures.get(f"jaccard_{method}{part}") for method in PUBLISHED_METHODS]
        rows.append((words, *(figure(e) for e in found)))
    return Table(
        "Jaccard index of the top words under the published protocol", ("", *map(method_title, PUBLISHED_METHODS)), rows
    )


def _by_method(measures: Mapping[str, Estimate], names: Mapping[str, str]) -> list[tuple[str, ...]]:
    rows = []
    for name, words in names.items():
        found = [measures.get(name.format(method)) for method in METHODS]
        if any(found):
            rows.append((words, *(figure(e) for e in found)))
    return rows


def _strata(evidence: Evidence, candidate: AuditedCandidate) -> Table | None:
    """Alignment for what the models answered, each label, slice and quarter of length."""
    names = [f"alignment_{method}" for method in METHODS]
    found = sliced(evidence, candidate)
    rows = [row(s, names, found) for s in in_order(candidate.strata) if not s.measures.keys().isdisjoint(names)]
    heads = ("items with", "items", *(f"alignment, {method_title(method)}" for method in METHODS))
    return Table("Where alignment is high and low", heads, rows) if rows else None


def _too_small(evidence: Evidence, candidate: AuditedCandidate) -> str:
    """The slices of which too few items were explained for an alignment of their own, with how many."""
    frame = evidence.attributions
    if frame is None or not candidate.strata:
        return ""
    explained = evidence.items["id"].isin(frame["id"].unique()).to_numpy()
    sample, models = Resampling(len(explained)), (0, evidence.models.index(candidate.name))
    pair = Pair(*(Answers(evidence.outcomes[model], sample) for model in models))
    found = [
        Part(column, value, n)
        for column, values in {ANSWERS: answers_in_words(pair), **columns(evidence)}.items()
        for value, n in Counter(compress(values, explained)).most_common()
        if n < MIN_EXPLAINED
    ]
    if not found:
        return ""
    said = [f"{s.column} = {s.value} ({s.n:,})" for s in in_order(found)]
    more = f" and {len(said) - MOST_SMALL:,} more" if len(said) > MOST_SMALL else ""
    return f"Too few explained items for a row, fewer than {MIN_EXPLAINED}: {', '.join(said[:MOST_SMALL])}{more}."


def _transfer(measures: Mapping[str, Estimate]) -> str | None:
    found = measures.get("transfer_to_candidate")
    return None if found is None else interval(found)


def _words(words: pd.DataFrame) -> Table | None:
    """The words that one model leans on more than the other, the strongest evidence first."""
    shown = words.sort_values(["p_value", "word"], kind="stable").head(MOST_WORDS)
    ends = ("lean_difference", "lean_difference_low", "lean_difference_high")
    rows = [
        (
            row["word"],
            f"{row['lean_reference']:.2f}",
            f"{row['lean_candidate']:.2f}",
            "{:.2f} [{:.2f}, {:.2f}]".format(*(row[end] for end in ends)),
            f"{row['q_value']:.2g}",
            f"{row['items']:,}",
        )
        for row in shown.to_dict("records")
    ]
    more = f", {MOST_WORDS} of {len(words):,}" if len(words) > MOST_WORDS else ""
    heads = ("word", "reference's lean", "candidate's lean", "difference", "q", "items")
    return Table(f"How both models lean on words, the strongest evidence first{more}", heads, rows) if rows else None
