"""A transformers classifier of sounds, from a folder or from the hub, with its own feature extractor."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.predictions import softmax
from trusteq.errors import ModelError
from trusteq.models.architectures import architectures
from trusteq.models.auto_class import is_sound_model
from trusteq.models.backend import Backend
from trusteq.models.base import Finding, Identity
from trusteq.models.checkpoint import PROCESSOR, first_few
from trusteq.models.cost_size import Size, file_bytes, memory_bytes
from trusteq.models.files import files_hash
from trusteq.models.labels import configured_labels, label_names
from trusteq.models.library_output import offline, one_line, quiet_transformers
from trusteq.models.loaded_checkpoint import LoadedCheckpoint, loaded_checkpoint, prepare
from trusteq.models.made import trained_on
from trusteq.models.opening import Opening, opening
from trusteq.models.options import BUDGET, DEVICE, DOWNLOAD, LABELS
from trusteq.models.sound_extractor import extracted, preprocessing_by
from trusteq.models.sound_input import SOUNDS, alike, cut_sounds, note_cut, sounds_at
from trusteq.models.traits import Traits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.models.sound_preprocessing import SoundPreprocessing

FILES = ("config.json", "*.safetensors", "*.safetensors.index.json", PROCESSOR)
"""The files that are fetched from a hub."""


def open_sound_transformer(
    location: str,
    *,
    name: str,
    labels: Sequence[str] | None = None,
    budget: int | None = None,
    device: str | None = None,
    download: bool = False,
) -> SoundTransformer:
    """A classifier loaded from safetensors, and its feature extractor, which prepares each sound by itself.

    Arguments are those of `transformer.open_transformer`; ``budget`` counts sounds.
    """
    with _without_torchaudio():
        loaded = loaded_checkpoint(
            location,
            "AutoModelForAudioClassification",
            FILES,
            name=name,
            also=(PROCESSOR,),
            device=device,
            download=download,
            processor="AutoFeatureExtractor",
        )
    extractor = loaded.processor
    rate = getattr(extractor, "sampling_rate", None)
    if not isinstance(rate, int):
        raise ModelError(f"model {name}: {type(extractor).__name__} states no sampling_rate; correct {PROCESSOR}")
    details = {**loaded.details(), "extractor": type(extractor).__name__, "rate": rate, "torchaudio": "not used"}
    config = loaded.model.config.to_dict()
    names = label_names(configured_labels(config, name=name), labels, name=name)
    identity = Identity("transformers sounds", location, files_hash(loaded.files, name=name), details)
    return SoundTransformer(name, names, identity, loaded, rate, budget or SOUNDS)


@dataclass(eq=False)
class SoundTransformer:
    """A loaded classifier, which hears sounds at one rate. budget: how many of one length run together."""

    name: str
    labels: tuple[str, ...]
    identity: Identity
    loaded: LoadedCheckpoint
    rate: int
    budget: int
    cut: dict[str, int] = field(default_factory=dict)

    def predict(self, items: Items) -> NDArray[np.float64]:
        """Probabilities [items, labels]: the softmax of the logits, in float64."""
        import torch

        logits, done = np.empty((len(items), len(self.labels))), 0
        with quiet_transformers(), offline(), torch.inference_mode():
            try:
                for batch in alike(self.inputs(items), self.budget):
                    size = len(next(iter(batch.values())))
                    logits[done : done + size] = self.logits(batch).cpu().numpy()
                    done += size
            except (RuntimeError, ValueError, TypeError, IndexError, AttributeError, AssertionError) as error:
                raise ModelError(
                    f"model {self.name}: failed while answering item {items.ids[done]!r}: {one_line(error)}"
                ) from error
        return softmax(logits)

    @property
    def traits(self) -> Traits:
        """Those of a model that reads sounds."""
        import torch

        return Traits(
            reads=frozenset({"sound"}),
            budget=self.budget,
            hears=self._settings if self.preprocessing is None else self.preprocessing.heard(),
            truncated=self.cut,
            device=str(self.loaded.model.device),
            threads=torch.get_num_threads,
            size=self._size,
            opening=self._opening,
            trained_on=partial(trained_on, self.loaded.files.values()),
        )

    def findings(self) -> tuple[Finding, ...]:
        """The sounds of which it did not hear the end, and tensors in the files that the model does not use."""
        return (*cut_sounds(self.cut, (self._limit or 0) / self.rate, name=self.name), *self._unused())

    def _unused(self) -> tuple[Finding, ...]:
        unused = self.loaded.unused
        if not unused:
            return ()
        message = (
            f"tensors in its files that {self.identity.details['architecture']} does not use: {len(unused)} "
            f"({first_few(unused)})"
        )
        return (Finding(self.name, "unused weights", message, len(unused)),)

    def inputs(self, items: Items) -> Iterator[dict[str, NDArray[Any]]]:
        """What its feature extractor makes of each sound by itself, so that no answer depends on other sounds."""
        extractor = self.loaded.processor
        for sound in sounds_at(items, self.rate, name=self.name):
            note_cut(self.cut, sound, self._limit)
            with _without_torchaudio():
                made = extracted(extractor, sound.samples(), self.rate)
            yield made

    @cached_property
    def preprocessing(self) -> SoundPreprocessing | None:
        """What its extractor does, if that can be said in trusteq's terms."""
        with quiet_transformers(), _without_torchaudio():
            return preprocessing_by(self.loaded.processor, self.rate)

    @property
    def _limit(self) -> int | None:
        """The number of samples after which its extractor drops the rest; None if there is no such number."""
        extractor = self.loaded.processor
        samples = getattr(extractor, "n_samples", None)
        if type(extractor).__name__ == "ASTFeatureExtractor":  # counts frames of 400 samples, a new one every 160
            samples = (extractor.max_length - 1) * 160 + 400 + 159
        return samples if isinstance(samples, int) else None

    def logits(self, batch: dict[str, NDArray[Any]]) -> Any:
        """The logits [sounds, labels] of inputs of one shape, as a tensor."""
        import torch

        model = self.loaded.model
        inputs = {}
        for key, values in batch.items():
            tensor = torch.from_numpy(np.ascontiguousarray(values)).to(model.device)
            inputs[key] = tensor.to(model.dtype) if tensor.is_floating_point() else tensor
        return model(**inputs).logits.float()

    @property
    def _settings(self) -> dict[str, Any]:
        """Which extractor it has, and those of its settings that say how a sound is scaled and cut."""
        of = self.loaded.processor
        stated = {key: getattr(of, key) for key in ("do_normalize", "mean", "std", "max_length") if hasattr(of, key)}
        return {"rate": self.rate, "extractor": type(of).__name__, **stated}

    def _size(self) -> Size:
        parameters = self.identity.details.get("parameters")
        return Size(parameters, file_bytes(self.loaded.files.values()), memory_bytes(self.loaded.model))

    def _opening(self) -> Opening | None:
        """How another process can open it; None for a subclass, which would be opened as this class."""
        if type(self) is not SoundTransformer:
            return None
        details = self.identity.details
        # By default, quantized weights stay where their loader puts them.
        device = None if details["quantization"] else details["device"]
        options = {"labels": self.labels, "budget": self.budget, "device": device}
        return opening(self.identity, self.name, options, device=str(self.loaded.model.device), limit=None)


@contextmanager
def _without_torchaudio() -> Iterator[None]:
    """Within the context, features are computed by numpy: where torchaudio happens to be installed, too.

    transformers computes the same spectrogram by torchaudio if it can, with other numbers as a result.
    """
    from transformers.models.audio_spectrogram_transformer import (
        feature_extraction_audio_spectrogram_transformer as ast,
    )

    kept = ast.is_speech_available
    ast.is_speech_available = lambda: False
    try:
        yield
    finally:
        ast.is_speech_available = kept


def _classifies_sounds(spec: str, path: Any) -> bool:
    return any(map(is_sound_model, architectures(spec, path)))


SOUND_TRANSFORMERS = Backend(
    kind="transformers sounds",
    words="a transformers model of sounds",
    recognises=_classifies_sounds,
    open=open_sound_transformer,
    options=(LABELS, BUDGET, DEVICE, DOWNLOAD),
    prepare=partial(prepare, "AutoModelForAudioClassification"),
)
