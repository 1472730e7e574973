"""Documents: every model reads the same texts and says how probable it finds each as a whole.

For models that cut texts into different tokens, which can be compared in nothing smaller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.tasks.outcomes import Outcomes
from trusteq.tasks.tokens import Tokens, checked_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.tasks.rows import Rows

DOCUMENT_COLUMNS = ("log_probability", "bytes")
"""The logarithm of the probability of all tokens that a model predicts of a text, and how many bytes these are."""


class Documents(Tokens):
    """One row of `DOCUMENT_COLUMNS` for each item."""

    name = "documents"
    one_row = True
    several_outcomes = False
    dimensions: tuple[str, ...] = ("distribution",)
    may_be_unknown: tuple[str, ...] = ()
    probabilities: tuple[str, ...] = ()

    def columns(self, labels: Sequence[str]) -> tuple[str, ...]:
        """The same for all."""
        return DOCUMENT_COLUMNS

    def checked(self, raw: Any, *, items: Items, labels: Sequence[str], model: str) -> Rows:
        """Rows of finite numbers that can be what they are called."""
        return checked_rows(raw, DOCUMENT_COLUMNS, items=items, model=model)

    def outcomes(self, rows: Rows, gold: NDArray[np.int64] | None, labels: Sequence[str] = ()) -> Outcomes:
        """One per text, without an answer of its own."""
        log_probability, length = rows.values.T
        numbers = {"log-probability": log_probability, "bytes": length}
        return Outcomes(np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows)), numbers=numbers)
