"""Outcomes: a model's answers in a form that can be compared: answer, confidence, and whether it is right."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.stats.rows import largest_column

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Outcomes:
    """One model's outcomes, as arrays [outcomes]: those of an item together, in the order of the items.

    answer: codes; two models whose outcomes have the same code give the same answer.
    confidence: the model's confidence in its answer, 0 to 1.
    right: whether the answer is right; None if unknown.
    distribution: probabilities [outcomes, labels] over labels that all outcomes share; None if they share none. With a
        distribution, the answer is the most probable label, the first of equals.
    gold: the code of the right answer; None if there is no such code.
    item: the position of the item that each belongs to; None if every item has one outcome.
    chance: the probability that a guess is right; None if it can be computed from the answers.
    numbers: further numbers by name, each of them a need of measures (`comparing.measures.NEEDS`).
    """

    answer: NDArray[np.integer[Any]]
    confidence: NDArray[np.float64]
    right: NDArray[np.bool_] | None = None
    distribution: NDArray[np.float64] | None = None
    gold: NDArray[np.int64] | None = None
    item: NDArray[np.int64] | None = None
    chance: NDArray[np.float64] | None = None
    numbers: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, values in self._arrays().items():
            if len(values) != len(self.answer):
                raise ValueError(f"outcomes: {name} has {len(values)} values for {len(self.answer)} answers")
        if self.item is not None and (np.diff(self.item) < 0).any():
            raise ValueError("outcomes of an item must be contiguous, in the order of the items")

    def __len__(self) -> int:
        return len(self.answer)

    def take(self, at: NDArray[np.int64]) -> Outcomes:
        """The outcomes at these positions, in this order."""
        numbers = {name: values[at] for name, values in self.numbers.items()}
        arrays = {name: values[at] for name, values in self._arrays().items() if name not in numbers}
        return replace(self, **arrays, numbers=numbers)

    def _arrays(self) -> dict[str, NDArray[Any]]:
        by_name = ((one.name, getattr(self, one.name)) for one in fields(self) if one.name != "numbers")
        return {name: values for name, values in by_name if values is not None} | dict(self.numbers)


def most_probable(
    distribution: NDArray[np.float64], gold: NDArray[np.int64] | None, item: NDArray[np.int64] | None = None
) -> Outcomes:
    """The outcomes of probabilities [outcomes, labels]: the most probable label is the answer, the first of equals."""
    answer, confidence = largest_column(distribution)
    right = None if gold is None else np.asarray(answer == gold)
    # The smallest type for the codes, because they stay in memory.
    code = answer.astype(np.min_scalar_type(distribution.shape[1]))
    return Outcomes(code, confidence, right, distribution, gold, item)
