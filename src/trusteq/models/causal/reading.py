"""Two models read the same chunks side by side, and their probabilities of every next token are compared at once.

The probabilities of a whole vocabulary are too many to keep, so each block of positions is compared as soon as both
models have run: from hidden states through each model's head to logits, in float32.
"""

from __future__ import annotations

from dataclasses import fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.models.causal.products import fast_products
from trusteq.models.causal.top_tokens import TopTokens, bounds, top_tokens
from trusteq.tasks.tokens import TOKEN_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from trusteq.models.causal.chunks import Chunk

BLOCK = 256
"""Positions that go through the head together: its weights are read once for all of them."""
CACHED = 2**19
"""Logits that are compared together, few enough to stay in a processor's caches: 8 positions take half as long each as
256 (49,152 tokens)."""
GPU_CACHED = 2**26
"""The same for an accelerator, which needs many at once."""


class Network:
    """A causal model that gives hidden states, and logits from them."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def hidden(self, ids: NDArray[np.int64]) -> Any:
        """What the head reads, for chunks of equal length or padded on the right [chunks, length]; see `logits`.

        No mask is needed: a position depends only on those before it, and padding comes after them.
        """
        import torch

        inputs = torch.from_numpy(ids).to(self.model.device)
        plain_head = self.has_plain_head
        with fast_products():
            return self._states(inputs) if plain_head else self.model(inputs, use_cache=False).logits

    def logits(self, hidden: Any) -> Any:
        """Logits [positions, vocabulary], in float32, of hidden states [positions, width]."""
        plain_head = self.has_plain_head
        with fast_products():
            return (self.model.get_output_embeddings()(hidden) if plain_head else hidden).float()

    def _states(self, inputs: Any) -> Any:
        return self.model.base_model(inputs, use_cache=False).last_hidden_state

    @cached_property
    def has_plain_head(self) -> bool:
        """Whether logits are the head's output, as tried on a few tokens; some models scale or cap them afterwards."""
        import torch

        head = self.model.get_output_embeddings()
        if head is None or self.model.base_model is self.model:
            return False
        tokens = min(8, self.model.config.get_text_config().vocab_size)
        inputs = torch.arange(tokens, device=self.model.device)[None]
        with torch.inference_mode():
            whole, own = self.model(inputs, use_cache=False).logits, head(self._states(inputs))
        return bool(torch.equal(whole.float(), own.float()))


def read(reference: Network, model: Network, chunks: Sequence[Chunk], *, budget: int) -> list[NDArray[np.float64]]:
    """The model's rows [tokens, `TOKEN_COLUMNS`] for each chunk, compared with the reference's on the same batches.

    budget: tokens of a batch, with padding.
    """
    return _read(chunks, budget, reference, model, None)


def read_twice(
    network: Network,
    chunks: Sequence[Chunk],
    *,
    budget: int,
    alone: Callable[[Chunk, Any], None] = lambda chunk, hidden: None,
) -> list[NDArray[np.float64]]:
    """The rows of the reference compared with itself, each chunk in a batch and alone: its noise floor.

    ``alone`` is called with each chunk and its hidden states when it is read alone.
    """
    return _read(chunks, budget, network, network, 1, alone)


def states_alone(network: Network, chunk: Chunk) -> Any:
    """The hidden states of a chunk's positions but the last [length - 1, width], when it is read alone."""
    import torch

    with torch.inference_mode():
        return _states(network, [chunk], None)[0]


def read_after(
    network: Network, chunks: Sequence[Chunk], stored: Callable[[Chunk], TopTokens], *, budget: int
) -> list[NDArray[np.float64]]:
    """The model's rows for each chunk, compared with a reference's most probable tokens."""
    import torch

    rows: list[NDArray[np.float64]] = [np.empty(0)] * len(chunks)
    with torch.inference_mode():
        for at in batches([len(chunk.ids) for chunk in chunks], budget):
            states = _states(network, [chunks[i] for i in at], None)
            for i, hidden in zip(at, states, strict=True):
                rows[i] = _bounded(network, hidden, chunks[i], stored(chunks[i]))
    return rows


def top_tokens_of(network: Network, hidden: Any, k: int) -> TopTokens:
    """The k most probable tokens that follow, from hidden states [positions, width]."""
    import torch

    with torch.inference_mode():
        parts = [top_tokens(logits, k) for _, logits in _few_at_a_time(network, hidden)]
    return TopTokens(*(np.concatenate([getattr(part, one.name) for part in parts]) for one in fields(TopTokens)))


