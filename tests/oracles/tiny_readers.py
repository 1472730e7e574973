"""Tiny language models that read texts, as an audit is given them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from oracles import tiny_causal

import trusteq
from trusteq.models.base import Identity
from trusteq.models.causal.beside import read_alone, read_beside
from trusteq.models.traits import Traits

WORDS = ("good", "bad", "film", "the", "was", "very", "not", "a", "man", "plays", "guitar", "😀", "outside")


@dataclass(eq=False)
class TinyReader:
    """A language model in memory, and its tokenizer."""

    name: str
    model: Any
    tokenizer: Any = field(default_factory=tiny_causal.tokenizer)
    context: int | None = 64
    labels: tuple[str, ...] = ()

    @property
    def identity(self):
        weights = b"".join(p.detach().numpy().tobytes() for p in self.model.parameters())
        return Identity("causal", "here", hashlib.sha256(weights).hexdigest())

    @property
    def traits(self):
        return Traits(task="tokens", changeable=False, budget=256, beside=read_beside)

    @property
    def vocabulary(self):
        return self.model.config.vocab_size

    def predict(self, items):
        return read_alone(self, items)

    def documents(self, items):
        return list(items.texts()[0])

    def findings(self):
        return ()


def texts(count=40, *, clusters=None):
    """Items of a few words each; every tenth is a single letter, of which nothing is predicted."""
    rng = np.random.default_rng(3)
    written = [" ".join(rng.choice(WORDS, int(n))) if i % 10 else "x" for i, n in enumerate(rng.integers(3, 25, count))]
    topic = [("art", "sport")[i % 2] for i in range(count)]
    return trusteq.Items(
        [f"d{i:03}" for i in range(count)], {"text": written}, columns={"topic": topic}, clusters=clusters
    )
