"""YAML that users write: read safely, and checked against a model of what may stand in it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

if TYPE_CHECKING:
    from trusteq.errors import TrusteqError

T = TypeVar("T", bound=BaseModel)

MOST_VALUES = 100_000


def parse_yaml(text: str, *, where: str, error: type[TrusteqError]) -> Any:
    """What the YAML says, or one clear line."""
    try:
        content = yaml.load(text, Loader=_Loader)  # noqa: S506 - it is the safe one
    except (yaml.YAMLError, ValueError, RecursionError) as found:  # ValueError: a date that does not exist
        raise error(f"{where}: not YAML: {' '.join(str(found).split())}") from None
    if _is_larger(content, MOST_VALUES):
        raise error(
            f"{where}: holds more than {MOST_VALUES:,} values, aliases counted as what they stand for; shorten it"
        )
    return content


def _is_larger(content: Any, most: int) -> bool:
    """Whether there are more values in it: a few lines of aliases of aliases can stand for billions."""
    left, seen = [content], 0
    while left:
        value = left.pop()
        seen += 1
        if seen + len(left) > most:
            return True
        if isinstance(value, dict):
            left += value.values()
        elif isinstance(value, list):
            left += value
    return False


def validated(content: Any, kind: type[T], *, where: str, what: str, error: type[TrusteqError]) -> T:
    """The content as this kind of model, or one clear line about the first thing wrong with it."""
    if not isinstance(content, dict):
        raise error(f"{where}: a {what} is a mapping of names to values, found {type(content).__name__}")
    try:
        return kind.model_validate(content)
    except ValidationError as found:
        first = found.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or what
        value = "" if isinstance(first.get("input"), dict) else f" (found {first.get('input')!r})"
        message = first["msg"].removeprefix("Value error, ")
        raise error(f"{where}: {place}: {message[:1].lower()}{message[1:]}{value}") from None


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, for which a repeated key is an error: the last would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping, or an error at its first repeated key."""
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for i, key in enumerate(keys):
            if key in keys[:i]:
                raise yaml.constructor.ConstructorError(None, None, f"key {key!r} appears twice", node.start_mark)
        return super().construct_mapping(node, deep)
