"""A transformers classifier of pictures, from a folder or from the hub, with its own image processor."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.predictions import softmax
from trusteq.errors import ModelError
from trusteq.models.architectures import architectures
from trusteq.models.auto_class import is_picture_model
from trusteq.models.backend import Backend
from trusteq.models.base import Finding, Identity
from trusteq.models.checkpoint import PROCESSOR, first_few
from trusteq.models.cost_size import Size, file_bytes, memory_bytes
from trusteq.models.files import files_hash
from trusteq.models.labels import configured_labels, label_names
from trusteq.models.library_output import is_failure, offline, one_line, quiet_transformers
from trusteq.models.loaded_checkpoint import LoadedCheckpoint, loaded_checkpoint, prepare
from trusteq.models.made import trained_on
from trusteq.models.opening import Opening, opening
from trusteq.models.options import BUDGET, DEVICE, DOWNLOAD, LABELS
from trusteq.models.patches import TransformerPatches, patch_of
from trusteq.models.picture_input import PICTURES, picture_inputs, pillow, pillow_version
from trusteq.models.picture_processor import preprocessing_by, processed, settings_of
from trusteq.models.preprocessing import MOST_PIXELS
from trusteq.models.reading import only_segment
from trusteq.models.traits import Traits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.models.preprocessing import Preprocessing

FILES = ("config.json", "*.safetensors", "*.safetensors.index.json", PROCESSOR)
"""The files that are fetched from a hub."""


def open_picture_transformer(
    location: str,
    *,
    name: str,
    labels: Sequence[str] | None = None,
    budget: int | None = None,
    device: str | None = None,
    download: bool = False,
) -> PictureTransformer:
    """A classifier loaded from safetensors, and its image processor with Pillow, whatever else is installed.

    Arguments are those of `transformer.open_transformer`; ``budget`` counts pictures.
    """
    pillow(name=name)
    loaded = loaded_checkpoint(
        location,
        "AutoModelForImageClassification",
        FILES,
        name=name,
        also=(PROCESSOR,),
        device=device,
        download=download,
        processor="AutoImageProcessor",
        backend="pil",
    )
    processor = loaded.processor
    if getattr(processor, "backend", None) != "pil":
        raise ModelError(
            f"model {name}: {type(processor).__name__} has no version for Pillow, and pictures are prepared with "
            "nothing else; export the model to ONNX"
        )
    settings = settings_of(processor)
    for key, sides in settings.items():
        if isinstance(sides, dict) and any(isinstance(side, int) and side > MOST_PIXELS for side in sides.values()):
            raise ModelError(f"model {name}: {key} in {PROCESSOR} is {sides}, more than {MOST_PIXELS:,} pixels a side")
    with quiet_transformers(), offline():
        try:
            how = preprocessing_by(processor)
        except BaseException as error:
            if not is_failure(error):
                raise
            raise ModelError(
                f"model {name}: {type(processor).__name__} cannot prepare a picture: {one_line(error)}; correct "
                f"{PROCESSOR}"
            ) from error
    details = {
        **loaded.details(),
        "processor": type(processor).__name__,
        "settings": settings,
        "preprocessing": None if how is None else how.stated(),
        "pillow": pillow_version(),
    }
    config = loaded.model.config.to_dict()
    names = label_names(configured_labels(config, name=name), labels, name=name)
    identity = Identity("transformers pictures", location, files_hash(loaded.files, name=name), details)
    return PictureTransformer(name, names, identity, loaded, how, budget or PICTURES)


@dataclass(eq=False)
class PictureTransformer:
    """A loaded classifier. preprocessing: what its processor does, if that can be said in trusteq's terms."""

    name: str
    labels: tuple[str, ...]
    identity: Identity
    loaded: LoadedCheckpoint
    preprocessing: Preprocessing | None
    budget: int

    def predict(self, items: Items) -> NDArray[np.float64]:
        """Probabilities [items, labels]: the softmax of the logits, in float64."""
        return self._predict(items, self._processed(items))

    def through(self, items: Items, other: Preprocessing) -> NDArray[np.float64]:
        """The same of pictures that are resized and cropped as another model's are."""
        if self.preprocessing is None:
            raise ModelError(f"model {self.name}: {self.identity.details['processor']} cannot be changed")
        return self._predict(items, picture_inputs(items, self.preprocessing.seeing_as(other), name=self.name))

    @property
    def traits(self) -> Traits:
        """Those of a model that reads pictures."""
        import torch

        return Traits(
            reads=frozenset({"picture"}),
            budget=self.budget,
            preprocessing=self.preprocessing,
            through=None if self.preprocessing is None else self.through,
            patches=self._patches(),
            device=str(self.loaded.model.device),
            threads=torch.get_num_threads,
            size=self._size,
            opening=self._opening,
            trained_on=partial(trained_on, self.loaded.files.values()),
        )

    def findings(self) -> tuple[Finding, ...]:
        """Tensors in the files that the model does not use."""
        unused = self.loaded.unused
        if not unused:
            return ()
        message = (
            f"tensors in its files that {self.identity.details['architecture']} does not use: {len(unused)} "
            f"({first_few(unused)})"
        )
        return (Finding(self.name, "unused weights", message, len(unused)),)

    def _patches(self) -> TransformerPatches | None:
        patch = patch_of(self.loaded.model.config)
        if patch is None:
            return None
        return TransformerPatches(
            self.loaded.model, patch, self._processed, lambda pixels: processed(self.loaded.processor, pixels)
        )

    def inputs(self, items: Items) -> Iterator[dict[str, NDArray[Any]]]:
        """What its torch module reads of each picture by itself, by the name of the argument."""
        return ({"pixel_values": values} for values in self._processed(items))

    def logits(self, batch: dict[str, NDArray[Any]]) -> Any:
        """The logits [pictures, labels] of inputs of one shape, as a tensor."""
        import torch

        model = self.loaded.model
        pixels = torch.from_numpy(batch["pixel_values"]).to(model.device, model.dtype)
        return model(pixel_values=pixels).logits.float()

    def _processed(self, items: Items) -> Iterator[NDArray[Any]]:
        """What its processor makes of each picture; a few are decoded at a time."""
        pictures = only_segment(items, {"picture"}, name=self.name)
        for start in range(0, len(items), PICTURES):
            at = np.arange(start, min(start + PICTURES, len(items)))
            for pixels in pictures.take(at).inputs():
                yield processed(self.loaded.processor, pixels)

    def _predict(self, items: Items, inputs: Iterable[NDArray[Any]]) -> NDArray[np.float64]:
        import torch

        logits, done = np.empty((len(items), len(self.labels))), 0
        with quiet_transformers(), offline(), torch.inference_mode():
            try:
                for batch in _batches(inputs, self.budget):
                    logits[done : done + len(batch)] = self._forward(batch)
                    done += len(batch)
            except (RuntimeError, ValueError, TypeError, IndexError, AttributeError, AssertionError) as error:
                raise ModelError(
                    f"model {self.name}: failed while answering item {items.ids[done]!r}: {one_line(error)}"
                ) from error
        return softmax(logits)

    def _forward(self, batch: NDArray[Any]) -> NDArray[np.float32]:
        """Logits [pictures, labels] of one batch."""
        logits: NDArray[np.float32] = self.logits({"pixel_values": batch}).cpu().numpy()
        return logits

    def _size(self) -> Size:
        parameters = self.identity.details.get("parameters")
        return Size(parameters, file_bytes(self.loaded.files.values()), memory_bytes(self.loaded.model))

    def _opening(self) -> Opening | None:
        """How another process can open it; None for a subclass, which would be opened as this class."""
        if type(self) is not PictureTransformer:
            return None
        details = self.identity.details
        # By default, quantized weights stay where their loader puts them.
        device = None if details["quantization"] else details["device"]
        options = {"labels": self.labels, "budget": self.budget, "device": device}
        return opening(self.identity, self.name, options, device=str(self.loaded.model.device), limit=None)


def _batches(inputs: Iterable[NDArray[Any]], budget: int) -> Iterator[NDArray[Any]]:
    """Consecutive inputs of one shape, at most ``budget`` together."""
    batch: list[NDArray[Any]] = []
    for values in inputs:
        if batch and (len(batch) == budget or values.shape != batch[0].shape):
            yield np.stack(batch)
            batch = []
        batch.append(values)
    if batch:
        yield np.stack(batch)


def _classifies_pictures(spec: str, path: Any) -> bool:
    return any(map(is_picture_model, architectures(spec, path)))


def _prepare(architecture: str | None) -> None:
    prepare("AutoModelForImageClassification", architecture)
    prepare("AutoImageProcessor", None)


PICTURE_TRANSFORMERS = Backend(
    kind="transformers pictures",
    words="a transformers model of pictures",
    recognises=_classifies_pictures,
    open=open_picture_transformer,
    options=(LABELS, BUDGET, DEVICE, DOWNLOAD),
    prepare=_prepare,
)
