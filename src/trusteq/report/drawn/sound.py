"""A sound as an area: its envelope above its spectrogram, and where its stretches and bands are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.report.drawn.drawing import Area, Marks
from trusteq.report.drawn.png import data_uri, png

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from trusteq.data.features import Frames
    from trusteq.data.sound import Sound

WIDTH, ENVELOPE, SPECTROGRAM = 256, 24, 64
"""Of the drawing, in pixels; the last two are heights."""
LOUDEST = 60.0
"""Decibels below the loudest at which the spectrogram is white."""
STEPS = 16
"""Greys of a drawing."""
WINDOW = 0.025
"""Seconds of each of the spectrogram's windows."""

PLACES = ("start", "end", "low", "high")
"""Where a unit is: from and to which time, and which frequency or coefficient."""

Box = tuple[int, int, int, int]


def draw_sound(sound: Sound | None, marks: Marks) -> Area:
    """Time from left to right; pitch from low to high, as equally wide to the ear."""
    size = (WIDTH, ENVELOPE + SPECTROGRAM)
    boxes = _boxes(marks, _mel, ENVELOPE)
    if sound is None or sound.is_withheld:
        return Area(size, boxes, broad=True)
    samples, rate = sound.samples(), sound.rate
    alt = (
        f"sound of {len(samples) / rate:.2f} s at {rate:,} Hz: its envelope above its spectrogram, in which time goes "
        "from left to right, low is at the bottom and dark is loud"
    )
    drawn = np.concatenate([envelope(samples), spectrogram(samples, rate)])
    return Area(size, boxes, image=data_uri(png(drawn)), broad=True, alt=alt)


def draw_features(frames: Frames | None, marks: Marks) -> Area:
    """Time from left to right; the first coefficient at the bottom."""
    size = (WIDTH, SPECTROGRAM)
    boxes = _boxes(marks, float, 0)
    if frames is None:
        return Area(size, boxes, broad=True)
    values = np.asarray(frames.values, dtype=np.float64)
    spread = values.std(axis=0)
    standard = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    alt = (
        f"features of {values.shape[0]:,} frames with {values.shape[1]:,} coefficients each, in which time goes from "
        "left to right, the first coefficient is at the bottom and dark is high"
    )
    image = data_uri(png(_greys((standard.T[::-1] + 2) / 4)))
    return Area(size, boxes, image=image, pixelated=True, broad=True, alt=alt)


def envelope(samples: NDArray[np.float32]) -> NDArray[np.uint8]:
    """The loudest of each column's samples, drawn to both sides of a middle line [ENVELOPE, WIDTH]."""
    parts = np.array_split(np.abs(samples), WIDTH)
    peaks = np.array([part.max(initial=0.0) for part in parts])
    heights = np.rint(peaks / max(float(peaks.max()), 1e-9) * (ENVELOPE // 2 - 1))
    rows = np.abs(np.arange(ENVELOPE) - (ENVELOPE - 1) / 2)[:, None]
    return np.where(rows <= heights + 0.5, 90, 255).astype(np.uint8)


def spectrogram(samples: NDArray[np.float32], rate: int) -> NDArray[np.uint8]:
    """Power in each column and band, the highest first and the loudest dark [SPECTROGRAM, WIDTH]."""
    window = min(max(int(WINDOW * rate), 16), max(len(samples), 16))
    padded = np.pad(samples.astype(np.float64), (window // 2, window))
    starts = (np.arange(WIDTH) + 0.5) * len(samples) / WIDTH
    frames = np.lib.stride_tricks.sliding_window_view(padded, window)[starts.astype(np.int64)]
    power = np.abs(np.fft.rfft(frames * np.hanning(window), 4 * window)) ** 2
    frequencies = np.fft.rfftfreq(4 * window, 1 / rate)
    mels = (np.arange(SPECTROGRAM)[::-1] + 0.5) / SPECTROGRAM * _mel(rate / 2)
    rows = np.stack([np.interp(mels, _mel(frequencies), of) for of in power], axis=1)
    decibels = 10 * np.log10(np.maximum(rows / max(float(rows.max()), 1e-30), 1e-12))
    return _greys(1 + decibels / LOUDEST)


def _boxes(marks: Marks, height: Callable[[float], float], above: int) -> tuple[Box, ...]:
    """Left, top, width and height of each unit; none if their places are not those of sounds.

    height: what low and high ends are equally spaced in.
    """
    if not marks.names or any(name not in marks.places for name in PLACES):
        return ()
    starts, ends, lows, highs = (marks.places[name].clip(0).tolist() for name in PLACES)
    long, tall = max(*ends, 1), max(*map(height, highs), 1)
    made = []
    for start, end, low, high in zip(starts, ends, lows, highs, strict=True):
        left, right = (round(WIDTH * x / long) for x in (start, end))
        bottom, top = (above + round(SPECTROGRAM * (1 - height(y) / tall)) for y in (low, high))
        made.append((left, top, right - left, bottom - top))
    return tuple(made)


def _greys(shares: NDArray[np.float64]) -> NDArray[np.uint8]:
    """White for 0 and less, black for 1 and more, in a few steps, so that a file of them is small."""
    return (np.rint((STEPS - 1) * (1 - np.clip(shares, 0, 1))) * (255 // (STEPS - 1))).astype(np.uint8)


def _mel(hertz: Any) -> Any:
    return 2595 * np.log10(1 + np.asarray(hertz) / 700)
