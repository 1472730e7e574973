"""A reference's most probable tokens at every position, and how far at least a model is from it.

All other tokens are one: the tail. Merging tokens never increases KL (data processing inequality), so what is computed
from the merged probabilities is a lower bound. Logarithms are stored in steps. KL is convex in the reference's
probabilities, so its tangent at the stored ones bounds what rounding can have added, and that much is taken off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEP = 2.0**-12
"""Of stored logarithms of probabilities, in nats."""
LOWEST = 2**16 - 2
"""The most steps below 0 that are stored, 16 nats. What is less probable is part of the tail."""
IN_TAIL = 2**16 - 1
SHARE = 1 / 10
"""The most that is kept, as a share of 2 bytes for every token of the vocabulary."""
MOST = 2048


@dataclass(frozen=True)
class TopTokens:
    """What is kept of a reference's probabilities.

    ids: the most probable tokens of each position, the first the most probable [positions, k]. steps: how many
    `STEP` their log-probabilities are below 0; `IN_TAIL` for one that is part of the tail [positions, k]. tail: the
    logarithm of the tail's probability [positions].
    """

    ids: NDArray[np.uint16] | NDArray[np.uint32]
    steps: NDArray[np.uint16]
    tail: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.ids)

    def at(self, positions: slice) -> TopTokens:
        """What is kept of these positions."""
        return TopTokens(self.ids[positions], self.steps[positions], self.tail[positions])


def record(vocabulary: int, k: int) -> np.dtype[Any]:
    """How k tokens of a position are laid out in bytes."""
    return np.dtype([("ids", np.dtype(_id_type(vocabulary)), (k,)), ("steps", "<u2", (k,)), ("tail", "<f4")])


def kept(vocabulary: int) -> int:
    """How many tokens of a vocabulary are kept."""
    each = int(np.dtype(_id_type(vocabulary)).itemsize) + 2
    return max(1, min(MOST, int(SHARE * 2 * vocabulary - 4) // each))


def top_tokens(logits: Any, k: int) -> TopTokens:
    """The k most probable tokens of each position, from logits [positions, vocabulary]."""
    import torch

    logits = logits.float()
    values, ids = logits.topk(k, dim=1)
    whole = logits.logsumexp(dim=1, keepdim=True)
    steps = ((whole.double() - values.double()) / STEP).round().clamp(min=0)
    apart = steps <= LOWEST
    rest = logits.scatter(1, torch.where(apart, ids, ids[:, :1]), -torch.inf)
    tail = rest.logsumexp(dim=1) - whole[:, 0]
    return TopTokens(
        ids.cpu().numpy().astype(_id_type(logits.shape[1])),
        torch.where(apart, steps, IN_TAIL).cpu().numpy().astype(np.uint16),
        tail.cpu().numpy(),
    )


def _id_type(vocabulary: int) -> Any:
    return np.uint16 if vocabulary <= 2**16 else np.uint32


def bounds(stored: TopTokens, logits: Any) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Lower bounds of KL(reference || model) and KL(model || reference), and the reference's tail [positions].

    From the model's logits [positions, vocabulary].
    """
    import torch

    apart = stored.steps != IN_TAIL
    p = np.where(apart, np.exp(-STEP * stored.steps.astype(np.float64)), 0.0)
    tail = stored.tail.astype(np.float64)
    p *= ((1 - np.exp(tail)) / p.sum(axis=1))[:, None]  # within one step of the reference's own
    log_q = logits.float().log_softmax(dim=1)
    at, inside = (torch.from_numpy(x).to(log_q.device) for x in (stored.ids.astype(np.int64), apart))
    rest = log_q.scatter(1, torch.where(inside, at, at[:, :1]), -torch.inf)
    q_tail = rest.logsumexp(dim=1).double().cpu().numpy()
    log_q = np.where(apart, log_q.gather(1, at).double().cpu().numpy(), -np.inf)
    q = np.exp(log_q)
    with np.errstate(invalid="ignore", divide="ignore"):
        excess = np.where(apart, np.log(p) - log_q, 0.0)
        share = np.where(apart, q / p, 0.0)
        of_tail = np.where(tail > -np.inf, tail - q_tail, 0.0)
    rounding = np.expm1(STEP)
    forward = (p * excess).sum(axis=1) - rounding * _spread(p, excess)
    backward = -(q * excess).sum(axis=1) - rounding * _spread(p, share)
    return (
        np.maximum(forward + np.exp(tail) * of_tail, 0.0),
        np.maximum(backward - np.exp(q_tail) * of_tail, 0.0),
        np.exp(tail),
    )


def _spread(weights: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The sum of absolute deviations from the weighted mean, weighted [rows].

    The kept probabilities have the right sum, so only differences of the slopes ``x`` from a constant count.
    """
    mean = (weights * x).sum(axis=1, keepdims=True) / weights.sum(axis=1, keepdims=True)
    return np.asarray((weights * np.abs(x - mean)).sum(axis=1))
