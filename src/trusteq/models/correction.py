"""A low-rank correction beside a linear map: W x + B A x (LoRA, Hu et al. 2021), W left as it is."""

from __future__ import annotations

from typing import Any

import torch


class Correction(torch.nn.Module):
    """B A x, for A [rank, inputs] and B [outputs, rank]; computed in their own precision."""

    def __init__(self, A: Any, B: Any) -> None:
        super().__init__()
        self.A, self.B = torch.nn.Parameter(A), torch.nn.Parameter(B)

    def forward(self, x: Any) -> Any:
        """What is added to the map's output."""
        linear = torch.nn.functional.linear
        return linear(linear(x.to(self.A.dtype), self.A), self.B)

    def product(self) -> Any:
        """What would have to be added to the map's weight [outputs, inputs]."""
        return self.B.detach() @ self.A.detach()


def add_correction(linear: Any, correction: Correction) -> Any:
    """The handle of the hook that adds a correction to a linear map's output, as it is from now on."""
    linear.correction = correction
    return linear.register_forward_hook(_corrected)


def _corrected(linear: Any, inputs: tuple[Any, ...], output: Any) -> Any:
    return (output + linear.correction(inputs[0])).to(output.dtype)
