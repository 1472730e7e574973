"""YAML that users write: read safely, and checked against a model of what may stand in it."""

from __future__ import annotations

from collections.abc import Hashable
from itertools import accumulate
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from trusteq.data.table import shown

if TYPE_CHECKING:
    from trusteq.errors import TrusteqError

T = TypeVar("T", bound=BaseModel)

MOST_VALUES = 100_000
MOST_CHARACTERS, DEEPEST = 2**16, 100
"""A policy or study is a page or two. What is longer, or opens more brackets at once, takes the library very long."""


def parse_yaml(text: str, *, where: str, error: type[TrusteqError]) -> Any:
    """What the YAML says, or one clear line."""
    if len(text) > MOST_CHARACTERS:
        raise error(f"{where}: longer than {MOST_CHARACTERS:,} characters; shorten it, or name another file")
    if max(accumulate((sign in "[{") - (sign in "]}") for sign in text), default=0) > DEEPEST:
        raise error(f"{where}: not YAML that is meant: more than {DEEPEST} brackets are open at once; close them")
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if _is_larger(node, MOST_VALUES):
            raise error(
                f"{where}: holds more than {MOST_VALUES:,} values, aliases counted as what they stand for; shorten it"
            )
        return None if node is None else loader.construct_document(node)
    except (yaml.YAMLError, RecursionError) as found:
        raise error(f"{where}: not YAML: {' '.join(str(found).split())}") from None
    except _NO_VALUE as found:
        raise error(f"{where}: not YAML: a value is not what it says it is ({shown(str(found))}); mend it") from None


_NO_VALUE = (ValueError, TypeError, LookupError, AttributeError, OverflowError)
"""How the library stumbles over a date that does not exist, `!!bool maybe`, `!!int ''`, `!!timestamp x` or 1:1:1.5."""


def _is_larger(node: yaml.Node | None, most: int) -> bool:
    """Whether there are more values in it: a few lines of aliases of aliases can stand for billions."""
    left, seen = [node], 0
    while left:
        value = left.pop()
        seen += 1
        if seen + len(left) > most:
            return True
        if isinstance(value, yaml.MappingNode):
            left += [part for entry in value.value for part in entry]
        elif isinstance(value, yaml.SequenceNode):
            left += value.value
    return False


def validated(
    content: Any, kind: type[T], *, where: str, what: str, error: type[TrusteqError], context: Any = None
) -> T:
    """The content as this kind of model, or one clear line about the first thing wrong with it.

    ``context`` is what the model's own checks may look at.
    """
    if not isinstance(content, dict):
        raise error(f"{where}: a {what} is a mapping of names to values, found {type(content).__name__}")
    try:
        return kind.model_validate(content, context=context)
    except ValidationError as found:
        first = found.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or what
        value = "" if isinstance(first.get("input"), dict) else f" (found {shown(first.get('input'))})"
        message = first["msg"].removeprefix("Value error, ")
        raise error(f"{where}: {place}: {message[:1].lower()}{message[1:]}{value}") from None


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, for which a repeated key is an error: the last would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping, or an error at its first repeated key."""
        seen = set()
        for key_node, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, "merge keys (<<) are not read; write the values out", key_node.start_mark
                )
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable):  # another is refused by the loader itself
                if key in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"key {shown(key)} appears twice", key_node.start_mark
                    )
                seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """A whole number that can be written down again: one in hexadecimal may have more digits than Python prints."""
        value: int = super().construct_yaml_int(node)
        if abs(value) >= 2**63:
            raise yaml.constructor.ConstructorError(None, None, "a number of more than 64 bits", node.start_mark)
        return value


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
