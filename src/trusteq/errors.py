"""Every error a user can cause, in one tree.

TrusteqError
├── DataError         an items or predictions file, or the values in it
├── ModelError        a model that cannot be opened, or does not answer properly
├── LabelError        label names that do not match
├── OptionError       an option or argument that is out of range, or would have no effect
├── PolicyError       a policy that cannot be read or does not make sense
├── TaskFileError     a task file that cannot be read, or that does not fit the items
├── RunError          a run directory that cannot be written or read
├── StudyError        a study or a search that cannot be read, or whose folder belongs to another one
├── PluginError       an unusable addition by another package
└── MissingExtraError an optional dependency that is not installed

A message is one line: what is wrong, where (file and row, model and label), the value found, what to do. A name or
value from a file may have any length, so a message of more than `LONGEST` characters loses its middle.
The command line prints it after ``error:`` and exits with 2.

Messages are written with the options of the command line (``--by-row``). Python callers, who have none, read the
keyword that means the same (``by_row=True``): see `in_python`.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 590

_PHRASES = {
    "allow-same": "allow_same=True",
    "by-row": "by_row=True",
    "download": "download=True",
    "skip-unreadable": "skip_unreadable=True",
    "no-explain": "explain=False",
    "no-pictures": "without_pictures",
    "data": "items",
    "out": "directory",
}
"""Options that take no value here, and what a Python caller writes for them."""
_EXPLAIN = {
    "explain-items": "items",
    "explain-ids": "ids",
    "masks": "masks",
    "masks-per-unit": "per_unit",
    "units": "units",
    "perturb": "perturb",
    "scale": "scale",
}
"""Options that are fields of `ExplainSettings`."""
_RENAMED = {"ignore-label": "ignore_labels", "slice": "slices", "token-budget": "budget", "candidate": "candidate"}
_KEYWORDS = {
    *("background", "categories", "channels", "cluster", "columns", "deadline", "device", "dimensions", "features"),
    *("id", "label", "label-names", "labels", "options", "output", "peer", "picture", "policy", "preprocessing"),
    *("protocol", "rate", "resume", "rule", "scores", "sound", "split", "task", "text", "tokenizer", "work", "workers"),
    *_RENAMED,
}
"""Options whose keyword has the same name, or that of `_RENAMED`."""
_LISTS = {"labels", "label-names", "dimensions"}
_PROSE = r"(?!(?:and|for|has|if|in|is|matches|names|need|of|or|requires|says|that|to|which|with)\b)"
_VALUE = r"'[^']*'|[^\s;:,()]+(?:,[^\s;:,()]+)*"
_COMMAND = r"trusteq [a-z]+(?: [A-Z]+)*(?: --[a-z-]+)+"
_OPTION = re.compile(rf"{_COMMAND}|(?<![\w-])--([a-z][a-z-]*[a-z])(?: {_PROSE}({_VALUE}))?")


_LOCATION = re.compile(r"([^\s=]+)=LOCATION")


def in_python(message: str) -> str:
    """The message with a Python caller's keywords in place of the options of the command line."""
    return _OPTION.sub(_keyword, _LOCATION.sub(lambda named: f"name={named[1]!r}", message))


def _keyword(option: re.Match[str]) -> str:
    flag, value = option[1], option[2]
    if flag in _PHRASES:
        return _PHRASES[flag] if value is None else f"{_PHRASES[flag]} {value}"
    if flag not in _KEYWORDS and flag not in _EXPLAIN:  # also a whole command, which is not a Python caller's own
        return option[0]
    keyword = _EXPLAIN.get(flag) or _RENAMED.get(flag, flag.replace("-", "_"))
    if flag in _LISTS:
        written = f"{keyword}={_listed(value)}"
    elif value is None:
        written = f"{keyword}=" if flag not in _EXPLAIN else f"{keyword}=..."
    else:
        text = value.strip("'").rpartition("=")[2]
        written = f"{keyword}={text if text.isdecimal() or text.isupper() else repr(text)}"
    return f"explain=trusteq.ExplainSettings({written})" if flag in _EXPLAIN else written


def _listed(value: str | None) -> str:
    """A list of names as Python has it, from ``NAME=a,b`` or ``a,b``."""
    names = "..." if value is None else value.strip("'").partition("=")[2] or value.strip("'")
    return "[...]" if names == "..." else str(names.split(","))


_shell = False


@contextmanager
def for_shell() -> Iterator[None]:
    """Within the context, messages are those of the command line."""
    global _shell
    before, _shell = _shell, True
    try:
        yield
    finally:
        _shell = before


class TrusteqError(Exception):
    """Something the user can fix; the message says how."""

    def __init__(self, message: object = "") -> None:
        line = " ".join(str(message).splitlines())
        if len(line) > LONGEST:
            # The start says what is wrong and where, the end what to do.
            line = f"{line[: LONGEST - 200]} ... {line[-195:]}"
        super().__init__(line)

    def __str__(self) -> str:
        return self.as_written if _shell else in_python(self.as_written)

    @property
    def as_written(self) -> str:
        """The message with options of the command line, whoever calls."""
        return str(self.args[0])


class DataError(TrusteqError):
    """Items or predictions that cannot be used as they are."""


class ModelError(TrusteqError):
    """A model that cannot be opened, or does not answer properly."""


class LabelError(TrusteqError):
    """Label names that do not match."""


class OptionError(TrusteqError):
    """An option or argument that is out of range, or would have no effect."""


class PolicyError(TrusteqError):
    """A policy that cannot be read or does not make sense."""


class TaskFileError(TrusteqError):
    """A task file that cannot be read, or that does not fit the items."""


class RunError(TrusteqError):
    """A run directory that cannot be written or read."""


class StudyError(TrusteqError):
    """A study or a search that cannot be read, or whose folder belongs to another one."""


class PluginError(TrusteqError):
    """An unusable addition by another package."""


class MissingExtraError(TrusteqError):
    """An optional dependency that is not installed."""

    def __init__(self, what: str, extra: str | None = None, *, package: str | None = None) -> None:
        requirement = package or f"'trusteq[{extra}]'"
        super().__init__(f"{what} needs an optional part: pip install {requirement}")
