"""Weights rounded to a grid: in each group of a row, whole multiples of one step."""

from __future__ import annotations

from typing import Any


def steps(weight: Any, bits: int, group: int) -> Any:
    """The distance between neighbouring values of each group [rows, groups]."""
    import torch

    largest = weight.detach().unflatten(1, (-1, group)).abs().amax(dim=2)
    # In 4 bits, -8 to 7: half a step beyond 7 wastes none of the range. A group of zeros stays 0 with any step.
    return torch.where(largest > 0, largest / (2 ** (bits - 1) - 0.5), 1.0)


def nearest(weight: Any, step: Any, bits: int) -> Any:
    """The weights, each rounded to the nearest of the values that so many bits can hold."""
    half = 2 ** (bits - 1)
    whole = weight.detach().unflatten(1, (step.shape[1], -1)) / step.unsqueeze(2)
    return (whole.round().clamp(-half, half - 1) * step.unsqueeze(2)).flatten(1)
