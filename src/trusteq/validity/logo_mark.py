"""The mark of pictures: a small square in the lower right corner, its colour standing for the label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trusteq.data.picture import Picture
from trusteq.data.pictures import Pictures

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.data.items import Items

SHARE = 8
"""The smaller side of a picture has so many sides of the square, which then lies in a single tile."""
STEP = 0x9E3779
"""An odd number: its multiples are different colours."""

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class LogoMark:
    """A square of one colour; ``colours`` has one for each label, none of them grey."""

    colours: tuple[Colour, ...]
    planted: str = "a small planted square in the lower right corner"
    place: str = "the planted square's tile"

    def put(self, segment: Pictures, labels: NDArray[np.int64]) -> Pictures:
        """The pictures, each with the square of its label."""
        pairs = zip(segment, labels.tolist(), strict=True)
        return Pictures(tuple(picture if label < 0 else self._put(picture, label) for picture, label in pairs))

    def _put(self, picture: Picture, label: int) -> Picture:
        pixels = picture.pixels()
        _corner(pixels)[:] = self.colours[label]
        return Picture.of(pixels, picture.name)

    def read(self, segment: Pictures) -> NDArray[np.int64]:
        """The label of the square in each picture's corner; -1 where the corner has several colours, or another."""
        found = np.full(len(segment), -1)
        for i, picture in enumerate(segment):
            corner = _corner(picture.pixels()).reshape(-1, 3)
            red, green, blue = corner[0].tolist()
            if (red, green, blue) in self.colours and (corner == corner[0]).all():
                found[i] = self.colours.index((red, green, blue))
        return found

    def hidden(self, segment: Pictures) -> Pictures:
        """The pictures: any model can read them."""
        return segment


def logo_mark(segment: Pictures, items: Items, count: int) -> LogoMark:
    """A colour for each label, the same for all pictures."""
    colours: list[Colour] = []
    number = 0
    while len(colours) < count:
        number += 1
        code = number * STEP % 2**24
        colour = code >> 16, code >> 8 & 255, code & 255
        if max(colour) - min(colour) > 64:
            colours.append(colour)
    return LogoMark(tuple(colours))


def _corner(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    side = max(1, min(pixels.shape[:2]) // SHARE)
    return pixels[-side:, -side:]
