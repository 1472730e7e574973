"""Samples from an encoded recording: WAV by scipy, every other format by soundfile."""

from __future__ import annotations

import io
import warnings
from math import gcd
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from trusteq.errors import DataError, MissingExtraError

if TYPE_CHECKING:
    from numpy.typing import NDArray

WAV = (b"RIFF", b"RIFX", b"RF64")
LOUDEST = 8.0
"""The largest absolute sample of a file of floats; more are whole numbers that somebody did not scale."""
MOST_SAMPLES = 2**28
"""Samples of one recording, all channels together: more than four hours at 16,000 Hz."""
RATES = (1_000, 768_000)


def decode(encoded: bytes, where: str) -> tuple[NDArray[np.float32], int]:
    """Samples [samples, channels], full scale from -1 to 1, and the sample rate in Hz; ``where`` is for messages."""
    if not encoded:
        raise DataError(f"{where}: empty, 0 bytes; record or copy it again, or leave it out")
    samples, rate = _wav(encoded, where) if encoded[:4] in WAV else _by_soundfile(encoded, where)
    if not RATES[0] <= rate <= RATES[1]:
        raise DataError(f"{where}: its sample rate is {rate:,} Hz, expected {RATES[0]:,} to {RATES[1]:,}")
    unfit = np.flatnonzero(~np.isfinite(samples).all(axis=1))
    if unfit.size:
        at, value = int(unfit[0]), samples[unfit[0]]
        raise DataError(f"{where}: sample {at + 1:,} is {value[~np.isfinite(value)][0]}; record or convert it again")
    peak = float(np.abs(samples).max(initial=0.0))
    if peak > LOUDEST:
        raise DataError(
            f"{where}: a sample is {peak:,.6g}, but full scale of floats is 1; divide by 32768 if they were 16 bits"
        )
    return samples, rate


def _wav(encoded: bytes, where: str) -> tuple[NDArray[np.float32], int]:
    from scipy.io import wavfile

    if _cut_short(encoded):
        raise DataError(f"{where}: truncated: its header promises more than its {len(encoded):,} bytes; copy it again")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about chunks that say other things
            rate, values = wavfile.read(io.BytesIO(encoded))
    except Exception as error:
        if "Unknown wave file format" in str(error):  # such as telephone's A-law
            return _by_soundfile(encoded, where)
        reason = str(error).strip() if isinstance(error, ValueError) else "its chunks do not fit together"
        raise DataError(f"{where}: not a WAV file, or a damaged one ({reason}); write or copy it again") from None
    values = values[:, None] if values.ndim == 1 else values
    if values.dtype.kind == "f":
        return values.astype(np.float32), int(rate)
    # 24 bits come as the upper bits of 32; 8 bits are unsigned, and 128 is silence.
    half = 2.0 ** (8 * values.dtype.itemsize - 1)
    zero = half if values.dtype.kind == "u" else 0.0
    return ((values - zero) / half).astype(np.float32), int(rate)


def _cut_short(encoded: bytes) -> bool:
    """Whether a chunk is larger than what there is: scipy would take the samples that are left for all of them."""
    order: Literal["little", "big"] = "big" if encoded[:4] == b"RIFX" else "little"
    data, at = 0, 12
    while at + 8 <= len(encoded):
        name, size = encoded[at : at + 4], int.from_bytes(encoded[at + 4 : at + 8], order)
        if name == b"ds64":  # of files beyond 4 GiB, whose data chunk says 0xFFFFFFFF
            data = int.from_bytes(encoded[at + 16 : at + 24], order)
        at += 8 + (data if name == b"data" and encoded[:4] == b"RF64" else size)
        if at > len(encoded):
            return True
        at += size % 2
    return False


def _by_soundfile(encoded: bytes, where: str) -> tuple[NDArray[np.float32], int]:
    try:
        import soundfile  # type: ignore[import-not-found,unused-ignore]
    except (ModuleNotFoundError, OSError) as error:  # without the library of C that it loads, an OSError
        raise MissingExtraError(f"{where}: not a WAV file of plain samples, so it", "sound") from error
    try:
        with soundfile.SoundFile(io.BytesIO(encoded)) as file:
            if file.frames * file.channels > MOST_SAMPLES:
                raise DataError(f"{where}: unpacks to {file.frames * file.channels:,} samples; cut it into parts")
            declared, rate = int(file.frames), int(file.samplerate)
            samples: Any = file.read(dtype="float32", always_2d=True)
    except DataError:
        raise
    except Exception as error:
        fault = str(error).rpartition(">: ")[2].strip().rstrip(".")  # it begins with the address of the bytes
        raise DataError(f"{where}: cannot be decoded ({fault}); write or copy it again") from None
    if len(samples) < declared:
        raise DataError(f"{where}: truncated: {len(samples):,} of {declared:,} samples; copy it again")
    return np.asarray(samples, dtype=np.float32), rate


def resample(samples: NDArray[np.float32], rate: int, to: int) -> NDArray[np.float32]:
    """The samples [samples] at another rate, by a polyphase filter (scipy.signal.resample_poly, its default window)."""
    if rate == to:
        return samples
    from scipy.signal import resample_poly

    common = gcd(rate, to)
    changed: NDArray[np.float32] = resample_poly(samples, to // common, rate // common).astype(np.float32)
    return changed


def encode(samples: NDArray[np.float32], rate: int) -> bytes:
    """A WAV file of these samples [samples] in 32-bit floats: nothing is rounded."""
    from scipy.io import wavfile

    file = io.BytesIO()
    wavfile.write(file, rate, np.ascontiguousarray(samples, dtype=np.float32))
    return file.getvalue()
