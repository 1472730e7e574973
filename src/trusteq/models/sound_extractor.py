"""What a transformers feature extractor does to a sound, as a preprocessing that can be compared with others'."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from trusteq.models.sound_input import sound_input
from trusteq.models.sound_preprocessing import SoundPreprocessing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

INPUT = "input_values"
"""What transformers calls the samples that a model reads."""

TEST_SECONDS, TEST_LOUDNESS = (0.05, 0.08), (0.0, 1e-5, 1e-3, 0.3)
"""How long and how loud the sounds are on which an extractor and its preprocessing must agree: quiet ones show what is
added to a deviation before sounds are divided by it."""

TOLERANCE = 1e-5
"""The largest difference that counts as rounding, in deviations of a sound."""


def extracted(extractor: Any, samples: NDArray[np.float32], rate: int) -> dict[str, NDArray[Any]]:
    """The arrays that it makes of a sound by itself, by the name of the model's input."""
    made = extractor(samples, sampling_rate=rate, return_tensors="np")
    return {key: np.asarray(made[key])[0] for key in extractor.model_input_names if key in made}


def preprocessing_by(extractor: Any, rate: int) -> SoundPreprocessing | None:
    """The preprocessing that gives what the extractor gives, as tried on a few sounds; None if there is none."""
    if INPUT not in extractor.model_input_names:
        return None
    for normalise in ("deviation", "none"):
        try:
            how = SoundPreprocessing.model_validate({"rate": rate, "normalise": normalise})
            if all(_agree(extracted(extractor, sound, rate), sound_input(sound, rate, how)) for sound in _sounds(rate)):
                return how
        except (ValidationError, RuntimeError, ValueError, TypeError, IndexError, AttributeError, AssertionError):
            return None
    return None


def _agree(own: Mapping[str, NDArray[Any]], stated: NDArray[Any]) -> bool:
    """Whether a model would read these numbers and no others; a mask that leaves nothing out says nothing."""
    values = own.get(INPUT)
    if values is None or values.shape != stated.shape or not np.abs(values - stated).max() <= TOLERANCE:
        return False
    return all(key == INPUT or (key == "attention_mask" and bool((array == 1).all())) for key, array in own.items())


def _sounds(rate: int) -> Iterator[NDArray[np.float32]]:
    """Noise around a level that is not 0."""
    rng = np.random.default_rng(0)
    for seconds, loud in product(TEST_SECONDS, TEST_LOUDNESS):
        yield (loud * (0.2 + rng.normal(size=round(seconds * rate)))).astype(np.float32)
