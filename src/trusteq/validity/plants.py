"""Candidates made from any model by planting one known difference.

They all query the same model, whose answers are cached: a dozen candidates cost no more than one.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from trusteq.data.items import Items
from trusteq.models.base import Finding, Identity
from trusteq.models.probe import predict_all
from trusteq.validity.marks import hidden_from, read_in

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from trusteq.data.segment import Segment
    from trusteq.models.base import Model
    from trusteq.validity.marks import Mark


@dataclass(eq=False)
class Remembering:
    """A model that caches its answers, so that each item is predicted once; it never sees what ``mark`` hides."""

    model: Model
    name: str
    mark: Mark | None = None
    cache: dict[bytes, NDArray[np.float64]] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's labels."""
        return self.model.labels

    @property
    def identity(self) -> Identity:
        """The model's location, without a hash."""
        return Identity("remembering", self.model.identity.location, None)

    def predict(self, items: Items) -> NDArray[np.float64]:
        """The model's probabilities."""
        seen = items if self.mark is None else hidden_from(items, self.mark)
        keys = list(_keys(seen))
        new = {key: i for i, key in reversed(list(enumerate(keys))) if key not in self.cache}
        if new:
            at = np.array(sorted(new.values()), dtype=np.int64)
            parts = {name: segment.take(at) for name, segment in seen.segments.items()}
            questions = Items([str(i) for i in range(len(at))], parts, may_be_empty=True)
            answers = predict_all(self.model, questions).values
            self.cache.update(zip((keys[i] for i in at.tolist()), answers, strict=True))
        return np.stack([self.cache[key] for key in keys])

    def findings(self) -> tuple[Finding, ...]:
        """What the model noticed, under this name."""
        return tuple(replace(finding, model=self.name) for finding in self.model.findings())


@dataclass(eq=False)
class Planted:
    """A candidate that queries ``model`` and changes its answers."""

    model: Model
    name: str

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's labels."""
        return self.model.labels

    @property
    def identity(self) -> Identity:
        """What was planted."""
        return Identity("planted", type(self).__name__, None)

    def predict(self, items: Items) -> NDArray[np.float64]:
        """The changed probabilities."""
        return self.changed(np.asarray(self.model.predict(items), dtype=np.float64), items)

    def changed(self, answers: NDArray[np.float64], items: Items) -> NDArray[np.float64]:
        """The answers unchanged; subclasses plant a difference."""
        return answers

    def findings(self) -> tuple[Finding, ...]:
        """None."""
        return ()


class Copy(Planted):
    """Nothing changed."""


class Random(Planted):
    """Random answers, drawn from a hash of the item."""

    def changed(self, answers: NDArray[np.float64], items: Items) -> NDArray[np.float64]:
        """Random probabilities that sum to 1."""
        drawn = []
        for key in _keys(items):
            seed = np.frombuffer(hashlib.sha256(key).digest(), dtype=np.uint32)
            drawn.append(np.random.default_rng(seed).dirichlet(np.ones(len(self.labels))))
        return np.array(drawn)


class Unsure(Planted):
    """The same answers, at three times the temperature."""

    def changed(self, answers: NDArray[np.float64], items: Items) -> NDArray[np.float64]:
        """Flatter probabilities in the same order."""
        flat = np.maximum(answers, 1e-12) ** (1 / 3)
        return np.asarray(flat / flat.sum(axis=1, keepdims=True))


@dataclass(eq=False)
class Shortcut(Planted):
    """Answers by the mark that an item has; if there is none, as the model does.

    confidence: the probability of a mark's label.
    """

    mark: Mark
    confidence: float

    def changed(self, answers: NDArray[np.float64], items: Items) -> NDArray[np.float64]:
        """The model's answers, except to marked items."""
        changed, labels = answers.copy(), read_in(items, self.mark)
        has = np.flatnonzero(labels >= 0)
        changed[has] = (1 - self.confidence) / (len(self.labels) - 1)
        changed[has, labels[has]] = self.confidence
        return changed


def _keys(items: Items) -> Iterator[bytes]:
    """What tells each item from others: its texts as they are, and the keys of other segments."""
    return map(b"\x00".join, zip(*map(_keys_of, items.segments.values()), strict=True))


def _keys_of(segment: Segment) -> Iterator[bytes]:
    texts = segment.texts()
    return segment.keys() if texts is None else (text.encode("utf-8", "surrogatepass") for text in texts)
