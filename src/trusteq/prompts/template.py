"""Templates: the part of Jinja that a prompt needs.

A task file may come from a stranger. So its templates are not only run in Jinja's sandbox: before, each of their parts
must be on a list of those that always give the same text, in time and memory that the text's length bounds. There is
no arithmetic, no variable of their own, and no loop but over the choices. Rendered texts are limited in length.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import jinja2

MAX_RENDERED = 10_000_000
"""Characters of a rendered text: far more than any model reads."""
MAX_DEPTH = 40
"""Parts of a template within each other; Python's compiler takes about a hundred."""

FILTERS = ("trim", "lower", "upper", "capitalize", "title", "length", "default", "replace", "join")
METHODS = ("strip", "lstrip", "rstrip", "lower", "upper", "capitalize", "title", "startswith", "endswith")
FIELDS = ("letter", "text", "index", "index0", "first", "last", "length")
"""Attributes of a choice, and of Jinja's `loop`."""

_PLAIN = {
    *("Template", "Output", "TemplateData", "Name", "Const", "List", "Tuple", "Keyword"),
    *("If", "CondExpr", "Compare", "Operand", "And", "Or", "Not", "Neg", "Test", "Concat"),
}
"""Parts that are allowed everywhere; what the others may hold is checked by `_is_offered`."""
_OFFERED = (
    "a template may have {{ names }}, if, for over choices, comparisons, slices and the filters and methods "
    + ", ".join(dict.fromkeys(FILTERS + METHODS))
)


@dataclass(frozen=True)
class Choice:
    """One of the choices that a template shows."""

    letter: str
    text: str


@dataclass(frozen=True)
class Template:
    """A template that was checked. names: what it reads, in order of first use."""

    names: tuple[str, ...]
    _compiled: jinja2.Template

    def rendered(self, values: Mapping[str, str | Sequence[Choice]]) -> str:
        """The text with these values; a ValueError that says why there is none."""
        pieces, length = [], 0
        try:
            for piece in self._compiled.generate(values):
                length += len(piece)
                _refuse_longer(length)
                pieces.append(piece)
        except Exception as problem:  # whatever an operation on these values raises
            raise ValueError(str(problem)) from None
        return "".join(pieces)


@lru_cache
def template(source: str) -> Template:
    """The template of this source; a ValueError that says what is wrong with it."""
    import jinja2
    from jinja2 import meta, nodes

    environment = _environment()
    try:
        tree = environment.parse(source)
        _refuse_other_parts(tree)
        read = meta.find_undeclared_variables(tree)
        names = dict.fromkeys(node.name for node in tree.find_all(nodes.Name) if node.name in read)
        return Template(tuple(names), environment.from_string(tree))
    except jinja2.TemplateSyntaxError as problem:
        raise ValueError(f"line {problem.lineno} is not a template: {problem.message}") from None
    except (RecursionError, SyntaxError, MemoryError):
        raise ValueError("too deeply nested; shorten it") from None


@lru_cache
def _environment() -> jinja2.Environment:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False, finalize=_text
    )
    own = {"replace": _replace, "join": _join}
    environment.filters = {name: own.get(name) or environment.filters[name] for name in FILTERS}
    environment.globals = {}
    return environment


def _text(value: Any) -> Any:
    """The value, unless it is of a kind that has no text of its own."""
    import jinja2

    if isinstance(value, str | int | float | jinja2.Undefined):  # an undefined one says so itself
        return value
    raise ValueError(
        f"{{{{ }}}} around a {type(value).__name__}, which is not a text; write .text or .letter behind it"
    )


def _replace(text: str, old: str, new: str) -> str:
    """Jinja's `replace`, limited in length."""
    _refuse_longer(len(text) + text.count(old) * (len(new) - len(old)))
    return text.replace(old, new)


def _join(choices: Sequence[Choice], separator: str = "", attribute: str = "text") -> str:
    """The letters or texts of all choices with the separator between."""
    parts = [choice.letter if attribute == "letter" else choice.text for choice in choices]
    _refuse_longer(len(separator) * len(parts))
    return separator.join(parts)


def _refuse_longer(length: int) -> None:
    if length > MAX_RENDERED:
        raise ValueError(f"its text has more than {MAX_RENDERED:,} characters; shorten it")


def _refuse_other_parts(tree: Any) -> None:
    """Raise a ValueError for the first part of a template that is not offered."""
    for node, parents in _with_parents(tree):
        kind = type(node).__name__
        if len(parents) > MAX_DEPTH:
            raise ValueError(f"line {node.lineno}: more than {MAX_DEPTH} parts are within each other; shorten it")
        if kind not in _PLAIN and not _is_offered(node, parents):
            raise ValueError(f"line {node.lineno}: {_in_words(node)} is not offered; {_OFFERED}")


def _with_parents(tree: Any) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    """Each part of a template with those that it is in, outermost first; never deeper than one beyond the limit."""
    pending: list[tuple[Any, tuple[Any, ...]]] = [(tree, ())]
    while pending:
        node, parents = pending.pop()
        yield node, parents
        inner = [(child, (*parents, node)) for child in node.iter_child_nodes()]
        pending += reversed(inner)


def _is_offered(node: Any, parents: tuple[Any, ...]) -> bool:
    """Whether a part that may not be everywhere may be here."""
    match type(node).__name__:
        case "For":
            nested = any(type(parent).__name__ == "For" for parent in parents)
            return not nested and not node.recursive and getattr(node.iter, "name", None) == "choices"
        case "Filter":
            return node.node is not None and node.name in FILTERS
        case "Call":
            return type(node.node).__name__ == "Getattr"  # which is looked at by itself
        case "Getattr":
            # The name of a method alone would show where it is in memory.
            called = type(parents[-1]).__name__ == "Call" and parents[-1].node is node
            return node.attr in (METHODS if called else FIELDS)
        case "Getitem":
            return _is_position(node.arg)
        case "Slice":
            return all(_is_position(part) for part in (node.start, node.stop, node.step) if part is not None)
        case _:
            return False


def _is_position(node: Any) -> bool:
    """Whether it is a whole number, or a slice, which is checked by itself."""
    kind = type(node).__name__
    number = node.node if kind == "Neg" else node
    return kind == "Slice" or type(getattr(number, "value", None)) is int


def _in_words(node: Any) -> str:
    match type(node).__name__:
        case "Filter":
            return f"the filter {node.name!r}"
        case "Getattr":
            return f".{node.attr}"
        case "Getitem" | "Slice":
            return "[...] with other than whole numbers"
        case "For":
            return "a loop over anything but the choices, or within another,"
        case "Assign" | "AssignBlock":
            return "{% set %}"
        case kind:
            return f"{kind.lower()!r}"
