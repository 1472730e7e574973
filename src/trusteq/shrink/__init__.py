"""The smallest candidate that may replace a model: made, audited, chosen and confirmed on items that chose nothing.

    import trusteq.shrink

    found = trusteq.shrink.search("models/large", items, test=untouched, train=lessons, out="smaller")
    print(found.sentence)

The methods and strengths that are tried are the table `ladder.LADDER`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trusteq.shrink.ladder import LADDER
    from trusteq.shrink.record import Search
    from trusteq.shrink.smallest import search

__all__ = ["LADDER", "Search", "search"]

_HOMES = {"LADDER": "ladder", "Search": "record", "search": "smallest"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
