"""The model to compress: a classifier opened as for an audit, or a language model."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from trusteq.compress.language_source import (
    BESIDE,
    GGUF,
    LanguageSource,
    holds_language_model,
    open_language_model,
    unpacked,
)
from trusteq.compress.methods import CLASSIFIERS, LANGUAGE_MODELS, METHODS
from trusteq.errors import ModelError
from trusteq.models.files import files_hash
from trusteq.models.hub import snapshot
from trusteq.models.layers import does_not_apply
from trusteq.models.open import ModelOptions, backend_of, default_name, open_model
from trusteq.models.transformer import FILES, TRANSFORMERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trusteq.models.token_rows import TokenModel
    from trusteq.models.transformer import TransformerModel


@contextmanager
def opened(location: str, method: str, device: str | None, *, download: bool) -> Iterator[TransformerModel]:
    """The model at a folder, a hub id or a .gguf file, for as long as the context; an error if it cannot be used."""
    name = default_name(location)
    path = Path(location).expanduser()
    if path.suffix == f".{GGUF}" and path.is_file():
        with unpacked(path, name=name) as folder:
            source: Any = open_language_model(folder, name=name)
            identity = replace(
                source.identity, kind=GGUF, location=location, content=files_hash({path.name: path}, name=name)
            )
            yield _accepted(replace(source, identity=identity, original=path), method)
        return
    if backend_of(location, name) is not TRANSFORMERS:
        raise ModelError(
            f"model {name}: {location} is not a transformers classifier or language model, which method {method} "
            "needs: give the folder of one, or the .gguf file of a language model"
        )
    folder = path if path.exists() else snapshot(location, (*FILES, *BESIDE), name=name, download=download)
    if holds_language_model(folder, name=name):
        source = open_language_model(folder, name=name)
        yield _accepted(replace(source, identity=replace(source.identity, location=location)), method)
        return
    options = ModelOptions(device=device, download=download)
    yield _accepted(open_model(location, name=name, options=options), method)


def reopened(source: TransformerModel, folder: Path, *, name: str) -> TokenModel:
    """The saved candidate of a model, as the ordinary loader opens it."""
    if isinstance(source, LanguageSource):
        return cast("TokenModel", open_language_model(folder, name=name))
    return cast("TokenModel", open_model(folder, name=name))


def _accepted(source: Any, method: str) -> TransformerModel:
    """The model; an error if the method does not apply to its kind, or if it is already quantized."""
    kind = LANGUAGE_MODELS if isinstance(source, LanguageSource) else CLASSIFIERS
    if kind not in METHODS[method].models:
        others = " and ".join(METHODS[method].models)
        raise does_not_apply(source, method, f"it is for {others} only")
    if quantization := source.identity.details["quantization"]:
        by = quantization.get("quant_method")
        raise does_not_apply(source, method, f"it is already quantized ({by}); start from the model it was made from")
    return cast("TransformerModel", source)
