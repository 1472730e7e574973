"""The model to compress: a classifier or a graph opened as for an audit, or a language model."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trusteq.compress.graph_source import open_graph_source
from trusteq.compress.language_source import LanguageSource, open_language_source, unpacked
from trusteq.compress.media_source import PictureSource, SoundSource
from trusteq.compress.methods import CLASSIFIERS, GRAPHS, LANGUAGE_MODELS, METHODS, PICTURE_MODELS, SOUND_MODELS
from trusteq.errors import ModelError
from trusteq.models.causal.loading import FILES, is_language_model
from trusteq.models.gguf_file import is_gguf
from trusteq.models.hub import snapshot
from trusteq.models.layers import does_not_apply
from trusteq.models.onnx_session import ONNX
from trusteq.models.open import ModelOptions, backend_of, default_name, open_model
from trusteq.models.picture_transformer import PICTURE_TRANSFORMERS
from trusteq.models.sound_transformer import SOUND_TRANSFORMERS
from trusteq.models.transformer import TRANSFORMERS

if TYPE_CHECKING:
    from collections.abc import Iterator


def is_graph(location: str, method: str) -> bool:
    """Whether there is an ONNX graph, which the method applies to, so that neither torch nor transformers is needed."""
    return GRAPHS in METHODS[method].models and ONNX.recognises(location, Path(location).expanduser())


@contextmanager
def opened(location: str, method: str, device: str | None, *, download: bool) -> Iterator[Any]:
    """The model at a file, a folder or a hub id, for as long as the context; an error if it cannot be used."""
    name = default_name(location)
    path = Path(location).expanduser()
    if is_graph(location, method):
        yield open_graph_source(location, name=name)
        return
    if download and not path.exists():
        snapshot(location, FILES, name=name, download=True)  # its configuration says what kind of model it is
    if not is_language_model(location, path):
        yield _accepted(_classifier(location, method, device, name=name, download=download), method)
        return
    source = open_language_source(location, name=name, device=device, download=download)
    if not is_gguf(path):
        yield _accepted(source, method)
        return
    with unpacked(source, path) as plain:
        yield _accepted(plain, method)


def reopened(source: Any, folder: Path, *, name: str) -> Any:
    """The saved candidate of a model, as the ordinary loader opens it."""
    if isinstance(source, LanguageSource):
        return open_language_source(str(folder), name=name)
    return open_model(folder, name=name)


def _classifier(location: str, method: str, device: str | None, *, name: str, download: bool) -> Any:
    backend = backend_of(location, name)
    if backend not in (TRANSFORMERS, PICTURE_TRANSFORMERS, SOUND_TRANSFORMERS):
        raise ModelError(
            f"model {name}: {location} is not a transformers classifier or language model, which method {method} "
            f"needs, but {backend.words}: give the folder of one, or the .gguf file of a language model"
            + (", or a .onnx file" if GRAPHS in METHODS[method].models else "")
        )
    model: Any = open_model(location, name=name, options=ModelOptions(device=device, download=download))
    if backend is TRANSFORMERS:
        return model
    return (PictureSource if backend is PICTURE_TRANSFORMERS else SoundSource)(model, model.loaded.model)


def _accepted(source: Any, method: str) -> Any:
    """The model; an error if the method does not apply to its kind, or rounds what is already rounded."""
    kinds = {LanguageSource: LANGUAGE_MODELS, PictureSource: PICTURE_MODELS, SoundSource: SOUND_MODELS}
    kind = kinds.get(type(source), CLASSIFIERS)
    if kind not in METHODS[method].models:
        raise does_not_apply(source, method, f"it is {METHODS[method].only}")
    if source.identity.details.get("adapter"):
        raise does_not_apply(source, method, "it has an adapter; merge it into the weights, or remove its folder")
    quantization = source.identity.details["quantization"]
    if quantization and not (METHODS[method].original or METHODS[method].takes_rounded):
        by = quantization.get("quant_method")
        raise does_not_apply(source, method, f"it is already quantized ({by}); start from the model it was made from")
    return source
