"""Two models with a known difference on simulated items, as plain arrays and as models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import trusteq
from trusteq.data.predictions import softmax

LABELS = ("no", "maybe", "yes")


@dataclass(frozen=True)
class Table:
    """A model that knows its answers by id."""

    name: str
    answers: dict[str, Any]
    labels: tuple[str, ...] = LABELS
    content: str | None = None
    reads_text: bool = False

    @property
    def identity(self) -> Any:
        from trusteq.models.base import Identity

        return Identity("table", self.name, self.content)

    def predict(self, items: trusteq.Items) -> Any:
        return np.array([self.answers[id_] for id_ in items.ids])

    def findings(self) -> tuple[Any, ...]:
        return ()


def probabilities(
    n: int, *, noise: float = 0.3, sharpness: float = 1.0, seed: int = 0, spread: float = 3.0
) -> tuple[Any, Any, Any]:
    """Reference, candidate [n, 3] and gold codes [n]; noise and sharpness are the candidate's."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(size=(n, 3)) * spread
    gold = (truth + rng.gumbel(size=truth.shape)).argmax(axis=1)
    return softmax(truth), softmax((truth + rng.normal(size=truth.shape) * noise) * sharpness), gold


def case(n: int = 400, **planted: Any) -> tuple[Table, Table, trusteq.Items]:
    """A reference, a candidate called "small", and their items with labels and a column "group"."""
    reference, candidate, gold = probabilities(n, **planted)
    ids = [f"i{i}" for i in range(n)]
    items = trusteq.Items(
        ids=ids,
        labels=gold,
        label_names=LABELS,
        columns={"group": ["odd" if i % 2 else "even" for i in range(n)]},
    )
    return (
        Table("large", dict(zip(ids, reference, strict=True))),
        Table("small", dict(zip(ids, candidate, strict=True))),
        items,
    )
