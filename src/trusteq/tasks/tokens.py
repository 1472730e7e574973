"""Tokens: every model reads the same texts and says, at each place, how probable it finds every next token.

An item is a document, an outcome one of its tokens. A model's answer to a document has a row for every token that it
predicts. What it says is known in relation to a *reference* that reads the same text beside it, because the
probabilities of the whole vocabulary are far too many to keep. The reference reads beside itself as well, another way:
the difference is its *noise floor*.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.errors import ModelError, OptionError
from trusteq.tasks.outcomes import Outcomes
from trusteq.tasks.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.tasks.task import By, Scale

TOKEN_COLUMNS = (
    "own",
    "bytes",
    "position",
    "log_probability",
    "token",
    "confidence",
    "kl_from_reference",
    "kl_to_reference",
    "tail",
)
"""What a row says of a token of the text, which is the right answer.

own: its id. bytes: how many bytes of the text it adds. position: how many tokens of its context precede it.
log_probability: the logarithm of its probability. token, confidence: the most probable token and its probability.
kl_from_reference, kl_to_reference: KL(reference || model) and KL(model || reference) in nats; NaN for a reference whose
noise is unknown. tail: the share of the reference's probability that is known only as a sum; if it is not 0, both KL
are lower bounds.
"""

NEGATIVE = {"log_probability"}
SHARES = {"confidence", "tail"}
UNKNOWN = {"kl_from_reference", "kl_to_reference"}
TOLERANCE = 1e-6


def token_rows(
    own: NDArray[np.int64],
    length: NDArray[np.int64],
    position: NDArray[np.int64],
    reference: NDArray[np.floating[Any]],
    model: NDArray[np.floating[Any]],
) -> NDArray[np.float64]:
    """The rows [tokens, `TOKEN_COLUMNS`] of a model from log-probabilities [tokens, vocabulary] of both models.

    own: ids of the text's tokens. length: their bytes. position: how many tokens of their context precede them.
    """
    p, q = (np.asarray(logs, dtype=np.float64) for logs in (reference, model))
    token = q.argmax(axis=1)
    every = np.arange(len(own))
    columns = {
        "own": own,
        "bytes": length,
        "position": position,
        "log_probability": q[every, own],
        "token": token,
        "confidence": np.exp(q[every, token]),
        "kl_from_reference": divergence(p, q),
        "kl_to_reference": divergence(q, p),
        "tail": np.zeros(len(own)),
    }
    return np.stack([np.asarray(columns[name], dtype=np.float64) for name in TOKEN_COLUMNS], axis=1)


def divergence(p: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
    """KL(p || q) in nats of each row of log-probabilities [rows, vocabulary]; what p excludes adds nothing."""
    excess = np.subtract(p, q, out=np.zeros_like(p), where=p > -np.inf)
    return np.asarray(np.maximum(np.einsum("ij,ij->i", np.exp(p), excess), 0.0))


class Tokens:
    """Rows of `TOKEN_COLUMNS`, one for every token that a model predicts; the text's own token is the right answer."""

    name = "tokens"
    one_row = False
    several_outcomes = True
    largest = float("inf")
    explained = False
    dimensions: tuple[str, ...] = ("calibration", "distribution")
    may_be_unknown: tuple[str, ...] = ("kl_from_reference", "kl_to_reference")
    probabilities: tuple[str, ...] = ("confidence",)
    policy = "generative"
    scale: Scale = "probability"

    def columns(self, labels: Sequence[str]) -> tuple[str, ...]:
        """The same for all."""
        return TOKEN_COLUMNS

    def checked(self, raw: Any, *, items: Items, labels: Sequence[str], model: str) -> Rows:
        """Rows of finite numbers that can be what they are called."""
        return checked_rows(raw, TOKEN_COLUMNS, items=items, model=model)

    def in_order(
        self, rows: Rows, model_labels: Sequence[str], labels: Sequence[str], *, model: str, reference: str
    ) -> Rows:
        """Unchanged."""
        return rows

    def gold(self, items: Items, labels: Sequence[str]) -> NDArray[np.int64] | None:
        """None: the text itself says which tokens are right."""
        return None

    def outcomes(self, rows: Rows, gold: NDArray[np.int64] | None, labels: Sequence[str] = ()) -> Outcomes:
        """One per token."""
        column = dict(zip(TOKEN_COLUMNS, rows.values.T, strict=True))
        own, token = (column[name].astype(np.int64) for name in ("own", "token"))
        return Outcomes(
            token,
            np.minimum(column["confidence"], 1.0),
            token == own,
            gold=own,
            item=rows.item,
            numbers={
                "log-probability": column["log_probability"],
                "own-probability": np.exp(np.minimum(column["log_probability"], 0.0)),
                **{name: column[name] for name in ("bytes", "position", "tail")},
                "kl-from-reference": column["kl_from_reference"],
                "kl-to-reference": column["kl_to_reference"],
            },
        )

    def answer_texts(
        self, codes: NDArray[np.int64], at: NDArray[np.int64], items: Items, labels: Sequence[str]
    ) -> Sequence[str]:
        """Their numbers in the vocabulary."""
        return [f"token {code}" for code in codes.tolist()]

    def shares(self, rows: Rows, at: int, items: Items, labels: Sequence[str]) -> Mapping[str, float]:
        """None: they are not kept."""
        return {}

    def table(self, rows: Rows) -> NDArray[np.float64]:
        """None: tokens are not explained."""
        raise OptionError("tokens are not explained; ask for choices to explain a language model")

    def targets(
        self, answers: Sequence[Rows], gold: NDArray[np.int64] | None, at: NDArray[np.int64], by: By
    ) -> NDArray[np.int64]:
        """None: tokens are not explained."""
        raise OptionError("tokens are not explained; ask for choices to explain a language model")

    def value(self, table: NDArray[np.float64], target: int, scale: Scale) -> NDArray[np.float64]:
        """None: tokens are not explained."""
        raise OptionError("tokens are not explained; ask for choices to explain a language model")


def checked_rows(raw: Any, columns: Sequence[str], *, items: Items, model: str) -> Rows:
    """Rows with these columns, from rows or from an array [rows, columns] for each item; or one clear line."""
    rows = raw if isinstance(raw, Rows) else _joined(raw, len(columns))
    if len(rows) != len(items):
        raise ModelError(f"model {model}: answers {len(rows):,} of {len(items):,} items")
    if rows.values.shape[1:] != (len(columns),):
        raise ModelError(f"model {model}: rows of {rows.values.shape[1]} numbers, not {len(columns)}")
    for name, values in zip(columns, rows.values.T, strict=True):
        low, high = (-np.inf, TOLERANCE) if name in NEGATIVE else (0.0, 1 + TOLERANCE if name in SHARES else np.inf)
        wrong = ~(np.isfinite(values) & (values >= low) & (values <= high))
        if wrong.any() and not (name in UNKNOWN and np.isnan(values).all()):
            first = int(wrong.argmax())
            raise ModelError(
                f"model {model}: item {items.ids[int(rows.item[first])]!r}: {name} of a token is {values[first]:g}, "
                f"which is not {_wanted(name)}"
            )
    return rows


def _joined(parts: Sequence[Any], columns: int) -> Rows:
    arrays = [np.asarray(part, dtype=np.float64).reshape(-1, columns) for part in parts]
    counts = np.array([len(array) for array in arrays], dtype=np.int64)
    return Rows(np.concatenate([np.empty((0, columns)), *arrays]), counts)


def _wanted(name: str) -> str:
    if name in NEGATIVE:
        return "the logarithm of a probability"
    return "a share" if name in SHARES else "a number of 0 or more"
