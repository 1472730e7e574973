"""An ONNX file on disk: finding it, opening it, and choosing its output with the scores."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from trusteq.data.label_sets import enumerated
from trusteq.errors import LabelError, MissingExtraError, ModelError
from trusteq.models.files import refuse_pickle
from trusteq.models.labels import label_names
from trusteq.models.library_output import one_line
from trusteq.models.onnx_by_label import is_by_label
from trusteq.models.onnx_runtime import onnx_runtime

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FLOATS = ("tensor(float)", "tensor(float16)", "tensor(double)")


def graph_file(path: Path, *, name: str) -> Path:
    """The .onnx file at a path: the file itself, or the only one in the folder."""
    refuse_pickle(path, name=name)
    if path.is_file():
        return path
    if not path.is_dir():
        raise ModelError(f"model {name}: no such file or folder: {path}")
    graphs = sorted(path.glob("*.onnx"))
    if len(graphs) != 1:
        fault = (
            f"several .onnx files ({', '.join(file.name for file in graphs)}); name one" if graphs else "no .onnx file"
        )
        raise ModelError(f"model {name}: {path} has {fault}")
    return graphs[0]


def open_session(file: Path, *, name: str) -> Any:
    """An inference session on the CPU, without log output and telemetry."""
    try:
        onnxruntime = onnx_runtime()
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"model {name}: {file}", "onnx") from error
    options = onnxruntime.SessionOptions()
    if os.environ.get("OMP_NUM_THREADS", "").isdecimal():  # ONNX Runtime does not read it
        options.intra_op_num_threads = int(os.environ["OMP_NUM_THREADS"])
    options.log_severity_level = 4  # only fatal errors; others are raised as exceptions
    try:
        session = onnxruntime.InferenceSession(
            str(file), options, providers=["CPUExecutionProvider"], enable_fallback=False
        )
        for entry in (*session.get_inputs(), *session.get_outputs(), session.get_modelmeta()):
            # Read once, so that a name that is not UTF-8 fails here and not later.
            getattr(entry, "name", None), getattr(entry, "type", None), getattr(entry, "shape", None)
            getattr(entry, "producer_name", None)
        return session
    except Exception as error:
        raise ModelError(f"model {name}: ONNX Runtime cannot load {file}: {one_line(error)}") from error


def scores_output(outputs: Sequence[Any], output: str | None, *, name: str) -> Any:
    """The output that holds the scores: the one named ``output``, or else the only possible one."""
    if output is not None:
        matches = [entry for entry in outputs if entry.name == output]
    else:
        tables = [entry for entry in outputs if entry.type in FLOATS and len(entry.shape) == 2]
        matches = [entry for entry in tables if entry.name == "logits"]
        matches = matches or [entry for entry in tables if entry.name == "probabilities"] or tables
        matches = matches or list(filter(is_by_label, outputs))
    if len(matches) != 1:
        choices = ", ".join(f"{entry.name}: {entry.type} {entry.shape}" for entry in outputs)
        what = f"has no output {output!r}" if output is not None else "does not show which output holds the scores"
        raise ModelError(f"model {name}: the graph {what}; choose one of these with --output: {choices}")
    return matches[0]


def output_labels(
    chosen: Any, configured: Sequence[str], labels: Sequence[str] | None, *, unnamed: str, name: str
) -> tuple[str, ...]:
    """The labels of the output's columns: those given, else the configured ones.

    ``unnamed`` says that there are none, and what to do.
    """
    if labels is None and not configured:
        raise LabelError(f"model {name}: {unnamed}")
    names = label_names(configured, labels, name=name)
    width = chosen.shape[1] if len(chosen.shape) == 2 else None
    if isinstance(width, int) and width != len(names):
        raise LabelError(
            f"model {name}: output {chosen.name!r} has {width} columns but there are {len(names)} label names "
            f"({enumerated(names)}); name them in order with --labels"
        )
    return names
