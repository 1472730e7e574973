"""The words that one model leans on and the other does not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np

from trusteq.report.figures.display import Display
from trusteq.report.figures.lettering import key, legend_above, no_sides
from trusteq.report.figures.names import shortened
from trusteq.report.figures.palette import CANDIDATE, INK, MUTED, REFERENCE, SURFACE
from trusteq.report.wording import about, percent, unit_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from trusteq.record.evidence import Evidence

MOST = 16
"""Words drawn, those with the strongest evidence."""

FALSE_DISCOVERIES = 0.05
"""Words with a q-value below it stand out; the others are drawn hollow."""


@dataclass(eq=False)
class WordsDisplay(Display):
    """How differently the two models lean on words; candidate minus reference.

    names: of the two models. words, items, q: the words, how many items they are in, and q-values [words], strongest
    evidence first. lean, signed: value, low and high end of the difference [words, 3]; lean is how much the word
    weighs, 1 for an average word; signed is how much it supports the explained label. level: of the intervals. unit:
    what is called a word here.
    """

    names: tuple[str, str]
    words: tuple[str, ...]
    items: NDArray[np.int64]
    q: NDArray[np.float64]
    lean: NDArray[np.float64]
    signed: NDArray[np.float64]
    level: float
    unit: str = "word"

    @classmethod
    def from_evidence(cls, evidence: Evidence, *, candidate: str) -> Self | None:
        """The tested words of a candidate; None where nothing was explained, or no word was in enough items."""
        table = evidence.words
        rows = None if table is None else table[table["candidate"] == candidate]
        if rows is None or not len(rows):
            return None
        rows = rows.sort_values(["p_value", "word"], kind="stable")
        lean, signed = (
            rows[[f"{name}_difference", f"{name}_difference_low", f"{name}_difference_high"]].to_numpy(dtype=np.float64)
            for name in ("lean", "signed")
        )
        return cls(
            (evidence.models[0], candidate),
            tuple(rows["word"]),
            rows["items"].to_numpy(dtype=np.int64),
            rows["q_value"].to_numpy(dtype=np.float64),
            lean,
            signed,
            evidence.document.policy.level,
            unit_of(evidence.document),
        )

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches: a line per word."""
        return 6.5, 1.3 + 0.21 * min(len(self.words), MOST)

    @property
    def panels(self) -> tuple[float, ...]:
        """How much a word weighs, and how much it supports the label."""
        return (1.0, 1.0)

    def _draw(self, *axes: Axes) -> None:
        chosen = np.arange(min(len(self.words), MOST))
        chosen = chosen[np.argsort(-self.lean[chosen, 0], kind="stable")]
        stand_out = int((self.q < FALSE_DISCOVERIES).sum())
        for ax, values, title in zip(axes, (self.lean, self.signed), ("weight", "weight for the label"), strict=True):
            ax.grid(visible=True, axis="x")
            ax.axvline(0, color=INK, linewidth=0.8)
            value, low, high = values[chosen].T
            y, significant = np.arange(len(chosen)), self.q[chosen] < FALSE_DISCOVERIES
            for more, colour, marker in ((value > 0, CANDIDATE, "s"), (value <= 0, REFERENCE, "o")):
                for rows, face, width in ((more & significant, colour, 1.6), (more & ~significant, SURFACE, 1.0)):
                    ax.hlines(y[rows], low[rows], high[rows], color=colour, linewidth=width)
                    ax.plot(value[rows], y[rows], marker, color=colour, markerfacecolor=face)
            ax.set_ylim(len(chosen) - 0.4, -0.6)
            no_sides(ax)
            # An interval many times longer than any difference is cut by the edge of the axes.
            limit = 2.5 * float(np.abs(values[chosen, 0]).max()) or 1.0
            left, right = ax.get_xlim()
            ax.set_xlim(max(left, -limit), min(right, limit))
            ax.set_xlabel(f"difference of {title}, {percent(self.level)} interval", size=8)
        lean, signed = axes
        lean.set_yticks(np.arange(len(chosen)), [f"{shortened(self.words[i], 18)} ({self.items[i]:,})" for i in chosen])
        signed.set_yticks(np.arange(len(chosen)), [""] * len(chosen))
        title = f"{stand_out:,} of {len(self.words):,} words stand out (filled)" if stand_out else "no word stands out"
        signed.set_title(about(title, self.unit), size=8, color=MUTED)
        more = zip(self.names[::-1], (CANDIDATE, REFERENCE), "so", strict=True)
        legend_above(lean, [key(f"more in {shortened(name, 26)}", color=c, marker=m) for name, c, m in more])
