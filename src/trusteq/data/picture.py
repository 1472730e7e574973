"""Picture: one picture, decoded when its pixels are asked for; only its file's bytes or its file's name are kept."""

from __future__ import annotations

import hashlib
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.picture_decoding import decoded
from trusteq.data.picture_look import Look, look_at
from trusteq.data.withheld import refusal
from trusteq.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Drawn(ABC):
    """How a picture is made when its pixels are asked for."""

    @property
    @abstractmethod
    def size(self) -> tuple[int, int]:
        """Width and height."""

    @abstractmethod
    def pixels(self) -> NDArray[np.uint8]:
        """New pixels [height, width, 3]."""


@dataclass(frozen=True, eq=False)
class Withheld(Drawn):
    """What is kept of a picture that is not: its hash and how it looks."""

    digest: bytes
    look: Look

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        return self.look.size

    def pixels(self) -> NDArray[np.uint8]:
        """None are kept."""
        raise refusal("picture", "picture")


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture; equal to every picture of the same bytes.

    source: the bytes of an image file, its path, pixels [height, width, 3], or how they are drawn. name: what messages
    call it.
    """

    source: bytes | Path | NDArray[np.uint8] | Drawn
    name: str = "picture"

    @classmethod
    def of(cls, pixels: Any, name: str = "picture") -> Picture:
        """The picture with these pixels: uint8 [height, width, 3], or greys [height, width] or [height, width, 1]."""
        array = np.asarray(pixels)
        if array.ndim == 2:
            array = array[:, :, None]
        if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] not in (1, 3) or not array.size:
            raise DataError(
                f"{name}: {array.dtype} of shape {list(np.shape(pixels))}; give pixels as uint8 [height, width, 3] in "
                "red, green, blue, or [height, width] for greys"
            )
        return cls(array if array.shape[2] == 3 else np.repeat(array, 3, axis=2), name)

    @classmethod
    def known(cls, encoded: bytes, look: Look, name: str) -> Picture:
        """The picture of an image file that was decoded before, and then looked like this."""
        picture = cls(encoded, name)
        picture.__dict__["look"] = look
        return picture

    @property
    def size(self) -> tuple[int, int]:
        """Width and height, as the picture is meant to be seen."""
        if isinstance(self.source, np.ndarray):
            return self.source.shape[1], self.source.shape[0]
        return self.source.size if isinstance(self.source, Drawn) else self.look.size

    def pixels(self) -> NDArray[np.uint8]:
        """New pixels [height, width, 3] in red, green, blue."""
        if isinstance(self.source, np.ndarray):
            return self.source.copy()
        if isinstance(self.source, Drawn):
            return self.source.pixels()
        encoded = self.encoded
        raw = _PPM.match(encoded)
        if raw is not None and len(encoded) - raw.end() == 3 * int(raw[1]) * int(raw[2]):
            return np.frombuffer(encoded, np.uint8, offset=raw.end()).reshape(int(raw[2]), int(raw[1]), 3).copy()
        return decoded(encoded, self.name)

    @property
    def encoded(self) -> bytes:
        """The bytes of its image file, as they came; of pixels that came from no file, those of a PPM file."""
        if isinstance(self.source, bytes):
            return self.source
        if not isinstance(self.source, Path):
            pixels = self.pixels()
            return _header(pixels) + pixels.tobytes()
        if not self.source.is_file():
            raise DataError(f"{self.name}: no such file; check the path")
        try:
            encoded = self.source.read_bytes()
        except OSError as error:
            raise DataError(f"{self.name}: cannot be read ({error.strerror or error}); check its permissions") from None
        digest = hashlib.sha256(encoded).digest()
        if self.__dict__.setdefault("digest", digest) != digest:
            raise DataError(f"{self.name}: the file has changed since it was first read; start again")
        return encoded

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of ``encoded``."""
        if isinstance(self.source, Withheld):
            return self.source.digest
        if isinstance(self.source, bytes | Path):
            return hashlib.sha256(self.encoded).digest()
        pixels = self.pixels()
        digest = hashlib.sha256(_header(pixels))
        digest.update(np.ascontiguousarray(pixels).data)
        return digest.digest()

    @cached_property
    def look(self) -> Look:
        """Its size and how it looks, in numbers; a DataError if it cannot be decoded."""
        return self.source.look if isinstance(self.source, Withheld) else look_at(self.pixels())

    @property
    def is_withheld(self) -> bool:
        """Whether only its hash and its look are kept."""
        return isinstance(self.source, Withheld)

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Picture) and self.digest == other.digest)

    def __hash__(self) -> int:
        return hash(self.digest)

    def __getstate__(self) -> dict[str, Any]:
        # The file may not be there where the picture is sent.
        return {**self.__dict__, "source": self.encoded} if isinstance(self.source, Path) else self.__dict__

    def named(self, name: str) -> Picture:
        """The same picture under another name."""
        return replace(self, name=name)


_PPM = re.compile(rb"P6\n([1-9][0-9]{0,6}) ([1-9][0-9]{0,6})\n255\n")


def _header(pixels: NDArray[np.uint8]) -> bytes:
    return f"P6\n{pixels.shape[1]} {pixels.shape[0]}\n255\n".encode()
