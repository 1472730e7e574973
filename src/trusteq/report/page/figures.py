"""The page's figures: drawn by `trusteq.report.figures`, with what each shows in words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING

from trusteq.compare.measures import method_title
from trusteq.report.page.tables import Table

if TYPE_CHECKING:
    from collections.abc import Callable

    from trusteq.record.evidence import Evidence


@dataclass(frozen=True)
class Figure:
    """An ``<svg>`` element and what it shows."""

    svg: str
    caption: str


MOST_DRAWN = 12
"""Candidates with figures of their own; each takes seconds to draw and weighs a few hundred kilobytes."""

CAPTIONS = {
    "intervals": "Every rule of the policy: the estimate, its interval, and how much the policy allows. What ends "
    "inside the margin is shown to be acceptable, what lies wholly beyond is shown not to be, what lies across is "
    "undecided, and so is what lies inside but rests on fewer items than the policy asks for.",
    "reliability": "How often each model is right when it is so sure. On the diagonal confidence means what it "
    "says; below it the model is too sure, above too modest.",
    "confidence": "How sure each model is of its answers: the share of items in each bin.",
    "flips": "Changed answers, by what the change does and by label.",
    "ladder": "Agreement of the top words, between what chance gives and what the reference reaches against itself.",
    "alignment": "How far the two models' words agree, item by item. A single item's figure still holds the "
    "explainer's noise, which makes it lower than the alignment of the whole.",
    "alignment-by-length": "Agreement by the length of the texts.",
    "words": "The words that the two models lean on most differently. A lean of 1 is an average word's weight.",
    "risk-coverage": "The share of wrong answers among the most confident ones, by how many are accepted.",
    "pareto": "What each candidate saves, and what that costs in trust.",
    "pairs": "How far every two models agree.",
}


def drawer(evidence: Evidence) -> Callable[..., Figure | None]:
    """A function that draws a named figure for one candidate or all; None where the run lacks what it needs."""

    @cache
    def draw(name: str, candidate: str | None = None) -> Figure | None:
        from trusteq.report.figures.catalog import make
        from trusteq.report.figures.inline import inline_svg

        if candidate is not None and evidence.models.index(candidate) > MOST_DRAWN:
            return None
        display = make(evidence, name, candidate)
        if display is None:
            return None
        whose = "" if candidate is None else f"{candidate}: "
        return Figure(inline_svg(display, label=f"{whose}{CAPTIONS[name]}"), CAPTIONS[name])

    return draw


def pairs(evidence: Evidence) -> Table:
    """How far every two models agree, as a table."""
    from trusteq.report.figures.pairs import PairsDisplay

    found = PairsDisplay.from_evidence(evidence)
    matrices = {"same answer": found.same_answer}
    matrices |= {
        f"Jaccard of the top {found.k}, {method_title(name)}": matrix for name, matrix in found.jaccard.items()
    }
    rows = [
        (f"{found.names[a]} and {found.names[b]}", *(f"{matrix[a, b]:.3f}" for matrix in matrices.values()))
        for a, b in combinations(range(len(found.names)), 2)
    ]
    return Table("How far every two models agree", ("models", *matrices), rows)
