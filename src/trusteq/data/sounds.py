"""Sounds: the kind of segment whose items are recordings, decoded one by one when they are asked for."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from trusteq.data.measured_column import FILE, HASH, measured_column, measured_values
from trusteq.data.sound import Sound, Withheld
from trusteq.data.sound_measures import SOUND_MEASURES, is_silent
from trusteq.data.waveform import RATES, decode
from trusteq.data.withheld import WITHHELD
from trusteq.errors import DataError, OptionError

if TYPE_CHECKING:
    import hashlib
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from trusteq.data.segment import Segment

Channels = Literal["one", "mean"]


@dataclass(frozen=True)
class Sounds:
    """Recordings in order, all heard as one channel at one sample rate; no decoded recording is kept.

    rate: in Hz. stated: whether the user stated it, so that recordings of other rates are resampled rather than
    refused. channels: "mean" averages several channels, "one" refuses them.
    """

    sounds: tuple[Sound, ...]
    rate: int
    stated: bool = False
    channels: Channels = "one"

    kind: ClassVar[str] = "sound"
    counted: ClassVar[Mapping[str, str]] = {}
    copies_repeat: ClassVar[bool] = True
    storable: ClassVar[bool] = True

    @classmethod
    def of(
        cls,
        values: Iterable[Any],
        *,
        rate: int | None = None,
        channels: Channels = "one",
        names: Sequence[str] = (),
    ) -> Sounds:
        """Recordings as bytes of files or as their paths, by default at the sample rate of the first.

        A recording of another rate is an error, unless ``rate`` states what all are resampled to.
        """
        if channels not in ("one", "mean"):
            raise OptionError(f"channels {channels!r}: choose one (refuse several) or mean (average them)")
        if rate is not None and not RATES[0] <= rate <= RATES[1]:
            raise OptionError(f"rate {rate}: choose {RATES[0]:,} to {RATES[1]:,} Hz")
        sounds: list[Sound] = []
        for number, value in enumerate(values):
            name = names[number] if names else f"sound {number + 1}"
            if not isinstance(value, str | Path | bytes):
                raise DataError(f"{name}: a recording of type {type(value).__name__}; give a file's bytes or its path")
            sounds.append(Sound(value if isinstance(value, bytes) else Path(value), 0, name=name))
        found, mixed = rate or _first_rate(sounds), channels == "mean"
        heard = (replace(sound, rate=found, stated=rate is not None, mixed=mixed) for sound in sounds)
        return cls(tuple(heard), found, rate is not None, channels)

    @classmethod
    def of_arrays(cls, arrays: Iterable[Any], *, rate: int) -> Sounds:
        """Sounds of samples: a list of arrays of floats [samples] at this rate, whose full scale is -1 to 1."""
        if not RATES[0] <= rate <= RATES[1]:
            raise OptionError(f"rate {rate}: choose {RATES[0]:,} to {RATES[1]:,} Hz")
        return cls(tuple(Sound.of(samples, rate, f"sound {number}") for number, samples in enumerate(arrays, 1)), rate)

    @classmethod
    def holding(cls, values: Any) -> Sounds | None:
        """A list of sounds as this kind; None for anything else, so that an array remains one."""
        if not isinstance(values, list | tuple) or not values or not all(isinstance(one, Sound) for one in values):
            return None
        first = values[0]
        return cls(tuple(values), first.rate, first.stated, "mean" if first.mixed else "one")

    def __len__(self) -> int:
        return len(self.sounds)

    def __getitem__(self, item: int) -> Sound:
        return self.sounds[item]

    def __iter__(self) -> Iterator[Sound]:
        return iter(self.sounds)

    def __repr__(self) -> str:
        return f"<{len(self):,} Sounds at {self.rate:,} Hz>"

    def unreadable(self) -> dict[int, str]:
        """What is wrong with each sound that cannot be heard as stated, by position; every file is read, once."""
        wrong = {}
        for item, sound in enumerate(self.sounds):
            if callable(sound.source):  # a version of a sound that was heard
                continue
            try:
                silent = is_silent(sound.measures)
            except DataError as error:
                wrong[item] = str(error)
                continue
            if silent:
                wrong[item] = f"{sound.name}: silent throughout; record it again"
        return wrong

    def refuse_unfit(self, where: str) -> None:
        """Raise an error if any sound cannot be heard as stated, with the first and how many there are."""
        other = next((sound for sound in self.sounds if sound.rate != self.rate), None)
        if other is not None:
            raise DataError(f"{where}: {other.name} is at {other.rate:,} Hz, others at {self.rate:,} Hz; use one rate")
        wrong = self.unreadable()
        if wrong:
            (item, reason), *others = wrong.items()
            more = f", the first of {len(wrong):,} such among {len(self):,}" if others else f" (item {item + 1})"
            raise DataError(f"{where}: {reason}{more}; to leave such items out, say so (--skip-unreadable)")

    def first_empty(self) -> None:
        """None: what is silent throughout is unreadable."""

    def take(self, at: NDArray[np.int64]) -> Sounds:
        """The sounds at these positions, in this order."""
        return self._with(map(self.sounds.__getitem__, at.tolist()))

    @classmethod
    def joined(cls, parts: Sequence[Sounds]) -> Sounds:
        """The sounds of all parts, in order."""
        return parts[0]._with(sound for part in parts for sound in part.sounds)

    def _with(self, sounds: Iterable[Sound]) -> Sounds:
        return Sounds(tuple(sounds), self.rate, self.stated, self.channels)

    def texts(self) -> None:
        """None: sounds are not texts."""

    def inputs(self) -> list[NDArray[np.float32]]:
        """The samples of every sound, float32 [samples]."""
        return [sound.samples() for sound in self.sounds]

    def named(self) -> Mapping[str, Segment]:
        """No parts."""
        return {}

    def add_to(self, digest: hashlib._Hash) -> None:
        """How they are heard, and the hash of each recording's bytes."""
        digest.update(f"sounds {self.rate} {self.stated} {self.channels}\x00".encode() + b"".join(self.keys()))

    def keys(self) -> Iterator[bytes]:
        """The hash of each recording's bytes."""
        return (sound.digest for sound in self.sounds)

    def sizes(self) -> NDArray[np.int64]:
        """Samples [items]; every sound is decoded if none has been, and none again."""
        return np.fromiter((sound.size for sound in self.sounds), np.int64, len(self))

    def counts(self, name: str) -> NDArray[np.int64]:
        """No count: nothing is counted in sounds."""
        raise KeyError(name)

    def measures(self) -> dict[str, NDArray[np.float64]]:
        """What can be said of each in numbers: see `sound_measures`."""
        rows = [sound.measures for sound in self.sounds]
        return {name: np.array([row[name] for row in rows]) for name in (rows[0] if rows else ())}

    def column(self) -> pa.Array:
        """The bytes of files, or hashes, and the measures of each sound."""
        measures = [sound.measures for sound in self.sounds]
        if self._are_withheld:
            return measured_column(HASH, [sound.digest.hex() for sound in self.sounds], SOUND_MEASURES, measures)
        return measured_column(FILE, [sound.encoded for sound in self.sounds], SOUND_MEASURES, measures)

    def about(self) -> dict[str, Any]:
        """Kind, how they are heard, and whether they are withheld."""
        heard = {"kind": self.kind, "rate": self.rate, "stated": self.stated, "channels": self.channels}
        return {**heard, **(WITHHELD if self._are_withheld else {})}

    def withheld(self) -> Sounds:
        """The hash and the measures of each sound, without any sound."""
        return self._with(replace(one, source=Withheld(one.digest, one.measures), length=None) for one in self.sounds)

    @property
    def _are_withheld(self) -> bool:
        return bool(self.sounds) and all(sound.is_withheld for sound in self.sounds)

    @classmethod
    def stored(cls, column: pa.ChunkedArray, about: Mapping[str, Any]) -> Sounds:
        """The sounds of such a column; a ValueError if it contains anything else."""
        rate, stated, channels = (about.get(name) for name in ("rate", "stated", "channels"))
        if not (isinstance(rate, int) and RATES[0] <= rate <= RATES[1] and isinstance(stated, bool)) or (
            channels != "one" and channels != "mean"
        ):
            raise ValueError(f"not a description of sounds: {str(dict(about))[:80]}")
        heard = (rate, stated, channels == "mean")
        names = (f"sound {row}" for row in range(1, len(column) + 1))
        kept = zip(measured_values(column, HASH if about.get("withheld") else FILE, SOUND_MEASURES), names, strict=True)
        if about.get("withheld"):
            withheld = (Sound(Withheld(bytes.fromhex(one), of), *heard, name) for (one, of), name in kept)
            return cls(tuple(withheld), rate, stated, channels)
        return cls(tuple(Sound.known(file, of, heard, name) for (file, of), name in kept), rate, stated, channels)


def _first_rate(sounds: Iterable[Sound]) -> int:
    """The sample rate of the first recording that can be decoded; any if none can, which checks then say."""
    for sound in sounds:
        with suppress(DataError):
            return decode(sound.encoded, sound.name)[1]
    return RATES[0]
