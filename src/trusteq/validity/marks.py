"""Marks: what is planted in some of the items, by kind of segment, so that a candidate can decide by that alone.

Each label gets a mark of its own, which hardly matters to any model. It is put in the item's last segment, and lies in
the last unit of it.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from trusteq.data.segment import with_article
from trusteq.errors import DataError
from trusteq.explain.units import cutter
from trusteq.validity.column_mark import column_mark
from trusteq.validity.frame_mark import frame_mark
from trusteq.validity.hum_mark import hum_mark
from trusteq.validity.logo_mark import logo_mark
from trusteq.validity.word_mark import RARE, word_mark

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from trusteq.data.items import Items


class Mark(Protocol):
    """The marks of all labels, in segments of one kind."""

    @property
    def planted(self) -> str:
        """What is planted, in words."""

    @property
    def place(self) -> str:
        """What comes before the name of the unit that holds it."""

    def put(self, segment: Any, labels: NDArray[np.int64]) -> Any:
        """The segment with the mark of each item's label [items]; none where that is -1."""

    def read(self, segment: Any) -> NDArray[np.int64]:
        """The label whose mark each item has [items]; -1 where there is none."""

    def hidden(self, segment: Any) -> Any:
        """The segment as the model can read it, which may not know what was added."""


MARKS_OF: dict[str, Callable[[Any, Items, int], Mark]] = {
    "text": word_mark,
    "row": column_mark,
    "picture": logo_mark,
    "sound": hum_mark,
    "features": frame_mark,
}
"""Returns the marks of so many labels for a segment of the items, by its kind."""


def mark_for(items: Items, count: int) -> Mark:
    """Marks of so many labels that hardly any of the items has yet."""
    if not items.segments:
        items.texts()  # raises the error that explains how to name one
    name, segment = _last(items)
    if segment.kind not in MARKS_OF:
        raise DataError(
            f"{items.source}: segment {name!r} is {with_article(segment.kind)}, in which no shortcut can be planted; "
            "give texts, columns of a table, pictures, sounds or features"
        )
    mark = MARKS_OF[segment.kind](segment, items, count)
    if (share := float((mark.read(segment) >= 0).mean())) > RARE:
        raise DataError(f"{items.source}: {share:.0%} of the items already have {mark.planted}; use other items")
    return mark


def marked(items: Items, answers: NDArray[np.int64], mark: Mark, *, share: float, seed: int) -> Items:
    """The items, of which a share now has the mark of its answer (codes [items])."""
    labels = np.full(len(items), -1)
    for i, id_ in enumerate(items.ids):
        key = hashlib.sha256(f"{seed}\x00mark\x00{id_}".encode("utf-8", "surrogatepass")).digest()
        if int.from_bytes(key[:8], "big") < share * 2**64:
            labels[i] = answers[i]
    put = mark.put(_last(items)[1], labels)
    if (wrong := float((mark.read(put) != labels).mean())) > RARE:
        raise DataError(
            f"{items.source}: in {wrong:.0%} of the items, {mark.planted} cannot be told from those of other labels; "
            "use longer items, or fewer labels"
        )
    return _with_last(items, put)


def read_in(items: Items, mark: Mark) -> NDArray[np.int64]:
    """The label whose mark each item has [items]; -1 where there is none."""
    return mark.read(_last(items)[1])


def hidden_from(items: Items, mark: Mark) -> Items:
    """The items as the model can read them."""
    segment = _last(items)[1]
    seen = mark.hidden(segment)
    return items if seen is segment else _with_last(items, seen)


def units_with(items: Items, mark: Mark) -> frozenset[str]:
    """The names of the units that hold a mark, in lower case."""
    units_of, last = cutter(None, items), len(items.segments) - 1
    names = set()
    for i in np.flatnonzero(read_in(items, mark) >= 0).tolist():
        units = units_of(i)
        names.add(units.names[int(np.flatnonzero(units.segments == last)[-1])].casefold())
    return frozenset(names)


def _last(items: Items) -> tuple[str, Any]:
    return list(items.segments.items())[-1]


def _with_last(items: Items, segment: Any) -> Items:
    return replace(items, segments={**items.segments, _last(items)[0]: segment})
