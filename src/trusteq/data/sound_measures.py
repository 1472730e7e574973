"""What can be said of a recording in numbers: its length, its loudness, its pitch, and how much of it is silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

LENGTH, LOUDNESS, CENTROID, SILENCE = (
    "length in seconds",
    "loudness in decibels",
    "spectral centroid in hertz",
    "share of silence",
)
SOUND_MEASURES = (LENGTH, LOUDNESS, CENTROID, SILENCE)
QUIETEST = -120.0
"""Decibels of a recording without any sound."""
SILENT = 40
"""Windows of 10 ms so many decibels below the loudest one are silence."""


def sound_measures(samples: NDArray[np.float32], rate: int) -> dict[str, float]:
    """The numbers of one recording [samples], by name.

    Loudness is the root mean square relative to full scale; the spectral centroid is the mean frequency, weighted by
    power: it rises with pitch and with hiss.
    """
    exact = samples.astype(np.float64)
    power = np.square(exact)
    windows = np.array([part.mean() for part in np.array_split(power, max(1, len(power) * 100 // rate)) if part.size])
    mean, loudest = power.mean() if power.size else 0.0, windows.max(initial=0.0)
    spectrum = np.square(np.abs(np.fft.rfft(exact))) if power.size else np.zeros(1)
    hertz = np.arange(len(spectrum)) * rate / max(1, len(exact))
    return {
        LENGTH: len(samples) / rate,
        LOUDNESS: max(QUIETEST, 10 * float(np.log10(mean))) if mean else QUIETEST,
        CENTROID: float(hertz @ spectrum / spectrum.sum()) if mean else 0.0,
        SILENCE: float((windows <= loudest * 10 ** (-SILENT / 10)).mean()) if loudest else 1.0,
    }


def is_silent(measures: Mapping[str, float]) -> bool:
    """Whether the numbers are those of a recording of nothing but zeros, or of no samples at all."""
    return measures[SILENCE] == 1
