"""Sound: one recording, decoded when its samples are asked for; only its file's bytes or its file's name are kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.sound_measures import LENGTH, sound_measures
from trusteq.data.waveform import decode, encode, resample
from trusteq.data.withheld import refusal
from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    Source = bytes | Path | NDArray[np.float32] | Callable[[], NDArray[np.float32]]


@dataclass(frozen=True, eq=False)
class Withheld:
    """What is kept of a recording that is not: its hash and its measures."""

    digest: bytes
    measures: Mapping[str, float]

    def __call__(self) -> NDArray[np.float32]:
        """No samples are kept."""
        raise refusal("sound", "sound")


@dataclass(frozen=True, eq=False)
class Sound:
    """A recording, heard as one channel; equal to every recording of the same bytes that is heard in the same way.

    source: the bytes of a file, its path, samples [samples], or a function that computes them. rate: in Hz. stated:
    whether the user stated the rate, so that a recording of another rate is resampled rather than refused. mixed:
    whether several channels are averaged rather than refused. name: what messages call it. length: how many samples
    a function computes.
    """

    source: Source
    rate: int
    stated: bool = False
    mixed: bool = False
    name: str = "sound"
    length: int | None = None

    @classmethod
    def of(cls, samples: Any, rate: int, name: str = "sound") -> Sound:
        """The sound of these samples: floats [samples], whose full scale is -1 to 1."""
        values = np.asarray(samples)
        if values.ndim != 1 or values.dtype.kind != "f":
            raise DataError(
                f"{name}: {values.dtype} of shape {list(values.shape)}; give samples as floats [samples] between -1 "
                "and 1, e.g. samples / 32768"
            )
        if not np.isfinite(values).all():
            first = int(np.flatnonzero(~np.isfinite(values))[0])
            raise DataError(f"{name}: sample {first + 1:,} is {values[first]}; give finite numbers")
        return cls(values.astype(np.float32), rate, name=name)

    def __repr__(self) -> str:
        return f"<Sound {self.name} at {self.rate:,} Hz>"

    @classmethod
    def known(cls, encoded: bytes, measures: Mapping[str, float], heard: tuple[int, bool, bool], name: str) -> Sound:
        """The recording of a file that was decoded before, heard in this way, and then had these measures."""
        sound = cls(encoded, *heard, name)
        sound.__dict__["measures"] = measures
        return sound

    def samples(self) -> NDArray[np.float32]:
        """The samples [samples] of one channel, at its rate."""
        if isinstance(self.source, np.ndarray):
            return self.source
        if not isinstance(self.source, bytes | Path):
            return self.source()
        samples, rate = decode(self.encoded, self.name)
        channels = samples.shape[1]
        if channels > 1 and not self.mixed:
            raise DataError(f"{self.name}: {channels} channels, but models hear one; average them with --channels mean")
        if rate != self.rate and not self.stated:
            raise DataError(
                f"{self.name}: its sample rate is {rate:,} Hz, that of the first {self.rate:,} Hz; state the rate that "
                f"all are resampled to: --rate {self.rate}"
            )
        mono = samples[:, 0] if channels == 1 else samples.mean(axis=1, dtype=np.float64).astype(np.float32)
        return resample(mono, rate, self.rate)

    @property
    def encoded(self) -> bytes:
        """The bytes of its file, as they came; of samples, those of a WAV file of floats."""
        if isinstance(self.source, bytes):
            return self.source
        if not isinstance(self.source, Path):
            return encode(self.samples(), self.rate)
        try:
            encoded = self.source.read_bytes()
        except OSError as error:
            raise DataError(f"{self.name}: cannot be read ({error.strerror or error}); check the path") from None
        digest = hashlib.sha256(encoded).digest()
        if self.__dict__.setdefault("digest", digest) != digest:
            raise DataError(f"{self.name}: the file has changed since it was first read; start again")
        return encoded

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of ``encoded``."""
        return self.source.digest if isinstance(self.source, Withheld) else hashlib.sha256(self.encoded).digest()

    @cached_property
    def measures(self) -> Mapping[str, float]:
        """What can be said of it in numbers; a DataError if it cannot be decoded as stated."""
        if isinstance(self.source, Withheld):
            return self.source.measures
        return sound_measures(self.samples(), self.rate)

    @property
    def is_withheld(self) -> bool:
        """Whether only its hash and its measures are kept."""
        return isinstance(self.source, Withheld)

    @property
    def size(self) -> int:
        """The number of its samples; a file is decoded for it if it never was."""
        if isinstance(self.source, np.ndarray):
            return len(self.source)
        return round(self.measures[LENGTH] * self.rate) if self.length is None else self.length

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Sound) and self._heard == other._heard)

    def __hash__(self) -> int:
        return hash(self._heard)

    @property
    def _heard(self) -> tuple[bytes, int, bool, bool]:
        return self.digest, self.rate, self.stated, self.mixed

    def __getstate__(self) -> dict[str, Any]:
        # The file may not be there where the sound is sent.
        return {**self.__dict__, "source": self.encoded} if isinstance(self.source, Path) else self.__dict__
