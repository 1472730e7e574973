"""Estimates and tests: numbers that carry their n, interval and method."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from trusteq.stats.number import Count, Level, Number, Positive  # noqa: TC001 - read where a record is

if TYPE_CHECKING:
    from collections.abc import Mapping

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A number with its interval, its n and the method by which it was computed."""

    value: Number
    low: Number
    high: Number
    n: Positive
    method: str
    level: Level = LEVEL

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


@dataclass(frozen=True)
class PairedTest:
    """A test's statistic (None where the test has none), degrees of freedom, p-value, n and method."""

    p_value: Number
    n: Count
    method: str
    statistic: float | None = None
    df: int | None = None


def widened_to(estimate: Estimate, independent: Estimate) -> Estimate:
    """The estimate, its interval widened to contain that of the same measure of ``independent`` items."""
    low, high = min(estimate.low, independent.low), max(estimate.high, independent.high)
    if (low, high) == (estimate.low, estimate.high):
        return estimate
    return replace(estimate, low=low, high=high, method=f"{estimate.method}; no narrower than of independent items")


def all_widened_to(estimates: Mapping[str, Estimate], independent: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """The same for estimates by name."""
    return {name: widened_to(estimate, independent[name]) for name, estimate in estimates.items()}
