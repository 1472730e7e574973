"""A JSON file of a run: numbers are of 64 bits and finite, texts are whole characters, as an audit writes them."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from trusteq.errors import RunError

if TYPE_CHECKING:
    from pathlib import Path


def read_json(path: Path) -> tuple[Any, str]:
    """What the file holds, and its text; FileNotFoundError where there is none, else one clear line."""
    if path.exists() and not path.is_file():
        raise RunError(f"{path}: no regular file; copy the run again")
    try:
        text = path.read_text("utf-8")
        content = json.loads(text, parse_int=_whole)
        json.dumps(content, ensure_ascii=False).encode()  # fails at half a surrogate pair
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path}: cannot be read: {error}; copy the run again or audit again") from None
    return content, text


def refuse_infinite(text: str, *, where: str) -> None:
    """Nothing, or one clear line about the first number in the JSON that is none."""
    try:
        json.loads(text, parse_float=_finite, parse_constant=_finite)
    except ValueError as error:
        raise RunError(f"{where}: damaged: {error}; copy the run again or audit again") from None


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is no finite number")
    return value


def _whole(text: str) -> int:
    value = int(text)
    if abs(value) >= 2**63:
        raise ValueError(f"{text[:40]} is a number of more than 64 bits")
    return value
