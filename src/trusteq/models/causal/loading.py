"""A language model of transformers: from a folder with safetensors, from a hub, or from a GGUF file.

transformers dequantizes a GGUF file's weights to 32 bits. What a model is, is told by a hash of the weights that it
computes with, not of its files: so the same numbers are recognized in whatever form they are stored.
"""

from __future__ import annotations

import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trusteq.errors import MissingExtraError, ModelError
from trusteq.models.bounded import bounded_by
from trusteq.models.causal.chat_date import CLOCK, DATE
from trusteq.models.causal.gguf_once import parsed_once
from trusteq.models.causal.weights import weights_hash
from trusteq.models.checkpoint import loading_error, refuse_partly_random
from trusteq.models.files import TOKENIZER_FILES, VOLATILE, read_config, staged
from trusteq.models.gguf_file import is_gguf, tensor_count
from trusteq.models.hub import cached_config
from trusteq.models.library_output import is_failure, offline, one_line, quiet_transformers
from trusteq.models.loaded_checkpoint import LoadedCheckpoint, loaded_checkpoint, move

if TYPE_CHECKING:
    from collections.abc import Mapping

CHAT_TEMPLATE = "chat_template.jinja"

FILES = ("config.json", "*.safetensors", "*.safetensors.index.json", *TOKENIZER_FILES, CHAT_TEMPLATE)
"""The files that are fetched from a hub."""

GGUF_PACKAGES = ("gguf", "accelerate")

UNDECIDED = VOLATILE | {
    *("architectures", "dtype", "torch_dtype", "quantization_config", "use_cache", "initializer_range"),
    *("_model_name_or_path", "bos_token_id", "eos_token_id", "pad_token_id", "unk_token_id", "id2label", "label2id"),
    *("problem_type", "output_hidden_states", "output_attentions", "return_dict", "pretraining_tp", "finetuning_task"),
    *("chunk_size_feed_forward", "_attn_implementation_autoset", "tie_word_embeddings"),
}
"""Keys of a configuration that do not change what a model computes from tokens and weights."""


LOOKING_AHEAD = 0.05
"""How much the logits of a language model may change with later tokens, as a share of the largest: by rounding."""


def is_language_model(spec: str, path: Path) -> bool:
    """Whether this is a GGUF file, or a folder or hub id whose configuration is that of a language model."""
    if path.exists():
        return is_gguf(path) or (path.is_dir() and any(path.glob("*.safetensors")) and _writes(path / "config.json"))
    config = cached_config(spec)
    return config is not None and _writes(config)


def _writes(config: Path) -> bool:
    """Whether a configuration is that of a model that writes on, one token after the other."""
    try:
        architectures = read_config(config, name="").get("architectures")
    except ModelError:
        return False
    named = architectures if isinstance(architectures, list) else []
    return any(isinstance(one, str) and one.endswith(("ForCausalLM", "GPT2LMHeadModel")) for one in named)


def load(location: str, *, name: str, device: str | None = None, download: bool = False) -> LoadedCheckpoint:
    """The language model at a location, loaded completely and without running any code of the model."""
    path = Path(location).expanduser()
    if is_gguf(path):
        loaded = _loaded_gguf(path, name=name, device=device)
    else:
        loaded = loaded_checkpoint(
            location, "AutoModelForCausalLM", FILES, also=(CHAT_TEMPLATE,), name=name, device=device, download=download
        )
    if loaded.model.get_output_embeddings() is None:
        raise ModelError(f"model {name}: {type(loaded.model).__name__} has no head that predicts tokens")
    _refuse_looking_ahead(loaded.model, name=name)
    return loaded


