"""Pictures cut into regions: tiles of a grid, or superpixels.

What is left out is filled in the picture itself, before any model's preprocessing, so models that read pictures of
different sizes are asked about the same regions. By default it is blurred: a fill with hard edges is a new pattern, on
which models answer more at random.
"""

from __future__ import annotations

import zlib
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.picture import Drawn, Picture
from trusteq.data.pictures import Pictures
from trusteq.errors import MissingExtraError
from trusteq.explain.blur import blurred
from trusteq.explain.imputation import imputed

if TYPE_CHECKING:
    from numpy.typing import NDArray

PLACES = ("top", "left", "bottom", "right")
"""Where a region stands, in pixels; the last two are the first row and column after it."""
FILLS = ("remove", "neighbours", "mean")
"""What replaces a region that is left out: its blur, an imputation from its neighbours, the picture's mean colour."""
FEW, MORE, LARGE = 4, 5, 96
"""Tiles on a side, and tiles on a side of a picture whose smaller side has at least so many pixels."""


class Regions(ABC):
    """The regions of one picture."""

    picture: Picture

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """The name of each region."""

    @property
    @abstractmethod
    def boxes(self) -> NDArray[np.int64]:
        """The smallest rectangle around each region [regions, 4], by `PLACES`."""

    @abstractmethod
    def paste(self, onto: NDArray[np.uint8], pixels: NDArray[np.uint8], chosen: NDArray[np.bool_]) -> None:
        """Copy the chosen regions of ``pixels`` onto others."""

    @abstractmethod
    def content(self) -> tuple[Any, ...]:
        """Everything that decides the regions, as JSON values."""


