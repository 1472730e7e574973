"""Pictures or sounds as a torch module learns from them: prepared by the model's own processor, a few at a time."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.items import Items
from trusteq.errors import ModelError
from trusteq.models.library_output import one_line
from trusteq.models.reading import only_segment
from trusteq.models.sound_input import alike
from trusteq.tasks.classes import SMALLEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.compress.media_source import MediaSource
    from trusteq.data.segment import Segment


@dataclass(frozen=True)
class MediaReader:
    """A transformers classifier of pictures or sounds."""

    source: MediaSource
    mask_token: None = None

    def read(self, parts: Sequence[Items]) -> MediaReading:
        """All pictures or sounds, none of them prepared yet."""
        segments = [only_segment(items, self.source.traits.reads or (), name=self.source.name) for items in parts]
        return MediaReading(self.source, type(segments[0]).joined(segments))

    def answers(self, items: Items) -> NDArray[np.float64]:
        """Those of the model."""
        return np.asarray(np.log(np.maximum(self.source.predict(items), SMALLEST)))


@dataclass(frozen=True)
class MediaReading:
    """Pictures or sounds that are prepared when a batch needs them, so that memory does not grow with their number."""

    source: MediaSource
    segment: Segment

    @cached_property
    def lengths(self) -> NDArray[np.int64]:
        """Pixels or samples of each [items]."""
        return self.segment.sizes()

    def logits(self, at: NDArray[np.int64]) -> Any:
        """The classifier's logits [items, labels]; those of one shape run together."""
        import torch

        model = self.source.with_model
        try:
            inputs = list(model.inputs(Items([*map(str, range(len(at)))], {self.segment.kind: self.segment.take(at)})))
            order = sorted(range(len(at)), key=lambda row: [array.shape for array in inputs[row].values()])
            logits = [model.logits(batch) for batch in alike((inputs[row] for row in order), len(at))]
        except torch.OutOfMemoryError:
            raise
        except (RuntimeError, ValueError, TypeError, IndexError, AttributeError, AssertionError) as error:
            raise ModelError(f"model {self.source.name}: failed while learning: {one_line(error)}") from error
        return torch.cat(logits)[torch.from_numpy(np.argsort(order))]
