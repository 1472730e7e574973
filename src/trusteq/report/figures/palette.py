"""What colours, markers and line styles mean: every difference is shown by a shape as well, never by colour alone.

The hues are Okabe and Ito's, darkened until they can be read as thin lines on paper. On the page each role is a CSS
custom property of the same name, so no two roles may share a colour.
"""

from __future__ import annotations

from typing import NamedTuple

from trusteq.verdict import Outcome

INK = "#1b1d21"
MUTED = "#5d6572"
GRID = "#d8dce2"
REFERENCE = "#0072b2"
CANDIDATE = "#d55e00"
GOOD = "#00795c"
BAD = "#b2182b"
UNSURE = "#8f6a00"
SURFACE = "#ffffff"

ROLES = {
    "ink": INK,
    "muted": MUTED,
    "grid": GRID,
    "reference": REFERENCE,
    "candidate": CANDIDATE,
    "good": GOOD,
    "bad": BAD,
    "unsure": UNSURE,
    "surface": SURFACE,
}
"""CSS custom property -> its colour in light mode and in print."""


class Mark(NamedTuple):
    """How a point of one kind is drawn; ``face`` is its filling."""

    colour: str
    marker: str
    face: str


OUTCOMES = {
    Outcome.EQUIVALENT: Mark(GOOD, "o", GOOD),
    Outcome.NOT_EQUIVALENT: Mark(BAD, "X", BAD),
    Outcome.UNDECIDED: Mark(UNSURE, "D", SURFACE),
    Outcome.NOT_MEASURED: Mark(MUTED, "s", SURFACE),
}


class Side(NamedTuple):
    """How one of the two models is drawn."""

    colour: str
    marker: str
    line: str


SIDES = (Side(REFERENCE, "o", "-"), Side(CANDIDATE, "s", "--"))
"""The reference, the candidate."""

OF_METHOD = {
    "lime": Side(CANDIDATE, "s", "-"),
    "shapley": Side(INK, "^", "--"),
    "shap": Side(INK, "^", "--"),
}
"""How one candidate's explanations by each method are drawn in the same axes."""
