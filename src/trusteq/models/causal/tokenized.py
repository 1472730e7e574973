"""Prompts and their continuations as tokens.

A prompt and a continuation are tokenized together, as a language model would read them. Their tokens must begin with
those of the prompt alone: otherwise "the probability of the continuation after the prompt" would be that of another
text after other tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from trusteq.errors import ModelError
from trusteq.models.library_output import quiet_transformers
from trusteq.models.token_growth import portions, token_growth
from trusteq.models.tokenizer_file import tokenizing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Tokens = tuple[int, ...]


@dataclass(frozen=True)
class Prompt:
    """The tokens of a prompt, and of each text that may continue it; none of them is empty."""

    tokens: Tokens
    continuations: tuple[Tokens, ...]

    @property
    def length(self) -> int:
        """Tokens of the prompt with its longest continuation, without the last token, which is only predicted."""
        return len(self.tokens) + max(map(len, self.continuations)) - 1


@dataclass(frozen=True)
class Reader:
    """A tokenizer of transformers as a language model reads prompts. name: the model's, for messages."""

    tokenizer: Any
    name: str

    def tokens(self, texts: Sequence[str]) -> list[Tokens]:
        """The tokens of whole texts, after those with which the tokenizer begins every text."""
        different = list(dict.fromkeys(texts))
        ids: list[Tokens] = []
        with quiet_transformers(), tokenizing(self.name):
            for portion in portions([(text,) for text in different], self._growth, name=self.name):
                plain = self.tokenizer([text for (text,) in portion], add_special_tokens=False, verbose=False)
                ids += [tuple(row) for row in plain["input_ids"]]
        # A chat template writes the first tokens into the text.
        started = [row if row[: len(self.first)] == self.first else self.first + row for row in ids]
        by_text = dict(zip(different, started, strict=True))
        return [by_text[text] for text in texts]

    @cached_property
    def first(self) -> Tokens:
        """The tokens with which the tokenizer begins every text; usually one or none."""
        with quiet_transformers(), tokenizing(self.name):
            text = "a"
            inner = self.tokenizer(text, add_special_tokens=False)["input_ids"]
            whole = self.tokenizer(text)["input_ids"]
        start = next((at for at in range(len(whole)) if whole[at : at + len(inner)] == inner), 0)
        return tuple(whole[:start])

    @property
    def beginning(self) -> Tokens:
        """What an empty prompt is read as: the token that begins a text, or else the one that ends the text before."""
        if self.first:
            return self.first
        ids = (self.tokenizer.bos_token_id, self.tokenizer.eos_token_id)
        return next(((one,) for one in ids if one is not None), ())

    @cached_property
    def _growth(self) -> Callable[[tuple[str, ...]], float]:
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        return token_growth(backend) if backend is not None else lambda text: sum(map(len, text))


def tokenized(
    reader: Reader, texts: Sequence[tuple[str, Sequence[str]]], items: Sequence[str], *, limit: int | None
) -> list[Prompt]:
    """The tokens of prompts with their continuations; an error about the first that a model cannot be asked.

    ``items`` [prompts] are the ids of the items that the prompts ask about; ``limit`` is the model's context in tokens.
    """
    whole = reader.tokens([text for prompt, after in texts for text in (prompt, *(prompt + end for end in after))])
    prompts = []
    at = 0
    for (prompt, after), item in zip(texts, items, strict=True):
        tokens, *longer = whole[at : at + 1 + len(after)]
        at += 1 + len(after)
        start = tokens or reader.beginning
        if not start:
            raise ModelError(
                f"model {reader.name}: item {item!r}: the prompt is empty, and its tokenizer has no token that begins "
                "a text; write a prompt that never is empty"
            )
        continuations = []
        for text, row in zip(after, longer, strict=True):
            if row[: len(tokens)] != tokens or len(row) == len(tokens):
                raise ModelError(
                    f"model {reader.name}: item {item!r}: the tokens of {text!r} do not continue those of the prompt, "
                    f"which ends with {prompt[-20:]!r}: its tokenizer joins or splits them differently when both "
                    "stand together; end the prompt without a blank and begin each continuation with it"
                )
            continuations.append(row[len(tokens) :])
        prompts.append(Prompt(start, tuple(continuations)))
    _refuse_longer(prompts, items, limit, name=reader.name)
    return prompts


def _refuse_longer(prompts: Sequence[Prompt], items: Sequence[str], limit: int | None, *, name: str) -> None:
    lengths = [prompt.length for prompt in prompts]
    longer = list(dict.fromkeys(item for item, n in zip(items, lengths, strict=True) if limit and n > limit))
    if longer:
        count = f"{len(longer):,} of {len(set(items)):,} items" if len(longer) > 1 else "1 item"
        raise ModelError(
            f"model {name}: the prompts of {count} do not fit into its context of {limit:,} tokens (item {longer[0]!r}"
            f"{', …' if len(longer) > 1 else ''}; the longest has {max(lengths):,}); shorten the prompt, give fewer "
            "shots, or leave these items out"
        )
