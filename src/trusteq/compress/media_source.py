"""A transformers classifier of pictures or sounds as compression sees it: a loaded checkpoint and its processor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from trusteq.models.layers import does_not_apply

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.models.base import Identity
    from trusteq.models.picture_transformer import PictureTransformer
    from trusteq.models.preprocessing import Preprocessing
    from trusteq.models.sound_preprocessing import SoundPreprocessing
    from trusteq.models.sound_transformer import SoundTransformer
    from trusteq.models.traits import Traits


@dataclass(eq=False)
class MediaSource:
    """A loaded classifier. opened: as for an audit. model: its torch module, or another in its place."""

    opened: PictureTransformer | SoundTransformer
    model: Any

    @property
    def name(self) -> str:
        """Its name in messages."""
        return self.opened.name

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of its outputs."""
        return self.opened.labels

    @property
    def identity(self) -> Identity:
        """What it is and where it came from."""
        return self.opened.identity

    @property
    def files(self) -> Mapping[str, Path]:
        """The files that it was loaded from, by name."""
        return self.opened.loaded.files

    @property
    def traits(self) -> Traits:
        """Those of the model as it was opened."""
        return self.opened.traits

    @property
    def with_model(self) -> PictureTransformer | SoundTransformer:
        """The classifier as opened, with the torch module in ``model``."""
        return replace(self.opened, loaded=replace(self.opened.loaded, model=self.model))

    def predict(self, items: Items) -> NDArray[np.float64]:
        """Probabilities [items, labels] of the torch module in ``model``."""
        return self.with_model.predict(items)

    def stated(self, method: str) -> Preprocessing | SoundPreprocessing:
        """What its processor does to an item, to be written beside a graph; an error if that cannot be said."""
        how = self.opened.preprocessing
        if how is None:
            kind, processor = next(iter(self.traits.reads or ())), type(self.opened.loaded.processor).__name__
            raise does_not_apply(
                self,
                method,
                f"what {processor} does to a {kind} cannot be stated in a preprocessing file, which a graph needs",
            )
        return how.model_copy(update={"labels": self.labels, "scores": "logits"})


@dataclass(eq=False)
class PictureSource(MediaSource):
    """A loaded classifier of pictures."""

    opened: PictureTransformer


@dataclass(eq=False)
class SoundSource(MediaSource):
    """A loaded classifier of sounds."""

    opened: SoundTransformer
