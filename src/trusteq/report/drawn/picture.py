"""A picture as an area: a thumbnail, and the outlines of its tiles or superpixels."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from trusteq.errors import MissingExtraError
from trusteq.explain.tiles import PLACES, superpixels
from trusteq.report.drawn.drawing import Area, Marks
from trusteq.report.drawn.png import data_uri, png

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from trusteq.data.picture import Picture
    from trusteq.explain.tiles import Superpixels

LONGEST = 224
"""Pixels on a thumbnail's longer side."""
TINY = 64
"""Pictures up to so many pixels on a side are kept to the pixel."""
QUALITY = 75
"""Of JPEG: about 10 kB a thumbnail."""
FINEST = 112
"""Cells on the longer side of the grid by which superpixels are outlined."""

Box = tuple[int, int, int, int]


def draw(picture: Picture | None, marks: Marks) -> Area:
    """The picture with its units; without a picture, only the units' boxes."""
    boxes = _boxes(marks)
    if picture is None or picture.is_withheld:
        right, bottom = (max((box[at] + box[at + 2] for box in boxes), default=1) for at in (0, 1))
        return Area((right, bottom), boxes, () if _fill(boxes, (right, bottom)) else tuple(map(_within, boxes)))
    size = picture.size
    return Area(
        size,
        boxes,
        () if _fill(boxes, size) else _outlines(picture, boxes),
        thumbnail(picture.pixels()),
        pixelated=max(size) <= TINY,
        alt="picture of {:,} x {:,} pixels".format(*size),
    )


def thumbnail(pixels: NDArray[np.uint8]) -> str:
    """A small copy of a picture [height, width, 3] as a data URI; tiny pictures are kept to the pixel."""
    height, width = pixels.shape[:2]
    longest = max(height, width)
    if longest <= TINY:
        return data_uri(png(pixels))
    try:
        from PIL import Image
    except ModuleNotFoundError:
        # Pictures that were given as pixels need no Pillow; every nth pixel of them is enough to recognize them.
        step = -(-longest // LONGEST)
        return data_uri(png(np.ascontiguousarray(pixels[::step, ::step])))
    small = Image.fromarray(pixels)
    if longest > LONGEST:
        sides = (max(1, round(side * LONGEST / longest)) for side in (width, height))
        small = small.resize(tuple(sides), Image.Resampling.BOX)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=QUALITY)
    return data_uri(file.getvalue(), "image/jpeg")


def _boxes(marks: Marks) -> tuple[Box, ...]:
    """Left, top, width and height of each unit; none if their places are not those of pictures."""
    if not marks.names or any(name not in marks.places for name in PLACES):
        return ()
    edges = (marks.places[name].tolist() for name in PLACES)
    return tuple((x, y, right - x, bottom - y) for y, x, bottom, right in zip(*edges, strict=True))


def _fill(boxes: tuple[Box, ...], size: tuple[int, int]) -> bool:
    """Whether the boxes are tiles, which fill a picture of this size once."""
    return sum(width * height for _, _, width, height in boxes) == size[0] * size[1]


def _outlines(picture: Picture, boxes: tuple[Box, ...]) -> tuple[str, ...]:
    """The outline of each superpixel, if they can be found again; else a box inside each one's own."""
    if not boxes:
        return ()
    try:
        (found_again,) = superpixels((picture,)).parts
    except MissingExtraError:
        return tuple(map(_within, boxes))
    # Another version of scikit-image may cut the picture in another way.
    part = cast("Superpixels", found_again)
    found = tuple((x, y, right - x, bottom - y) for y, x, bottom, right in part.boxes.tolist())
    return _paths(part.map(), len(boxes)) if found == boxes else tuple(map(_within, boxes))


def _within(box: Box) -> str:
    """The middle of a box as a path, so that boxes that overlap can be told apart."""
    x, y, width, height = box
    return f"M{x + width // 4} {y + height // 4}h{max(width // 2, 1)}v{max(height // 2, 1)}h-{max(width // 2, 1)}z"


def _paths(regions: Any, count: int) -> tuple[str, ...]:
    """The path of each region of a map of numbers [height, width], as lines of cells."""
    height, width = regions.shape
    cells = max(1, -(-max(height, width) // FINEST))
    coarse = regions[::cells, ::cells]
    return tuple("".join(_runs(coarse == number, cells, (width, height))) for number in range(count))


def _runs(inside: NDArray[np.bool_], cells: int, size: tuple[int, int]) -> Iterator[str]:
    for row, line in enumerate(inside):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], line, [False]]).astype(np.int8))) * cells
        top = row * cells
        for start, end in edges.reshape(-1, 2).tolist():
            right, bottom = min(end, size[0]), min(top + cells, size[1])
            yield f"M{start} {top}H{right}V{bottom}H{start}z"
