"""ONNX graphs that keep their weights in a file, told of wherever a graph may hold a tensor."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import helper

if TYPE_CHECKING:
    from pathlib import Path

WEIGHTS = np.ones((2, 3), np.float32)
FLOAT = onnx.TensorProto.FLOAT
OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]


def graphs_elsewhere(folder: Path) -> list[str]:
    """The names of the graphs, each in a folder of its own with its weights, which may not all be read."""
    for kind, model in _models().items():
        place = folder / kind
        (place / "sub").mkdir(parents=True)
        (place / "m.onnx").write_bytes(model.SerializeToString())
        (place / "config.json").write_text(json.dumps({"id2label": {"0": "a", "1": "b", "2": "c"}}))
        for name in ("w", "other", "sub/w"):
            (place / name).write_bytes(WEIGHTS.tobytes())
    return [f"{kind}/m.onnx" for kind in _models()]


def _models() -> dict[str, Any]:
    product = helper.make_node("MatMul", ["x", "w"], ["logits"])
    constant = helper.make_node("Constant", [], ["w"], value=elsewhere())
    inner = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "b", [], [_value("y", 3)], [elsewhere()])
    branch = helper.make_node("If", ["c"], ["logits"], then_branch=inner, else_branch=inner)
    true = onnx.numpy_helper.from_array(np.array(True), "c")
    body = helper.make_function("own", "F", ["x"], ["logits"], [constant, product], OPSETS[:1])
    sparse = onnx.SparseTensorProto(dims=[2, 3], values=elsewhere(shape=[6]))
    sparse.indices.CopyFrom(onnx.numpy_helper.from_array(np.arange(6), "i"))
    arrays = [onnx.numpy_helper.from_array(np.array(2), "n"), onnx.numpy_helper.from_array(0 * WEIGHTS, "w0")]
    zeros = helper.make_node("MatMul", ["x", "w0"], ["zeros"])
    within = onnx.numpy_helper.from_array(WEIGHTS, "w")
    trained = _model([product], [within])
    trained.training_info.add().algorithm.CopyFrom(inner)
    return {
        "initialiser": _model([product], [elsewhere()]),
        "constant": _model([constant, product]),
        "branch": _model([branch], [true]),
        "loop": _model([zeros, _loop()], [true, *arrays]),
        "function": _model([helper.make_node("F", ["x"], ["logits"], domain="own")], functions=[body]),
        "sparse": _model([product], sparse_initializer=[sparse]),
        "training": trained,
    }


def elsewhere(location: str = "w", shape: tuple[int, ...] | list[int] = (2, 3)) -> Any:
    """The tensor w, its values in a file."""
    made = onnx.TensorProto(name="w", dims=shape, data_type=FLOAT, data_location=onnx.TensorProto.EXTERNAL)
    made.external_data.add(key="location", value=location)
    return made


def _loop() -> Any:
    body = helper.make_graph(
        [helper.make_node("Identity", ["c0"], ["c1"]), helper.make_node("MatMul", ["x", "w"], ["y1"])],
        "body",
        [
            helper.make_tensor_value_info("i", onnx.TensorProto.INT64, []),
            helper.make_tensor_value_info("c0", onnx.TensorProto.BOOL, []),
            _value("y0", 3),
        ],
        [helper.make_tensor_value_info("c1", onnx.TensorProto.BOOL, []), _value("y1", 3)],
        [elsewhere()],
    )
    return helper.make_node("Loop", ["n", "c", "zeros"], ["logits"], body=body)


def _value(name: str, width: int) -> Any:
    return helper.make_tensor_value_info(name, FLOAT, ["r", width])


def _model(nodes: list[Any], initialisers: Any = (), functions: Any = (), **more: Any) -> Any:
    graph = helper.make_graph(nodes, "g", [_value("x", 2)], [_value("logits", 3)], list(initialisers), **more)
    return helper.make_model(graph, opset_imports=OPSETS, ir_version=9, functions=list(functions))
