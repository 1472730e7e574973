"""The log-probabilities of continuations, at the least cost.

1. The tokens that all prompts begin with are run once; their keys and values are kept and read by every row. They are
   the longest common prefix of tokens of whole prompts, never of texts, which tokenize differently when cut.
2. All continuations of a prompt are read in one row after it (`rows`), and equal prompts are asked once.
3. Rows of similar length make up batches of a limited number of tokens. Padding follows a row, where no token of the
   row can see it; every token has its own position.
4. Logits are computed only where something is predicted: never for each token of each row.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.errors import ModelError
from trusteq.models.causal.plain import plain_log_probabilities
from trusteq.models.causal.prefix import Prefix, common, computed_prefix, reading
from trusteq.models.causal.products import fast_products
from trusteq.models.causal.rows import chains, tree
from trusteq.models.causal.tokenized import Prompt
from trusteq.models.library_output import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from trusteq.models.causal.rows import Row
    from trusteq.models.causal.tokenized import Tokens

READ = 2**16
"""The most tokens that the attention of one layer reads for a batch, prefixes counted in every row."""

LOGITS = 2**25
"""The most logits of a batch: 128 MiB in 32 bits."""

PART = 256
"""How many of their rows are normalized at a time."""

TOLERANCE = 1e-4
"""How far log-probabilities may be from those of the plain forward, in 32 bits."""

WINDOW = re.compile(r"(window|window_size|window_len|chunk_size|chunk_length|block_size|local_attention|local_radius)$")
"""Settings that say how many tokens an attention reads, as architectures name them."""
POSITIONS = re.compile(r"^(max_position_embeddings|n_positions|max_seq_len|max_sequence_length|n_ctx)$")
"""Settings that say how many tokens there can be; some masks and scales are made for the places in a row."""
ORIGINAL, SCALED = "original_max_position_embeddings", ("dynamic", "longrope")
"""After so many tokens, rotary positions of these kinds are scaled by the length of the text."""


@dataclass
class Scorer:
    """A model with what it keeps between calls.

    name: the model's, for messages. budget: tokens in a batch, with padding.
    """

    model: Any
    name: str
    budget: int
    prefix: Prefix | None = field(default=None, init=False)

    def log_probabilities(
        self, prompts: Sequence[Prompt], items: Sequence[str] | None = None, *, shared: Tokens | None = None
    ) -> list[NDArray[np.float64]]:
        """The log-probability of each continuation of each prompt.

        ``items`` [prompts] names the items that they ask about, for messages. ``shared`` are the tokens that prompts
        usually begin with; by default, those that these have in common.
        """
        different = list(dict.fromkeys(prompts))
        first = {prompt: i for i, prompt in reversed([*enumerate(prompts)])}
        self._keep(shared if shared is not None else _common_start(different))
        answers = [np.zeros(len(prompt.continuations)) for prompt in different]
        rows = [(row, i) for i, prompt in enumerate(different) for row in self._rows(prompt)]
        names = [None if items is None else items[first[different[i]]] for _, i in rows]
        for length, at in self._batches([row for row, _ in rows]):
            for batch, values in self._forward_halved([rows[i][0] for i in at], length, [names[i] for i in at]):
                for i, of_row in zip(batch, values, strict=True):
                    row, owner = rows[at[i]]
                    answers[owner][list(row.owners)] = of_row
        by_prompt = dict(zip(different, answers, strict=True))
        return [by_prompt[prompt] for prompt in prompts]

    @cached_property
    def longest(self) -> int | None:
        """The most tokens of a row in which every token is seen alike; None if there is no limit.

        In longer ones, an attention with a sliding window or in chunks does not see all tokens, and some positions are
        scaled by the length of the whole text: such rows are read without anything shared.
        """
        return min(_limits(self.model.config.get_text_config().to_dict()), default=None)

    @cached_property
    def shares(self) -> bool:
        """Whether this model can read trees after a kept prefix, as tried on a few tokens.

        Models whose state is not made of keys and values cannot, and models that are not told positions cannot.
        """
        size = self.model.config.get_text_config().vocab_size
        rng = np.random.default_rng(0)
        start, *ends = (tuple(rng.integers(0, size, n).tolist()) for n in (5, 4, 2, 3, 1, 4))
        tried = [Prompt(start + ends[0], (ends[1], ends[3])), Prompt(start + ends[2], (ends[4], ends[4][:2], ends[1]))]
        try:
            if not _reads_positions(self.model, start):
                return False
            plain = [plain_log_probabilities(self.model, prompt) for prompt in tried]
            prefix = computed_prefix(self.model, start)
            forward = Forward(self.model, prefix, len(start))
            found = forward.log_probabilities([tree(prompt) for prompt in tried])
        except Exception:
            return False
        tolerance = TOLERANCE if self.model.dtype.itemsize >= 4 else 0.2
        return all(np.abs(a - b).max() <= tolerance for a, b in zip(plain, found, strict=True))

    def _keep(self, tokens: Tokens) -> None:
        """Compute the prefix, unless it is already there or not worth it."""
        kept = self.prefix is not None and self.prefix.tokens[: len(tokens)] == tokens
        useful = len(tokens) > 1 and (self.longest is None or len(tokens) < self.longest)
        if useful and not kept and self.shares:
            self.prefix = computed_prefix(self.model, tokens)

    def _rows(self, prompt: Prompt) -> list[Row]:
        row = tree(prompt)
        return [row] if row.is_chain or (self._sees_whole(row) and self.shares) else chains(prompt)

    def _sees_whole(self, row: Row) -> bool:
        # Its places count, not its positions: GPT-Neo's window does not know that branches stand side by side.
        return self.longest is None or len(row.tokens) <= self.longest

    def _batches(self, rows: Sequence[Row]) -> Iterator[tuple[int, list[int]]]:
        """Positions of rows that are run together, and how many tokens of the prefix each begins with."""
        alike: dict[tuple[int, bool], list[int]] = {}
        for i, row in enumerate(rows):
            whole = self._sees_whole(row)
            start = self.prefix.shared_with(row.prompt) if self.prefix is not None and whole else 0
            # A mask for trees would undo a sliding window.
            alike.setdefault((start, whole), []).append(i)
        vocabulary = self.model.config.get_text_config().vocab_size
        for (start, _), at in sorted(alike.items()):
            batch: list[int] = []
            predicted = 0
            for i in sorted(at, key=lambda i: len(rows[i].tokens)):
                length, more = len(rows[i].tokens), len(rows[i].predicting)
                full = (len(batch) + 1) * (length - start) > self.budget or (len(batch) + 1) * length > READ
                if batch and (full or (predicted + more) * vocabulary > LOGITS):
                    yield start, batch
                    batch, predicted = [], 0
                batch.append(i)
                predicted += more
            yield start, batch

    def _forward_halved(
        self, rows: Sequence[Row], start: int, items: Sequence[str | None]
    ) -> Iterator[tuple[range, list[NDArray[np.float64]]]]:
        """The values of the rows, in parts if memory does not suffice for all."""
        import torch

        forward = Forward(self.model, self.prefix, start)
        parts = [range(len(rows))]
        while parts:
            at = parts.pop()
            try:
                values = forward.log_probabilities([rows[i] for i in at])
            except torch.OutOfMemoryError as error:
                if len(at) == 1:
                    tokens = len(rows[at[0]].tokens)
                    raise ModelError(f"model {self.name}: out of memory on one prompt of {tokens:,} tokens") from error
                torch.cuda.empty_cache()
                parts += [at[len(at) // 2 :], at[: len(at) // 2]]
                continue
            except (RuntimeError, ValueError, TypeError, IndexError, AttributeError, AssertionError) as error:
                asked = "a prompt" if items[at[0]] is None else f"item {items[at[0]]!r}"
                raise ModelError(f"model {self.name}: failed while answering {asked}: {one_line(error)}") from error
            yield at, values


@dataclass
class Forward:
    """One forward of a model over rows that begin with the first ``start`` tokens of a prefix."""

    model: Any
    prefix: Prefix | None
    start: int

    def log_probabilities(self, rows: Sequence[Row]) -> list[NDArray[np.float64]]:
        """The log-probability of each continuation of each row."""
        import torch

        length = max(len(row.tokens) for row in rows) - self.start
        ids, positions = (np.zeros((len(rows), length), np.int64) for _ in range(2))
        at_rows, at_columns, offsets = [], [], [0]
        for i, row in enumerate(rows):
            own = len(row.tokens) - self.start
            ids[i, :own], positions[i, :own] = row.tokens[self.start :], row.positions[self.start :]
            at_columns += [at - self.start for at in row.predicting]
            at_rows += [i] * len(row.predicting)
            offsets.append(len(at_rows))
        device = self.model.device
        with torch.inference_mode():
            inputs = {"input_ids": torch.from_numpy(ids).to(device), "use_cache": False}
            mask = self._mask(rows, length)
            if mask is not None:
                inputs["attention_mask"] = torch.from_numpy(mask).to(device, self.model.dtype)
                inputs["position_ids"] = torch.from_numpy(positions).to(device)
            if self.start and self.prefix is not None:
                inputs |= reading(self.model, self.prefix.cache(self.start))
            logits = logits_at(self.model, inputs, at_rows, at_columns)
            return [
                _of_row(row, logits[first:last]) for row, first, last in zip(rows, offsets, offsets[1:], strict=False)
            ]

    def _mask(self, rows: Sequence[Row], length: int) -> NDArray[np.float32] | None:
        """What each token may not see, as numbers to add to its attention [rows or 1, 1, length, start + length].

        None if rows are ordinary texts from their first token on, as models read without a mask.
        """
        branched = [i for i, row in enumerate(rows) if not row.is_chain]
        if not branched and not self.start:
            return None
        seen = np.broadcast_to(np.tri(length, dtype=np.bool_), (len(rows) if branched else 1, length, length)).copy()
        for i in branched:
            row = rows[i]
            at = slice(len(row.prompt) - self.start, len(row.tokens) - self.start)
            seen[i, at, at] = row.visible()
        before = np.ones((*seen.shape[:2], self.start), np.bool_)
        return np.where(np.concatenate([before, seen], axis=2), 0.0, np.finfo(np.float32).min)[:, None].astype(
            np.float32
        )


def logits_at(model: Any, inputs: dict[str, Any], at_rows: list[int], at_columns: list[int]) -> Any:
    """The logits at these tokens only [tokens, vocabulary], in 32 bits at least.

    The model's own forward computes them, with whatever it does to logits; but its head is only shown these tokens.
    """
    with _showing(model.get_output_embeddings(), at_rows, at_columns), fast_products():
        logits = model(**inputs).logits[0]
    return logits.float() if logits.dtype.itemsize < 4 else logits


@contextmanager
def _showing(head: Any, at_rows: list[int], at_columns: list[int]) -> Iterator[None]:
    """Within the context, a model's head gets the hidden states of these tokens [1, tokens, size] instead of all."""
    handle = head.register_forward_pre_hook(lambda _, given: (given[0][at_rows, at_columns][None], *given[1:]))
    try:
        yield
    finally:
        handle.remove()


