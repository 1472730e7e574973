"""An ONNX graph as compression sees it: the file, what it is asked about, and the files beside it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.errors import LabelError, ModelError
from trusteq.models.files import TOKENIZER_FILES, matching
from trusteq.models.onnx_answer import answered
from trusteq.models.onnx_file import graph_file
from trusteq.models.onnx_session import DTYPES, OnnxModel, open_onnx
from trusteq.models.preprocessing import Preprocessing
from trusteq.models.sound_preprocessing import SoundPreprocessing

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from trusteq.models.base import Identity
    from trusteq.models.onnx_pictures import OnnxPictures
    from trusteq.models.onnx_sounds import OnnxSounds
    from trusteq.models.traits import Traits

    Graph = OnnxModel | OnnxPictures | OnnxSounds

MADE_UP = 2
"""The length of an axis that a graph leaves open and nothing states, where it is asked about made-up numbers."""


def open_graph_source(location: str, *, name: str) -> GraphSource:
    """The graph of a .onnx file or of a folder with one, opened as for an audit."""
    file = graph_file(Path(location).expanduser(), name=name)
    if not (file.parent / "config.json").is_file():
        try:
            return GraphSource(open_onnx(location, name=name))
        except LabelError:
            raise ModelError(
                f"model {name}: no config.json with id2label beside {file.name}; copy it there from the folder of the "
                "model that it was made of, with tokenizer.json if it reads texts"
            ) from None
    return GraphSource(open_onnx(location, name=name))


@dataclass(eq=False)
class GraphSource:
    """An open graph. model: None, since no torch module computes what it does."""

    opened: Graph
    model: None = None

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
    def file(self) -> Path:
        """The .onnx file."""
        return self.opened.files["graph"]

    @property
    def files(self) -> Mapping[str, Path]:
        """The graph, and the files with its weights, by the names that it has for them."""
        weights = {key.removeprefix("weights/"): path for key, path in self.opened.files.items() if "weights/" in key}
        return {"model.onnx": self.file, **weights}

    @property
    def beside(self) -> Mapping[str, Path]:
        """The files beside the graph that belong to the model, by the names that they have beside model.onnx."""
        stated = self.file.with_suffix(".yaml")
        reads_texts = "text" in (self.opened.traits.reads or ())
        found = matching(self.file.parent, ["config.json", *(TOKENIZER_FILES if reads_texts else ())])
        return {**found, **({"model.yaml": stated} if stated.is_file() else {})}

    @property
    def traits(self) -> Traits:
        """Those of the model as it was opened."""
        return self.opened.traits

    def feed(self) -> dict[str, NDArray[Any]]:
        """Numbers of one item that the graph answers, made up; none if it answers no such numbers."""
        rng = np.random.default_rng(0)
        feed: dict[str, NDArray[Any]] = {}
        for entry in self.opened.session.get_inputs():
            dtype, own = DTYPES[entry.type], self._shape(len(entry.shape) - 1)
            shape = [size if isinstance(size, int) else open_ for size, open_ in zip(entry.shape, own, strict=True)]
            numbers = rng.normal(size=shape) if np.issubdtype(dtype, np.floating) else rng.integers(0, 2, shape)
            feed[entry.name] = numbers.astype(str).astype(object) if dtype is np.object_ else numbers.astype(dtype)
        try:
            answer(self.opened, feed)
        except ModelError:
            return {}
        return feed

    def _shape(self, axes: int) -> tuple[int, ...]:
        """The length of each axis of one item that the graph leaves open."""
        how = getattr(self.opened, "preprocessing", None)
        if isinstance(how, Preprocessing):
            return (1, *how.shape)
        return (1, *[how.length or how.rate if isinstance(how, SoundPreprocessing) else MADE_UP] * axes)


def answer(model: Graph, feed: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    """The scores [items, labels] that a graph gives for numbers of its inputs."""
    output, labels = model.identity.details["output"], len(model.labels)
    scores = answered(model.session, feed, output, labels, what="made-up numbers", name=model.name)
    return np.asarray(scores, dtype=np.float64)