def _refuse_looking_ahead(model: Any, *, name: str) -> None:
    """Stop if what it says of a token depends on the tokens after it, as in an encoder.

    Some quantized weights are unpacked by this, since they only are when they are first used.
    """
    import torch

    with quiet_transformers(), offline(), torch.inference_mode():
        try:
            size = model.config.get_text_config().vocab_size
            *begin, one, other = ((size // 2 + i) % size for i in range(6))
            rows = (torch.tensor([[*begin, last]], device=model.device) for last in (one, other))
            first, second = (model(input_ids=row, use_cache=False).logits[0, : len(begin)] for row in rows)
        except Exception as error:
            raise ModelError(f"model {name}: failed while reading a few first tokens: {one_line(error)}") from error
    if (first - second).abs().max() > LOOKING_AHEAD * first.abs().max():
        raise ModelError(
            f"model {name}: {type(model).__name__} reads the tokens that it is asked to predict: its logits change "
            "with later tokens, so it is no language model; if it is a decoder, its config.json lacks is_decoder"
        )


def _loaded_gguf(file: Path, *, name: str, device: str | None) -> LoadedCheckpoint:
    try:
        import transformers
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"model {name}: {file}", "gguf") from error
    packages = {}
    for package in GGUF_PACKAGES:
        try:
            packages[package] = version(package)
        except PackageNotFoundError as error:
            raise MissingExtraError(f"model {name}: {file}", "gguf") from error
    try:
        tensor_count(file)
    except (OSError, ValueError) as error:
        raise ModelError(f"model {name}: {file} cannot be read as a GGUF file: {one_line(error)}") from error
    staged_name = "model.gguf"
    with (
        quiet_transformers() as messages,
        offline(),
        parsed_once(),
        staged({staged_name: file}, name=name) as stage,
    ):
        settings: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True, "gguf_file": staged_name}
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(stage, **settings)
            with bounded_by([file], name=name):
                model, loading = transformers.AutoModelForCausalLM.from_pretrained(
                    stage, output_loading_info=True, **settings
                )
        except ModelError:
            raise
        except BaseException as error:
            if not is_failure(error):
                raise
            raise loading_error(error, messages, folder=file, stage=stage / staged_name, name=name) from error
        refuse_partly_random(loading, model, name=name)
        model.eval()
        move(model, device, name=name)
        method = {"quant_method": "gguf", "types": _stored_types(stage / staged_name)}
    unused = sorted(loading["unexpected_keys"])
    return LoadedCheckpoint(model, tokenizer, {file.name: file}, unused, method, packages)


def _stored_types(file: Path) -> dict[str, int]:
    """How many weights a GGUF file stores in each of its types."""
    from gguf import GGUFReader

    counts: dict[str, int] = {}
    for tensor in GGUFReader(str(file)).tensors:
        counts[tensor.tensor_type.name] = counts.get(tensor.tensor_type.name, 0) + int(tensor.n_elements)
    return dict(sorted(counts.items()))


def content_hash(loaded: LoadedCheckpoint, *, chat: bool, weights: str | None = None) -> str:
    """SHA-256 of everything that decides the model's answers: weights as it computes with them, and what it reads.

    ``chat`` says whether its chat template matters. ``weights`` is the hash of its weights, if that is known.
    """
    parts = {
        "weights": weights or weights_hash(loaded.model),
        "configuration": configuration_hash(loaded.model.config.to_dict()),
        "tokenizer": tokenizer_hash(loaded.tokenizer),
        "dtype": str(loaded.model.dtype),
        "activations": _rounded_activations(loaded.quantization),
        "chat template": chat_template_hash(loaded.tokenizer) if chat else None,
    }
    return _digest(parts)


def configuration_hash(config: Mapping[str, Any]) -> str:
    """SHA-256 of what decides how a model computes; numbers as 32 bits hold them, as some formats store them."""
    return _digest({key: _in_32_bits(value) for key, value in config.items() if key not in UNDECIDED})


def tokenizer_hash(tokenizer: Any) -> str:
    """SHA-256 of how texts become tokens, without settings of padding and truncation."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return _digest({"class": type(tokenizer).__name__, "vocabulary": tokenizer.get_vocab()})
    content = json.loads(backend.to_str())
    # A setting that is off is written in different ways.
    content["model"] = {key: value for key, value in content["model"].items() if value}
    return _digest({key: value for key, value in content.items() if key not in {"padding", "truncation", "version"}})


def vocabulary_hash(tokenizer: Any) -> str:
    """SHA-256 of the tokens and their numbers."""
    return _digest(tokenizer.get_vocab())


def chat_template_hash(tokenizer: Any) -> str | None:
    """SHA-256 of the template with which messages become a prompt; None if there is none."""
    template = tokenizer.chat_template
    if template is None:
        return None
    return _digest([template, DATE] if CLOCK in str(template) else template)


def _rounded_activations(quantization: Mapping[str, Any]) -> Any:
    """What a quantization_config says of rounding activations, which weights do not show; None if nothing."""
    groups = quantization.get("config_groups")
    if isinstance(groups, dict):
        rounded = [group.get("input_activations") for group in groups.values() if isinstance(group, dict)]
        return rounded if any(rounded) else None
    kind = json.dumps(quantization.get("quant_type"), default=str)
    return kind if "Dynamic" in kind or "Activation" in kind else None


def _in_32_bits(value: Any) -> Any:
    import numpy as np

    if isinstance(value, dict):
        return {str(key): _in_32_bits(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list | tuple):
        return [_in_32_bits(inner) for inner in value]
    return float(np.float32(value)) if isinstance(value, float) else value


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
