"""YAML written by users: read safely, and validated against a pydantic model; and YAML for users to read."""

from __future__ import annotations

import re
from collections.abc import Hashable
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from trusteq.data.table import shown
from trusteq.data.unknown_key import unknown_key

if TYPE_CHECKING:
    from trusteq.errors import TrusteqError

T = TypeVar("T", bound=BaseModel)

MAX_VALUES = 100_000
MAX_CHARACTERS, MAX_DEPTH = 2**16, 100
"""A policy or study is a page or two. Longer files, or more nested brackets, take the library very long."""


def read_yaml(path: str | Path, *, missing: str, error: type[TrusteqError]) -> Any:
    """The content of a YAML file, or one clear line about what is wrong with it; ``missing`` is said of no file."""
    try:
        with Path(path).open(encoding="utf-8") as stream:
            text = stream.read(MAX_CHARACTERS + 1)  # limited: a device has no end
    except FileNotFoundError:
        raise error(f"{path}: {missing}") from None
    except (OSError, UnicodeDecodeError) as problem:
        raise error(f"{path}: cannot be read as text: {problem}") from None
    return parse_yaml(text, where=str(path), error=error)


def parse_yaml(text: str, *, where: str, error: type[TrusteqError]) -> Any:
    """The content of the YAML, or one clear line about what is wrong with it."""
    if len(text) > MAX_CHARACTERS:
        raise error(f"{where}: longer than {MAX_CHARACTERS:,} characters; shorten it, or name another file")
    if max(accumulate((c in "[{") - (c in "]}") for c in text), default=0) > MAX_DEPTH:
        raise error(f"{where}: more than {MAX_DEPTH} brackets are open at once; close them")
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if _is_larger(node, MAX_VALUES):
            raise error(f"{where}: more than {MAX_VALUES:,} values, with aliases written out; shorten it")
        return None if node is None else loader.construct_document(node)
    except (yaml.YAMLError, RecursionError) as problem:
        raise error(f"{where}: not YAML: {' '.join(str(problem).split())}") from None
    except _INVALID_VALUE as problem:
        raise error(f"{where}: not YAML: a value does not match its type ({shown(str(problem))}); correct it") from None


_INVALID_VALUE = (ValueError, TypeError, LookupError, AttributeError, OverflowError)
"""What the library raises at a date that does not exist, `!!bool maybe`, `!!int ''`, `!!timestamp x` or 1:1:1.5."""


def _is_larger(node: yaml.Node | None, limit: int) -> bool:
    """Whether it has more values than the limit: a few lines of aliases of aliases can stand for billions."""
    pending, count = [node], 0
    while pending:
        value = pending.pop()
        count += 1
        if count + len(pending) > limit:
            return True
        if isinstance(value, yaml.MappingNode):
            pending += [part for entry in value.value for part in entry]
        elif isinstance(value, yaml.SequenceNode):
            pending += value.value
    return False


def validated(
    content: Any, kind: type[T], *, where: str, what: str, error: type[TrusteqError], context: Any = None
) -> T:
    """The content as this pydantic model, or one clear line about the first thing wrong with it.

    ``context`` is passed to the model's validators.
    """
    if not isinstance(content, dict):
        raise error(f"{where}: a {what} must be a mapping of names to values, found {type(content).__name__}")
    try:
        return kind.model_validate(content, context=context)
    except ValidationError as problem:
        errors = problem.errors()
        # A misspelt key is why another is missing, so it comes first.
        unknown = next((one["loc"] for one in errors if one["type"] == "extra_forbidden"), None)
        if unknown is not None:
            raise error(f"{where}: {unknown_key(kind, unknown, what=what)}") from None
        first = errors[0]
        place = ".".join(str(part) for part in first["loc"]) or what
        value = "" if isinstance(first.get("input"), dict) else f" (found {shown(first.get('input'))})"
        message = first["msg"].removeprefix("Value error, ")
        raise error(f"{where}: {place}: {message[:1].lower()}{message[1:]}{value}") from None


def as_yaml(content: Any) -> str:
    """The content as YAML that is easy to read: in its own order, with texts of several lines as they are."""
    return yaml.dump(content, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=MAX_CHARACTERS)


def dumped(content: Any, **style: Any) -> str:
    """The content as YAML in its own order, in the style that the library's options say."""
    return str(yaml.dump(content, Dumper=_SafeDumper, sort_keys=False, allow_unicode=True, **style))


class _SafeDumper(yaml.SafeDumper):
    """YAML's safe writer, which also quotes what only this module takes for a number."""


class _Dumper(_SafeDumper):
    """The same, with line breaks in texts as line breaks."""

    def represent_str(self, text: str) -> yaml.ScalarNode:
        """A text; where it has several lines, as a block."""
        return self.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)

    def ignore_aliases(self, data: Any) -> bool:
        """Always, since repeated texts are written again."""
        return True


_Dumper.add_representer(str, _Dumper.represent_str)


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, but a repeated key is an error: otherwise the last would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping, or an error at its first repeated key."""
        seen = set()
        for key_node, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if key_node.tag == "tag:yaml.org,2002:merge":
                raise yaml.constructor.ConstructorError(
                    None, None, "merge keys (<<) are not supported; write the values out", key_node.start_mark
                )
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable):  # others are refused by the loader itself
                if key in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"key {shown(key)} appears twice", key_node.start_mark
                    )
                seen.add(key)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """A whole number of at most 64 bits; Python refuses to print very long ones, which are short in hexadecimal."""
        value: int = super().construct_yaml_int(node)
        if abs(value) >= 2**63:
            raise yaml.constructor.ConstructorError(None, None, "a number of more than 64 bits", node.start_mark)
        return value


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)

_INT, _FLOAT = "tag:yaml.org,2002:int", "tag:yaml.org,2002:float"
# Only what any reader takes for a number is one: to YAML 1.1, 2024_11_30, 0123, 0x1F and 1:30 are numbers, 1e-3 is not.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag not in (_INT, _FLOAT)]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _reader in (_Loader, _SafeDumper, _Dumper):  # what is written must not be taken for a number by either version
    _reader.add_implicit_resolver(_INT, re.compile(r"^[-+]?(?:0|[1-9]\d*)$", re.ASCII), list("-+0123456789"))
    _reader.add_implicit_resolver(
        _FLOAT,
        re.compile(r"^(?:[-+]?(?:\d+\.\d*|\.\d+|\d+(?=e))(?:e[-+]?\d+)?|[-+]?\.inf|\.nan)$", re.ASCII | re.IGNORECASE),
        list("-+.0123456789"),
    )
