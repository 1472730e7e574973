"""The limits of an audit's numeric options."""

from __future__ import annotations

import math
import operator

from trusteq.errors import OptionError

LIMITS: dict[str, tuple[int, int]] = {
    "resamples": (100, 100_000),
    "batch": (1, 1_000_000),
    "seed": (0, 2**63 - 1),
}
"""Lowest and highest: under 100 resamples an interval's ends are noise; over 100,000 only cost time."""


def within_limits(name: str, value: object) -> int:
    """The number as an int; an error if it is not a whole number within its limits."""
    low, high = LIMITS[name]
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        number = low - 1
    if isinstance(value, bool) or not low <= number <= high:
        raise OptionError(f"{name} must be a whole number from {low:,} to {high:,}, found {value!r}")
    return number


def refuse_too_few(resamples: int, level: float) -> None:
    """An error if less than one resample would lie beyond either end of an interval."""
    needed = math.ceil(2 / (1 - level) * (1 - 1e-9))
    if resamples < needed:
        way = f"use {needed:,} or more" if needed <= LIMITS["resamples"][1] else "choose a lower level"
        raise OptionError(f"{resamples:,} resamples are too few for an interval of {100 * level:.10g}%; {way}")
