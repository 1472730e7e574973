"""Weights that can only move on their grid, or at their rank."""

from __future__ import annotations

from typing import Any

import torch


class OnGrid(torch.nn.Module):
    """Whole numbers [rows, columns] times the steps of their groups [rows, groups], which are what moves."""

    def __init__(self, whole: Any, steps: Any) -> None:
        super().__init__()
        self.whole, self.steps = whole, steps

    def forward(self, steps: Any) -> Any:
        """The weight."""
        return on_grid(self.whole, steps)

    def right_inverse(self, weight: Any) -> Any:
        """The steps of the weight."""
        return self.steps.float()


class OfRank(torch.nn.Module):
    """A product of two factors of this rank."""

    def __init__(self, rank: int) -> None:
        super().__init__()
        self.rank = rank

    def forward(self, left: Any, right: Any) -> Any:
        """The weight."""
        return left @ right

    def right_inverse(self, weight: Any) -> tuple[Any, Any]:
        """The factors of the weight, of equal size."""
        U, S, V = torch.linalg.svd(weight, full_matrices=False)
        root = S[: self.rank].sqrt()
        return U[:, : self.rank] * root, root[:, None] * V[: self.rank]


def on_grid(whole: Any, steps: Any) -> Any:
    """Weights [rows, columns] that are whole numbers of the steps of their groups [rows, groups]."""
    return (whole.float().unflatten(1, (steps.shape[1], -1)) * steps.float().unsqueeze(2)).flatten(1)
