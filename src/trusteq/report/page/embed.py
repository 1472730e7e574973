"""Values as a data block of the page: JSON that cannot close its element, compressed where it is long."""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import dataclass
from typing import Any

PLAIN = 300_000
"""Characters up to which a block is plain JSON."""

_RISKY = re.compile("[<>&\u2028\u2029]")


@dataclass(frozen=True)
class Block:
    """The content of a ``<script>`` element that holds data, and the type that says how to read it."""

    content: str
    type: str


def block(value: Any) -> Block:
    """The value as JSON; compressed by zlib and in base64 where that is long."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    if len(text) <= PLAIN:
        return Block(_RISKY.sub(lambda match: f"\\u{ord(match[0]):04x}", text), "application/json")
    return Block(base64.b64encode(zlib.compress(text.encode())).decode(), "application/zlib")
