"""The page's figures: drawn by `trusteq.report.figures`, each with a caption."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING

from trusteq.comparing.measures import method_title
from trusteq.record.document import PatchSummary
from trusteq.report.page.html_table import Table
from trusteq.report.page.html_table import figure as as_text
from trusteq.report.patch_rows import patch_rows
from trusteq.report.wording import about, unit_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from trusteq.record.document import AuditDocument
    from trusteq.record.evidence import Evidence


@dataclass(frozen=True)
class Figure:
    """An ``<svg>`` element and what it shows."""

    svg: str
    caption: str


MOST_DRAWN = 12
"""Candidates with figures of their own; each takes seconds to draw and weighs a few hundred kilobytes."""


def drawer(evidence: Evidence) -> Callable[..., Figure | None]:
    """A function that draws a named figure for one candidate or all; None where the run lacks what it needs."""

    @cache
    def draw(name: str, candidate: str | None = None) -> Figure | None:
        from trusteq.report.figures.catalog import figures, make
        from trusteq.report.figures.inline import inline_svg

        if candidate is not None and evidence.models.index(candidate) > MOST_DRAWN:
            return None
        display = make(evidence, name, candidate)
        if display is None:
            return None
        whose = "" if candidate is None else f"{candidate}: "
        caption = about(figures()[name].caption, unit_of(evidence.document))
        return Figure(inline_svg(display, label=f"{whose}{caption}"), caption)

    return draw


def added(evidence: Evidence, draw: Callable[..., Figure | None]) -> list[tuple[str, Figure]]:
    """The figures of plugins with their titles: those of one candidate for each candidate."""
    from trusteq.report.figures.catalog import FIGURES, figures

    whose = [
        (name, candidate)
        for name, figure in figures().items()
        if name not in FIGURES
        for candidate in (evidence.models[1:] if figure.per_candidate else (None,))
    ]
    drawn = (
        (name if candidate is None else f"{name}, {candidate}", draw(name, candidate)) for name, candidate in whose
    )
    return [(title, figure) for title, figure in drawn if figure is not None]


def patches(document: AuditDocument) -> Table | None:
    """Every two models' agreement on their top patches, with chance and ceiling; None under any other protocol."""
    protocol = document.protocol
    if not isinstance(protocol, PatchSummary) or not protocol.pairs:
        return None
    table = patch_rows(protocol.pairs)
    rows = [
        (f"{first} and {second}", method_title(method), title, *(as_text(estimate) for estimate in estimates))
        for (first, second), method, lines in table.groups
        for title, estimates in lines.items()
    ]
    caption = f"Jaccard index of the pixels of the top patches, protocol {protocol.name}, {protocol.items:,} items"
    return Table(caption, ("models", "method", "", *(f"top {k}" for k in table.ks)), rows, words=frozenset({0, 1, 2}))


def pairs(evidence: Evidence) -> Table:
    """How much each pair of models agrees, as a table."""
    from trusteq.report.figures.pairs import PairsDisplay

    display = PairsDisplay.from_evidence(evidence)
    matrices = {"same answer": display.same_answer}
    matrices |= {
        f"Jaccard of the top {display.k}, {method_title(name)}, {display.masks}": matrix
        for name, matrix in display.jaccard.items()
    }
    rows = [
        (f"{display.names[a]} and {display.names[b]}", *(f"{matrix[a, b]:.3f}" for matrix in matrices.values()))
        for a, b in combinations(range(len(display.names)), 2)
    ]
    return Table("How much each pair of models agrees", ("models", *matrices), rows)
