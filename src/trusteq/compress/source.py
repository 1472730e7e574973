"""The model to compress: a classifier opened as for an audit, or a language model."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from trusteq.compress.language_source import LanguageSource, open_language_source, unpacked
from trusteq.compress.methods import CLASSIFIERS, LANGUAGE_MODELS, METHODS
from trusteq.errors import ModelError
from trusteq.models.causal.loading import FILES, is_language_model
from trusteq.models.gguf_file import is_gguf
from trusteq.models.hub import snapshot
from trusteq.models.layers import does_not_apply
from trusteq.models.open import ModelOptions, backend_of, default_name, open_model
from trusteq.models.transformer import TRANSFORMERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from trusteq.models.token_rows import TokenModel
    from trusteq.models.transformer import TransformerModel


@contextmanager
def opened(location: str, method: str, device: str | None, *, download: bool) -> Iterator[TransformerModel]:
    """The model at a folder, a hub id or a .gguf file, for as long as the context; an error if it cannot be used."""
    name = default_name(location)
    path = Path(location).expanduser()
    if download and not path.exists():
        snapshot(location, FILES, name=name, download=True)  # its configuration says what kind of model it is
    if not is_language_model(location, path):
        yield _accepted(_classifier(location, method, device, name=name, download=download), method)
        return
    source = open_language_source(location, name=name, download=download)
    if not is_gguf(path):
        yield _accepted(source, method)
        return
    with unpacked(source, path) as plain:
        yield _accepted(plain, method)


def reopened(source: TransformerModel, folder: Path, *, name: str) -> TokenModel:
    """The saved candidate of a model, as the ordinary loader opens it."""
    if isinstance(source, LanguageSource):
        return cast("TokenModel", open_language_source(str(folder), name=name))
    return cast("TokenModel", open_model(folder, name=name))


def _classifier(location: str, method: str, device: str | None, *, name: str, download: bool) -> Any:
    if backend_of(location, name) is not TRANSFORMERS:
        raise ModelError(
            f"model {name}: {location} is not a transformers classifier or language model, which method {method} "
            "needs: give the folder of one, or the .gguf file of a language model"
        )
    return open_model(location, name=name, options=ModelOptions(device=device, download=download))


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
