"""An audit file as text: keys in the order of the reference, and behind each value why it was chosen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trusteq.data.clean import clean
from trusteq.data.yaml_file import dumped

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEMA = "audit-file.schema.json"
"""The file that the first line names, for editors."""


@dataclass(frozen=True)
class Line:
    """A key with its value, and why; without a value only the comment is written."""

    key: str
    value: Any
    why: str = ""

    def __str__(self) -> str:
        comment = f"# {clean(' '.join(self.why.split()))}" if self.why else ""
        if self.value is None:
            return comment
        return f"{self.key}: {scalar(self.value)}" + (f"  {comment}" if comment else "")


@dataclass(frozen=True)
class ModelLines:
    """A model's location, why it is there, and its own options."""

    location: str
    why: str
    own: Sequence[Line] = field(default_factory=tuple)


def scalar(value: Any) -> str:
    """A value, or a list of values, in one line of YAML."""
    return dumped([value], default_flow_style=True, width=2**16)[1:].rstrip()[:-1]


def audit_file(
    reference: ModelLines, candidates: Sequence[ModelLines], data: Sequence[Line], rest: Sequence[Line], *, run: str
) -> str:
    """The text of the file; ``run`` is the command that runs it."""
    lines = [
        f"# yaml-language-server: $schema={SCHEMA}",
        f"# Written by trusteq init; every choice says why. Change what is wrong, then: {clean(run)}",
        "models:",
        *_model("  reference:", "    ", reference),
        "  candidates:",
        *(line for candidate in candidates for line in _model("    -", "      ", candidate)),
    ]
    if data:
        lines += ["data:", *(f"  {line}" for line in data)]
    return "\n".join([*lines, *map(str, rest)]) + "\n"


def _model(start: str, indent: str, model: ModelLines) -> list[str]:
    location = Line("location", model.location, model.why)
    if not model.own:
        return [f"{start} {str(location).removeprefix('location: ')}"]
    first, *others = [location, *model.own]
    if start.endswith("-"):
        return [f"{start} {first}", *(f"{indent}{line}" for line in others)]
    return [start, *(f"{indent}{line}" for line in (first, *others))]
