"""Truncating rows of tokens to a limit as the ``tokenizers`` library does: the longer of two texts first.

The library also keeps everything that it cuts off, in pieces, and for pairs each piece of one text combined with each
piece of the other: gigabytes if both are long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence


def kept_positions(
    sources: Sequence[int | None], limit: int, *, added: int, name: str, left: bool = False
) -> list[int]:
    """The positions that remain of a row with more tokens than the limit, when it is truncated on its right or left.

    ``sources`` says which text each token comes from, 0 or 1; None is one of the ``added`` tokens, which remain.
    """
    first, second = ([i for i, source in enumerate(sources) if source == text] for text in (0, 1))
    room = limit - added
    if room < 0:
        raise ModelError(
            f"model {name}: its tokenizer adds {added} tokens to a text, but the model reads only {limit} in all; "
            "fix model_max_length of the tokenizer"
        )
    if len(first) + len(second) + added != len(sources):
        raise ModelError(f"model {name}: its tokenizer repeats a text; trusteq cannot truncate that to {limit} tokens")
    short = min(len(first), len(second), room // 2)
    counts = (room - short, short) if len(first) > len(second) else (short, room - short)
    removed: set[int] = set()
    for positions, count in ((first, counts[0]), (second, counts[1])):
        removed.update(positions[: max(0, len(positions) - count)] if left else positions[count:])
    return [i for i in range(len(sources)) if i not in removed]
