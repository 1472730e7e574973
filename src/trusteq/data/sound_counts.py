"""What can be said of a recording in whole numbers: its length, its loudness, its pitch, and how much is silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

LENGTH, LOUDNESS, CROSSINGS, SILENCE = "sound length", "loudness", "zero crossings per second", "silence"

SOUND_COUNTS: Mapping[str, str] = {
    LENGTH: "millisecond",
    LOUDNESS: "decibel",
    CROSSINGS: "zero crossing",
    SILENCE: "silent hundredth",
}
"""By name, the word for what is counted."""

QUIETEST = 96
"""Decibels below full scale at which loudness starts: about one step of 16 bits."""
SILENT = 40
"""Windows of 10 ms so many decibels below the loudest one are silence."""


def sound_counts(samples: NDArray[np.float32], rate: int) -> dict[str, int]:
    """The counts of one recording [samples].

    Loudness is the root mean square in decibels above -96 dB of full scale, so that it is never negative; zero
    crossings rise with pitch and with noise.
    """
    power = np.square(samples, dtype=np.float64)
    windows = np.array([part.mean() for part in np.array_split(power, max(1, len(power) * 100 // rate)) if part.size])
    signs = np.signbit(samples)
    return {
        LENGTH: round(1000 * len(samples) / rate),
        LOUDNESS: _decibels(float(power.mean())) if len(power) else 0,
        CROSSINGS: round(int((signs[1:] != signs[:-1]).sum()) * rate / max(1, len(samples))),
        SILENCE: _silent_share(windows),
    }


def _silent_share(windows: NDArray[np.float64]) -> int:
    """Hundredths of the windows of this power [windows] that are silence; all of them only if there is nothing else."""
    loudest = windows.max(initial=0.0)
    if loudest == 0:
        return 100
    return min(99, round(100 * float((windows <= loudest * 10 ** (-SILENT / 10)).mean())))


def is_silent(counts: Mapping[str, int]) -> bool:
    """Whether the counts are those of a recording of nothing but zeros, or of no samples at all."""
    return counts[SILENCE] == 100


def _decibels(power: float) -> int:
    return max(0, round(10 * np.log10(power) + QUIETEST)) if power > 0 else 0
