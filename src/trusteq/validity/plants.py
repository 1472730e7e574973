"""Candidates made from any model of texts by planting one known difference, and the texts that they need.

All of them ask one and the same model, which remembers its answers: a dozen plants cost no more than one.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from trusteq.data.items import Items
from trusteq.errors import DataError
from trusteq.models.base import Finding, Identity
from trusteq.models.probe import predict_all

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.models.base import Model

MARKS = (
    "anyway", "besides", "indeed", "likewise", "otherwise", "perhaps", "somehow", "therefore", "thereby", "hence",
    "notwithstanding", "furthermore", "albeit", "whereby", "henceforth", "moreover",
)  # fmt: skip
"""Words that hardly bear on any question; one a label."""
RARE = 0.01
"""The share of items in which a mark may stand already."""


@dataclass(eq=False)
class Remembering:
    """A model that is asked about each text once."""

    model: Model
    name: str
    known: dict[tuple[str, ...], NDArray[np.float64]] = field(default_factory=dict)

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's own."""
        return self.model.labels

    @property
    def identity(self) -> Identity:
        """The model's own; nothing of it is kept."""
        return Identity("remembering", self.model.identity.location, None)

    def predict(self, items: Items) -> NDArray[np.float64]:
        """The model's probabilities."""
        texts = list(zip(*items.texts(), strict=True))
        new = list(dict.fromkeys(text for text in texts if text not in self.known))
        if new:
            names = list(items.segments)
            parts = {name: [text[i] for text in new] for i, name in enumerate(names)}
            asked = Items([str(i) for i in range(len(new))], parts, may_be_empty=True)
            self.known.update(zip(new, predict_all(self.model, asked).values, strict=True))
        return np.stack([self.known[text] for text in texts])

    def findings(self) -> tuple[Finding, ...]:
        """What the model noticed, under this name."""
        return tuple(replace(finding, model=self.name) for finding in self.model.findings())


@dataclass(eq=False)
class Planted:
    """A candidate that asks ``model`` and changes what it says."""

    model: Model
    name: str

    @property
    def labels(self) -> tuple[str, ...]:
        """The model's own."""
        return self.model.labels

    @property
    def identity(self) -> Identity:
        """What was planted."""
        return Identity("planted", type(self).__name__, None)

    def predict(self, items: Items) -> NDArray[np.float64]:
        """The changed probabilities."""
        return self.changed(np.asarray(self.model.predict(items), dtype=np.float64), items)

    def changed(self, answers: NDArray[np.float64], items: Items) -> NDArray[np.float64]:
        """The same."""
        return answers

    def findings(self) -> tuple[Finding, ...]:
        """Nothing but what was planted."""
        return ()


class Copy(Planted):
    """Nothing changed."""


class Random(Planted):
    """Answers drawn from the text's hash, whatever it says."""

    def changed(self, answers: NDArray[np.float64], items: Items) -> NDArray[np.float64]:
        """Probabilities that add up to 1."""
        drawn = []
        for texts in zip(*items.texts(), strict=True):
            key = hashlib.sha256("\x00".join(texts).encode("utf-8", "surrogatepass")).digest()
            drawn.append(
                np.random.default_rng(np.frombuffer(key, dtype=np.uint32)).dirichlet(np.ones(len(self.labels)))
            )
        return np.array(drawn)


class Unsure(Planted):
    """The same answers, at three times the temperature."""

    def changed(self, answers: NDArray[np.float64], items: Items) -> NDArray[np.float64]:
        """Flatter probabilities in the same order."""
        flat = np.maximum(answers, 1e-12) ** (1 / 3)
        return np.asarray(flat / flat.sum(axis=1, keepdims=True))


@dataclass(eq=False)
class Shortcut(Planted):
    """Answers by a mark where the text ends with one; else as the model does.

    marks: the words, one a label. confidence: how sure.
    """

    marks: tuple[str, ...]
    confidence: float

    def changed(self, answers: NDArray[np.float64], items: Items) -> NDArray[np.float64]:
        """The model's answers, but for marked texts."""
        found, count = answers.copy(), len(self.labels)
        for i, texts in enumerate(zip(*items.texts(), strict=True)):
            label = _mark_in(texts, self.marks)
            if label is not None:
                found[i] = (1 - self.confidence) / (count - 1)
                found[i, label] = self.confidence
        return found


def _mark_in(texts: Sequence[str], marks: Sequence[str]) -> int | None:
    """The number of the mark that the last text ends with."""
    last = re.findall(r"\w+", texts[-1])
    return marks.index(last[-1]) if last and last[-1] in marks else None


def marks_for(items: Items, count: int) -> tuple[str, ...]:
    """As many words that are next to never in the texts."""
    held = [set(re.findall(r"\w+", " ".join(texts).lower())) for texts in zip(*items.texts(), strict=True)]
    free = [mark for mark in MARKS if sum(mark in words for words in held) <= RARE * len(held)]
    if len(free) < count:
        raise DataError(
            f"{items.source}: {count} labels, but only {len(free)} words are left to plant; use other items"
        )
    return tuple(free[:count])


def marked(items: Items, answers: NDArray[np.int64], marks: Sequence[str], *, share: float, seed: int) -> Items:
    """The items, a share of which end in the mark of their answer (codes [items] into the marks)."""
    *_, last = items.segments
    texts = list(items.texts()[-1])
    for i, id_ in enumerate(items.ids):
        lot = hashlib.sha256(f"{seed}\x00mark\x00{id_}".encode("utf-8", "surrogatepass")).digest()
        if int.from_bytes(lot[:8], "big") < share * 2**64:
            texts[i] = f"{texts[i]} {marks[answers[i]]}"
    return replace(items, segments={**items.segments, last: texts})
