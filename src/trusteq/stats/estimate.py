"""Estimates and tests: numbers that carry their n, interval and method."""

from __future__ import annotations

from dataclasses import dataclass

LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A number with its n, its interval and the way it was computed."""

    value: float
    low: float
    high: float
    n: int
    method: str
    level: float = LEVEL

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.low:.4g}, {self.high:.4g}]"


@dataclass(frozen=True)
class PairedTest:
    """A test's statistic (None where the test has none), degrees of freedom, p-value, n and method."""

    p_value: float
    n: int
    method: str
    statistic: float | None = None
    df: int | None = None
