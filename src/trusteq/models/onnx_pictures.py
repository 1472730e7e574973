"""An ONNX graph that reads pictures, by the preprocessing stated for it."""

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
from trusteq.models.picture_input import PICTURES, picture_inputs, pillow, pillow_version
from trusteq.models.preprocessing import refuse_other_shape, with_preprocessing
from trusteq.models.scores import as_probabilities
from trusteq.models.traits import Traits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.models.preprocessing import Preprocessing

TYPES = {"float32": "tensor(float)", "float16": "tensor(float16)", "uint8": "tensor(uint8)", "int8": "tensor(int8)"}


def open_onnx_pictures(
    file: Path,
    how: Preprocessing,
    *,
    location: str,
    name: str,
    labels: Sequence[str] | None = None,
    scores: Literal["logits", "probabilities"] | None = None,
    output: str | None = None,
    budget: int | None = None,
) -> OnnxPictures:
    """A graph of one input that reads pictures; labels and the kind of its scores may stand in the preprocessing."""
    pillow(name=name)
    weights = external_files(file, name=name)  # checked before anything is opened
    session = open_session(file, name=name)
    entries = session.get_inputs()
    if len(entries) != 1:
        listed = ", ".join(entry.name for entry in entries)
        raise ModelError(f"model {name}: the graph reads {listed}; a model of pictures has one input")
    (entry,) = entries
    if len(entry.shape) != 4:
        raise ModelError(
            f"model {name}: input {entry.name!r} has shape {list(entry.shape)}; pictures need 4 axes: [items, "
            "height, width, channels] or [items, channels, height, width]"
        )
    refuse_other_shape(how, entry.shape[1:], entry.name, name=name)
    if entry.type != TYPES[how.dtype]:
        raise ModelError(
            f"model {name}: input {entry.name!r} is {entry.type}, but the preprocessing says dtype: {how.dtype}; "
            "correct it"
        )
    chosen = scores_output(session.get_outputs(), output, name=name)
    configured = how.labels or configured_labels(read_config(file.parent / "config.json", name=name), name=name)
    unnamed = (
        f"{file} does not name its labels; give them in the order of the outputs with --labels {name}=first,second, or "
        "as labels in its preprocessing"
    )
    names = output_labels(chosen, configured, labels, unnamed=unnamed, name=name)
    files = {"graph": file, **weights}
    details = {
        "inputs": {entry.name: entry.type},
        "output": chosen.name,
        "output type": chosen.type,
        "scores": scores or how.scores or ("probabilities" if chosen.name == "probabilities" else "logits"),
        "producer": session.get_modelmeta().producer_name,
        "providers": session.get_providers(),
        "files": sorted({path.name for path in files.values()}),
        "onnxruntime": onnx_runtime().__version__,
        "preprocessing": how.stated(),
        "pillow": pillow_version(),
    }
    content = with_preprocessing(files_hash(files, name=name), how)
    identity = Identity("onnx", location, content, details)
    return OnnxPictures(name, names, identity, session, how, budget or PICTURES, files)


@dataclass(eq=False)
class OnnxPictures:
    """An open session, and what is done to pictures before it.

    alone: whether the graph has refused more than one picture at a time.
    """

    name: str
    labels: tuple[str, ...]
    identity: Identity
    session: Any
    preprocessing: Preprocessing
    budget: int
    files: Mapping[str, Path]
    alone: bool = field(default=False, init=False)

    def predict(self, items: Items) -> NDArray[np.float64]:
        """Probabilities [items, labels] in float64."""
        return self._predict(items, self.preprocessing)

    def through(self, items: Items, other: Preprocessing) -> NDArray[np.float64]:
        """The same of pictures that are resized and cropped as another model's are."""
        return self._predict(items, self.preprocessing.seeing_as(other))

    @property
    def traits(self) -> Traits:
        """It runs on the CPU."""
        return Traits(
            reads=frozenset({"picture"}),
            budget=self.budget,
            preprocessing=self.preprocessing,
            through=self.through,
            device=CPU,
            # 0 leaves it to the runtime, which uses one a physical core.
            threads=lambda: int(self.session.get_session_options().intra_op_num_threads) or None,
            size=self._size,
            opening=self._opening,
            trained_on=partial(trained_on, [self.files["graph"]]),
        )

    def findings(self) -> tuple[Finding, ...]:
        """None."""
        return ()

    def _predict(self, items: Items, how: Preprocessing) -> NDArray[np.float64]:
        answers = np.empty((len(items), len(self.labels)))
        for start, batch in _batches(picture_inputs(items, how, name=self.name), self._fixed or self.budget):
            answers[start : start + len(batch)] = self._answer(batch, f"item {items.ids[start]!r}")
        kind, output = (self.identity.details[key] for key in ("scores", "output"))
        return as_probabilities(answers, kind, output=output, name=self.name, changed=items.may_be_empty)

    def _answer(self, batch: NDArray[Any], what: str) -> NDArray[Any]:
        """The scores [pictures, labels] of one batch; one picture at a time where the graph refuses more."""
        if self._fixed:  # filled with copies of the last picture, whose answers are dropped
            missing = self._fixed - len(batch)
            return self._run(np.concatenate([batch, batch[-1:].repeat(missing, 0)]), what)[: len(batch)]
        if not self.alone:
            try:
                return self._run(batch, what)
            except ModelError:
                if len(batch) == 1:
                    raise
        singly = np.concatenate([self._run(batch[i : i + 1], what) for i in range(len(batch))])
        self.alone = True
        return singly

    @property
    def _fixed(self) -> int | None:
        """How many pictures the graph takes if it takes only that many."""
        size = self.session.get_inputs()[0].shape[0]
        return size if isinstance(size, int) else None

    def _run(self, batch: NDArray[Any], what: str) -> NDArray[Any]:
        feed, output = {self.session.get_inputs()[0].name: batch}, self.identity.details["output"]
        return answered(self.session, feed, output, len(self.labels), what=what, name=self.name)

    def _size(self) -> Size:
        weights = initialisers(self.files["graph"])
        return Size(weights.parameters, file_bytes(self.files.values()), weights.bytes)

    def _opening(self) -> Opening | None:
        """How another process can open it; None for a subclass, which would be opened as this class."""
        if type(self) is not OnnxPictures:
            return None
        options = {
            "labels": self.labels,
            "budget": self.budget,
            "output": self.identity.details["output"],
            "scores": self.identity.details["scores"],
            "preprocessing": self.preprocessing.stated(),
        }
        return opening(self.identity, self.name, options, device=CPU, limit=None)


def _batches(inputs: Iterator[NDArray[Any]], size: int) -> Iterator[tuple[int, NDArray[Any]]]:
    """Where each batch starts, and its arrays as one."""
    start, batch = 0, []
    for values in inputs:
        batch.append(values)
        if len(batch) == size:
            yield start, np.stack(batch)
            start, batch = start + size, []
    if batch:
        yield start, np.stack(batch)