def _read(
    chunks: Sequence[Chunk],
    budget: int,
    reference: Network,
    model: Network,
    other: int | None,
    seen: Callable[[Chunk, Any], None] = lambda chunk, hidden: None,
) -> list[NDArray[np.float64]]:
    """``other``: how many chunks are in the reference's batches; None for as many as in the model's.

    ``seen`` is called with each chunk and the reference's hidden states.
    """
    import torch

    rows: list[NDArray[np.float64]] = [np.empty(0)] * len(chunks)
    with torch.inference_mode():
        for at in batches([len(chunk.ids) for chunk in chunks], budget):
            batch = [chunks[i] for i in at]
            own = _states(model, batch, None)
            beside = own if reference is model and other is None else _states(reference, batch, other)
            for chunk, hidden in zip(batch, beside, strict=True):
                seen(chunk, hidden)
            parts = [_compared(reference, model, *pair) for pair in zip(beside, own, batch, strict=True)]
            for i, part in zip(at, parts, strict=True):
                rows[i] = part
    return rows


def batches(lengths: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Positions of rows of similar length, as many as fit in the budget with padding; at least one."""
    batch: list[int] = []
    for i in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if batch and lengths[batch[0]] * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _states(network: Network, batch: Sequence[Chunk], at_once: int | None) -> list[Any]:
    """The hidden states of each chunk's positions but the last, [length - 1, width], run so many at once."""
    size = at_once or len(batch)
    found = []
    for start in range(0, len(batch), size):
        part = batch[start : start + size]
        ids = np.zeros((len(part), max(len(chunk.ids) for chunk in part)), dtype=np.int64)
        for row, chunk in zip(ids, part, strict=True):
            row[: len(chunk.ids)] = chunk.ids
        hidden = network.hidden(ids)
        found += [hidden[row, : len(chunk.ids) - 1] for row, chunk in enumerate(part)]
    return found


def _compared(reference: Network, model: Network, beside: Any, own: Any, chunk: Chunk) -> NDArray[np.float64]:
    """A chunk's rows from the hidden states of both models at its positions."""
    import torch

    following = torch.from_numpy(chunk.ids[1:]).to(own.device)
    parts = []
    for start in range(0, len(own), BLOCK):
        at = slice(start, start + BLOCK)
        p, q = reference.logits(beside[at]), model.logits(own[at])
        parts += [_columns(p[few].to(q.device), q[few], following[at][few]) for few in _few(q)]
    values = torch.cat(parts, dim=1).cpu().double().numpy()
    return _rows(chunk, [*values, np.zeros(len(chunk.length))])


def _bounded(network: Network, own: Any, chunk: Chunk, stored: TopTokens) -> NDArray[np.float64]:
    """A chunk's rows from a model's hidden states at its positions and the reference's most probable tokens."""
    import torch

    following = torch.from_numpy(chunk.ids[1:]).to(own.device)
    parts = []
    for at, logits in _few_at_a_time(network, own):
        of_model = _columns(logits.clone(), logits.clone(), following[at])[:3].cpu().double().numpy()
        parts.append(np.stack([*of_model, *bounds(stored.at(at), logits)]))
    return _rows(chunk, list(np.concatenate(parts, axis=1)))


def _rows(chunk: Chunk, known: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """A chunk's rows from the last six of their columns."""
    position = np.arange(1, len(chunk.ids))
    columns = (chunk.ids[1:], chunk.length, position, *known)
    return np.stack([values.astype(np.float64) for _, values in zip(TOKEN_COLUMNS, columns, strict=True)], axis=1)


def _few_at_a_time(network: Network, hidden: Any) -> Iterator[tuple[slice, Any]]:
    """Positions that are compared together, and their logits, from hidden states [positions, width]."""
    for start in range(0, len(hidden), BLOCK):
        logits = network.logits(hidden[start : start + BLOCK])
        for few in _few(logits):
            yield slice(start + few.start, min(start + few.stop, len(hidden))), logits[few]


def _few(logits: Any) -> Iterator[slice]:
    """Rows of logits that are compared together."""
    step = max(1, (CACHED if logits.device.type == "cpu" else GPU_CACHED) // logits.shape[1])
    for first in range(0, len(logits), step):
        yield slice(first, min(first + step, len(logits)))


def _columns(p: Any, q: Any, own: Any) -> Any:
    """What is known of a few positions [5, positions], from the reference's and the model's logits, overwritten.

    With weights w = exp(z - max z) and their sum S: KL(p || q) = sum of w_p (z_p - z_q) / S_p - log(S_p / S_q).
    """
    import torch

    p -= p.amax(dim=1, keepdim=True)
    largest, token = q.max(dim=1, keepdim=True)
    q -= largest
    apart = p - q
    at_own = q.gather(1, own[:, None])[:, 0]
    p.exp_(), q.exp_()
    sum_p, sum_q = p.sum(dim=1), q.sum(dim=1)
    ratio = sum_p.log() - sum_q.log()
    forward = torch.linalg.vecdot(p, apart) / sum_p - ratio
    backward = ratio - torch.linalg.vecdot(q, apart) / sum_q
    return torch.stack(
        [
            (at_own - sum_q.log()).double(),
            token[:, 0].double(),
            (1 / sum_q).double(),
            forward.clamp(min=0).double(),
            backward.clamp(min=0).double(),
        ]
    )
