"""A key that a pydantic model does not have, in words: which it has, and which was probably meant."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, get_args, get_origin

from pydantic import BaseModel

from trusteq.data.table import shown

if TYPE_CHECKING:
    from collections.abc import Sequence


def unknown_key(kind: Any, place: Sequence[str | int], *, what: str) -> str:
    """What is wrong with the key at this place of a content, which is to be of this kind; ``what`` names the whole."""
    for part in place[:-1]:
        kind = _inside(kind, part)
    keys = [field.alias or name for name, field in _plain(kind).model_fields.items()]
    key = str(place[-1])
    near = get_close_matches(key, keys, n=1)
    hint = f"did you mean {near[0]!r}? Its" if near else "its"
    whose = ".".join(map(str, place[:-1])) or what
    return f"{whose} has no key {shown(key)}; {hint} keys are {', '.join(keys)}"


def _inside(kind: Any, part: str | int) -> Any:
    """The type of what a value of this type holds under a key."""
    kind = _plain(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return next(field.annotation for name, field in kind.model_fields.items() if part in (name, field.alias))
    return get_args(kind)[-1 if get_origin(kind) is dict else 0]


def _plain(kind: Any) -> Any:
    """The type without ``None`` and annotations."""
    arguments = get_args(kind)
    return kind if not arguments or get_origin(kind) in (dict, list, tuple) else _plain(arguments[0])
