"""What a model is taught in one epoch: rows, and the answers to aim at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.models.token_rows import TokenRows
    from trusteq.models.transformer import TransformerModel

    Parts = list[tuple[NDArray[np.int64], float]]


class Lessons(Protocol):
    """The rows of an epoch, of whatever kind."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """A length of each row [rows]; rows of similar length share a batch."""

    def parts(self, at: NDArray[np.int64]) -> Parts:
        """The rows ``at`` of one step in parts that are run one after another, and each part's share of the loss."""

    def logits(self, at: NDArray[np.int64]) -> Any:
        """The model's logits for the rows ``at``, with gradients [answers, labels]."""

    def targets(self, at: NDArray[np.int64]) -> tuple[Any, Any]:
        """Gold codes [answers], and another model's log-probabilities [answers, labels]; either may be None."""


@dataclass(frozen=True)
class Examples:
    """Token rows and their targets: gold codes [rows], and another model's log-probabilities [rows, labels]."""

    rows: TokenRows
    gold: NDArray[np.int64] | None = None
    soft: NDArray[np.float64] | None = None

    def answers(self) -> NDArray[np.int64]:
        """The right answer to each row [rows]: gold codes if there are any, else the other model's answers."""
        if self.gold is not None:
            return self.gold
        if self.soft is None:
            raise ValueError("examples have neither gold codes nor another model's answers to learn from")
        return np.asarray(self.soft.argmax(axis=1), np.int64)


@dataclass(frozen=True)
class TokenLessons:
    """Examples as a classifier of texts reads them."""

    model: TransformerModel
    examples: Examples

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each row [rows]."""
        return self.examples.rows.lengths

    def parts(self, at: NDArray[np.int64]) -> Parts:
        """All at once."""
        return [(at, 1.0)]

    def logits(self, at: NDArray[np.int64]) -> Any:
        """The classifier's logits [rows, labels]."""
        net = self.model.model
        return net(**self.model.inputs(self.examples.rows, at)).logits.float()

    def targets(self, at: NDArray[np.int64]) -> tuple[Any, Any]:
        """Those of the examples, on the classifier's device."""
        return targets(self.examples, at, self.model.model.device)


def targets(examples: Examples, at: NDArray[np.int64], device: Any) -> tuple[Any, Any]:
    """The targets of the rows ``at`` as tensors."""
    import torch

    def tensor(values: NDArray[Any] | None) -> Any:
        return None if values is None else torch.from_numpy(values[at]).to(device)

    soft = tensor(examples.soft)
    return tensor(examples.gold), None if soft is None else soft.float()
