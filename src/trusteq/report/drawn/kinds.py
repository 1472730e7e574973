"""By kind of segment, how one value is drawn; whatever is not listed is shown as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.report.drawn import picture, row
from trusteq.report.drawn.drawing import Area, Marks
from trusteq.report.drawn.sound import draw_features, draw_sound

if TYPE_CHECKING:
    from collections.abc import Callable

    from trusteq.data.segment import Segment
    from trusteq.report.drawn.drawing import Drawing

DRAWN: dict[str, Callable[[Any, Marks], Drawing]] = {
    "picture": picture.draw,
    "sound": draw_sound,
    "features": draw_features,
    "row": row.draw,
}
"""The function that draws a value of this kind with its units; for None, it draws what is known without the value."""


def is_drawn(segment: Segment) -> bool:
    """Whether values of this segment are drawn rather than shown as text."""
    return segment.kind in DRAWN


def is_area(segment: Segment) -> bool:
    """Whether values of this segment are drawn as areas, which takes decoding them."""
    return is_drawn(segment) and isinstance(drawn(segment, None, Marks()), Area)


def drawn(segment: Segment, item: int | None, marks: Marks) -> Drawing:
    """The drawing of one item's value; for None, what is known without a value."""
    return DRAWN[segment.kind](None if item is None else segment[item], marks)
