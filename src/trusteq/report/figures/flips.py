"""Where accuracy was lost and gained: the answers that turned wrong or right, by class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from trusteq.comparing.behaviour import FLIPS
from trusteq.comparing.slices import LABEL
from trusteq.report.figures.display import Display
from trusteq.report.figures.lettering import legend_above, no_sides, text_right_of
from trusteq.report.figures.names import shortened
from trusteq.report.figures.palette import BAD, GOOD, INK, MUTED, SURFACE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from trusteq.record.evidence import Evidence

MOST_CLASSES = 20
"""Classes drawn, those with the most flips; all others are one row."""

_MEASURES = ("regressions", "corrections")

_COLUMNS = (10, 62)
"""Where the columns of text begin, in points to the right of the axes."""


class _Rows(NamedTuple):
    """The drawn classes [rows], their items, their flips [rows, kinds], and the ends of intervals [rows, 2, 2]."""

    names: list[str]
    items: NDArray[np.int64]
    counts: NDArray[np.int64]
    ends: NDArray[np.float64]


@dataclass(eq=False)
class FlipsDisplay(Display):
    """How many items of each class changed from right to wrong, from wrong to right, and to another wrong answer.

    names: of the reference and the candidate. classes: "all" first, then the labels. items: of each class [classes].
    counts: the items whose answer changed [classes, kinds], in the order of `trusteq.comparing.behaviour.FLIPS`. low,
    high: the interval of the share of the first two kinds [classes, 2]; NaN where the run has none.
    """

    names: tuple[str, str]
    classes: tuple[str, ...]
    items: NDArray[np.int64]
    counts: NDArray[np.int64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]

    @classmethod
    def from_evidence(cls, evidence: Evidence, *, candidate: str) -> Self | None:
        """The flips between the reference and a candidate; None without labels that all items share."""
        gold = evidence.gold
        if gold is None or not evidence.labels:
            return None
        n = len(evidence.labels)
        code_of = {label: code for code, label in enumerate(evidence.labels)}
        counts = np.zeros((n, len(FLIPS)), dtype=np.int64)
        flips = evidence.flips
        for label, kind in flips.loc[flips["candidate"] == candidate, ["gold", "kind"]].itertuples(index=False):
            counts[code_of[label], FLIPS.index(kind)] += 1
        items = np.bincount(gold, minlength=n)
        return cls(
            (evidence.models[0], candidate),
            ("all", *evidence.labels),
            np.array([items.sum(), *items]),
            np.concatenate([counts.sum(axis=0, keepdims=True), counts]),
            *_intervals(evidence, candidate),
        )

    @property
    def share(self) -> NDArray[np.float64]:
        """The flips' share of a class's items [classes, kinds]; 0 where a class has none."""
        return self.counts / np.maximum(self.items, 1)[:, None]

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches: a line per class."""
        return 6.5, 1.0 + 0.27 * len(self._rows().names)

    def _rows(self) -> _Rows:
        """The rows to draw: if there are too many classes, those with the fewest flips together."""
        ends = np.stack([self.low, self.high], axis=2)
        if len(self.classes) <= MOST_CLASSES + 1:
            return _Rows([shortened(name) for name in self.classes], self.items, self.counts, ends)
        by_flips = np.argsort(-self.counts[1:].sum(axis=1), kind="stable")
        shown_alone, rest = np.sort(by_flips[:MOST_CLASSES]) + 1, by_flips[MOST_CLASSES:] + 1
        chosen = [0, *shown_alone.tolist()]
        names = [shortened(self.classes[i]) for i in chosen]
        items = np.array([*self.items[chosen], self.items[rest].sum()])
        counts = np.concatenate([self.counts[chosen], self.counts[rest].sum(axis=0, keepdims=True)])
        ends = np.concatenate([ends[chosen], np.full((1, 2, 2), np.nan)])
        return _Rows([*names, f"{len(rest)} others"], items, counts, ends)

    def _draw(self, *axes: Axes) -> None:
        (ax,) = axes
        names, items, counts, ends = self._rows()
        share = 100 * counts / np.maximum(items, 1)[:, None]
        # A gap separates "all" from the classes.
        y = np.arange(len(names)) + 0.4 * (np.arange(len(names)) > 0)
        ax.grid(visible=True, axis="x")
        ax.barh(y, -share[:, 0], 0.62, color=SURFACE, edgecolor=BAD, hatch="////", label=FLIPS[0].replace("to", "→"))
        ax.barh(y, share[:, 1], 0.62, color=GOOD, edgecolor=GOOD, label=FLIPS[1].replace("to", "→"))
        ax.axvline(0, color=INK, linewidth=0.8)
        bar_ends = 100 * np.fmax(share[:, :2] / 100, ends[:, :, 1])
        for side, column in ((-1, 0), (1, 1)):
            for height, bound, end, count in zip(
                y, 100 * ends[:, column], bar_ends[:, column], counts[:, column], strict=True
            ):
                ax.plot(side * bound, [height, height], color=INK, linewidth=1.0, zorder=4)
                ax.annotate(
                    f"{count:,}",
                    (side * end, height),
                    xytext=(3 * side, 0),
                    textcoords="offset points",
                    ha="left" if side > 0 else "right",
                    va="center",
                    size=7.5,
                    color=MUTED,
                )
        net = ["0" if right == wrong else f"{right - wrong:+,}".replace("-", "−") for wrong, right, _ in counts]
        columns = [("net", net)]
        if len(self.classes) > 3:
            columns.append(("→ other\nwrong", [f"{other:,}" for other in counts[:, 2]]))
        for points, (head, cells) in zip(_COLUMNS, columns, strict=False):
            for height, text in [(-0.75, head), *zip(y, cells, strict=True)]:
                is_head = text is head
                colour = MUTED if is_head else INK
                text_right_of(ax, text, height, points=points, colour=colour, va="bottom" if is_head else "center")
        lost, won = (max(float(end), 0.1) for end in bar_ends.max(axis=0))
        room = 0.14 * (lost + won)
        ax.set_xlim(-lost - room, won + room)
        ax.set_ylim(y[-1] + 0.6, -0.6)
        ax.set_yticks(y, [f"{name} ({n:,})" for name, n in zip(names, items, strict=True)])
        no_sides(ax)
        ax.xaxis.set_major_formatter(lambda value, _: f"{abs(value):g}%")
        ax.set_xlabel(f"share of the class's items, {shortened(self.names[0])} → {shortened(self.names[1])}")
        legend_above(ax, columns=2)


def _intervals(evidence: Evidence, candidate: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ends of the intervals of the share that turned wrong, and that turned right [classes, 2]; NaN where unknown."""
    table = evidence.estimates
    rows = table[(table["candidate"] == candidate) & table["measure"].isin(_MEASURES)]
    row_of = {label: code + 1 for code, label in enumerate(evidence.labels)}
    ends = np.full((2, len(row_of) + 1, len(_MEASURES)), np.nan)
    columns = ["measure", "slice_column", "slice_value", "low", "high"]
    for measure, column, value, low, high in rows[columns].itertuples(index=False):
        if column == LABEL and value in row_of:
            ends[:, row_of[value], _MEASURES.index(measure)] = low, high
        elif not isinstance(column, str):
            ends[:, 0, _MEASURES.index(measure)] = low, high
    return ends[0], ends[1]
