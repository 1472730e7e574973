"""Rounded weights of an ONNX graph as the whole numbers and steps that they are, so that the graph stays small.

The exporter writes weights in float32. Those that lie on a known grid are put back: up to 4 bits into ONNX Runtime's
own operator MatMulNBits, whose weights are (q - 8) * step, others as 8-bit numbers that standard operators multiply.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from trusteq.compress.trainee import Trainee

GROUPS = (16, 32, 64, 128, 256)
"""The numbers of weights with one step that MatMulNBits takes."""
OFFSET, LARGEST = 8, 7
"""What MatMulNBits subtracts from the 4 bits of a weight, and the largest whole number that it can hold."""
IN_32_BITS = 1
"""MatMulNBits' accuracy_level: activations are not rounded."""


def with_rounded_weights(file: Path, learner: Trainee) -> dict[str, int]:
    """Rewrite a graph with the module's rounded weights as such; returns how many are held in which bits."""
    import onnx

    model = onnx.load(file)
    graph = model.graph
    weights = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    known = _by_value(learner)
    counts = {"4 bits": 0, "8 bits": 0}
    nodes: list[Any] = []
    for node in graph.node:
        weight = weights.get(node.input[1]) if node.op_type in ("MatMul", "Gemm") else None
        found = None if weight is None else known.get((node.op_type == "MatMul", weight.shape, weight.tobytes()))
        if found is None:
            nodes.append(node)
            continue
        whole, steps = found
        few = int(np.abs(whole + 0.5).max()) <= LARGEST and whole.shape[1] // steps.shape[1] in GROUPS
        counts["4 bits" if few else "8 bits"] += 1
        make = _in_4_bits if few else _in_8_bits
        made, tensors = make(node, whole, steps)
        nodes += made
        for tensor in tensors:
            if tensor.name not in weights:
                graph.initializer.append(tensor)
                weights[tensor.name] = onnx.numpy_helper.to_array(tensor)
    del graph.node[:]
    graph.node.extend(nodes)
    read = {name for node in nodes for name in node.input}
    unread = [tensor for tensor in graph.initializer if tensor.name not in read]
    for tensor in unread:
        graph.initializer.remove(tensor)
    if counts["4 bits"]:
        model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    onnx.save(model, file)
    return {bits: count for bits, count in counts.items() if count}


def _by_value(learner: Trainee) -> Mapping[Any, tuple[NDArray[Any], NDArray[Any]]]:
    """The whole numbers and steps of each rounded weight by the values that the graph holds, turned or not."""
    from trusteq.compress.parametrizations import on_grid

    found = {}
    for whole, place in learner.grids.values():
        steps = learner.tensors[place].float()
        values = on_grid(whole, steps).numpy()
        grid = whole.numpy(), steps.reshape(len(whole), -1).numpy()
        found[False, values.shape, values.tobytes()] = grid
        found[True, values.T.shape, values.T.tobytes()] = grid
    return found


def _in_4_bits(node: Any, whole: NDArray[Any], steps: NDArray[Any]) -> tuple[list[Any], list[Any]]:
    """The node as a MatMulNBits, and an addition if it adds."""
    from onnx import helper, numpy_helper

    rows, columns = whole.shape
    group = columns // steps.shape[1]
    q = (whole.astype(np.int16) + OFFSET).astype(np.uint8).reshape(rows, -1, group)
    name = node.input[1]
    tensors = [
        numpy_helper.from_array(q[:, :, 0::2] | q[:, :, 1::2] << 4, f"{name}_4_bits"),
        numpy_helper.from_array(steps.reshape(-1), f"{name}_scale"),
    ]
    adds = node.op_type == "Gemm" and len(node.input) > 2
    product = f"{node.output[0]}_product" if adds else node.output[0]
    made = [
        helper.make_node(
            "MatMulNBits",
            [node.input[0], tensors[0].name, tensors[1].name],
            [product],
            name=f"{node.name}_4_bits",
            domain="com.microsoft",
            K=columns,
            N=rows,
            bits=4,
            block_size=group,
            accuracy_level=IN_32_BITS,
        )
    ]
    if adds:
        made.append(helper.make_node("Add", [product, node.input[2]], list(node.output), name=f"{node.name}_added"))
    return made, tensors


def _in_8_bits(node: Any, whole: NDArray[Any], steps: NDArray[Any]) -> tuple[list[Any], list[Any]]:
    """The node behind those that multiply 8-bit numbers by their steps, which runtimes do once, when a graph opens.

    DequantizeLinear says the same, but ONNX Runtime then joins it with the product and rounds activations, too.
    """
    from onnx import TensorProto, helper, numpy_helper

    rows, groups = steps.shape
    name, turned = node.input[1], node.op_type == "MatMul"
    q, floats, scale, shape, product, flat, weight = (
        f"{name}_{part}" for part in ("8_bits", "as_floats", "scale", "shape", "product", "flat", "weight")
    )
    tensors = [
        numpy_helper.from_array(whole.astype(np.int8).reshape(rows, groups, -1), q),
        numpy_helper.from_array(steps[:, :, None], scale),
        numpy_helper.from_array(np.array(whole.shape, dtype=np.int64), shape),
    ]
    made = [
        helper.make_node("Cast", [q], [floats], name=floats, to=TensorProto.FLOAT),
        helper.make_node("Mul", [floats, scale], [product], name=product),
        helper.make_node("Reshape", [product, shape], [flat], name=flat),
    ]
    if turned:
        made.append(helper.make_node("Transpose", [flat], [weight], name=weight, perm=[1, 0]))
    copied = type(node)()
    copied.CopyFrom(node)
    copied.input[1] = weight if turned else flat
    return [*made, copied], tensors
