"""Untrusted text inside Markdown: shown as it is, on one line, formatting nothing and mentioning nobody."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trusteq.data.clean import clean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

LONGEST = 600
"""Characters of one text; a comment holds some 65,000 in all."""

BREAK = "&#8203;"
"""A zero-width space: GitHub finds mentions and links after it has parsed the Markdown, so escapes do not help."""

_MARKS = re.compile(r"([\\`*_{}\[\]|~$])")
_CALLS = re.compile(r"([@#!%]|\bGH-|://|\bwww\.)(?=\w)", re.IGNORECASE)
_START = re.compile(r"^(\d+)(?=[.)](?:\s|$))|^(?=#|[-+](?:[\s-]|$))")


def escaped(text: str, longest: int = LONGEST) -> str:
    """The text for a paragraph, a list or a table's cell of Markdown."""
    shown = clean(re.sub(r"\s+", " ", text).strip())
    if len(shown) > longest:
        shown = f"{shown[: longest - 1]}…"
    shown = shown.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    shown = _CALLS.sub(rf"\1{BREAK}", _MARKS.sub(r"\\\1", shown))
    return _START.sub(r"\1\\", shown)


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, right: Iterable[int] = ()) -> str:
    """A table of cells that are Markdown already; the columns ``right`` are set flush right."""
    lines = [head, ["--:" if column in set(right) else "---" for column in range(len(head))], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def details(title: str, content: str) -> str:
    """A section that opens when its title is clicked."""
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>"
