"""A JSON file of a run. As an audit writes it, numbers have 64 bits and are finite, and texts are valid Unicode."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from trusteq.errors import RunError

if TYPE_CHECKING:
    from pathlib import Path


def read_json(path: Path) -> tuple[Any, str]:
    """The file's content and its text; FileNotFoundError if there is none, a one-line error if it cannot be read."""
    if path.exists() and not path.is_file():
        raise RunError(f"{path}: not a regular file; copy the run again")
    try:
        text = path.read_text("utf-8")
        content = json.loads(text, parse_int=_whole)
        json.dumps(content, ensure_ascii=False).encode()  # fails on half a surrogate pair
    except FileNotFoundError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path}: cannot be read: {error}; copy the run again or audit again") from None
    return content, text


def refuse_infinite(text: str, *, where: str) -> None:
    """Stop at the first number in the JSON that is not finite."""
    try:
        json.loads(text, parse_float=_finite, parse_constant=_finite)
    except ValueError as error:
        raise RunError(f"{where}: damaged: {error}; copy the run again or audit again") from None


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]} is not a finite number")
    return value


def _whole(text: str) -> int:
    value = int(text)
    if abs(value) >= 2**63:
        raise ValueError(f"{text[:40]} does not fit into 64 bits")
    return value
