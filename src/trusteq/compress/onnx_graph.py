"""A classifier as an ONNX graph, with the files beside it that say what it reads."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.compress.compressed import Compressed, attempt
from trusteq.compress.graph_source import GraphSource
from trusteq.compress.media_source import MediaSource
from trusteq.compress.rounded_graph import with_rounded_weights
from trusteq.compress.trainee import rounds_activations, trainee
from trusteq.models.layers import does_not_apply
from trusteq.models.library_output import offline, quiet_transformers
from trusteq.models.preprocessing import Preprocessing
from trusteq.models.sound_extractor import INPUT
from trusteq.models.tokenizer_file import INPUTS

if TYPE_CHECKING:
    from trusteq.models.transformer import TransformerModel

OPSET = 17


def exported(source: Any) -> Compressed:
    """The same model as a graph in float32, or with its weights rounded as they are."""
    if source.identity.details["quantization"]:
        return _exported_rounded(source)
    source.model.float()

    def save(folder: Path) -> None:
        write_graph(source, "onnx", folder)
        write_beside(source, "onnx", folder)

    return Compressed(save, source.model)


def _exported_rounded(source: Any) -> Compressed:
    """The graph of a model whose weights are rounded already, by this program or another."""
    learner = trainee(source, "onnx")
    plain = replace(source, model=learner.net)

    with tempfile.TemporaryDirectory(prefix="trusteq-") as scratch:
        file = Path(scratch) / "model.onnx"
        write_graph(plain, "onnx", file.parent)
        with attempt(source, "onnx", "onnx"):
            counts = with_rounded_weights(file, learner)
        graph = file.read_bytes()

    def save(folder: Path) -> None:
        (folder / "model.onnx").write_bytes(graph)
        write_beside(plain, "onnx", folder)

    held = [f"{count:,} in {bits}" for bits, count in counts.items()]
    notes = [f"rounded weights stay as they are: {' and '.join(held)}"] if held else []
    if "4 bits" in counts:
        notes.append("4 bits are read by an operator of ONNX Runtime (MatMulNBits), which other runtimes may lack")
    if "8 bits" in counts:
        notes.append("8 bits are multiplied out when the graph is opened: smaller on disk, not in memory, nor faster")
    if rounds_activations(source.identity.details["quantization"]):
        notes.append("activations are rounded for each token, as before, but not from the same last bits: audit it")
        same = None  # in random texts, other last bits round to other steps
    else:
        same = source.model if source.identity.details["dtype"] == "float32" else learner.net
    if others := len(learner.grids) - sum(counts.values()):
        notes.append(f"{others:,} rounded weights are held in float32, as large as before they were rounded")
    return Compressed(save, same, tuple(notes), {"rounded_weights": counts})


def write_graph(source: Any, method: str, folder: Path) -> None:
    """Write model.onnx in float32 to the folder, and whatever other files hold its weights."""
    if isinstance(source, GraphSource):
        for name, path in source.files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / name)
        return
    source.model.float()
    if isinstance(source, MediaSource):
        _export_media(source, method, folder)
    else:
        _export_texts(source, method, folder)


def write_beside(source: Any, method: str, folder: Path) -> None:
    """Write what belongs beside model.onnx: of texts configuration and tokenizer, of others the preprocessing."""
    if isinstance(source, GraphSource):
        for name, path in source.beside.items():
            shutil.copyfile(path, folder / name)
    elif isinstance(source, MediaSource):
        from trusteq.data.yaml_file import dumped

        text = dumped(source.stated(method).stated())
        (folder / "model.yaml").write_text(text, "utf-8")
    else:
        source.model.config.save_pretrained(folder)
        source.tokenizer.save_pretrained(folder)


def _export_texts(source: TransformerModel, method: str, folder: Path) -> None:
    if source.tokenizer_json() is None:
        raise does_not_apply(source, method, "its tokenizer cannot be saved as tokenizer.json")
    # The example needs padding: the trace may omit a mask that has no effect.
    texts = [("the man",), ("good films are not seen often",)] if source.can_pad else [("the man",)]
    example = source.inputs(source.encode(texts), np.arange(len(texts)))
    names = [name for name in INPUTS if name in example]
    _export(source, method, folder, {name: example[name] for name in names}, {0: "rows", 1: "tokens"})


def _export_media(source: MediaSource, method: str, folder: Path) -> None:
    import torch

    how = source.stated(method)
    if isinstance(how, Preprocessing):
        example, axes = {"pixel_values": torch.zeros(2, *how.shape)}, {0: "rows"}
    else:
        example, axes = {INPUT: torch.zeros(2, how.rate)}, {0: "rows", 1: "samples"}
    with quiet_transformers(), offline():
        _export(source, method, folder, example, axes)


def _export(source: Any, method: str, folder: Path, example: dict[str, Any], axes: dict[int, str]) -> None:
    """Write the graph that computes logits; axes: those that may have any length."""
    import torch

    class Logits(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = source.model

        def forward(self, *inputs: Any) -> Any:
            return self.model(**dict(zip(example, inputs, strict=True))).logits

    with attempt(source, method, "torch.onnx.export"):
        torch.onnx.export(
            Logits().eval(),
            tuple(example.values()),
            str(folder / "model.onnx"),
            input_names=list(example),
            output_names=["logits"],
            dynamic_axes={**dict.fromkeys(example, axes), "logits": {0: "rows"}},
            opset_version=OPSET,
            dynamo=False,  # the other exporter needs onnxscript
        )
