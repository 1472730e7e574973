"""An ONNX graph that reads sounds, by the preprocessing stated for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from trusteq.errors import ModelError
from trusteq.models.base import Finding, Identity
from trusteq.models.cost_initialisers import initialisers
from trusteq.models.cost_machine import CPU
from trusteq.models.cost_size import Size, file_bytes
from trusteq.models.files import files_hash, read_config
from trusteq.models.labels import configured_labels
from trusteq.models.made import trained_on
from trusteq.models.onnx_answer import answered
from trusteq.models.onnx_external import external_files
from trusteq.models.onnx_file import open_session, output_labels, scores_output
from trusteq.models.onnx_runtime import onnx_runtime
from trusteq.models.opening import Opening, opening
from trusteq.models.preprocessing import with_preprocessing
from trusteq.models.scores import as_probabilities
from trusteq.models.sound_input import SOUNDS, alike, cut_sounds, sound_inputs
from trusteq.models.sound_preprocessing import refuse_other_length
from trusteq.models.traits import Traits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.models.sound_preprocessing import SoundPreprocessing

TYPES = {"float32": "tensor(float)", "float16": "tensor(float16)", "int16": "tensor(int16)", "int8": "tensor(int8)"}


def open_onnx_sounds(
    file: Path,
    how: SoundPreprocessing,
    *,
    location: str,
    name: str,
    labels: Sequence[str] | None = None,
    scores: Literal["logits", "probabilities"] | None = None,
    output: str | None = None,
    budget: int | None = None,
) -> OnnxSounds:
    """A graph of one input that reads sounds; labels and the kind of its scores may stand in the preprocessing."""
    weights = external_files(file, name=name)  # checked before anything is opened
    session = open_session(file, name=name)
    entries = session.get_inputs()
    if len(entries) != 1 or entries[0].type != TYPES[how.dtype]:
        read = ", ".join(f"{entry.name}: {entry.type}" for entry in entries)
        raise ModelError(
            f"model {name}: the graph reads {read}; a model of sounds has one input, here of {TYPES[how.dtype]} "
            f"(dtype: {how.dtype} in its preprocessing)"
        )
    refuse_other_length(how, entries[0].shape[1:], entries[0].name, name=name)
    chosen = scores_output(session.get_outputs(), output, name=name)
    configured = how.labels or configured_labels(read_config(file.parent / "config.json", name=name), name=name)
    unnamed = (
        f"{file} does not name its labels; give them in the order of the outputs with --labels {name}=first,second, or "
        "as labels in its preprocessing"
    )
    names = output_labels(chosen, configured, labels, unnamed=unnamed, name=name)
    files = {"graph": file, **weights}
    details = {
        "inputs": {entry.name: entry.type for entry in entries},
        "output": chosen.name,
        "output type": chosen.type,
        "scores": scores or how.scores or ("probabilities" if chosen.name == "probabilities" else "logits"),
        "producer": session.get_modelmeta().producer_name,
        "providers": session.get_providers(),
        "files": sorted({path.name for path in files.values()}),
        "onnxruntime": onnx_runtime().__version__,
        "preprocessing": how.stated(),
    }
    identity = Identity("onnx", location, with_preprocessing(files_hash(files, name=name), how), details)
    return OnnxSounds(name, names, identity, session, how, budget or SOUNDS, files)


@dataclass(eq=False)
class OnnxSounds:
    """An open session, and what is done to sounds before it. budget: how many sounds of one length run together."""

    name: str
    labels: tuple[str, ...]
    identity: Identity
    session: Any
    preprocessing: SoundPreprocessing
    budget: int
    files: Mapping[str, Path]
    cut: dict[str, int] = field(default_factory=dict)

    def predict(self, items: Items) -> NDArray[np.float64]:
        """Probabilities [items, labels] in float64."""
        (entry,) = self.session.get_inputs()
        inputs = ({entry.name: values} for values in sound_inputs(items, self.preprocessing, self.cut, name=self.name))
        fixed = entry.shape[0] if isinstance(entry.shape[0], int) else None
        axes = len(entry.shape) - 1
        answers, done = np.empty((len(items), len(self.labels))), 0
        for feed in alike(inputs, fixed or self.budget):
            batch, used = feed[entry.name], len(feed[entry.name])
            if fixed:  # filled with copies of the last sound, whose answers are dropped
                batch = np.pad(batch, ((0, fixed - used), (0, 0)), mode="edge")
            # The axis of samples is the one that is not of length 1, or else the last.
            at = next((i for i, size in enumerate(entry.shape[1:]) if size != 1), axes - 1)
            batch = batch.reshape(len(batch), *(batch.shape[1] if i == at else 1 for i in range(axes)))
            answers[done : done + used] = self._run(entry.name, batch, f"item {items.ids[done]!r}")[:used]
            done += used
        kind, output = (self.identity.details[key] for key in ("scores", "output"))
        return as_probabilities(answers, kind, output=output, name=self.name, changed=items.may_be_empty)

    @property
    def traits(self) -> Traits:
        """It runs on the CPU."""
        return Traits(
            reads=frozenset({"sound"}),
            budget=self.budget,
            hears=self.preprocessing.heard(),
            truncated=self.cut,
            device=CPU,
            # 0 leaves it to the runtime, which uses one a physical core.
            threads=lambda: int(self.session.get_session_options().intra_op_num_threads) or None,
            size=self._size,
            opening=self._opening,
            trained_on=partial(trained_on, [self.files["graph"]]),
        )

    def findings(self) -> tuple[Finding, ...]:
        """The sounds of which it did not hear the end."""
        how = self.preprocessing
        return cut_sounds(self.cut, (how.length or 0) / how.rate, name=self.name)

    def _run(self, entry: str, batch: NDArray[Any], what: str) -> NDArray[Any]:
        output = self.identity.details["output"]
        return answered(self.session, {entry: batch}, output, len(self.labels), what=what, name=self.name)

    def _size(self) -> Size:
        weights = initialisers(self.files["graph"])
        return Size(weights.parameters, file_bytes(self.files.values()), weights.bytes)

    def _opening(self) -> Opening | None:
        """How another process can open it; None for a subclass, which would be opened as this class."""
        if type(self) is not OnnxSounds:
            return None
        options = {
            "labels": self.labels,
            "budget": self.budget,
            "output": self.identity.details["output"],
            "scores": self.identity.details["scores"],
            "preprocessing": self.preprocessing.stated(),
        }
        return opening(self.identity, self.name, options, device=CPU, limit=None)
