"""ONNX graphs in 8 bits, by ONNX Runtime: activations are rounded when it runs, or to scales found beforehand."""

from __future__ import annotations

import logging
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.compress.compressed import Compressed, attempt
from trusteq.compress.graph_source import GraphSource
from trusteq.compress.onnx_graph import write_beside, write_graph
from trusteq.errors import ModelError
from trusteq.models.layers import does_not_apply
from trusteq.models.onnx_file import open_session
from trusteq.models.onnx_runtime import onnx_runtime
from trusteq.models.onnx_session import open_onnx
from trusteq.progress import silent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from trusteq.compress.graph_source import Graph
    from trusteq.data.items import Items
    from trusteq.progress import Tell

FIRST_OPSET = 11
"""Older graphs would only be called version 11, without being converted to it."""

CHANNELS_OPSET = 13
"""Before it, DequantizeLinear takes one scale a tensor; with one a channel, ONNX Runtime writes an invalid graph."""

INT8 = (2, 3)
"""TensorProto's numbers of uint8 and int8."""

WARNING, FATAL = 2, 4
"""ONNX Runtime's severities: the one from which it logs by default, and the highest."""

ROUNDED = ("QLinear", "QuantizeLinear", "DequantizeLinear", "DynamicQuantize", "ConvInteger", "MatMulInteger")
"""How the operators of a quantized graph begin."""


def dynamic(source: Any) -> Compressed:
    """The graph with 8-bit weights; activations are rounded when it runs, with one scale a batch.

    Weights are unsigned, with one scale a column: on processors without VNNI, signed ones overflow the 16-bit sums of
    ONNX Runtime's kernels, so the same file would give different answers there.
    """
    method = "int8-onnx"
    onnx_runtime()
    from onnxruntime.quantization import QuantType, quantize_dynamic

    def save(folder: Path) -> None:
        with tempfile.TemporaryDirectory(dir=folder) as scratch, _quiet():
            whole = _float_graph(source, method, Path(scratch))
            with attempt(source, method, "ONNX Runtime"):
                quantize_dynamic(whole, folder / "model.onnx", weight_type=QuantType.QUInt8, per_channel=True)
            _refuse_unrounded(source, method, folder / "model.onnx")
        write_beside(source, method, folder)

    return Compressed(
        save, None, ("dynamic int8 uses one scale a batch, so answers depend on the batch; the audit says how much",)
    )


def static(
    source: Any,
    *,
    items: Items,
    calibrate: int = 100,
    tell: Tell = silent,
) -> Compressed:
    """The graph with 8-bit weights and activations, whose scales hold what the graph computes for these items.

    Weights are signed and have 7 bits, so that no processor's sums overflow; unsigned ones of 8 bits take twice as long
    on those with VNNI.
    """
    method = "int8-static"
    onnx_runtime()
    from onnxruntime.quantization import QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    if isinstance(source, GraphSource) and source.traits.tokens is not None:
        raise does_not_apply(source, method, "it reads texts, whose lengths differ; use int8-onnx")
    at = np.unique(np.linspace(0, len(items) - 1, min(calibrate, len(items))).round().astype(np.int64))
    chosen = items.take(at)
    with tempfile.TemporaryDirectory(prefix="trusteq-") as scratch, _quiet():
        folder = Path(scratch)
        whole = _float_graph(source, method, folder)
        write_beside(source, method, folder)
        model = open_onnx(str(whole), name=source.name)
        heard = _Heard(model, chosen, tell)
        by_channel = _opset(whole) >= CHANNELS_OPSET
        with attempt(source, method, "ONNX Runtime"):
            quant_pre_process(whole, folder / "prepared.onnx", skip_symbolic_shape=True)
            quantize_static(
                folder / "prepared.onnx",
                folder / "rounded.onnx",
                heard,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                reduce_range=True,
                per_channel=by_channel,
            )
        _refuse_unrounded(source, method, folder / "rounded.onnx")
        _keep_scores(folder / "rounded.onnx")
        try:
            rounded = replace(model, session=open_session(folder / "rounded.onnx", name=source.name))
            same = int((rounded.predict(chosen).argmax(axis=1) == np.concatenate(heard.answers)).sum())
        except ModelError as error:
            reason = str(error).replace(f"{folder}/", "")
            raise does_not_apply(source, method, f"what ONNX Runtime made of it does not run: {reason}") from None
        graph = (folder / "rounded.onnx").read_bytes()

    def save(target: Path) -> None:
        (target / "model.onnx").write_bytes(graph)
        write_beside(source, method, target)

    notes = [
        f"calibrated on {len(chosen):,} of {len(items):,} items, and answers {same:,} of these as the original does; "
        "audit it on others"
    ]
    if not by_channel:
        notes.append(
            f"one scale for each weight, since its opset is below {CHANNELS_OPSET}; export it with a newer one for a "
            "scale a channel"
        )
    calibration = {"source": items.source, "items": len(chosen), "content": chosen.content(), "same answers": same}
    return Compressed(save, None, tuple(notes), {"calibration": calibration, "scale per channel": by_channel})


