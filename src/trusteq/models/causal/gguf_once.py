"""A GGUF file parsed once while it is opened.

transformers parses the whole file for the tokenizer, twice for the configuration and again for the weights, and builds
its table of tensor names for every part of the network. That is most of the time it takes to open a small model.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def parsed_once() -> Iterator[None]:
    """Within the context, ``gguf`` returns what it has already read of a file, and tensor names it has listed."""
    import gguf

    original = {name: getattr(gguf, name) for name in ("GGUFReader", "get_tensor_name_map")}
    try:
        for name, function in original.items():
            setattr(gguf, name, cache(function))
        yield
    finally:
        for name, function in original.items():
            setattr(gguf, name, function)
