"""The backend of a model, recognised by what is at its location."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from trusteq.data import llama_cpp_log, lm_eval
from trusteq.data.surrogates import readable
from trusteq.errors import ModelError, OptionError
from trusteq.models.backend import Backend
from trusteq.models.causal.language_model import CAUSAL
from trusteq.models.choice_results import CHOICE_RESULTS
from trusteq.models.files import ESTIMATORS, PICKLES, refuse_pickle
from trusteq.models.hub import is_hub_id, snapshot
from trusteq.models.in_hand import as_model, kind_of
from trusteq.models.litert import LITERT
from trusteq.models.onnx_session import ONNX
from trusteq.models.picture_transformer import PICTURE_TRANSFORMERS
from trusteq.models.prediction_file import PREDICTIONS
from trusteq.models.sound_transformer import SOUND_TRANSFORMERS
from trusteq.models.stored_logits import STORED_LOGITS
from trusteq.models.transformer import TRANSFORMERS
from trusteq.plugins import with_plugins

if TYPE_CHECKING:
    from trusteq.models.base import Model
    from trusteq.models.taken import Taken
    from trusteq.prompts.task_file import TaskFile


@dataclass(frozen=True)
class ModelOptions:
    """Options of a model. Each backend takes those that apply to it, and its ``open`` function explains them."""

    labels: tuple[str, ...] | None = None
    scores: Literal["probabilities", "logits"] | None = None
    tokenizer: str | None = None
    output: str | None = None
    preprocessing: str | Path | Mapping[str, Any] | None = None
    budget: int | None = None
    score: str | None = None
    device: str | None = None
    download: bool = False
    task: str | Path | Mapping[str, Any] | TaskFile | None = None
    top_tokens: int | None = None
    stored_in: str | None = None
    crowded: str = ""
    plain: bool = False
    id: str | None = None
    by_row: bool = False
    not_labels: tuple[str, ...] = ()
    taken: Taken | None = None


BACKENDS = (
    *CHOICE_RESULTS,
    STORED_LOGITS,
    PREDICTIONS,
    ONNX,
    LITERT,
    CAUSAL,
    PICTURE_TRANSFORMERS,
    SOUND_TRANSFORMERS,
    TRANSFORMERS,
)
"""trusteq's own backends."""


def backends() -> tuple[Backend, ...]:
    """Every backend, in the order in which they are tried on a model; plugins come last."""
    return tuple(with_plugins("trusteq.models", {backend.kind: backend for backend in BACKENDS}, Backend).values())


def open_model(
    spec: str | Path | Any,
    *,
    name: str | None = None,
    options: ModelOptions | Mapping[str, Any] | None = None,
    **more: Any,
) -> Model:
    """The model at a file, a folder or a hub id, ready to answer; by default named after its file or folder.

    Also a model that is in memory (`models.in_hand`): a fitted estimator, a pipeline of transformers, a pair (model,
    tokenizer) or (module, function that makes its inputs), a session of ONNX Runtime, alone or with a tokenizer, or
    predictions as an array or a data frame. Options are those of `ModelOptions`, or of a plugin's model, as keywords
    or as ``options``.
    """
    chosen = dict(options) if isinstance(options, Mapping) else non_default(options or ModelOptions())
    if twice := sorted(chosen.keys() & more.keys()):
        raise OptionError(f"{twice[0]} is given twice; leave it out of options")
    chosen |= more
    if not isinstance(spec, str | Path):
        return as_model(spec, name=name or kind_of(spec), **chosen)
    spec = str(spec)
    name = name or default_name(spec)
    backend = backend_of(spec, name, download=bool(chosen.get("download")))
    allowed = {option.name for option in backend.options}
    unused = next((option for option in chosen if option not in allowed), None)
    if unused is not None:
        raise OptionError(f"model {name}: {unused} has no effect on {spec}, which is {backend.words}; leave it out")
    return backend.open(spec, name=name, **chosen)


def backend_of(spec: str, name: str, *, download: bool = False) -> Backend:
    """The backend of the model at this location; an error if there is none.

    Only its configuration tells what kind of model a hub id is; with ``download`` it is fetched if necessary.
    """
    path = Path(spec).expanduser()
    refuse_pickle(path, name=name)
    if download and not path.exists() and is_hub_id(spec):
        snapshot(spec, ("config.json",), name=name, download=True)
    for backend in backends():
        if backend.recognises(spec, path):
            return backend
    raise ModelError(f"model {name}: {_why_not(path)}")


def prepare(kind: str, architecture: str | None) -> None:
    """Import everything that opening a model of this kind and architecture would."""
    next(backend for backend in backends() if backend.kind == kind).prepare(architecture)


def non_default(options: ModelOptions) -> dict[str, Any]:
    """The options whose value is not the default."""
    default = ModelOptions()
    values = {f.name: getattr(options, f.name) for f in fields(options)}
    return {name: value for name, value in values.items() if value != getattr(default, name)}


def default_name(location: str) -> str:
    """A file's or folder's name without the endings that show its type."""
    place = named_after(location)
    # "." and ".." are not names.
    name = place.name
    if name in {"", ".."}:
        name = place.expanduser().resolve().name or "model"
    for ending in (".gz", ".parquet", ".csv", ".tsv", ".jsonl", ".onnx", ".tflite", ".gguf", *ESTIMATORS):
        name = name.removesuffix(ending)
    return readable(name)


def named_after(location: str) -> Path:
    """The file or folder whose name is the model's: of samples named after a task and a time, the folder."""
    path = Path(location)
    return path.parent if lm_eval.is_named_after_task(path.name) else path


def _why_not(path: Path) -> str:
    """Why no backend recognises a location."""
    if not path.exists():
        return f"no such file or folder: {path}"
    if llama_cpp_log.recognises(path):
        return (
            f"{path} is what llama.cpp printed, which trusteq show prints again; for a verdict give a file of each "
            "model, written with --kl-divergence-base"
        )
    if (reason := lm_eval.why_no_samples(path)) is not None:
        return reason
    if path.is_file():
        return (
            f"{path} is not a model file; give a file of predictions (.parquet, .csv, .tsv, .jsonl), a .onnx, "
            ".tflite or .gguf file, a folder or a hub id"
        )
    pickles = sorted(file.name for file in path.iterdir() if file.suffix.lower() in PICKLES)
    if pickles:
        return (
            f"{path} holds its weights only as {pickles[0]}, a pickle that could execute code when opened; "
            "convert them to safetensors or ONNX"
        )
    missing = [pattern for pattern in ("config.json", "*.safetensors") if not any(path.glob(pattern))]
    return f"{path} is not a model folder: it has no .onnx file, and for transformers it lacks {' and '.join(missing)}"
