"""Units of a sound: stretches of time in bands of frequency, whose sum is the sound; what is left out is silence.

The bands share out the bins of the sound's Fourier transform, and the windows of the stretches, which fade into each
other within 10 ms, sum to one. So a version with some of the units is the sum of those, and no unit depends on which
others are kept. Features, such as MFCC, are cut in the same way into frames and coefficients; what is left out becomes
a typical frame, the mean of each coefficient, since a model need not have heard silence.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.features import Features, Frames
from trusteq.data.sounds import Sounds

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.data.sound import Sound

STRETCHES, BANDS = 8, 2
LONGEST = 5.0 / STRETCHES
"""Seconds of a stretch; longer sounds have more stretches, up to `MOST`."""
MOST = 32
FADE = 0.010
"""Seconds within which one stretch fades into the next; a stretch is at least twice as long."""
NAMES = {1: ("",), 2: (", low", ", high"), 3: (", low", ", middle", ", high")}


@dataclass(frozen=True, eq=False)
class Stretches:
    """The units of a sound, stretch by stretch, in each the bands from low to high.

    ends: of the stretches, in samples [stretches + 1]. edges: of the bands, in Hz [bands + 1].
    """

    sound: Sound
    ends: NDArray[np.int64]
    edges: NDArray[np.float64]

    def __len__(self) -> int:
        return (len(self.ends) - 1) * (len(self.edges) - 1)

    @property
    def names(self) -> tuple[str, ...]:
        """Seconds and band of each unit, e.g. "0.25-0.50 s, low"."""
        times = [f"{a:.2f}-{b:.2f} s" for a, b in _neighbours(self.ends / self.sound.rate)]
        return tuple(f"{time}{band}" for time in times for band in NAMES[len(self.edges) - 1])

    @property
    def segments(self) -> NDArray[np.int64]:
        """One segment."""
        return np.zeros(len(self), dtype=np.int64)

    @property
    def places(self) -> dict[str, NDArray[np.int64]]:
        """Start and end in milliseconds, low and high in Hz."""
        return _places(1000 * self.ends / self.sound.rate, self.edges)

    def render(self, kept: NDArray[np.bool_], perturb: str) -> tuple[Sounds, ...]:
        """The sounds with only the kept units; computed when they are heard."""
        sound, length = self.sound, int(self.ends[-1])
        grid = kept.reshape(len(kept), len(self.ends) - 1, len(self.edges) - 1)
        versions = (
            sound if rows.all() else replace(sound, source=partial(_heard, self, rows), length=length) for rows in grid
        )
        return (Sounds(tuple(versions), sound.rate, sound.stated, "mean" if sound.mixed else "one"),)

    def content(self) -> tuple[Any, ...]:
        """The hash of the sound, how it is heard, and where it is cut."""
        sound = self.sound
        heard = (sound.digest.hex(), sound.rate, sound.stated, sound.mixed)
        return (*heard, self.ends.tolist(), self.edges.tolist(), FADE)


def stretches(values: tuple[Any, ...]) -> Stretches:
    """The units of a sound: 8 stretches of 2 bands up to 5 seconds, and more stretches of longer sounds."""
    sound: Sound = values[0]
    n = sound.size
    parts = min(max(STRETCHES, ceil(n / sound.rate / LONGEST)), MOST)
    parts = max(1, min(parts, int(n / sound.rate / (2 * FADE))))
    return Stretches(sound, np.linspace(0, n, parts + 1).round().astype(np.int64), equal_bands(sound.rate, BANDS))


def equal_bands(rate: int, bands: int) -> NDArray[np.float64]:
    """Edges in Hz [bands + 1] of bands from 0 to half the rate that are equally wide to the ear.

    On the mel scale m = 2595 log10(1 + f / 700) (O'Shaughnessy 1987): of speech, either half has its share.
    """
    top = 2595 * np.log10(1 + rate / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, bands + 1) / 2595) - 1)
    edges[-1] = rate / 2
    return np.asarray(edges.round())


def split(samples: NDArray[np.float32], rate: int, edges: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """The part of the samples [samples] in each band, whose sum is the samples: each bin is in exactly one."""
    exact = samples.astype(np.float64)
    spectrum = np.fft.rfft(exact)
    starts = np.searchsorted(np.fft.rfftfreq(len(samples), 1 / rate), edges[1:-1]).tolist()
    bands = []
    for low, high in _neighbours([0, *starts, len(spectrum)]):
        inside = np.zeros_like(spectrum)
        inside[low:high] = spectrum[low:high]
        bands.append(np.fft.irfft(inside, len(samples)))
    # The last is what the others leave, so that nothing is lost to rounding.
    return [*bands[:-1], exact - np.sum(bands[:-1], axis=0)] if bands[1:] else [exact]


def fades(ends: NDArray[np.int64], fade: int) -> NDArray[np.float64]:
    """The window of each stretch [stretches, samples]; they sum to one, and fade linearly around each boundary."""
    at = np.arange(int(ends[-1])) + 0.5
    begun = np.stack([np.ones(len(at)), *(np.clip((at - end) / fade + 0.5, 0, 1) for end in ends[1:-1])])
    return np.asarray(begun - np.concatenate([begun[1:], np.zeros((1, len(at)))]))


@lru_cache(maxsize=2)
def _taken_apart(units: Stretches) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
    """The windows and the bands of a sound; kept for two sounds, as one is heard many times."""
    sound = units.sound
    return fades(units.ends, ceil(FADE * sound.rate)), split(sound.samples(), sound.rate, units.edges)


def _heard(units: Stretches, kept: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The sum [samples] of the units that are kept [stretches, bands]."""
    windows, bands = _taken_apart(units)
    total = np.zeros(windows.shape[1])
    for band, rows in zip(bands, kept.T, strict=True):
        if rows.any():
            total += windows[rows].sum(axis=0) * band
    return total.astype(np.float32)


@dataclass(frozen=True, eq=False)
class FrameStretches:
    """The units of features, stretch by stretch, in each the bands of coefficients from the first to the last.

    ends: of the stretches, in frames [stretches + 1]. edges: of the bands, in coefficients [bands + 1].
    """

    frames: Frames
    ends: NDArray[np.int64]
    edges: NDArray[np.int64]

    def __len__(self) -> int:
        return (len(self.ends) - 1) * (len(self.edges) - 1)

    @property
    def names(self) -> tuple[str, ...]:
        """Frames, counted from 1, and band of each unit, e.g. "frames 1-6, low"."""
        times = [f"frames {a + 1}-{b}" if b > a + 1 else f"frame {b}" for a, b in _neighbours(self.ends.tolist())]
        return tuple(f"{time}{band}" for time in times for band in NAMES[len(self.edges) - 1])

    @property
    def segments(self) -> NDArray[np.int64]:
        """One segment."""
        return np.zeros(len(self), dtype=np.int64)

    @property
    def places(self) -> dict[str, NDArray[np.int64]]:
        """Start and end in frames, low and high in coefficients."""
        return _places(self.ends, self.edges)

    def render(self, kept: NDArray[np.bool_], perturb: str) -> tuple[Features, ...]:
        """The features with only the kept units; the others are what stands for features left out."""
        values = self.frames.values
        time, band = (np.repeat(np.arange(len(of) - 1), np.diff(of)) for of in (self.ends, self.edges))
        cells = kept.reshape(len(kept), len(self.ends) - 1, len(self.edges) - 1)[:, time][:, :, band]
        absent = self.frames.absent.round() if values.dtype.kind in "iu" else self.frames.absent
        return (Features(np.where(cells, values, absent.astype(values.dtype)), self.frames.absent),)

    def content(self) -> tuple[Any, ...]:
        """The hash of the features, what stands for those left out, and where they are cut."""
        values, absent = self.frames.values, self.frames.absent
        return (
            values.dtype.str,
            values.shape,
            hashlib.sha256(values.tobytes()).hexdigest(),
            absent.tolist(),
            *map(_list, (self.ends, self.edges)),
        )


def frame_stretches(values: tuple[Any, ...]) -> FrameStretches:
    """The units of features: 8 stretches of 2 bands, or fewer if there are fewer frames or coefficients."""
    (frames,) = values
    ends, edges = (
        np.linspace(0, size, min(parts, size) + 1).round().astype(np.int64)
        for size, parts in zip(frames.shape, (STRETCHES, BANDS), strict=True)
    )
    return FrameStretches(frames, ends, edges)


def _list(values: NDArray[np.int64]) -> list[int]:
    return list(values.tolist())


def _places(ends: NDArray[Any], edges: NDArray[Any]) -> dict[str, NDArray[np.int64]]:
    ends, edges = (np.asarray(of).round().astype(np.int64) for of in (ends, edges))
    stretches, bands = len(ends) - 1, len(edges) - 1
    return {
        "start": np.repeat(ends[:-1], bands),
        "end": np.repeat(ends[1:], bands),
        "low": np.tile(edges[:-1], stretches),
        "high": np.tile(edges[1:], stretches),
    }


def _neighbours(values: Any) -> list[tuple[Any, Any]]:
    return list(pairwise(values))
