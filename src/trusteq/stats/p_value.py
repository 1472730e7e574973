"""P-values in words, the same in every report."""

from __future__ import annotations

import math

SMALLEST = 1e-4
"""Smaller p-values are only said to be smaller: how far into the tail a test is right, nobody knows."""


def p_words(p: float) -> str:
    """A p-value with its sign: "p = 0.012", or "p < 0.0001"."""
    return f"p = {p_figure(p)}" if p >= SMALLEST else f"p {p_figure(p)}"


def p_figure(p: float) -> str:
    """A p-value to two digits, for a column with that heading; never 0, which no p-value is."""
    if math.isnan(p):
        return "unknown"
    return f"< {SMALLEST:.4f}" if p < SMALLEST else f"{p:.2g}"