def _of_row(row: Row, logits: Any) -> NDArray[np.float64]:
    """The log-probability of each continuation of a row, from the logits where it predicts [predicting, vocabulary]."""
    import torch

    place = {at: i for i, at in enumerate(row.predicting)}
    pairs = [(place[len(row.prompt) + at], token) for of_one in row.targets for at, token in of_one]
    total = torch.cat([part.logsumexp(dim=-1) for part in logits.split(PART)])
    where, tokens = (torch.tensor(values, device=logits.device) for values in zip(*pairs, strict=True))
    values = (logits[where, tokens] - total[where]).double().cpu().numpy()
    ends = np.cumsum([len(of_one) for of_one in row.targets])
    return np.add.reduceat(values, [0, *ends[:-1]])


def _limits(config: Mapping[str, Any]) -> Iterator[int]:
    """Every number of tokens in a configuration after which a row may be read differently."""
    for name, value in ((str(name), value) for name, value in config.items()):
        if isinstance(value, dict):
            yield from _limits(value) if name != "quantization_config" else ()
        elif WINDOW.search(name) or POSITIONS.search(name) or (name == ORIGINAL and config.get("rope_type") in SCALED):
            many = value if isinstance(value, list | tuple) else [value]
            yield from (limit for limit in many if type(limit) is int and limit > 0)


def _reads_positions(model: Any, tokens: Tokens) -> bool:
    """Whether it makes any difference which positions a model is told; it makes none if it counts places in a row."""
    import torch

    ids = torch.tensor([tokens], device=model.device)
    at = torch.arange(len(tokens), device=model.device)[None]
    apart = at + (at >= len(tokens) // 2)
    with torch.inference_mode():
        first, second = (model(input_ids=ids, position_ids=where, use_cache=False).logits for where in (at, apart))
    return not torch.equal(first, second)


def _common_start(prompts: Sequence[Prompt]) -> Tokens:
    """The tokens that all prompts begin with; none if there is only one prompt."""
    return prompts[0].tokens[: common([prompt.tokens for prompt in prompts])] if len(prompts) > 1 else ()
