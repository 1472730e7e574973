"""Equivalence by interval: where an interval lies against a margin.

Both ends of a 95 % interval are 2.5 % tests, so "inside" is the two one-sided tests of Schuirmann (1987) at 2.5 %
each, the level that ICH E9 requires, and the same interval serves both the reader and the verdict.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from trusteq.stats.estimate import Estimate

Outcome = Literal["inside", "outside", "across"]


def against(estimate: Estimate, low: float | None, high: float | None) -> Outcome:
    """Where the estimate's interval lies: "inside" [low, high], "outside" it, or "across" an end of it.

    An end of None is open: non-inferiority has one margin, equivalence has two. An interval that just touches a margin
    from inside counts as inside; one with NaN at either end is never inside.
    """
    if (low is None or estimate.low >= low) and (high is None or estimate.high <= high):
        return "inside"
    wholly_below = low is not None and estimate.high < low
    wholly_above = high is not None and estimate.low > high
    return "outside" if wholly_below or wholly_above else "across"
