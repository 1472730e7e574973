"""The mark of sounds: a quiet hum in the last stretch of time, in the high band, its pitch standing for the label."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

from trusteq.explain.stretches import BANDS, FADE, equal_bands, stretches
from trusteq.validity.word_mark import RARE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.data.sound import Sound
    from trusteq.data.sounds import Sounds

BETWEEN = 0.5, 0.9
"""Where in the high band the hums lie: far from the low band, and below what recordings are filtered at."""
LOUDER, QUIETEST = 4.0, 0.005
"""How much louder the hum is than nearly all recordings at its pitches, and its smallest amplitude."""


@dataclass(frozen=True)
class HumMark:
    """A tone that rises and falls within the last stretch.

    pitches: in Hz, one for each label. amplitude: of the tone; half of it is heard as the mark.
    """

    pitches: tuple[float, ...]
    amplitude: float
    planted: str = "a quiet planted hum at the end"
    place: str = "the planted hum's stretch"

    def put(self, segment: Sounds, labels: NDArray[np.int64]) -> Sounds:
        """The sounds, each with the hum of its label."""
        pairs = zip(segment, labels.tolist(), strict=True)
        return replace(segment, sounds=tuple(sound if label < 0 else self._put(sound, label) for sound, label in pairs))

    def _put(self, sound: Sound, label: int) -> Sound:
        samples = np.array(sound.samples())
        start, window = _window(sound)
        angle = 2 * np.pi * self.pitches[label] * np.arange(len(window)) / sound.rate
        samples[start : start + len(window)] += (self.amplitude * window * np.sin(angle)).astype(np.float32)
        return replace(sound, source=samples, length=None)

    def read(self, segment: Sounds) -> NDArray[np.int64]:
        """The label of the hum in each sound; -1 where there is none."""
        heard = strengths(segment, self.pitches)
        return np.where(heard.max(axis=1) >= self.amplitude / 2, heard.argmax(axis=1), -1)

    def hidden(self, segment: Sounds) -> Sounds:
        """The sounds: any model can hear them."""
        return segment


def hum_mark(segment: Sounds, items: Items, count: int) -> HumMark:
    """A pitch for each label, and an amplitude at which hardly any of these sounds has it already."""
    low, high = equal_bands(segment.rate, BANDS)[-2:].tolist()
    shares = np.linspace(*BETWEEN, count + 2)[1:-1]
    pitches = tuple((low + shares * (high - low)).tolist())
    usual = float(np.quantile(strengths(segment, pitches).max(axis=1), 1 - RARE))
    return HumMark(pitches, max(LOUDER * usual, QUIETEST))


def strengths(segment: Sounds, pitches: tuple[float, ...]) -> NDArray[np.float64]:
    """The amplitude of the tone of each pitch in the last stretch of each sound [items, pitches]."""
    found = []
    for sound in segment:
        start, window = _window(sound)
        part = sound.samples()[start : start + len(window)] * window
        waves = np.exp(-2j * np.pi * np.outer(pitches, np.arange(len(window))) / sound.rate)
        found.append(2 * np.abs(waves @ part) / max(float(window @ window), 1e-12))
    return np.array(found)


def _window(sound: Sound) -> tuple[int, NDArray[np.float64]]:
    """Where the last stretch begins that no other fades into, in samples, and a rise and fall over all of it."""
    start, end = stretches((sound,)).ends[-2:].tolist()
    start += ceil(FADE * sound.rate)
    return start, np.hanning(max(end - start, 0))
