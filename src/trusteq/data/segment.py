"""Segment: what the models read of every item, of one kind; nothing but the kind looks at its values.

A kind is a class in a file of its own and an entry in `KINDS`. How an item of it is shown is an entry in
`trusteq.report.segment_text`, how it is parted into units one in `trusteq.explain.units`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, TypeGuard

from trusteq.data.arrays import Arrays
from trusteq.data.texts import Texts
from trusteq.errors import DataError
from trusteq.plugins import with_plugins

if TYPE_CHECKING:
    import hashlib
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray


class Segment(Protocol):
    """One value an item, in order; iterating and indexing decode it.

    kind: its name among `KINDS`. counted: what items can be sliced by the quarters of, by name, and the word for one
    of it ("text length": "word"). copies_repeat: whether two items of equal values are one item twice.
    """

    kind: ClassVar[str]
    counted: ClassVar[Mapping[str, str]]
    copies_repeat: ClassVar[bool]

    @classmethod
    def holding(cls, values: Any) -> Self | None:
        """These values as this kind; None where they are of another."""

    def __len__(self) -> int: ...

    def __getitem__(self, item: int, /) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...

    def refuse_unfit(self, where: str) -> None:
        """Nothing, or a DataError about the first value that is not of this kind; ``where`` names the segment."""

    def first_empty(self) -> int | None:
        """The first item that has nothing to read; None where each has."""

    def take(self, at: NDArray[np.int64]) -> Self:
        """The values at these positions, in this order."""

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The values of all parts, in order."""

    def texts(self) -> Sequence[str] | None:
        """The values as texts, for models that read texts; None where they are none."""

    def inputs(self) -> Any:
        """All values as a Python function or an estimator takes them."""

    def add_to(self, digest: hashlib._Hash) -> None:
        """Add everything that tells these values from others to the hash."""

    def keys(self) -> Iterator[bytes]:
        """Bytes for each item, which are those of another where both are the same to a reader."""

    def sizes(self) -> NDArray[np.int64]:
        """How large each item is [items], to put those of like size in one batch."""

    def counts(self, name: str) -> NDArray[np.int64]:
        """What ``counted`` names, of each item [items]."""

    @property
    def storable(self) -> bool:
        """Whether a column of a file can hold it."""

    def column(self) -> pa.Array:
        """A column for items.parquet."""

    def about(self) -> dict[str, Any]:
        """What JSON must say beside the column, its ``kind`` first; nothing for texts."""

    @classmethod
    def stored(cls, column: pa.ChunkedArray, about: Mapping[str, Any]) -> Self:
        """The segment of such a column, to the bit; a ValueError where it holds anything else."""


KINDS: dict[str, type[Segment]] = {
    "text": Texts,
    "array": Arrays,
}
"""By name; of values that several kinds hold, the later kind is taken."""


def kinds() -> dict[str, type[Segment]]:
    """Every kind of segment by its name; those of plugins come last."""
    return with_plugins("trusteq.segments", KINDS, type)


def is_segment(values: Any) -> TypeGuard[Segment]:
    """Whether the values are a segment of a known kind."""
    return isinstance(values, tuple(kinds().values()))


def segment_of(values: Any, where: str) -> Segment:
    """The values as the segment they are, or put into their kind; ``where`` names them in messages."""
    if is_segment(values):
        return values
    if isinstance(values, str):
        raise DataError(f"{where} must be a list of texts, found the text {values[:40]!r}")
    held = (kind.holding(values) for kind in reversed(kinds().values()))
    return next(segment for segment in held if segment is not None)


def with_article(kind: str) -> str:
    """The kind with its article: "a text", "an array"."""
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


ABOUT = b"trusteq"
"""The key of a column's metadata that says what segment it holds."""


def stored_segment(column: pa.ChunkedArray, about: Mapping[str, Any]) -> Segment:
    """The segment that a column holds, of the kind that it is said to be; a ValueError where it does not."""
    name = about.get("kind", Texts.kind)
    known = kinds()
    if name not in known:
        raise ValueError(f"unknown kind of segment {name!r}; this trusteq knows {', '.join(known)}")
    return known[name].stored(column, about)


def metadata(about: Mapping[str, Any]) -> dict[bytes, bytes] | None:
    """What is said about a segment, as a column's metadata; None where there is nothing to say."""
    return {ABOUT: json.dumps(about).encode()} if about else None


def is_described(field: pa.Field) -> bool:
    """Whether a column's metadata say what segment is in it: one that is no text."""
    return ABOUT in (field.metadata or {})


def about_column(field: pa.Field) -> dict[str, Any]:
    """What a column's metadata say of the segment in it; nothing for texts."""
    said = (field.metadata or {}).get(ABOUT)
    try:
        found = {} if said is None else json.loads(said)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError(f"metadata {str(said)[:80]} of column {field.name!r}")
    return found
