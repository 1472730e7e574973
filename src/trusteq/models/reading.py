"""Which segment of the items a model reads, by the kinds that it states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.data.segment import with_article
from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection

    from trusteq.data.items import Items
    from trusteq.data.segment import Segment


def refuse_unread(items: Items, reads: Collection[str], *, name: str) -> None:
    """An error if the items have no segment of a kind that the model reads."""
    kinds = {segment.kind for segment in items.segments.values()}
    if not kinds.isdisjoint(reads):
        return
    found = ", ".join(f"{key!r}, {with_article(segment.kind)}" for key, segment in items.segments.items())
    remedy = f"name its column with --{next(iter(reads))}" if len(reads) == 1 else "name its column"
    if "picture" in kinds or ("sound" in kinds and "array" in reads):
        remedy = (
            f"say what happens to {'pictures' if 'picture' in kinds else 'sounds'} in a .yaml file beside the model's "
            "file, or name that file with --preprocessing"
        )
    raise DataError(
        f"{items.source}: model {name} reads {_any_of(reads)}, but the items have {found or 'nothing'}; {remedy}"
    )


def only_segment(items: Items, reads: Collection[str], *, name: str) -> Segment:
    """The only segment of a kind that the model reads; an error if there is none, or more than one."""
    refuse_unread(items, reads, name=name)
    fitting = {key: segment for key, segment in items.segments.items() if segment.kind in reads}
    if len(fitting) > 1:
        raise DataError(
            f"{items.source}: model {name} reads {_any_of(reads)} an item, but the items have {len(fitting)} "
            f"({', '.join(fitting)}); name one"
        )
    segment: Segment = next(iter(fitting.values()))
    return segment


def _any_of(kinds: Collection[str]) -> str:
    return " or ".join(with_article(kind) for kind in sorted(kinds))
