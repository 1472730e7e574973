"""A sound's samples as the numbers that a model reads, by its preprocessing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import numpy as np

from trusteq.data.waveform import resample
from trusteq.errors import ModelError
from trusteq.models.base import Finding
from trusteq.models.picture_input import in_type
from trusteq.models.reading import only_segment

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, MutableMapping

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.data.sound import Sound
    from trusteq.data.sounds import Sounds
    from trusteq.models.sound_preprocessing import SoundPreprocessing

SOUNDS = 16
"""Sounds that are answered at a time."""


def sounds_at(items: Items, rate: int, *, name: str, resampled: bool = False) -> Sounds:
    """The items' sounds for a model that hears this rate; an error if they have another, unless it is resampled."""
    sounds = cast("Sounds", only_segment(items, {"sound"}, name=name))
    if sounds.rate != rate and not resampled:
        raise ModelError(
            f"model {name}: it hears sounds of {rate:,} Hz, but those of {items.source} have {sounds.rate:,} Hz; state "
            f"that they are resampled: --rate {rate} (of compress, --resample {rate})"
        )
    return sounds


def sound_input(samples: NDArray[np.float32], rate: int, how: SoundPreprocessing) -> NDArray[Any]:
    """The numbers [samples] that a model reads of a sound of this rate."""
    values = resample(samples, rate, how.rate) if how.resample else samples
    if how.normalise == "peak":
        values = values / np.float32(max(float(np.abs(values).max(initial=0.0)), 1e-7))
    elif how.normalise == "deviation":
        values = (values - values.mean()) / np.float32(np.sqrt(float(values.var()) + 1e-7))
    values = values * np.float32(how.scale)
    if how.length is not None:
        values = np.pad(values[: how.length], (0, max(0, how.length - len(values))))
    return in_type(values.astype(np.float32), np.dtype(how.dtype))


def sound_inputs(
    items: Items, how: SoundPreprocessing, cut: MutableMapping[str, int], *, name: str
) -> Iterator[NDArray[Any]]:
    """What a graph reads of each sound, one after the other; lengths of those that lose their end go to ``cut``."""
    sounds = sounds_at(items, how.rate, name=name, resampled=how.resample)
    for sound in sounds:
        values = sound_input(sound.samples(), sound.rate, how)
        note_cut(cut, sound, how.length and how.length * sound.rate / how.rate)
        yield values


def note_cut(cut: MutableMapping[str, int], sound: Sound, limit: float | None) -> None:
    """Note a sound that is longer than a limit in samples, by its name; its versions with parts left out have none."""
    if limit is not None and sound.size > limit and not callable(sound.source):
        cut[sound.name] = sound.size


def cut_sounds(cut: Mapping[str, int], seconds: float, *, name: str) -> tuple[Finding, ...]:
    """The finding about sounds of which the model does not hear the end; none if it hears all to their end."""
    if not cut:
        return ()
    one = len(cut) == 1
    message = (
        f"it hears only the first {seconds:.4g} s of {len(cut):,} {'sound, which is' if one else 'sounds, which are'} "
        "longer; what comes after is not part of the audit"
    )
    return (Finding(name, "cut sounds", message, len(cut)),)


def alike(inputs: Iterable[dict[str, NDArray[Any]]], most: int) -> Iterator[dict[str, NDArray[Any]]]:
    """Consecutive inputs whose arrays have the same shapes, at most so many together: nothing is ever padded."""
    batch: list[dict[str, NDArray[Any]]] = []
    for values in inputs:
        if batch and (len(batch) == most or _shapes(values) != _shapes(batch[0])):
            yield _stacked(batch)
            batch = []
        batch.append(values)
    if batch:
        yield _stacked(batch)


def _shapes(values: dict[str, NDArray[Any]]) -> dict[str, tuple[int, ...]]:
    return {key: array.shape for key, array in values.items()}


def _stacked(batch: list[dict[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    return {key: np.stack([values[key] for values in batch]) for key in batch[0]}
