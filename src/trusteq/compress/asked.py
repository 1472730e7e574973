"""What a candidate is asked before it is accepted: made-up texts, pictures, sounds, or numbers of a graph's inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from trusteq.compress.graph_source import GraphSource, answer
from trusteq.compress.media_source import PictureSource, SoundSource
from trusteq.data.items import Items
from trusteq.data.pictures import Pictures
from trusteq.data.sounds import Sounds
from trusteq.models.token_rows import joined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.models.token_rows import TokenModel, TokenRows
    from trusteq.models.transformer import TransformerModel

COUNT = 8
"""How many texts, pairs of texts, pictures or sounds it is asked about."""
SECONDS, LOUDNESS = (0.5, 1.0), (0.5, 1e-4)
"""How long sounds last, from the shortest to the longest, and how loud they are, every other one."""


class Asked(Protocol):
    """Something that a model and its candidate are both asked."""

    def answers(self, model: Any) -> NDArray[np.float64]:
        """The probabilities, or the scores where only these are compared, that a model gives."""

    def read_otherwise(self, source: Any, saved: Any) -> str | None:
        """What the candidate's files do otherwise with what they read than the original's; None if nothing."""


def asked_of(source: Any) -> Asked:
    """What candidates of this model are asked."""
    if isinstance(source, PictureSource):
        return OfMedia(_random_pictures(source))
    if isinstance(source, SoundSource):
        return OfMedia(_random_sounds(source))
    if isinstance(source, GraphSource):
        return OfNumbers(source.feed())
    return OfTexts(_random_texts(source))


@dataclass(frozen=True)
class OfTexts:
    """Texts, and pairs of texts."""

    groups: tuple[list[tuple[str, ...]], ...]

    def answers(self, model: Any) -> NDArray[np.float64]:
        """The probabilities [texts, labels]."""
        return np.asarray(np.exp(model.answer(self.rows(model))))

    def read_otherwise(self, source: Any, saved: Any) -> str | None:
        """Whether texts become other tokens."""
        rows, saved_rows = self.rows(source), self.rows(saved)
        if np.array_equal(saved_rows.starts, rows.starts) and np.array_equal(saved_rows.ids, rows.ids):
            return None
        return "the saved model splits texts into other tokens"

    def rows(self, model: TokenModel) -> TokenRows:
        """The tokens of the texts, by a model's own tokenizer."""
        return joined([model.encode(group) for group in self.groups])


@dataclass(frozen=True)
class OfMedia:
    """Pictures of random pixels, or sounds of random samples."""

    items: Items

    def answers(self, model: Any) -> NDArray[np.float64]:
        """The probabilities [items, labels]."""
        answers: NDArray[np.float64] = model.predict(self.items)
        return answers

    def read_otherwise(self, source: Any, saved: Any) -> str | None:
        """Whether they are prepared otherwise; a graph's preprocessing is the processor's in other words."""
        kind = next(iter(self.items.segments))
        before, after = (_prepared(model) for model in (source, saved))
        return None if after is None or after == before else f"the saved model prepares {kind}s otherwise"


@dataclass(frozen=True)
class OfNumbers:
    """Numbers of a graph's inputs, by name; it is asked nothing if there are none."""

    feed: dict[str, NDArray[Any]]

    def answers(self, model: Any) -> NDArray[np.float64]:
        """The scores [items, labels]."""
        return answer(model, self.feed) if self.feed else np.empty((0, len(model.labels)))

    def read_otherwise(self, source: Any, saved: Any) -> str | None:
        """Whether another preprocessing is stated."""
        stated = [model.identity.details.get("preprocessing") for model in (source, saved)]
        return None if stated[0] == stated[1] else "the saved model has another preprocessing"


def _random_texts(source: TransformerModel) -> tuple[list[tuple[str, ...]], ...]:
    """Texts of 1 to 40 of the model's own tokens, and pairs of them."""
    rng = np.random.default_rng(0)

    def text() -> str:
        ids = rng.integers(0, len(source.tokenizer), rng.integers(1, 41))
        return source.tokenizer.decode(ids, skip_special_tokens=True).strip() or "a"

    return [(text(),) for _ in range(COUNT)], [(text(), text()) for _ in range(COUNT)]


def _random_pictures(source: PictureSource) -> Items:
    """Pictures of the size that the model reads, and as many of others, if its processor resizes pictures."""
    rng = np.random.default_rng(0)
    how, side = source.opened.preprocessing, getattr(source.model.config, "image_size", 64)
    own = how.size if how is not None else (side, side) if isinstance(side, int) else tuple(side)
    sizes = [own if i % 2 or how is None else (own[0] + 3 * i + 1, own[1] + 5) for i in range(COUNT)]
    pixels = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    return Items([str(i) for i in range(COUNT)], {"picture": Pictures.of_arrays(pixels)})


def _random_sounds(source: SoundSource) -> Items:
    """Noise, loud and quiet and all of different lengths, at the rate that the model hears."""
    rng = np.random.default_rng(0)
    rate = source.opened.rate
    sizes = np.linspace(*SECONDS, COUNT) * rate
    samples = [LOUDNESS[i % 2] * rng.uniform(-1, 1, round(size)) for i, size in enumerate(sizes)]
    return Items([str(i) for i in range(COUNT)], {"sound": Sounds.of_arrays(samples, rate=rate)})


def _prepared(model: Any) -> Any:
    """What is stated of a processor of pictures, or of a feature extractor of sounds; None of a graph."""
    return model.identity.details.get("settings") or model.traits.hears
