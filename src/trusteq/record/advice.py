"""Advice: what to do about a candidate, or what to look at, in a sentence whose numbers are all in the audit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

AdviceKind = Literal[
    "ship",
    "temperature",
    "calibration",
    "words",
    "labels",
    "explanations",
    "slice",
    "explained slice",
    "cut-off",
    "common",
    "cascade",
    "route",
    "retrain",
    "changes",
    "measure more",
    "decide",
    "other",
]
"""What a sentence of advice is about."""

KINDS: tuple[AdviceKind, ...] = get_args(AdviceKind)
DECISIONS: tuple[AdviceKind, ...] = (
    "ship",
    "temperature",
    "cut-off",
    "cascade",
    "route",
    "retrain",
    "labels",
    "explanations",
    "measure more",
    "decide",
)
"""The kinds that say what to do, in this order; the others say where to look."""


@dataclass(frozen=True)
class Advice:
    """One sentence of advice: what it is about, and the judged measures whose rules it would bring within margins.

    item: the id of the item that the sentence names last, None where it names none.
    """

    kind: AdviceKind
    sentence: str
    mends: tuple[str, ...] = ()
    item: str | None = None

    def __str__(self) -> str:
        return self.sentence