class _Heard:
    """What a graph reads of each item, one at a time, as ONNX Runtime asks for it. answers: the graph's own."""

    def __init__(self, model: Graph, items: Items, tell: Tell) -> None:
        self.answers: list[NDArray[np.int64]] = []
        self._feeds = self._all(model, items, tell)

    def get_next(self) -> dict[str, NDArray[Any]] | None:
        """The next item's numbers, by input; None after the last."""
        return next(self._feeds, None)

    def _all(self, model: Graph, items: Items, tell: Tell) -> Iterator[dict[str, NDArray[Any]]]:
        for i in range(len(items)):
            tell("calibrate", i, len(items))
            session = _Listening(model.session)
            answers = replace(model, session=session).predict(items.take(np.array([i])))
            self.answers.append(answers.argmax(axis=1))
            yield session.feed
        tell("calibrate", len(items), len(items))


class _Listening:
    """A session that keeps what it was last given."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.feed: dict[str, NDArray[Any]] = {}

    def run(self, outputs: list[str], feed: dict[str, NDArray[Any]]) -> Any:
        """What the session answers."""
        self.feed = feed
        return self._session.run(outputs, feed)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._session, name)


def _float_graph(source: Any, method: str, folder: Path) -> Path:
    """The graph before it is rounded, in this folder; an error if ONNX Runtime cannot round it."""
    write_graph(source, method, folder)
    file = folder / "model.onnx"
    import onnx

    if isinstance(source, GraphSource) and len(source.files) > 1:
        with attempt(source, method, "its weights cannot be put into one file"):  # more than 2 GB
            onnx.save(onnx.load(file), file)
    model = onnx.load(file, load_external_data=False)
    if any(node.op_type.startswith(ROUNDED) for node in model.graph.node):
        raise does_not_apply(source, method, "it is already quantized; start from the graph it was made from")
    if (opset := _opset(file)) < FIRST_OPSET:
        raise does_not_apply(
            source,
            method,
            f"its opset is {opset} and ONNX Runtime rounds graphs of {FIRST_OPSET} or later; export it anew",
        )
    return file


def _opset(file: Path) -> int:
    import onnx

    model = onnx.load(file, load_external_data=False)
    return next((int(entry.version) for entry in model.opset_import if entry.domain in {"", "ai.onnx"}), 1)


def _refuse_unrounded(source: Any, method: str, file: Path) -> None:
    """An error unless some weights have 8 bits."""
    import onnx

    weights = onnx.load(file, load_external_data=False).graph.initializer
    if not any(weight.data_type in INT8 and np.prod(weight.dims) > 1 for weight in weights):
        raise does_not_apply(
            source,
            method,
            "it has no weights that ONNX Runtime rounds, which are those of MatMul, Gemm, Conv and Gather",
        )


def _keep_scores(file: Path) -> None:
    """Take back the rounding of what the graph puts out, where it gains nothing and makes labels tie."""
    import onnx

    model = onnx.load(file)
    nodes = model.graph.node
    made_by = {name: node for node in nodes for name in node.output}
    for output in model.graph.output:
        restored = made_by.get(output.name)
        if restored is None or restored.op_type != "DequantizeLinear":
            continue
        rounded = made_by.get(restored.input[0])
        if rounded is None or rounded.op_type != "QuantizeLinear" or rounded.input[0] not in made_by:
            continue
        if sum(list(node.input).count(rounded.output[0]) for node in nodes) > 1:
            continue
        old = rounded.input[0]
        for node in (rounded, restored):
            nodes.remove(node)
        for node in nodes:
            for names in (node.input, node.output):
                names[:] = [output.name if name == old else name for name in names]
    onnx.save(model, file)


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence ONNX Runtime, and the root logger, where its quantization warns and which a first warning configures."""
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, [logging.NullHandler()]
    runtime = onnx_runtime()
    runtime.set_default_logger_severity(FATAL)
    try:
        yield
    finally:
        runtime.set_default_logger_severity(WARNING)
        root.handlers = handlers
