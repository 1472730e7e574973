"""An adapter beside a checkpoint: low-rank corrections of its linear maps (LoRA) in PEFT's files, read without PEFT.

It lies in the checkpoint's folder, in ``adapter/``. What would compute something else than W x + s B A x is refused.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trusteq.data.table import shown
from trusteq.errors import ModelError
from trusteq.models.checkpoint import first_few
from trusteq.models.files import PICKLES, read_config, refuse_link_out
from trusteq.models.library_output import one_line

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

FOLDER, CONFIG, TENSORS = "adapter", "adapter_config.json", "adapter_model.safetensors"

PREFIX = "base_model.model."
"""What PEFT puts before a module's name."""

READ = frozenset({"r", "lora_alpha", "rank_pattern", "alpha_pattern"})

WITHOUT_EFFECT = frozenset(
    {
        *("task_type", "auto_mapping", "peft_version", "base_model_name_or_path", "revision", "inference_mode"),
        *("target_modules", "exclude_modules", "layers_to_transform", "layers_pattern", "lora_dropout"),
        *("megatron_core", "qalora_group_size"),
    }
)
"""Keys that do not change what a finished adapter computes: its tensors say which modules it corrects."""

FIXED: Mapping[str, tuple[Any, ...]] = {
    "peft_type": ("LORA",),
    "bias": ("none",),
    "init_lora_weights": (True, False, "gaussian", "orthogonal"),  # others also change the weights beside it
}
"""Values that other keys must have; keys that are not named at all must be off."""


@dataclass(frozen=True)
class Ranks:
    """The rank and the alpha of each module, by PEFT's patterns."""

    rank: int
    alpha: float
    rank_pattern: Mapping[str, int]
    alpha_pattern: Mapping[str, float]

    def of(self, module: str) -> tuple[int, float]:
        """A module's rank, and the factor s of its correction."""
        rank = next((r for key, r in self.rank_pattern.items() if _fits(key, module)), self.rank)
        alpha = next((a for key, a in self.alpha_pattern.items() if _fits(key, module)), self.alpha)
        return rank, alpha / rank


def adapter_files(folder: Path, *, name: str) -> dict[str, Path]:
    """The files of the adapter in a checkpoint's folder, by their names there; {} if it has none."""
    beside = folder / FOLDER
    if not beside.is_dir():
        return {}
    files = {f"{FOLDER}/{file}": beside / file for file in (CONFIG, TENSORS)}
    for path in files.values():
        if path.is_file():
            refuse_link_out(path, folder)
            continue
        pickles = sorted(file.name for file in beside.iterdir() if file.name.endswith(PICKLES))
        note = f", only {pickles[0]}, a pickle that could execute code when opened" if pickles else ""
        raise ModelError(
            f"model {name}: {beside} has no {path.name}{note}; an adapter needs {CONFIG} and {TENSORS} as PEFT saves "
            "them: complete the folder, or remove it"
        )
    return files


def apply_adapter(model: Any, files: Mapping[str, Path], *, name: str) -> dict[str, Any] | None:
    """Add the adapter in these files to a loaded model; what an identity says of it, None if there is none."""
    if f"{FOLDER}/{CONFIG}" not in files:
        return None
    from trusteq.models.correction import Correction, add_correction

    ranks = _ranks(files[f"{FOLDER}/{CONFIG}"], name=name)
    corrections = _corrections(model, files[f"{FOLDER}/{TENSORS}"], ranks, name=name)
    for module, (A, B) in corrections.items():
        linear = model.get_submodule(module)
        add_correction(linear, Correction(A, B).to(model.device).requires_grad_(False))
    return {
        "kind": "LoRA",
        "ranks": sorted({len(A) for A, _ in corrections.values()}),
        "modules": len(corrections),
        "parameters": sum(A.numel() + B.numel() for A, B in corrections.values()),
    }


