"""Tokens again, where of the reference's probabilities only those of its most probable tokens are known.

Both KL are then lower bounds, which measures and verdicts must not take for the divergence itself.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trusteq.tasks.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from trusteq.tasks.outcomes import Outcomes
    from trusteq.tasks.rows import Rows

BOUNDS = {"kl-from-reference": "kl-at-least", "kl-to-reference": "kl-to-reference-at-least"}
"""What the numbers of outcomes are called if they are lower bounds."""


class MostProbableTokens(Tokens):
    """The rows of `Tokens`, with lower bounds in place of both KL."""

    name = "top-tokens"

    def outcomes(self, rows: Rows, gold: NDArray[np.int64] | None, labels: Sequence[str] = ()) -> Outcomes:
        """One per token."""
        exact = super().outcomes(rows, gold, labels)
        return replace(exact, numbers={BOUNDS.get(name, name): values for name, values in exact.numbers.items()})
