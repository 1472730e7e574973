"""A map saved into an ONNX graph: as nodes between what gave its scores and the output of that name.

Logits stay logits and probabilities stay probabilities, so the graph is read as before. The nodes exist in every
version of ONNX from 8 on. What else in the graph reads the scores, such as the choice of a label, reads those after the
map.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.compress.calibrate_maps import SMALLEST, Isotonic, Temperature, Vector, others
from trusteq.compress.onnx_graph import write_beside, write_graph
from trusteq.errors import MissingExtraError
from trusteq.models.layers import does_not_apply
from trusteq.stats.rows import PROBABILITY_FLOOR

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from trusteq.compress.calibrate_maps import CalibrationMap, Line, MapName

FIRST_OPSET = 8
"""Before it, Max and Min do not broadcast."""

DEFAULT_OPSET = 13
"""For a graph that has used no operator of ONNX itself."""


@dataclass(frozen=True)
class Scores:
    """The scores of a graph, as a place for a map. output: their name. logits: what they are, else probabilities."""

    source: Any
    output: str
    logits: bool
    dtype: type

    @property
    def cannot(self) -> Mapping[MapName, str]:
        """The maps that it cannot hold: none."""
        return {}

    @property
    def floor(self) -> float:
        """The smallest probability that the map is given."""
        return SMALLEST if self.logits else PROBABILITY_FLOOR

    @property
    def where(self) -> str:
        """What holds the map, for a recipe."""
        return self.output

    def write(self, folder: Path, fitted: CalibrationMap) -> None:
        """Copy the graph and the files beside it to a folder, with the map in the graph."""
        import onnx

        write_graph(self.source, "calibrate", folder)
        write_beside(self.source, "calibrate", folder)
        model = onnx.load(folder / "model.onnx", load_external_data=False)
        _insert(model, self, fitted)
        onnx.save(model, folder / "model.onnx")


def scores_of(source: Any) -> Scores:
    """The scores of a graph; an error if a map cannot be put behind them."""
    try:
        import onnx
    except ModuleNotFoundError as error:
        raise MissingExtraError("method calibrate of an ONNX graph", package="onnx") from error
    details = source.identity.details
    output, kind = details["output"], details["output type"]
    if kind not in ("tensor(float)", "tensor(double)"):
        why = (
            "its scores come as a map from label to probability; export it with zipmap=False"
            if "map(" in kind
            else f"its scores are {kind}, too coarse for a map; export it with scores in 32 bits"
        )
        raise does_not_apply(source, "calibrate", why)
    model = onnx.load(source.file, load_external_data=False)
    opset = _opset(model)
    if opset is not None and opset < FIRST_OPSET:
        raise does_not_apply(
            source, "calibrate", f"its opset is {opset}, and a map needs {FIRST_OPSET} or later; export it anew"
        )
    if not any(output in node.output for node in model.graph.node):
        raise does_not_apply(source, "calibrate", f"its output {output!r} is computed by none of its nodes")
    return Scores(source, output, details["scores"] == "logits", np.float32 if kind == "tensor(float)" else np.float64)


def _opset(model: Any) -> int | None:
    return next((int(entry.version) for entry in model.opset_import if entry.domain in {"", "ai.onnx"}), None)


def _insert(model: Any, scores: Scores, fitted: CalibrationMap) -> None:
    """Put the map's nodes behind the node that gave the scores, which become those after the map."""
    import onnx

    nodes = model.graph.node
    at = next(i for i, node in enumerate(nodes) if scores.output in node.output)
    used = {name for node in nodes for name in (node.name, *node.input, *node.output)}
    used |= {tensor.name for tensor in model.graph.initializer}
    prefix = "calibration"
    while any(name.startswith(f"{prefix}/") for name in used):
        prefix += "_"
    before = f"{prefix}/before"
    nodes[at].output[:] = [before if name == scores.output else name for name in nodes[at].output]
    chain = Chain(prefix, scores.dtype)
    _after(chain, before, scores, fitted)
    chain.nodes[-1].output[:] = [scores.output]
    for i, node in enumerate(chain.nodes):
        nodes.insert(at + 1 + i, node)
    model.graph.initializer.extend(chain.constants)
    if _opset(model) is None:
        model.opset_import.append(onnx.helper.make_opsetid("", DEFAULT_OPSET))


