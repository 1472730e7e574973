"""Multiplying equal tokens once.

The perturbed texts of an item share their tokens, often in the same places, so the same few hundred vectors go into the
first layer again and again. Its queries, keys and values are computed once for each different vector of a batch and
then copied: of what a shortened model of two layers has left, a tenth is saved; of six, next to nothing. Equal means
to the bit. On accelerators, where looking for equals would hold up the queue, nothing is changed.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from trusteq.models.encoder import is_plain, layers, projections

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WORTH = 0.8
"""With more different tokens than this share of all, copying costs more than it saves."""


@contextmanager
def equal_tokens_once(model: Any) -> Iterator[bool]:
    """The model with a first layer that multiplies equal tokens once; yields whether that layer is a known one."""
    stack = layers(model)
    linears = projections(stack[0]) if stack else ()
    if not linears or model.device.type != "cpu" or not all(map(is_plain, linears)):
        yield False
        return
    last = _Last()
    for linear in linears:
        linear.forward = partial(_once, linear.forward, last)
    try:
        yield True
    finally:
        for linear in linears:
            del linear.forward


class _Last:
    """The tensor that was last asked about, for queries, keys and values are made from the same."""

    def __init__(self) -> None:
        self.tensor: Any = None
        self.found: tuple[Any, Any] | None = None

    def distinct(self, tensor: Any) -> tuple[Any, Any] | None:
        if tensor is not self.tensor:
            self.tensor, self.found = tensor, distinct(tensor)
        return self.found


def _once(multiply: Callable[[Any], Any], last: _Last, hidden: Any) -> Any:
    found = last.distinct(hidden)
    if found is None:
        return multiply(hidden)
    some, place = found
    return multiply(some).index_select(0, place).unflatten(0, hidden.shape[:-1])


def distinct(hidden: Any) -> tuple[Any, Any] | None:
    """The different vectors [some, width] of a tensor, and which each is; None where too few are equal."""
    import torch

    flat = hidden.flatten(0, -2)
    bits = flat.view(torch.int32 if flat.element_size() == 4 else torch.int16)
    # Odd multipliers that differ; sums of products modulo 2^32, which hardly ever are the same of different vectors.
    odd = (2 * torch.arange(bits.shape[-1], dtype=torch.int64) + 1) * 2_654_435_761 % 2**31
    keys, place = torch.unique((bits * odd.int()).sum(-1, dtype=torch.int32), return_inverse=True)
    if len(keys) > WORTH * len(flat):
        return None
    first = torch.empty(len(keys), dtype=torch.int64).scatter_(0, place, torch.arange(len(flat)))
    some = flat.index_select(0, first)
    return (some, place) if torch.equal(some.index_select(0, place), flat) else None