@dataclass(frozen=True, eq=False)
class Tiles(Regions):
    """A grid of so many rows and columns."""

    picture: Picture
    rows: int
    columns: int

    @property
    def names(self) -> tuple[str, ...]:
        """Row and column, from the upper left."""
        return tuple(f"row {r + 1}, column {c + 1}" for r in range(self.rows) for c in range(self.columns))

    @cached_property
    def boxes(self) -> NDArray[np.int64]:
        """The rectangles; their sides differ by a pixel at most."""
        width, height = self.picture.size
        y, x = (np.arange(n + 1) * side // n for n, side in ((self.rows, height), (self.columns, width)))
        row, column = np.divmod(np.arange(self.rows * self.columns), self.columns)
        return np.stack([y[row], x[column], y[row + 1], x[column + 1]], axis=1)

    def paste(self, onto: NDArray[np.uint8], pixels: NDArray[np.uint8], chosen: NDArray[np.bool_]) -> None:
        """Copy the chosen tiles."""
        for top, left, bottom, right in self.boxes[chosen].tolist():
            onto[top:bottom, left:right] = pixels[top:bottom, left:right]

    def content(self) -> tuple[Any, ...]:
        """The picture and the grid."""
        return "tiles", self.picture.digest.hex(), self.rows, self.columns


@dataclass(frozen=True, eq=False)
class Superpixels(Regions):
    """Regions of similar colour. numbers: the number of each pixel's region, packed."""

    picture: Picture
    numbers: bytes
    count: int
    version: str

    @property
    def names(self) -> tuple[str, ...]:
        """Their numbers, from the upper left."""
        return tuple(f"superpixel {number + 1}" for number in range(self.count))

    def map(self) -> NDArray[np.uint8]:
        """The number of each pixel's region [height, width]."""
        width, height = self.picture.size
        return np.frombuffer(zlib.decompress(self.numbers), np.uint8).reshape(height, width)

    @cached_property
    def boxes(self) -> NDArray[np.int64]:
        """The rectangles around them."""
        regions = self.map()
        found = [np.nonzero(regions == number) for number in range(self.count)]
        return np.array([(y.min(), x.min(), y.max() + 1, x.max() + 1) for y, x in found], dtype=np.int64)

    def paste(self, onto: NDArray[np.uint8], pixels: NDArray[np.uint8], chosen: NDArray[np.bool_]) -> None:
        """Copy the pixels of the chosen regions."""
        np.copyto(onto, pixels, where=chosen[_map_of(self)][:, :, None])

    def content(self) -> tuple[Any, ...]:
        """The picture, and with which version of scikit-image it was cut."""
        return "superpixels", self.picture.digest.hex(), self.count, self.version


@lru_cache(maxsize=2)
def _map_of(superpixels: Superpixels) -> NDArray[np.uint8]:
    return superpixels.map()


@dataclass(frozen=True, eq=False)
class Canvas:
    """A picture from which regions are left out, and what replaces them."""

    regions: Regions
    fill: str


@lru_cache(maxsize=2)
def _painted(canvas: Canvas) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The picture's pixels, and those that replace them; kept for two pictures, as one is asked about many times."""
    pixels = canvas.regions.picture.pixels()
    if canvas.fill == "remove":
        return pixels, blurred(pixels)
    return pixels, np.full_like(pixels, np.rint(pixels.mean(axis=(0, 1))))


@dataclass(frozen=True, eq=False, slots=True)
class Masked(Drawn):
    """A picture with only the kept regions [regions]."""

    canvas: Canvas
    kept: NDArray[np.bool_]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture."""
        return self.canvas.regions.picture.size

    def pixels(self) -> NDArray[np.uint8]:
        """Its pixels [height, width, 3]."""
        regions, (pixels, fill) = self.canvas.regions, _painted(self.canvas)
        if self.canvas.fill == "neighbours":
            missing = np.zeros((*pixels.shape[:2], 1), dtype=np.uint8)
            regions.paste(missing, np.ones_like(missing), ~self.kept)
            return imputed(pixels, missing[:, :, 0].astype(np.bool_))
        mostly = 2 * np.count_nonzero(self.kept) > len(self.kept)
        drawn = np.array(pixels if mostly else fill)
        regions.paste(drawn, fill if mostly else pixels, self.kept != mostly)
        return drawn


@dataclass(frozen=True, eq=False)
class PictureUnits:
    """The regions of an item's pictures, as units."""

    parts: tuple[Regions, ...]

    def __len__(self) -> int:
        return len(self.names)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of the regions [units]."""
        return tuple(name for part in self.parts for name in part.names)

    @property
    def segments(self) -> NDArray[np.int64]:
        """The number of each region's picture [units]."""
        return np.repeat(np.arange(len(self.parts)), [len(part.names) for part in self.parts])

    @property
    def places(self) -> dict[str, NDArray[np.int64]]:
        """The rectangle around each region, in pixels [units]."""
        boxes = np.concatenate([part.boxes for part in self.parts])
        return {name: boxes[:, at] for at, name in enumerate(PLACES)}

    def render(self, kept: NDArray[np.bool_], perturb: str) -> tuple[Pictures, ...]:
        """The pictures with only the kept regions, drawn when their pixels are asked for."""
        ends = np.cumsum([len(part.names) for part in self.parts])
        by_part = zip(self.parts, np.split(kept, ends[:-1], axis=1), strict=True)
        return tuple(_rendered(part, np.ascontiguousarray(own), perturb) for part, own in by_part)

    def content(self) -> tuple[Any, ...]:
        """What decides the regions of each picture."""
        return tuple(part.content() for part in self.parts)


def _rendered(regions: Regions, kept: NDArray[np.bool_], perturb: str) -> Pictures:
    canvas, picture = Canvas(regions, perturb), regions.picture
    drawn = (picture if row.all() else Picture(Masked(canvas, row)) for row in kept)
    return Pictures(tuple(drawn))


def tiles(pictures: tuple[Picture, ...]) -> PictureUnits:
    """Four times four tiles of each picture, five times five of large ones."""
    return PictureUnits(tuple(_grid(picture) for picture in pictures))


def _grid(picture: Picture) -> Tiles:
    width, height = picture.size
    side = MORE if min(width, height) >= LARGE else FEW
    return Tiles(picture, min(side, height), min(side, width))


def superpixels(pictures: tuple[Picture, ...]) -> PictureUnits:
    """About as many regions of similar colour as `tiles` would have, by SLIC (Achanta et al. 2012) of scikit-image."""
    return PictureUnits(tuple(map(_superpixels, pictures)))


def _superpixels(picture: Picture) -> Superpixels:
    try:
        from skimage.segmentation import slic
    except ModuleNotFoundError:
        raise MissingExtraError("units 'superpixels'", "superpixels") from None
    grid = _grid(picture)
    regions = slic(picture.pixels(), n_segments=grid.rows * grid.columns, start_label=0, channel_axis=-1)
    used, numbers = np.unique(regions, return_inverse=True)
    packed = zlib.compress(numbers.astype(np.uint8).tobytes(), 1)
    return Superpixels(picture, packed, len(used), version("scikit-image"))
