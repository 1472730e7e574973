"""An ONNX file on disk: which one is meant, opening it, its output with the scores."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from trusteq.errors import MissingExtraError, ModelError
from trusteq.models.files import refuse_pickle
from trusteq.models.library_output import one_line
from trusteq.models.onnx_runtime import onnx_runtime

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FLOATS = ("tensor(float)", "tensor(float16)", "tensor(double)")


def graph_file(path: Path, *, name: str) -> Path:
    """The .onnx file meant by a file or folder."""
    refuse_pickle(path, name=name)
    if path.is_file():
        return path
    if not path.is_dir():
        raise ModelError(f"model {name}: no such file or folder: {path}")
    found = sorted(path.glob("*.onnx"))
    if path / "model.onnx" in found:
        return path / "model.onnx"
    if len(found) != 1:
        listed = (
            f"several .onnx files ({', '.join(file.name for file in found)}); name one" if found else "no .onnx file"
        )
        raise ModelError(f"model {name}: {path} has {listed}")
    return found[0]


def open_session(file: Path, *, name: str) -> Any:
    """An inference session on the CPU that says nothing and sends nothing."""
    try:
        onnxruntime = onnx_runtime()
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"model {name}: {file}", "onnx") from error
    options = onnxruntime.SessionOptions()
    if os.environ.get("OMP_NUM_THREADS", "").isdecimal():  # it does not look there itself
        options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
    options.log_severity_level = 4  # only what kills the process; errors come as exceptions
    try:
        session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"], enable_fallback=False
        )
        for entry in (*session.get_inputs(), *session.get_outputs(), session.get_modelmeta()):
            # Read once: a name that is not UTF-8 fails here and not where it is shown.
            getattr(entry, "name", None), getattr(entry, "type", None), getattr(entry, "shape", None)
            getattr(entry, "producer_name", None)
        return session
    except Exception as error:
        raise ModelError(f"model {name}: ONNX Runtime cannot load {file}: {one_line(error)}") from error


def scores_output(outputs: Sequence[Any], wanted: str | None, *, name: str) -> Any:
    """The output that holds the scores: the one asked for, or one that can only be it."""
    if wanted is not None:
        found = [entry for entry in outputs if entry.name == wanted]
    else:
        tables = [entry for entry in outputs if entry.type in FLOATS and len(entry.shape) == 2]
        found = [entry for entry in tables if entry.name == "logits"]
        found = found or [entry for entry in tables if entry.name == "probabilities"] or tables
    if len(found) != 1:
        listed = ", ".join(f"{entry.name}: {entry.type} {entry.shape}" for entry in outputs)
        what = f"has no output {wanted!r}" if wanted is not None else "does not show which output holds the scores"
        raise ModelError(f"model {name}: the graph {what}; choose one of these with --output: {listed}")
    return found[0]
