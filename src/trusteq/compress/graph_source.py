"""An ONNX graph as compression sees it: the file, what it is asked about, and the files beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.models.files import TOKENIZER_FILES, matching
from trusteq.models.onnx_by_label import table
from trusteq.models.onnx_session import DTYPES, OnnxModel, open_onnx

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from trusteq.models.base import Identity
    from trusteq.models.onnx_pictures import OnnxPictures
    from trusteq.models.onnx_sounds import OnnxSounds
    from trusteq.models.traits import Traits

    Graph = OnnxModel | OnnxPictures | OnnxSounds

MADE_UP = 2
"""The length of an axis that a graph leaves open, where it is asked about numbers that are made up."""


def open_graph_source(location: str, *, name: str) -> GraphSource:
    """The graph of a .onnx file or of a folder with one, opened as for an audit."""
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
        reads_texts = isinstance(self.opened, OnnxModel) and self.opened.tokenizer is not None
        found = matching(self.file.parent, ["config.json", *(TOKENIZER_FILES if reads_texts else ())])
        return {**found, **({"model.yaml": stated} if stated.is_file() else {})}

    @property
    def traits(self) -> Traits:
        """Those of the model as it was opened."""
        return self.opened.traits

    def feed(self) -> dict[str, NDArray[Any]]:
        """Numbers of the types and shapes that the graph reads, made up."""
        rng = np.random.default_rng(0)
        feed: dict[str, NDArray[Any]] = {}
        for entry in self.opened.session.get_inputs():
            shape, dtype = [size if isinstance(size, int) else MADE_UP for size in entry.shape], DTYPES[entry.type]
            numbers = rng.normal(size=shape) if np.issubdtype(dtype, np.floating) else rng.integers(0, 2, shape)
            feed[entry.name] = numbers.astype(str).astype(object) if dtype is np.object_ else numbers.astype(dtype)
        return feed


def answer(model: Graph, feed: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
    """The scores that a graph gives for numbers of its inputs."""
    (scores,) = model.session.run([model.identity.details["output"]], feed)
    return np.asarray(table(scores), dtype=np.float64)
