"""What the ViT protocol asks of a model that cuts its input into patches: logits and gradients of changed inputs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from trusteq.data.items import Items


class PatchModel(Protocol):
    """A model whose input, the normalised pixels of a picture, it reads in patches.

    ``half`` computes in 16 bits on a GPU, as the published scripts do there; elsewhere it changes nothing.
    """

    @property
    def patch(self) -> tuple[int, int]:
        """Height and width of a patch."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of its input."""

    def inputs(self, items: Items) -> Iterator[NDArray[np.float32]]:
        """The input [channels, height, width] that it makes of each picture."""

    def logits(self, inputs: NDArray[np.float32], *, half: bool = False) -> NDArray[np.float32]:
        """Logits [pictures, labels] of inputs [pictures, channels, height, width], labels in its own order."""

    def gradients(self, inputs: NDArray[np.float32], label: int, *, half: bool = False) -> NDArray[np.float32]:
        """Gradients [pictures, channels, height, width] of the label's logit by each input."""


def patch_of(config: Any) -> tuple[int, int] | None:
    """Height and width of a model's patches by its configuration; None if it has none."""
    patch = getattr(config, "patch_size", None)
    sides = (patch, patch) if isinstance(patch, int) else tuple(patch) if isinstance(patch, list | tuple) else ()
    if len(sides) != 2 or not all(isinstance(side, int) and side > 0 for side in sides):
        return None
    return sides[0], sides[1]


@dataclass(frozen=True)
class TransformerPatches:
    """A transformers model in patches.

    prepared: the inputs that its processor makes of pictures [channels, height, width].
    """

    model: Any
    patch: tuple[int, int]
    prepared: Callable[[Items], Iterator[NDArray[Any]]]
    prepared_one: Callable[[NDArray[np.uint8]], NDArray[Any]]

    @cached_property
    def size(self) -> tuple[int, int]:
        """Height and width of its input."""
        height, width = self.prepared_one(np.zeros((64, 64, 3), np.uint8)).shape[-2:]
        return height, width

    def inputs(self, items: Items) -> Iterator[NDArray[np.float32]]:
        """The input [channels, height, width] that its processor makes of each picture."""
        return (np.asarray(values, np.float32) for values in self.prepared(items))

    def logits(self, inputs: NDArray[np.float32], *, half: bool = False) -> NDArray[np.float32]:
        """Logits [pictures, labels]."""
        import torch

        with torch.inference_mode():
            logits: NDArray[np.float32] = self._answers(torch.from_numpy(inputs), half).numpy(force=True)
        return logits

    def gradients(self, inputs: NDArray[np.float32], label: int, *, half: bool = False) -> NDArray[np.float32]:
        """Gradients [pictures, channels, height, width] of the label's logit."""
        import torch

        with torch.enable_grad():
            pixels = torch.from_numpy(inputs).requires_grad_()
            # Each picture's logit depends on its own pixels only, so the sum's gradient holds all of them.
            (gradient,) = torch.autograd.grad(self._answers(pixels, half)[:, label].sum(), pixels)
        result: NDArray[np.float32] = gradient.numpy(force=True)
        return result

    def _answers(self, pixels: Any, half: bool) -> Any:
        import torch

        device = self.model.device
        in_half = half and device.type == "cuda"
        with torch.autocast(device.type, torch.float16, enabled=in_half):
            return self.model(pixel_values=pixels.to(device, self.model.dtype)).logits.float()
