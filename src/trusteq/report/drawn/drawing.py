"""Drawings: how one value of a segment is shown with its units, as an area or as bars."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Marks:
    """The units of one value, if it was explained: their names [units], and their places by name [units]."""

    names: tuple[str, ...] = ()
    places: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)


@dataclass(frozen=True)
class Area:
    """A value whose units are parts of an area.

    size: width and height, in the coordinates of everything else. boxes: left, top, width and height of each unit
    [units]. outlines: the path data of SVG of each unit [units]; empty if the boxes are the units. image: a data URI
    that fills the area; None if it is not shown. pixelated: whether each of its pixels is to be seen. broad: whether
    the area is so wide that a drawing takes a line of its own. alt: what the image shows, in words.
    """

    size: tuple[int, int]
    boxes: tuple[tuple[int, int, int, int], ...] = ()
    outlines: tuple[str, ...] = ()
    image: str | None = None
    pixelated: bool = False
    broad: bool = False
    alt: str = ""


@dataclass(frozen=True)
class Bars:
    """A value whose units each have a value of their own, in words [units]; lines: the same with names [units]."""

    values: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()


Drawing = Area | Bars
