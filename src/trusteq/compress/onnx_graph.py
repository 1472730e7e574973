"""A classifier as an ONNX graph, in float32 or dynamic int8, with its configuration and tokenizer."""

from __future__ import annotations

import logging
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.compress.compressed import Compressed, attempt
from trusteq.models.layers import does_not_apply
from trusteq.models.onnx_runtime import onnx_runtime
from trusteq.models.tokenizer_file import INPUTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trusteq.models.transformer import TransformerModel

OPSET = 17


def exported(source: TransformerModel) -> Compressed:
    """The same model as a graph in float32."""
    source.model.float()
    return Compressed(lambda folder: _write(source, "onnx", folder), source.model)


def int8(source: TransformerModel) -> Compressed:
    """The graph with 8-bit weights; activations are rounded when it runs, with one scale a batch.

    Weights are unsigned, with one scale a column: on processors without VNNI, signed ones overflow the 16-bit sums of
    ONNX Runtime's kernels, so the same file would give different answers there.
    """
    onnx_runtime()
    from onnxruntime.quantization import QuantType, quantize_dynamic

    source.model.float()

    def save(folder: Path) -> None:
        _write(source, "int8-onnx", folder)
        with tempfile.TemporaryDirectory(dir=folder) as scratch, _quiet_root():
            whole = (folder / "model.onnx").rename(Path(scratch) / "model.onnx")
            quantize_dynamic(whole, folder / "model.onnx", weight_type=QuantType.QUInt8, per_channel=True)

    return Compressed(
        save, None, ("dynamic int8 uses one scale a batch, so answers depend on the batch; the audit says how much",)
    )


def _write(source: TransformerModel, method: str, folder: Path) -> None:
    """Write the float32 graph, config.json and the tokenizer to the folder."""
    import torch

    if source.tokenizer_json() is None:
        raise does_not_apply(source, method, "its tokenizer cannot be saved as tokenizer.json")

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = source.model

        def forward(self, *inputs: Any) -> Any:
            return self.model(**dict(zip(names, inputs, strict=True))).logits

    # The example needs padding: the trace may omit a mask that has no effect.
    texts = [("the man",), ("good films are not seen often",)] if source.can_pad else [("the man",)]
    example = source.inputs(source.encode(texts), np.arange(len(texts)))
    names = [name for name in INPUTS if name in example]
    axes = {name: {0: "rows", 1: "tokens"} for name in names} | {"logits": {0: "rows"}}
    with attempt(source, method, "torch.onnx.export"):
        torch.onnx.export(
            Logits().eval(),
            tuple(example[name] for name in names),
            str(folder / "model.onnx"),
            input_names=names,
            output_names=["logits"],
            dynamic_axes=axes,
            opset_version=OPSET,
            dynamo=False,  # the other exporter needs onnxscript
        )
    source.model.config.save_pretrained(folder)
    source.tokenizer.save_pretrained(folder)


@contextmanager
def _quiet_root() -> Iterator[None]:
    """Silence the root logger, where onnxruntime.quantization warns; its first warning would also configure it."""
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, [logging.NullHandler()]
    try:
        yield
    finally:
        root.handlers = handlers
