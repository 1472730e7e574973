"""Rows of tokens cut to a limit as the ``tokenizers`` library cuts them: the longer of two texts first.

The library also keeps all that it cuts off, in pieces, and of pairs each piece of one text with each of the other:
gigabytes where both are long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence


def kept(sources: Sequence[int | None], limit: int, *, added: int, name: str, left: bool = False) -> list[int]:
    """The positions that stay of a row of more tokens than the limit, when it is cut on its right or its left.

    ``sources`` tells which text a token is of, 0 or 1; None is one of the ``added`` tokens, which stay.
    """
    first, second = ([i for i, source in enumerate(sources) if source == text] for text in (0, 1))
    room = limit - added
    if room < 0:
        raise ModelError(
            f"model {name}: its tokenizer adds {added} tokens to a text, and the model reads {limit} in all; "
            "mend model_max_length of the tokenizer"
        )
    if len(first) + len(second) + added != len(sources):
        raise ModelError(f"model {name}: its tokenizer repeats a text; trusteq cannot cut that to {limit} tokens")
    short = min(len(first), len(second), room // 2)
    stay = (room - short, short) if len(first) > len(second) else (short, room - short)
    gone: set[int] = set()
    for places, n in ((first, stay[0]), (second, stay[1])):
        gone.update(places[: max(0, len(places) - n)] if left else places[n:])
    return [i for i in range(len(sources)) if i not in gone]