@dataclass
class Chain:
    """Nodes, each of which may read the outputs of those before it, and the numbers that they read."""

    prefix: str
    dtype: type
    nodes: list[Any] = field(default_factory=list)
    constants: list[Any] = field(default_factory=list)

    def add(self, operator: str, *inputs: str | NDArray[Any] | float, **attributes: Any) -> str:
        """The name of what a new node puts out; numbers among its inputs become constants."""
        import onnx

        names = [one if isinstance(one, str) else self._constant(np.asarray(one)) for one in inputs]
        name = f"{self.prefix}/{len(self.nodes)} {operator}"
        self.nodes.append(onnx.helper.make_node(operator, names, [name], name=name, **attributes))
        return name

    def _constant(self, values: NDArray[Any]) -> str:
        import onnx

        name = f"{self.prefix}/constant {len(self.constants)}"
        typed = values if values.dtype == np.int64 else values.astype(self.dtype)
        self.constants.append(onnx.numpy_helper.from_array(np.ascontiguousarray(typed), name))
        return name


def _after(chain: Chain, before: str, scores: Scores, fitted: CalibrationMap) -> str:
    """The scores after the map."""
    if isinstance(fitted, Isotonic):
        return _after_lines(chain, before, scores, fitted)
    logs = before if scores.logits else chain.add("Log", chain.add("Max", before, PROBABILITY_FLOOR))
    if isinstance(fitted, Temperature):
        made = chain.add("Mul", logs, 1 / fitted.temperature)
    else:
        assert isinstance(fitted, Vector)  # noqa: S101 - there are no others
        labels = len(fitted.scale)
        mean = chain.add("MatMul", logs, np.full((labels, 1), 1 / labels))
        made = chain.add("Add", chain.add("Mul", chain.add("Sub", logs, mean), fitted.scale), fitted.bias)
    return made if scores.logits else chain.add("Softmax", made, axis=1)


def _after_lines(chain: Chain, before: str, scores: Scores, fitted: Isotonic) -> str:
    """The scores after a line for each label."""
    labels = len(fitted.lines)
    p = chain.add("Max", chain.add("Softmax", before, axis=1) if scores.logits else before, PROBABILITY_FLOOR)
    x = chain.add("Sub", chain.add("Log", p), chain.add("Log", chain.add("MatMul", p, others(labels))))
    # [items, labels, 1]: the last axis is that of a line's pieces.
    deep = chain.add("Reshape", x, np.array([-1, labels, 1]))
    start, width, slope, base, last = _pieces(fitted.lines)
    # Each piece adds what it rises by as far as x goes along it: sums of a few parts of one sign, which round little.
    along = chain.add("Min", chain.add("Relu", chain.add("Sub", deep, start)), width)
    risen = chain.add("MatMul", chain.add("Mul", along, slope), np.ones((start.shape[1], 1)))
    made = chain.add("Add", chain.add("Reshape", risen, np.array([-1, labels])), base)
    made = chain.add("Add", made, chain.add("Relu", chain.add("Sub", x, last)))
    first = np.array([line.at[0] for line in fitted.lines])
    made = chain.add("Sub", made, chain.add("Relu", chain.add("Sub", first, x)))
    share = chain.add("Sigmoid", made)
    if scores.logits:
        return chain.add("Log", share)
    return chain.add("Div", share, chain.add("MatMul", share, np.ones((labels, 1))))


def _pieces(lines: tuple[Line, ...]) -> tuple[NDArray[np.float64], ...]:
    """Each piece's start, width and slope [labels, pieces]; what becomes of each line's first point and where it ends.

    Lines with fewer pieces have others of no width.
    """
    most = max(1, *(len(line.at) - 1 for line in lines))
    start, width, slope = np.zeros((len(lines), most)), np.zeros((len(lines), most)), np.zeros((len(lines), most))
    for k, line in enumerate(lines):
        pieces = len(line.at) - 1
        start[k, :pieces], width[k, :pieces] = line.at[:-1], np.diff(line.at)
        slope[k, :pieces] = np.diff(line.becomes) / np.diff(line.at)
    base, last = np.array([line.becomes[0] for line in lines]), np.array([line.at[-1] for line in lines])
    return start, width, slope, base, last
