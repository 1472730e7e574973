"""Withheld: what a run keeps of pictures and sounds that it must not store, their hashes and measures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import pyarrow as pa

from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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


def withheld_column(digests: Sequence[bytes], measures: Sequence[Mapping[str, float]]) -> pa.Array:
    """A column of structures with the hash of each value and its measures."""
    names = list(measures[0]) if measures else []
    hashes = pa.array([digest.hex() for digest in digests], pa.string())
    numbers = [pa.array([float(one[name]) for one in measures], pa.float64()) for name in names]
    return pa.StructArray.from_arrays([hashes, *numbers], ["sha256", *names])


def stored_withheld(column: pa.ChunkedArray, names: Sequence[str]) -> list[tuple[bytes, dict[str, float]]]:
    """The hash and the measures of these names of each value; a ValueError if the column contains anything else."""
    fields = {field.name: field.type for field in column.type} if pa.types.is_struct(column.type) else {}
    if column.null_count or fields != {"sha256": pa.string()} | dict.fromkeys(names, pa.float64()):
        raise ValueError(f"not a column of hashes and measures: {'gaps' if column.null_count else column.type}")
    rows: list[dict[str, Any]] = column.to_pylist()
    return [(bytes.fromhex(row["sha256"]), {name: row[name] for name in names}) for row in rows]
