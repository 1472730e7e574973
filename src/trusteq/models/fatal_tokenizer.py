"""Tokenizer files that make the ``tokenizers`` library abort the process instead of raising an error.

It strips the prefix of a merge's second token by its length in bytes, even in the middle of a character, allocates as
many characters as a character map claims to have, and normalizes added tokens.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from trusteq.errors import ModelError
from trusteq.models.library_output import one_line
from trusteq.models.token_growth import LONGEST, growth_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


USUAL = 64
"""The usual length of an added token is below this many characters."""


def refuse_fatal(file: Path, *, name: str) -> None:
    """An error if the file would abort the process; the library itself reports everything else that is wrong."""
    if not file.is_file():
        return
    try:
        content = json.loads(file.read_bytes(), object_pairs_hook=_unique_keys)
        faults = [*_cut_letters(content.get("model")), *_lying_maps(content.get("normalizer")), *_grown_tokens(content)]
    except (OSError, ValueError, AttributeError, LookupError, TypeError, RecursionError) as error:
        # The library reads part by part, and might abort the process before it finds the same fault.
        raise ModelError(f"model {name}: {file} cannot be read as a tokenizer: {one_line(error)}") from error
    if faults:
        raise ModelError(f"model {name}: tokenizer.json: {faults[0]}; fix the tokenizer")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    # Only a vocabulary may have duplicate keys.
    if len(content) < len(pairs) and not all(isinstance(value, int) for value in content.values()):
        raise ValueError("a key appears twice")
    return content


def _cut_letters(model: Any) -> Iterator[str]:
    prefix = model.get("continuing_subword_prefix") if isinstance(model, dict) else None
    if not isinstance(prefix, str) or not isinstance(model.get("merges"), list):
        return
    length = len(prefix.encode("utf-8", "surrogatepass"))
    for row, merge in enumerate(model["merges"]):
        second = (merge.split(" ") if isinstance(merge, str) else merge)[1:2] if isinstance(merge, str | list) else []
        for token in second:
            rest = token.encode("utf-8", "surrogatepass")[length:] if isinstance(token, str) else b""
            if rest and rest[0] & 0xC0 == 0x80:  # a byte within a character
                yield f"merge {row + 1} has {token!r}, which does not begin with continuing_subword_prefix"


def _grown_tokens(content: dict[str, Any]) -> Iterator[str]:
    tokens = [token["content"] for token in content.get("added_tokens") or () if token.get("normalized") is not False]
    if content.get("normalizer") is not None:
        growth = growth_of(content["normalizer"])
        longest = max(map(len, tokens), default=0)
        # Other settings files may add tokens of the usual length.
        if growth(max(longest, USUAL)) > LONGEST:
            yield f"its normalizer can turn an added token into more than {LONGEST:,} characters"


def _lying_maps(normalizer: Any) -> Iterator[str]:
    remaining = [normalizer]
    while remaining:
        part = remaining.pop()
        remaining += list(part.values()) if isinstance(part, dict) else part if isinstance(part, list) else []
        charsmap = part.get("precompiled_charsmap") if isinstance(part, dict) else None
        if isinstance(charsmap, str):
            try:
                start = base64.b64decode(charsmap[:8])
            except ValueError:
                continue
            if int.from_bytes(start[:4], "little") > len(charsmap):
                yield "its precompiled_charsmap claims to be longer than it is"
