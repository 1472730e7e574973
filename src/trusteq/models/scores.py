"""A graph's scores as probabilities; scores that are something else than was said are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np

from trusteq.data.predictions import ENOUGH_ROWS, softmax, unlike_logits
from trusteq.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Scores = Literal["probabilities", "logits"]


ROUNDING = 1e-6
"""How far outside of 0 and 1 rounding may put a probability in 32 bits."""


def as_probabilities(
    values: NDArray[np.float64], scores: Scores, *, output: str, name: str, changed: bool = False
) -> NDArray[np.float64]:
    """Probabilities [items, labels]: the scores themselves, or the softmax of logits.

    changed: whether these are answers to versions of items, which may be alike and show nothing about the scores.
    """
    if scores == "probabilities":
        # Sums in 32 bits may end a rounding error outside.
        return np.where(
            (values < 0) & (values > -ROUNDING) | (values > 1) & (values < 1 + ROUNDING), np.rint(values), values
        )
    finite = values[:0] if changed else values[np.isfinite(values).all(axis=1)]
    suspicion = unlike_logits(finite) if len(finite) >= ENOUGH_ROWS else None
    if suspicion is not None:
        what, remedy = suspicion
        raise ModelError(
            f"model {name}: output {output!r} looks like {what}, not logits; "
            f"{f'let the graph {remedy} and ' if remedy else ''}give --scores {name}=probabilities "
            "(if they really are logits, let the graph output their softmax)"
        )
    return softmax(values)


def sum_to_one(values: NDArray[np.float64], step: float, *, name: str, output: str) -> NDArray[np.float64]:
    """Probabilities [items, labels] that were rounded to multiples of ``step``, divided by their sum.

    Each may be half a step off, so their sum may be off by half a step for each label; more than that is an error. Of a
    row that was rounded to zeros, no label is more probable than another.
    """
    sums = values.sum(axis=1, keepdims=True)
    most = 0.5 * step * values.shape[1] + 1e-3
    off = np.flatnonzero((np.abs(sums - 1) > most) & (sums > 0))
    if off.size:
        raise ModelError(
            f"model {name}: output {output!r}: a row sums to {float(sums[off[0], 0]):g}, which rounding to multiples "
            f"of {step:g} does not explain; if it holds logits, give --scores {name}=logits"
        )
    return np.where(sums > 0, values / np.where(sums > 0, sums, 1.0), 1.0 / values.shape[1])
