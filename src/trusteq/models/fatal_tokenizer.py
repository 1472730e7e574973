"""Files of tokenizers over which the ``tokenizers`` library ends the process, where others come to an error.

It takes the prefix of a merge's second token off by its length in bytes, within a letter too, makes room for as many
characters as a map of them claims to have, and normalizes added tokens.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from trusteq.errors import ModelError
from trusteq.models.library_output import one_line
from trusteq.models.token_growth import LONGEST, grown_by

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


USUAL = 64
"""Characters that the name of an added token stays below."""


def refuse_fatal(file: Path, *, name: str) -> None:
    """Nothing, or the error that says what is wrong; what else may be wrong with a part the library tells."""
    if not file.is_file():
        return
    try:
        told = json.loads(file.read_bytes(), object_pairs_hook=_once)
        wrong = [*_cut_letters(told.get("model")), *_lying_maps(told.get("normalizer")), *_grown_tokens(told)]
    except (OSError, ValueError, AttributeError, LookupError, TypeError, RecursionError) as error:
        # The library reads on from part to part, and might end the process before it comes to the same.
        raise ModelError(f"model {name}: {file} cannot be read as a tokenizer: {one_line(error)}") from error
    if wrong:
        raise ModelError(f"model {name}: tokenizer.json: {wrong[0]}; mend the tokenizer")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs) and not all(isinstance(value, int) for value in made.values()):  # a vocabulary may
        raise ValueError("a key stands there twice")
    return made


def _cut_letters(model: Any) -> Iterator[str]:
    prefix = model.get("continuing_subword_prefix") if isinstance(model, dict) else None
    if not isinstance(prefix, str) or not isinstance(model.get("merges"), list):
        return
    length = len(prefix.encode("utf-8", "surrogatepass"))
    for row, merge in enumerate(model["merges"]):
        second = (merge.split(" ") if isinstance(merge, str) else merge)[1:2] if isinstance(merge, str | list) else []
        for token in second:
            left = token.encode("utf-8", "surrogatepass")[length:] if isinstance(token, str) else b""
            if left and left[0] & 0xC0 == 0x80:  # a byte within a letter
                yield f"merge {row + 1} has {token!r}, which does not begin with continuing_subword_prefix"


def _grown_tokens(told: dict[str, Any]) -> Iterator[str]:
    contents = [token["content"] for token in told.get("added_tokens") or () if token.get("normalized") is not False]
    if told.get("normalizer") is not None:
        grown = grown_by(told["normalizer"])
        longest = max(map(len, contents), default=0)
        # Settings beside the file may add tokens of usual length.
        if grown(max(longest, USUAL)) > LONGEST:
            yield f"its normalizer can make more than {LONGEST:,} characters of an added token"


def _lying_maps(normalizer: Any) -> Iterator[str]:
    left = [normalizer]
    while left:
        part = left.pop()
        left += list(part.values()) if isinstance(part, dict) else part if isinstance(part, list) else []
        charsmap = part.get("precompiled_charsmap") if isinstance(part, dict) else None
        if isinstance(charsmap, str):
            try:
                start = base64.b64decode(charsmap[:8])
            except ValueError:
                continue
            if int.from_bytes(start[:4], "little") > len(charsmap):
                yield "its precompiled_charsmap claims to be longer than it is"
