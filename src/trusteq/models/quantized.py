"""Quantized checkpoints: the packages they need, and checks for files that would load as another model."""

from __future__ import annotations

import math
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from trusteq.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

PACKAGES: Mapping[str, tuple[str, ...]] = {
    "bitsandbytes": ("bitsandbytes", "accelerate"),
    "compressed-tensors": ("compressed-tensors",),
    "torchao": ("torchao",),
}
"""The packages that transformers needs for each quant_method that was tested; for others, its own message is used."""

PLAIN = ("F64", "F32", "F16", "BF16")


def package_versions(method: str, *, folder: Path, name: str) -> dict[str, str]:
    """The installed version of each package that a quantization method needs."""
    installed, missing = {}, []
    for package in PACKAGES.get(method, ()):
        try:
            installed[package] = version(package)
        except PackageNotFoundError:
            missing.append(package)
    if missing:
        raise ModelError(
            f"model {name}: {folder} is quantized with {method}, which needs packages that are not installed: "
            f"pip install {' '.join(missing)}"
        )
    return installed


def refuse_plain_weights(method: str, files: Iterable[Path], *, name: str) -> None:
    """An error if the files hold no quantized weights; transformers would load plain weights and leave them plain."""
    from safetensors import safe_open

    for file in files:
        with safe_open(file, framework="np") as tensors:
            for key in tensors.keys():  # noqa: SIM118 - not a mapping
                # A scale stored with plain weights means quantization simulated in floating point.
                if "scale" in key or tensors.get_slice(key).get_dtype() not in PLAIN:
                    return
    raise ModelError(
        f"model {name}: config.json says the weights are quantized with {method}, but the files hold only plain "
        "weights; save the quantized model, or remove quantization_config"
    )


def refuse_leftovers(model: Any, unused: Sequence[str], *, name: str) -> None:
    """An error if unused tensors belong to a weight that was loaded, which would be wrong without, e.g., its scale."""
    weighted = {key.removesuffix("weight") for key, _ in model.named_parameters() if key.endswith(".weight")}
    leftovers = [key for key in unused if key.rpartition(".")[0] + "." in weighted]
    if leftovers:
        raise ModelError(
            f"model {name}: {len(leftovers)} tensors in the checkpoint belong to a weight and would be left out "
            f"({leftovers[0]}); is it quantized, and config.json lacks a quantization_config that covers it?"
        )


def refuse_short_parts(model: Any, *, name: str) -> None:
    """An error if a 4-bit weight of bitsandbytes is incomplete, since the library would read beyond its end."""
    for key, weight in model.named_parameters():
        state = getattr(weight, "quant_state", None)
        if state is None:
            continue
        count = math.prod(state.shape)
        nested = getattr(state, "state2", None)  # the scales of the scales
        if (
            2 * weight.numel() * weight.element_size() < count  # two values a byte
            or state.absmax.numel() * state.blocksize < count
            or state.code.numel() < 16
            or (nested is not None and nested.absmax.numel() * nested.blocksize < state.absmax.numel())
            or (nested is not None and nested.code.numel() < 256)
        ):
            raise ModelError(f"model {name}: the checkpoint holds only part of {key}; refusing a partly random model")
