"""The weights of a drawing's units: each model's, and what the candidate's are more than the reference's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.report.item import Word, Words

SURE = 2
"""As in `trusteq.report.item`."""


@dataclass(frozen=True)
class Weight:
    """A unit's weight with its standard error, and whether it is one of the top units of its model."""

    value: float
    error: float
    top: bool = False

    @property
    def unsure(self) -> bool:
        """Whether it may be 0."""
        return abs(self.value) < SURE * self.error


def panels(words: Sequence[Word], explained: Words) -> list[list[Weight]]:
    """The weights of these units in the reference and the candidate; and their difference, if about the same label."""
    reference = [Weight(word.reference, word.reference_error, word.reference_top) for word in words]
    candidate = [Weight(word.candidate, word.candidate_error, word.candidate_top) for word in words]
    if explained.reference_label != explained.candidate_label:
        return [reference, candidate]
    difference = [
        Weight(b.value - a.value, math.hypot(a.error, b.error)) for a, b in zip(reference, candidate, strict=True)
    ]
    return [reference, candidate, difference]


def largest(explained: Words) -> float:
    """The end of the scale that all drawings of an item share: of both models and their difference."""
    return max((abs(w.value) for panel in panels(explained.words, explained) for w in panel), default=0.0)
