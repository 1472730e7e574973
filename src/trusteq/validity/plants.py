"""Candidates made from any text model by planting one known difference, and the texts that they need.

They all query the same model, whose answers are cached: a dozen candidates cost no more than one.
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
"""Words that hardly matter to any question; each label gets one."""
RARE = 0.01
"""The largest share of items that may already contain a mark."""


@dataclass(eq=False)
class Remembering:
    """A model that caches its answers, so that each text is predicted once."""

    model: Model
    name: str
    cache: dict[tuple[str, ...], NDArray[np.float64]] = field(default_factory=dict)

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
        texts = list(zip(*items.texts(), strict=True))
        new = list(dict.fromkeys(text for text in texts if text not in self.cache))
        if new:
            names = list(items.segments)
            parts = {name: [text[i] for text in new] for i, name in enumerate(names)}
            questions = Items([str(i) for i in range(len(new))], parts, may_be_empty=True)
            self.cache.update(zip(new, predict_all(self.model, questions).values, strict=True))
        return np.stack([self.cache[text] for text in texts])

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
    """Random answers, drawn from a hash of the text."""

    def changed(self, answers: NDArray[np.float64], items: Items) -> NDArray[np.float64]:
        """Random probabilities that sum to 1."""
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
    """Answers by the mark that the text ends with; if there is none, as the model does.

    marks: the words, one a label. confidence: the probability of a mark's label.
    """

    marks: tuple[str, ...]
    confidence: float

    def changed(self, answers: NDArray[np.float64], items: Items) -> NDArray[np.float64]:
        """The model's answers, except to marked texts."""
        changed, count = answers.copy(), len(self.labels)
        for i, texts in enumerate(zip(*items.texts(), strict=True)):
            label = _mark_in(texts, self.marks)
            if label is not None:
                changed[i] = (1 - self.confidence) / (count - 1)
                changed[i, label] = self.confidence
        return changed


def _mark_in(texts: Sequence[str], marks: Sequence[str]) -> int | None:
    """The number of the mark that the last text ends with; None if there is none."""
    last = re.findall(r"\w+", texts[-1])
    return marks.index(last[-1]) if last and last[-1] in marks else None


def marks_for(items: Items, count: int) -> tuple[str, ...]:
    """The first ``count`` of `MARKS` that hardly ever occur in the texts."""
    vocabularies = [set(re.findall(r"\w+", " ".join(texts).lower())) for texts in zip(*items.texts(), strict=True)]
    free = [mark for mark in MARKS if sum(mark in words for words in vocabularies) <= RARE * len(vocabularies)]
    if len(free) < count:
        raise DataError(
            f"{items.source}: {count} labels need as many words to plant, but only {len(free)} of those tried are rare "
            "enough in these texts; use other items"
        )
    return tuple(free[:count])


def marked(items: Items, answers: NDArray[np.int64], marks: Sequence[str], *, share: float, seed: int) -> Items:
    """The items, of which a share now ends with the mark of its answer (codes [items], positions in the marks)."""
    *_, last = items.segments
    texts = list(items.texts()[-1])
    for i, id_ in enumerate(items.ids):
        key = hashlib.sha256(f"{seed}\x00mark\x00{id_}".encode("utf-8", "surrogatepass")).digest()
        if int.from_bytes(key[:8], "big") < share * 2**64:
            texts[i] = f"{texts[i]} {marks[answers[i]]}"
    return replace(items, segments={**items.segments, last: texts})