def _ranks(file: Path, *, name: str) -> Ranks:
    """What a configuration says, checked."""
    where = f"model {name}: {file}"
    config = read_config(file, name=name)
    for key, value in config.items():
        if key in READ | WITHOUT_EFFECT:
            continue
        allowed = FIXED.get(key, (None, False, "", [], {}))
        if not any(type(value) is type(one) and value == one for one in allowed):
            expected = " or ".join(map(shown, FIXED[key])) if key in FIXED else "off"
            raise ModelError(
                f"{where} says {key} is {shown(value)}, expected {expected}: trusteq reads plain LoRA only; merge the "
                "adapter into its base model with PEFT, and save the result"
            )
    if missing := [key for key in ("peft_type", "r", "lora_alpha") if key not in config]:
        raise ModelError(f"{where} has no {missing[0]}, which every LoRA adapter has; save it again with PEFT")
    patterns: list[Mapping[str, Any]] = []
    for key in ("rank_pattern", "alpha_pattern"):
        pattern = config.get(key) or {}
        if not isinstance(pattern, dict):
            raise ModelError(f"{where} says {key} is {shown(pattern)}, expected an object")
        patterns.append(pattern)
    ranks, alphas = patterns
    for key, rank in {"r": config["r"], **{f"rank_pattern.{module}": r for module, r in ranks.items()}}.items():
        if type(rank) is not int or rank < 1:
            raise ModelError(f"{where} says {key} is {shown(rank)}, expected a whole number from 1")
    of_modules = {f"alpha_pattern.{module}": a for module, a in alphas.items()}
    for key, alpha in {"lora_alpha": config["lora_alpha"], **of_modules}.items():
        if type(alpha) not in (int, float) or not math.isfinite(alpha):
            raise ModelError(f"{where} says {key} is {shown(alpha)}, expected a finite number")
    for module in {*ranks, *alphas}:
        if not re.fullmatch(r"[\w.^$]+", module):
            raise ModelError(f"{where} has a pattern of modules {shown(module)}; name modules in full")
    return Ranks(config["r"], config["lora_alpha"], ranks, alphas)


def _fits(pattern: str, module: str) -> bool:
    """Whether a pattern means a module: as in PEFT, its whole name or the end of it."""
    return re.match(rf"(.*\.)?({pattern})$", module) is not None


def _corrections(model: Any, file: Path, ranks: Ranks, *, name: str) -> dict[str, tuple[Any, Any]]:
    """A and s B by module, each checked to fit the linear map of this name."""
    from safetensors import SafetensorError, safe_open

    where = f"model {name}: {file}"
    sides = {"in_features", "out_features"}
    linear = {key: module for key, module in model.named_modules() if sides <= set(dir(module))}
    try:
        with safe_open(file, framework="pt") as stored:
            shapes = {key: stored.get_slice(key).get_shape() for key in stored.keys()}  # noqa: SIM118 - not a mapping
            expected: dict[str, list[int]] = {}
            for module in sorted({_module(key) for key in shapes} & set(linear)):
                rank, _ = ranks.of(module)
                expected[_key(module, "A")] = [rank, linear[module].in_features]
                expected[_key(module, "B")] = [linear[module].out_features, rank]
            if strange := sorted(set(shapes) - set(expected)):
                raise ModelError(
                    f"{where} holds {first_few(strange)}, expected lora_A.weight and lora_B.weight of linear maps of "
                    f"this {type(model).__name__}; does the adapter belong to another model?"
                )
            if absent := sorted(set(expected) - set(shapes)):
                raise ModelError(f"{where} lacks {first_few(absent)}; save the adapter again with PEFT")
            if not shapes:
                raise ModelError(f"{where} holds no tensors; save the adapter again with PEFT, or remove its folder")
            for key, shape in expected.items():
                if shapes[key] != shape:
                    raise ModelError(
                        f"{where}: tensor {key} is {shapes[key]}, expected {shape} by {CONFIG} and the model; does the "
                        "adapter belong to another model?"
                    )
            tensors = {key: _floats(stored.get_tensor(key), f"{where}: tensor {key}") for key in expected}
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(f"{where} cannot be read: {one_line(error)}") from error
    modules = [module for module in linear if _key(module, "A") in tensors]
    return {m: (tensors[_key(m, "A")], ranks.of(m)[1] * tensors[_key(m, "B")]) for m in modules}


def _key(module: str, which: str) -> str:
    return f"{PREFIX}{module}.lora_{which}.weight"


def _module(key: str) -> str:
    """The module that a tensor's name stands for."""
    return re.sub(r"\.lora_[AB]\.weight$", "", key.removeprefix(PREFIX))


def _floats(tensor: Any, where: str) -> Any:
    """A tensor in 32 bits; an error unless its numbers are finite."""
    if not tensor.is_floating_point() or not tensor.isfinite().all():
        raise ModelError(f"{where} holds other values than finite floating-point numbers")
    return tensor.float()
