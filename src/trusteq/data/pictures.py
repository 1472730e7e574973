"""Pictures: the kind of segment whose items are pictures, of any size, decoded one by one when they are asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from trusteq.data.measured_column import FILE, HASH, measured_column, measured_values
from trusteq.data.picture import Picture, Withheld
from trusteq.data.picture_look import Look
from trusteq.data.withheld import WITHHELD
from trusteq.errors import DataError

if TYPE_CHECKING:
    import hashlib
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Pictures:
    """Pictures in order; no decoded picture is kept, and of files only their names."""

    pictures: tuple[Picture, ...]

    kind: ClassVar[str] = "picture"
    counted: ClassVar[Mapping[str, str]] = {}
    copies_repeat: ClassVar[bool] = True
    storable: ClassVar[bool] = True

    @classmethod
    def of_arrays(cls, arrays: Iterable[Any]) -> Pictures:
        """Pictures of pixels: uint8 [items, height, width, 3] or [items, height, width], or a list of such arrays."""
        return cls(tuple(Picture.of(pixels, f"picture {number}") for number, pixels in enumerate(arrays, 1)))

    @classmethod
    def holding(cls, values: Any) -> Pictures | None:
        """A list of pictures or of pixels as this kind; None for anything else, so that an array remains one."""
        if not isinstance(values, list | tuple) or not values or not all(map(_is_picture, values)):
            return None
        named = (
            value if isinstance(value, Picture) else Picture.of(value, f"picture {number}")
            for number, value in enumerate(values, 1)
        )
        return cls(tuple(named))

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, item: int) -> Picture:
        return self.pictures[item]

    def __iter__(self) -> Iterator[Picture]:
        return iter(self.pictures)

    def __repr__(self) -> str:
        return f"<{len(self):,} Pictures>"

    def unreadable(self) -> dict[int, str]:
        """What is wrong with each picture that cannot be decoded, by position; every file is read, once."""
        wrong = {}
        for item, picture in enumerate(self.pictures):
            if isinstance(picture.source, np.ndarray):
                continue
            try:
                picture.size  # noqa: B018 - decodes what has never been decoded
            except DataError as error:
                wrong[item] = str(error)
        return wrong

    def refuse_unfit(self, where: str) -> None:
        """Raise an error if any picture cannot be decoded, with the first and how many there are."""
        wrong = self.unreadable()
        if wrong:
            (item, reason), *others = wrong.items()
            more = f", the first of {len(wrong):,} such among {len(self):,}" if others else f" (item {item + 1})"
            raise DataError(f"{where}: {reason}{more}; to leave such items out, say so (--skip-unreadable)")

    def first_empty(self) -> None:
        """None: no picture is empty."""

    def take(self, at: NDArray[np.int64]) -> Pictures:
        """The pictures at these positions, in this order."""
        return Pictures(tuple(map(self.pictures.__getitem__, at.tolist())))

    @classmethod
    def joined(cls, parts: Sequence[Pictures]) -> Pictures:
        """The pictures of all parts, in order."""
        return cls(tuple(picture for part in parts for picture in part.pictures))

    def texts(self) -> None:
        """None: pictures are not texts."""

    def inputs(self) -> list[NDArray[np.uint8]]:
        """The pixels of every picture, uint8 [height, width, 3]."""
        return [picture.pixels() for picture in self.pictures]

    def named(self) -> dict[str, Any]:
        """Nothing: pictures have no named parts."""
        return {}

    def add_to(self, digest: hashlib._Hash) -> None:
        """The hash of each picture's bytes."""
        digest.update(b"pictures\x00" + b"".join(self.keys()))

    def keys(self) -> Iterator[bytes]:
        """The hash of each picture's bytes."""
        return (picture.digest for picture in self.pictures)

    def sizes(self) -> NDArray[np.int64]:
        """Pixels [items]."""
        sizes = (picture.size for picture in self.pictures)
        return np.fromiter((width * height for width, height in sizes), np.int64, len(self))

    def counts(self, name: str) -> NDArray[np.int64]:
        """No count: nothing is counted in pictures."""
        raise KeyError(name)

    def measures(self) -> dict[str, NDArray[np.float64]]:
        """How each picture looks; every picture is decoded if none has been, and none again."""
        looks = [picture.look for picture in self.pictures]
        sizes = np.array([look.size for look in looks], dtype=np.float64).reshape(-1, 2)
        return {
            "brightness": np.array([look.brightness for look in looks]),
            "contrast": np.array([look.contrast for look in looks]),
            "sharpness": np.array([look.sharpness for look in looks]),
            "colourfulness": np.array([look.colourfulness for look in looks]),
            "size in pixels": sizes.prod(axis=1),
            "ratio of width to height": sizes[:, 0] / sizes[:, 1],
        }

    def column(self) -> pa.Array:
        """The bytes of image files, or hashes, and how each picture looks."""
        looks = ([*picture.look.size, *picture.look[1:]] for picture in self.pictures)
        measures = [dict(zip(_LOOK, look, strict=True)) for look in looks]
        if self._are_withheld:
            return measured_column(HASH, [picture.digest.hex() for picture in self.pictures], _LOOK, measures)
        return measured_column(FILE, [picture.encoded for picture in self.pictures], _LOOK, measures)

    def about(self) -> dict[str, Any]:
        """Only the kind, as the column says the rest; and whether they are withheld."""
        return {"kind": self.kind, **(WITHHELD if self._are_withheld else {})}

    def withheld(self) -> Pictures:
        """The hash of each picture and how it looks, without any picture."""
        return Pictures(tuple(Picture(Withheld(one.digest, one.look), one.name) for one in self.pictures))

    @property
    def _are_withheld(self) -> bool:
        return bool(self.pictures) and all(picture.is_withheld for picture in self.pictures)

    @classmethod
    def stored(cls, column: pa.ChunkedArray, about: Mapping[str, Any]) -> Pictures:
        """The pictures of such a column; a ValueError if it contains anything else."""
        names = (f"picture {row}" for row in range(1, len(column) + 1))
        if about.get("withheld"):
            hashes = zip(measured_values(column, HASH, _LOOK), names, strict=True)
            return cls(tuple(Picture(Withheld(bytes.fromhex(one), _look(of)), name) for (one, of), name in hashes))
        files = zip(measured_values(column, FILE, _LOOK), names, strict=True)
        return cls(tuple(Picture.known(file, _look(of), name) for (file, of), name in files))


_LOOK = ("width", "height", *Look._fields[1:])
"""What is stored of how a picture looks."""


def _look(measures: Mapping[str, float]) -> Look:
    width, height, *numbers = (measures[name] for name in _LOOK)
    return Look((int(width), int(height)), *numbers)


def _is_picture(value: Any) -> bool:
    """Whether a value is a picture, or an array that holds the pixels of one."""
    return isinstance(value, Picture) or (
        isinstance(value, np.ndarray) and value.dtype == np.uint8 and value.ndim in (2, 3)
    )
