"""Segment: one input of the models, of one kind, for every item; only the kind itself looks at the values.

A kind is a class in a file of its own and an entry in `KINDS`. How its items are displayed is an entry in
`trusteq.report.segment_text`, and how they are split into units an entry in `trusteq.explain.units`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self, TypeGuard

from trusteq.data.arrays import Arrays
from trusteq.data.features import Features
from trusteq.data.pictures import Pictures
from trusteq.data.rows import Rows
from trusteq.data.sounds import Sounds
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
    """One value per item, in order; iterating and indexing decode it.

    kind: its name among `KINDS`. counted: counts by which items can be sliced in quarters, by name, and the word for
    what is counted ("text length": "word"). copies_repeat: whether items with equal values are repeats.
    """

    kind: ClassVar[str]
    counted: ClassVar[Mapping[str, str]]
    copies_repeat: ClassVar[bool]

    @classmethod
    def holding(cls, values: Any) -> Self | None:
        """These values as this kind; None if they are of another kind."""

    def __len__(self) -> int: ...

    def __getitem__(self, item: int, /) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...

    def refuse_unfit(self, where: str) -> None:
        """Raise a DataError for the first value that is not of this kind; ``where`` names the segment."""

    def first_empty(self) -> int | None:
        """The first item that is empty; None if there is none."""

    def take(self, at: NDArray[np.int64]) -> Self:
        """The values at these positions, in this order."""

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The values of all parts, in order."""

    def texts(self) -> Sequence[str] | None:
        """The values as texts, for models that read texts; None if they are not texts."""

    def inputs(self) -> Any:
        """All values in the form that a Python function or an estimator takes."""

    def named(self) -> Mapping[str, Segment]:
        """The parts of its items by name, each a segment, if they have such; empty if not."""

    def add_to(self, digest: hashlib._Hash) -> None:
        """Add everything that distinguishes these values from others to the hash."""

    def keys(self) -> Iterator[bytes]:
        """Bytes for each item, equal for items that a reader would consider the same."""

    def sizes(self) -> NDArray[np.int64]:
        """The size of each item [items], to batch items of similar size."""

    def counts(self, name: str) -> NDArray[np.int64]:
        """The count of this name in ``counted``, for each item [items]."""

    def measures(self) -> Mapping[str, NDArray[np.float64]]:
        """Numbers by name [items] that count nothing, such as "brightness"; slices are made of their quarters, too."""

    @property
    def storable(self) -> bool:
        """Whether it can be stored as a column of a file."""

    def column(self) -> pa.Array:
        """A column for items.parquet."""

    def about(self) -> dict[str, Any]:
        """What is stored as JSON with the column, its ``kind`` first; empty for texts."""

    @classmethod
    def stored(cls, column: pa.ChunkedArray, about: Mapping[str, Any]) -> Self:
        """The segment of such a column, to the bit; a ValueError if the column contains anything else."""


KINDS: dict[str, type[Segment]] = {
    "text": Texts,
    "array": Arrays,
    "sound": Sounds,
    "features": Features,
    "row": Rows,
    "picture": Pictures,
}
"""The built-in kinds by name; if several kinds can hold some values, the last one is used."""


def kinds() -> dict[str, type[Segment]]:
    """All kinds of segments by name; those of plugins come last."""
    return with_plugins("trusteq.segments", KINDS, type)


def is_segment(values: Any) -> TypeGuard[Segment]:
    """Whether the values are a segment of a known kind."""
    return isinstance(values, tuple(kinds().values()))


def segment_of(values: Any, where: str) -> Segment:
    """The values as a segment, converted to their kind if necessary; ``where`` names them in messages."""
    if is_segment(values):
        return values
    if isinstance(values, str):
        raise DataError(f"{where} must be a list of texts, found the text {values[:40]!r}")
    candidates = (kind.holding(values) for kind in reversed(kinds().values()))
    return next(segment for segment in candidates if segment is not None)


def with_article(kind: str) -> str:
    """The kind with its article unless it is plural: "a text", "an array", "features"."""
    if kind == Features.kind:
        return kind
    return f"{'an' if kind[0] in 'aeiou' else 'a'} {kind}"


def measures_of(segments: Mapping[str, Segment]) -> dict[tuple[str, str], NDArray[np.float64]]:
    """The measures of all segments by their name and the segment's, which is "" if only one has this measure."""
    by_segment = {segment: held.measures() for segment, held in segments.items()}
    names = list(dict.fromkeys(name for measures in by_segment.values() for name in measures))
    having = {name: [segment for segment, measures in by_segment.items() if name in measures] for name in names}
    return {
        (name, segment if len(having[name]) > 1 else ""): by_segment[segment][name]
        for name in names
        for segment in having[name]
    }


ABOUT = b"trusteq"
"""The metadata key of a column that describes its segment."""


def stored_segment(column: pa.ChunkedArray, about: Mapping[str, Any]) -> Segment:
    """The segment stored in a column, of the kind that ``about`` names; a ValueError if it is not one."""
    name = about.get("kind", Texts.kind)
    by_name = kinds()
    if name not in by_name:
        raise ValueError(f"unknown kind of segment {name!r}; choose from {', '.join(by_name)}")
    return by_name[name].stored(column, about)


def metadata(about: Mapping[str, Any]) -> dict[bytes, bytes] | None:
    """The description of a segment as metadata of its column; None if there is no description."""
    return {ABOUT: json.dumps(about).encode()} if about else None


def is_described(field: pa.Field) -> bool:
    """Whether the metadata of a column describe its segment, which then is not a text."""
    return ABOUT in (field.metadata or {})


def about_column(field: pa.Field) -> dict[str, Any]:
    """The description of a column's segment in its metadata; empty for texts."""
    text = (field.metadata or {}).get(ABOUT)
    try:
        about = {} if text is None else json.loads(text)
    except (ValueError, RecursionError):
        about = None
    if not isinstance(about, dict):
        raise ValueError(f"metadata {str(text)[:80]} of column {field.name!r}")
    return about
