"""What training starts from: a pretrained model with a head for other labels, saved as a classifier."""

from __future__ import annotations

import shutil
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trusteq.data.label_sets import listed
from trusteq.errors import ModelError
from trusteq.models.adapter import adapter_files
from trusteq.models.bounded import bounded_by
from trusteq.models.checkpoint import checked_config, checkpoint_files, first_few, loading_error, weights
from trusteq.models.files import files_hash, refuse_pickle, staged, tokenizer_files
from trusteq.models.hub import snapshot
from trusteq.models.labels import configured_labels
from trusteq.models.layers import kept_layers, layer_list, with_layers
from trusteq.models.library_output import offline, one_line, quiet_transformers
from trusteq.models.saving import save_checkpoint
from trusteq.models.transformer import FILES, open_transformer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Base:
    """A pretrained model: its location as the user gave it, its local folder, its files by name and their SHA-256."""

    location: str
    name: str
    folder: Path
    files: Mapping[str, Path]
    content: str


def open_base(location: str, *, name: str, download: bool) -> Base:
    """The pretrained model in a folder or under a hub id, checked but not loaded."""
    folder = Path(location).expanduser()
    refuse_pickle(folder, name=name)
    if not folder.exists():
        folder = snapshot(location, FILES, name=name, download=download)
    if not folder.is_dir():
        raise ModelError(f"model {name}: {folder} is not a folder; give that of a pretrained model in safetensors")
    if checked_config(folder, name=name).get("quantization_config"):
        raise ModelError(
            f"model {name}: {folder} is quantized and cannot be trained; start from the model before quantization"
        )
    if adapter_files(folder, name=name):
        raise ModelError(f"model {name}: {folder} holds an adapter and cannot be trained; merge the adapter first")
    files = checkpoint_files(folder, name=name)
    return Base(location, name, folder, files, files_hash(files, name=name))


def save_untrained(
    base: Base, labels: Sequence[str], out: Path, *, layers: int | None, drop: str, seed: int
) -> tuple[str, ...]:
    """Notes on the classifier written to ``out``: the base's layers, or some of them, and a head for the labels.

    The head is drawn at random from the seed, unless the base has one for labels of these names: its rows are then put
    in the order of ``labels``.
    """
    import torch
    import transformers

    settings: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
    names = dict(enumerate(labels))
    with (
        quiet_transformers() as messages,
        offline(),
        staged(base.files, name=base.name) as stage,
        bounded_by(weights(base.files), name=base.name),
        torch.random.fork_rng(devices=[]),
    ):
        torch.manual_seed(seed)
        try:
            model, loading = transformers.AutoModelForSequenceClassification.from_pretrained(
                stage,
                use_safetensors=True,
                dtype=torch.float32,
                id2label=names,
                label2id={label: code for code, label in names.items()},
                ignore_mismatched_sizes=True,
                output_loading_info=True,
                **settings,
            )
        except ModelError:
            raise
        except Exception as error:
            raise loading_error(error, messages, folder=base.folder, stage=stage, name=base.name) from error
        random = sorted({*loading["missing_keys"], *(key for key, *_ in loading["mismatched_keys"])})
        # The body must be complete except for a pooler, which models that were never trained on whole texts lack.
        body = [key for key in random if key.startswith(f"{model.base_model_prefix}.") and "pooler" not in key]
        if body:
            raise ModelError(
                f"model {base.name}: {base.folder} lacks {len(body)} tensors of the model's body ({first_few(body)}); "
                "training would start from a partly random model"
            )
        notes = [f"a new head for {len(labels)} labels"]
        head = _by_label(model)
        if not head.keys() & random:
            torch.manual_seed(seed)
            notes = [_fit_head(model, head, base, labels)]
        model.config.problem_type = None
        save_checkpoint(model, out, tokenizer_files(base.files))
    if layers is not None:
        whole = open_transformer(str(out), name=base.name, device="cpu")
        path, modules = layer_list(whole, "train")
        if layers > len(modules):
            raise ModelError(f"model {base.name}: it has {len(modules)} layers, fewer than {layers}")
        kept = kept_layers(len(modules), layers, drop)
        try:
            smaller = with_layers(whole.model, path, kept)
        except Exception as error:
            raise ModelError(
                f"model {base.name}: {base.folder} cannot be made of layers "
                f"{', '.join(str(i + 1) for i in kept)} of {len(modules)}: {one_line(error)}"
            ) from error
        shutil.rmtree(out)
        save_checkpoint(smaller, out, tokenizer_files(base.files))
        notes.append(f"layers {', '.join(str(i + 1) for i in kept)} of {len(modules)}")
    return tuple(notes)


def _by_label(model: Any) -> dict[str, Any]:
    """The tensors that have a row for each label, by name: those that would be larger with one label more."""
    import torch

    config = deepcopy(model.config)
    config.num_labels += 1
    with torch.device("meta"):
        larger = type(model)(config).state_dict()
    return {name: tensor for name, tensor in model.state_dict().items() if tensor.shape != larger[name].shape}


def _fit_head(model: Any, head: Mapping[str, Any], base: Base, labels: Sequence[str]) -> str:
    """A note on the base's head, whose rows are put in the order of these labels, or drawn anew for other ones."""
    own = configured_labels(checked_config(base.folder, name=base.name), name=base.name)
    own = own or tuple(f"LABEL_{code}" for code in range(len(labels)))  # as transformers names those without names
    if set(own) != set(labels):
        drawn = type(model)(model.config).state_dict()
        for name, tensor in head.items():
            tensor.copy_(drawn[name])
        return f"a new head for {len(labels)} labels, since the base's own is for {listed(own)}"
    order = [own.index(label) for label in labels]
    for tensor in head.values():
        tensor.copy_(tensor[order])
    return "the base's own head"
