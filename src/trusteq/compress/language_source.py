"""A language model as compression sees it: torch module, tokenizer and files, with the chances of the next token."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.compress.compressed import CHAT_TEMPLATE
from trusteq.errors import MissingExtraError, ModelError
from trusteq.models.auto_class import is_language_model
from trusteq.models.base import Identity
from trusteq.models.bounded import bounded_by
from trusteq.models.checkpoint import (
    checked_config,
    checkpoint_files,
    loading_error,
    refuse_partly_random,
    weights,
)
from trusteq.models.cost_size import Size, file_bytes, memory_bytes
from trusteq.models.fatal_tokenizer import refuse_fatal
from trusteq.models.files import files_hash, matching, read_config, staged
from trusteq.models.library_output import is_failure, offline, one_line, quiet_transformers
from trusteq.models.loaded_whole import refuse_parameters_not_in_files
from trusteq.models.quantized import package_versions, refuse_leftovers, refuse_plain_weights
from trusteq.models.saving import save_checkpoint
from trusteq.models.token_limit import token_limit
from trusteq.models.token_rows import TokenRows, token_rows
from trusteq.models.traits import Traits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

GGUF = "gguf"
"""The kind of a language model that was read from a .gguf file."""

BESIDE = (CHAT_TEMPLATE, "generation_config.json")
"""Files of a language model that say how it is used; its answers to a given prompt do not depend on them."""


def holds_language_model(folder: Path, *, name: str) -> bool:
    """Whether a folder's configuration names a language model."""
    architectures = read_config(folder / "config.json", name=name).get("architectures")
    return isinstance(architectures, list) and any(map(is_language_model, map(str, architectures)))


def open_language_model(location: str | Path, *, name: str) -> LanguageSource:
    """A language model in a folder, loaded from safetensors, completely and without running any code of the model."""
    import torch
    import transformers

    folder = Path(location).expanduser()
    config = checked_config(folder, name=name)
    files = checkpoint_files(folder, name=name) | matching(folder, BESIDE)
    quantization = config.get("quantization_config") or {}
    method = str(quantization.get("quant_method"))
    packages = package_versions(method, folder=folder, name=name)
    with quiet_transformers() as messages, offline(), staged(files, name=name) as stage:
        try:
            from transformers.quantizers import AutoHfQuantizer

            settings: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
            if quantization:
                if not AutoHfQuantizer.supports_quant_method(quantization):
                    raise ValueError(f"it does not support quantization {quantization.get('quant_method')!r}")
                refuse_plain_weights(method, weights(files), name=name)
            refuse_fatal(stage / "tokenizer.json", name=name)
            tokenizer = transformers.AutoTokenizer.from_pretrained(stage, **settings)
            with bounded_by(weights(files), name=name):
                model, loading = transformers.AutoModelForCausalLM.from_pretrained(
                    stage, use_safetensors=True, dtype="auto", output_loading_info=True, **settings
                )
        except ModelError:
            raise
        except BaseException as error:
            if not is_failure(error):
                raise
            raise loading_error(error, messages, folder=folder, stage=stage, name=name) from error
        refuse_partly_random(loading, name=name)
        unused = sorted(loading["unexpected_keys"])
        refuse_leftovers(model, unused, name=name)
        refuse_parameters_not_in_files(model, weights(files), unused=unused, name=name)
        model.eval()
    with torch.device("meta"):
        parameters = (type(model)(model.config) if quantization else model).num_parameters()
    details = {
        "architecture": type(model).__name__,
        "dtype": str(model.dtype).removeprefix("torch."),
        "parameters": parameters,
        "quantization": quantization or None,
        **packages,
    }
    identity = Identity("causal", str(location), files_hash(files, name=name), details)
    return LanguageSource(name, identity, model, tokenizer, files)


@dataclass(eq=False)
class LanguageSource:
    """A loaded language model. files: those that it was loaded from, by name; original: the .gguf file with them."""

    name: str
    identity: Identity
    model: Any
    tokenizer: Any
    files: Mapping[str, Path]
    original: Path | None = None
    labels: tuple[str, ...] = ()

    @property
    def traits(self) -> Traits:
        """Those of a model of which only the size is asked."""
        return Traits(size=self._size)

    def _size(self) -> Size:
        files = self.files.values() if self.original is None else [self.original]
        return Size(self.identity.details["parameters"], file_bytes(files), memory_bytes(self.model))

    def encode(self, texts: Sequence[tuple[str, ...]]) -> TokenRows:
        """The tokens of texts, as many as its context holds; the segments of one row are read as lines."""
        limit = token_limit(self.model.config.to_dict(), self.tokenizer.model_max_length, where=f"model {self.name}")
        with quiet_transformers():
            ids = self.tokenizer(["\n".join(text) for text in texts], verbose=False)["input_ids"]
        return token_rows([row[:limit] for row in ids])

    def answer(self, rows: TokenRows) -> NDArray[np.float64]:
        """Log-probabilities of the token after each row [rows, vocabulary], each row run alone."""
        import torch

        answers = []
        with quiet_transformers(), offline(), torch.inference_mode():
            for row in range(len(rows)):
                ids = torch.tensor([rows.row(row)[0]], device=self.model.device)
                logits = self.model(input_ids=ids, use_cache=False).logits[0, -1]
                answers.append(logits.double().log_softmax(dim=0).cpu().numpy())
        return np.stack(answers)


@contextmanager
def unpacked(file: Path, *, name: str) -> Iterator[Path]:
    """A temporary folder with the language model of a .gguf file as 32-bit safetensors, for as long as the context.

    transformers refuses to save a model that came from GGUF, so the weights move to a new model of the same class.
    """
    for package in ("gguf", "accelerate"):
        try:
            __import__(package)
        except ModuleNotFoundError as error:
            raise MissingExtraError(f"model {name}: {file}", package=package) from error
    import torch
    import transformers

    settings: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
    with tempfile.TemporaryDirectory(prefix="trusteq-", ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        with quiet_transformers(), offline(), staged({file.name: file}, name=name) as stage:
            try:
                tokenizer = transformers.AutoTokenizer.from_pretrained(stage, gguf_file=file.name, **settings)
                packed = transformers.AutoModelForCausalLM.from_pretrained(
                    stage, gguf_file=file.name, dtype=torch.float32, **settings
                )
                config = packed.config
                for key in ("quantization_config", "_pre_quantization_dtype"):
                    if hasattr(config, key):
                        delattr(config, key)
                plain = type(packed)(config)
                plain.load_state_dict(packed.state_dict())
                plain.generation_config = packed.generation_config
                save_checkpoint(plain, folder, ())
                tokenizer.save_pretrained(folder)
            except BaseException as error:
                if not is_failure(error):
                    raise
                raise ModelError(f"model {name}: transformers cannot load {file}: {one_line(error)}") from error
        yield folder
