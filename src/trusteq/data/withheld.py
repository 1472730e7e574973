"""Withheld: what a run keeps of pictures and sounds that it must not store, their hashes and measures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trusteq.data.segment import Segment

WITHHELD = {"withheld": True}
"""What the description of such a segment says beside its kind."""


@runtime_checkable
class Withholding(Protocol):
    """A segment whose values may be private."""

    def withheld(self) -> Segment:
        """The same segment with the hash and the measures of each value, but not the values."""


def without_content(segments: Mapping[str, Segment]) -> dict[str, Segment]:
    """The segments, of which those that hold pictures or sounds withhold them."""
    return {name: held.withheld() if isinstance(held, Withholding) else held for name, held in segments.items()}


def refusal(name: str, kind: str) -> DataError:
    """The error for a value that was withheld."""
    return DataError(
        f"{name}: this run keeps only hashes and measures of its {kind}s (--no-pictures); audit again with the {kind}s"
    )
