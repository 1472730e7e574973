"""The probabilities of the next tokens that llama.cpp stored for one model, compared with those of a reference.

What is too improbable is only known as a sum. So such tokens, of either model, are taken as one, whose probability is
what the others leave. Merging tokens never increases KL (data processing inequality): both directions are lower bounds.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trusteq.data.hashing import content_hash
from trusteq.data.llama_cpp import RANGE, STEPS, TOKENS
from trusteq.data.results import LLAMA_CPP
from trusteq.errors import ModelError
from trusteq.models.backend import Backend
from trusteq.models.base import Finding, Identity
from trusteq.models.traits import Traits
from trusteq.tasks.rows import Rows
from trusteq.tasks.tokens import TOKEN_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.data.llama_cpp import BaseFile
    from trusteq.models.base import Model

BLOCK_VALUES = 2**22
"""Probabilities of each model in memory at once."""
SMALLEST_REST = 2.0**-16
"""What is left for improbable tokens is the difference of a sum of rounded numbers from 1, which below this means
nothing; it counts as this much for both models."""


@dataclass(frozen=True, eq=False)
class StoredLogits:
    """A model that says how probable the tokens of its file are, and how far it is from ``reference`` if it has one."""

    name: str
    identity: Identity
    base: BaseFile
    reference: BaseFile | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        """None: items share no labels."""
        return ()

    @property
    def traits(self) -> Traits:
        """Its answers are stored, so it cannot run on anything else."""
        return Traits(task="tokens", runs=False, changeable=False, beside=compared)

    def predict(self, items: Items) -> Rows:
        """Rows of `TOKEN_COLUMNS` for the second half of each context."""
        tokens = items.segments.get(TOKENS)
        if tokens is None or np.shape(tokens)[1:] != self.base.tokens.shape[1:]:
            raise ModelError(f"model {self.name}: {self.base.path} answers only its own contexts; leave out --data")
        at = [int(id_) - 1 for id_ in items.ids]
        own = self.base.tokens[at] if max(at) < len(self.base.tokens) else self.base.tokens
        if own.shape != np.shape(tokens) or (own != np.asarray(tokens)).any():
            first = next(
                (i for i, (a, b) in enumerate(zip(own, np.asarray(tokens), strict=False)) if (a != b).any()), 0
            )
            raise ModelError(
                f"model {self.name}: {self.base.path} has other tokens than {items.source}, first in context "
                f"{at[first] + 1}; write both from the same text with the same tokenizer"
            )
        parts = [self._context(context) for context in at]
        return Rows(np.concatenate(parts), np.array([len(part) for part in parts], dtype=np.int64))

    def findings(self) -> tuple[Finding, ...]:
        """What 16 bits cost."""
        step = RANGE / STEPS
        message = (
            f"llama.cpp stored its log-probabilities in steps of up to {step:.1g} nats, and everything more than "
            f"{RANGE:g} nats below the largest as one number: KL is a lower bound, known to about {step:.1g} nats, and "
            "the reference's own noise is unknown"
        )
        if improbable := self.base.improbable_tokens():
            message += f"; {improbable:,} tokens of the text are that improbable, and so less probable than they seem"
        return (Finding(self.name, "16-bit storage", message, step),)

    def _context(self, context: int) -> NDArray[np.float64]:
        """The rows [tokens, `TOKEN_COLUMNS`] of one context."""
        first, length = self.base.first, self.base.tokens.shape[1]
        position = np.arange(first, length)
        own = self.base.tokens[context, first:]
        step = max(1, BLOCK_VALUES // self.base.vocabulary)
        blocks = [slice(start, start + step) for start in range(0, len(own), step)]
        parts = [self._block(context, rows, own[rows].astype(np.int64)) for rows in blocks]
        columns = {"own": own, "bytes": np.zeros(len(own)), "position": position}
        columns |= {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        return np.stack([np.asarray(columns[name], dtype=np.float64) for name in TOKEN_COLUMNS], axis=1)

    def _block(self, context: int, rows: slice, own: NDArray[np.int64]) -> dict[str, NDArray[np.float64]]:
        q, q_floored = self.base.log_probabilities(context, rows)
        every, token = np.arange(len(own)), q.argmax(axis=1)
        columns = {
            "log_probability": np.minimum(q[every, own], 0.0),
            "token": token,
            "confidence": np.minimum(np.exp(q[every, token]), 1.0),
        }
        if self.reference is None:
            unknown = np.full(len(own), np.nan)
            rest = 1 - np.where(q_floored, 0.0, np.exp(q)).sum(axis=1)
            return {**columns, "kl_from_reference": unknown, "kl_to_reference": unknown, "tail": np.maximum(rest, 0.0)}
        p, p_floored = self.reference.log_probabilities(context, rows)
        return {**columns, **divergences(p, q, ~(p_floored | q_floored))}


def divergences(
    p: NDArray[np.float64], q: NDArray[np.float64], known: NDArray[np.bool_]
) -> dict[str, NDArray[np.float64]]:
    """KL(p || q) and KL(q || p) in nats, and the share of p that is merged, from log-probabilities [rows, vocabulary].

    Tokens that are not ``known`` in both are merged.
    """
    difference = np.where(known, p - q, 0.0)
    shares_p, shares_q = (np.where(known, np.exp(logs), 0.0) for logs in (p, q))
    rest_p, rest_q = (np.maximum(1 - shares.sum(axis=1), SMALLEST_REST) for shares in (shares_p, shares_q))
    rest = np.log(rest_p / rest_q)
    return {
        "kl_from_reference": np.maximum((shares_p * difference).sum(axis=1) + rest_p * rest, 0.0),
        "kl_to_reference": np.maximum(-(shares_q * difference).sum(axis=1) - rest_q * rest, 0.0),
        "tail": np.minimum(rest_p, 1.0),
    }


def compared(models: Sequence[Model]) -> list[Model]:
    """The models, all but the first of them compared with the first, the reference."""
    stored = []
    for model in models:
        if not isinstance(model, StoredLogits):
            raise ModelError(
                f"model {model.name}: the probabilities of {models[0].name} were stored by llama.cpp, and can only be "
                "compared with stored ones; write a file of this model with --kl-divergence-base"
            )
        stored.append(model)
    reference, *others = stored
    for model in others:
        _refuse_other_shape(model, reference.base)
    return [reference, *(replace(model, reference=reference.base) for model in others)]


def _refuse_other_shape(model: StoredLogits, reference: BaseFile) -> None:
    expected, actual = ((*base.tokens.shape, base.vocabulary) for base in (reference, model.base))
    if actual != expected:
        (c, n, v), (c2, n2, v2) = expected, actual
        raise ModelError(
            f"model {model.name}: {model.base.path} has {c2:,} contexts of {n2:,} tokens and a vocabulary of {v2:,}, "
            f"{reference.path} {c:,} of {n:,} and {v:,}; write both from the same text with the same -c and --chunks"
        )


def open_logits(location: str, *, name: str) -> StoredLogits:
    """The file at this location as a model."""
    path = Path(location).expanduser()
    base = LLAMA_CPP.read(path)
    details = {"contexts": len(base.tokens), "context_tokens": base.tokens.shape[1], "vocabulary": base.vocabulary}
    return StoredLogits(name, Identity(LLAMA_CPP.kind, location, content_hash(path), details), base)


STORED_LOGITS = Backend(
    kind=LLAMA_CPP.kind,
    words=LLAMA_CPP.words,
    recognises=lambda _, path: LLAMA_CPP.recognises(path),
    open=open_logits,
    options=(),
)
"""Log-probabilities in a file of llama.cpp."""
