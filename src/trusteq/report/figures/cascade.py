"""A cascade of candidate and reference: what they do together, by the share of items that go to the reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from trusteq.report.figures.display import Display
from trusteq.report.figures.lettering import key, legend_above
from trusteq.report.figures.palette import CANDIDATE, GOOD, INK, REFERENCE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from trusteq.record.evidence import Evidence
    from trusteq.stats.estimate import Estimate

AGREEMENT, ACCURACY = "agreement with the reference", "share of right answers"
DASHES = (0, (3, 2))


class Band(NamedTuple):
    """A curve and its interval at each point [points]."""

    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


@dataclass(eq=False)
class CascadeDisplay(Display):
    """The curves of agreement and, with labels, of accuracy.

    routed: the share of items that go to the reference [points]. curves: by what they show. chosen: the recommended
    cut-off's share and value on held-out folds, by what the curves show; empty if there is none. reference: the
    reference's accuracy; None without labels. least: the least agreement that the policy allows, if it says so.
    """

    routed: NDArray[np.float64]
    curves: dict[str, Band]
    chosen: dict[str, tuple[float, Estimate]]
    reference: float | None
    least: float | None

    @classmethod
    def from_evidence(cls, evidence: Evidence, *, candidate: str) -> Self | None:
        """The curves of a candidate; None where nothing was routed."""
        found = evidence.candidate(candidate)
        if found.cascade is None:
            return None
        points = found.cascade.curve
        curves = {AGREEMENT: _band([point.agreement for point in points])}
        accuracies = [point.accuracy for point in points if point.accuracy is not None]
        if accuracies:
            curves[ACCURACY] = _band(accuracies)
        tried, chosen = found.cascade.by_confidence, {}
        if tried is not None and tried.recommended:
            at = {AGREEMENT: tried.agreement, ACCURACY: tried.accuracy}
            chosen = {name: (tried.routed.value, e) for name, e in at.items() if e is not None}
        accuracy, rule = found.flat.get("accuracy_reference"), evidence.document.policy.rules.get("behaviour", {})
        margin = rule.get("disagreement")
        return cls(
            np.array([point.routed.value for point in points]),
            curves,
            chosen,
            None if accuracy is None else accuracy.value,
            None if margin is None or margin.at_most is None else 1 - margin.at_most,
        )

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in inches."""
        return 0.6 + 3.4 * len(self.curves), 3.2

    @property
    def panels(self) -> tuple[float, ...]:
        """One per curve."""
        return (1.0,) * len(self.curves)

    def _draw(self, *axes: Axes) -> None:
        for ax, (name, curve) in zip(axes, self.curves.items(), strict=True):
            ax.grid(visible=True)
            ax.fill_between(self.routed, curve.low, curve.high, color=CANDIDATE, alpha=0.15, linewidth=0)
            ax.plot(self.routed, curve.value, color=CANDIDATE)
            keys = [key("candidate and reference together", color=CANDIDATE)]
            level, words, colour = (
                (self.least, "the least that the policy allows", INK)
                if name == AGREEMENT
                else (self.reference, "reference alone", REFERENCE)
            )
            if level is not None:
                ax.axhline(level, color=colour, linewidth=1.0, linestyle=DASHES)
                keys.append(key(words, color=colour, linewidth=1.0, linestyle=DASHES))
            if name in self.chosen:
                share, e = self.chosen[name]
                ax.errorbar([share], [e.value], [[e.value - e.low], [e.high - e.value]], color=GOOD, fmt="o", capsize=3)
                keys.append(key("recommended, on held-out folds", color=GOOD, marker="o", linestyle=""))
            ax.set_xlim(0, 1)
            ax.set_xlabel("share of items routed to the reference")
            ax.set_ylabel(name)
            legend_above(ax, keys)


def _band(estimates: Sequence[Estimate]) -> Band:
    return Band(*(np.array([getattr(e, end) for e in estimates]) for end in ("value", "low", "high")))
