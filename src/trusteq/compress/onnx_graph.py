"""An ONNX graph of a classifier, in float32 or with dynamic int8, beside its configuration and tokenizer."""

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
    """The graph with weights in 8 bits, and activations rounded while it runs by one scale a batch.

    Unsigned weights, one scale a column: on processors without VNNI signed ones overflow the 16-bit sums of ONNX
    Runtime's kernels, so that the same file would answer otherwise there.
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
        save, None, ("dynamic int8 sets one scale a batch, so answers depend on the batch; the audit says how much",)
    )


def _write(source: TransformerModel, method: str, folder: Path) -> None:
    """The float32 graph, config.json and the tokenizer, in the folder."""
    import torch

    if source.tokenizer_json() is None:
        raise does_not_apply(source, method, "its tokenizer cannot be written as tokenizer.json")

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = source.model

        def forward(self, *inputs: Any) -> Any:
            return self.model(**dict(zip(names, inputs, strict=True))).logits

    # With padding in the example: a mask without effect may be left out of the trace.
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
    """Nothing from the root logger, where onnxruntime.quantization warns; the first warning would also set it up."""
    root = logging.getLogger()
    before, root.handlers = root.handlers, [logging.NullHandler()]
    try:
        yield
    finally:
        root.handlers = before
