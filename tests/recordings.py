"""Recordings as files of WAV, written byte by byte, so that nothing under test writes what it reads."""

import struct

import numpy as np

RATE = 8000


def tone(hz=440.0, seconds=0.5, rate=RATE, loud=0.5):
    """A sine [samples], full scale 1."""
    at = np.arange(round(seconds * rate)) / rate
    return loud * np.sin(2 * np.pi * hz * at)


def wav(samples, *, bits=16, rate=RATE, floats=False, promised=None, chunks=b""):
    """The bytes of a WAV file of samples [samples] or [samples, channels]; its header states the ``promised`` size."""
    values = np.asarray(samples, dtype=np.float64)
    channels = 1 if values.ndim == 1 else values.shape[1]
    if floats:
        data = values.astype(f"<f{bits // 8}").tobytes()
    else:
        whole = np.clip(np.round(values * 2 ** (bits - 1)), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1).astype(np.int64)
        if bits == 8:
            data = (whole + 128).astype(np.uint8).tobytes()
        else:
            data = b"".join(int(one).to_bytes(bits // 8, "little", signed=True) for one in whole.ravel())
    size = len(data) if promised is None else promised
    align = channels * bits // 8
    form = struct.pack("<HHIIHH", 3 if floats else 1, channels, rate, rate * align, align, bits)
    body = b"WAVE" + b"fmt " + struct.pack("<I", 16) + form + chunks + b"data" + struct.pack("<I", size) + data
    return b"RIFF" + struct.pack("<I", len(body) - len(data) + size) + body


def rf64(samples, *, missing=0):
    """The same samples in the form for files beyond 4 GiB, without the last ``missing`` bytes."""
    plain = wav(samples)
    sizes = struct.pack("<QQQI", len(plain) + 28, len(plain) - 44, len(samples), 0)
    whole = b"RF64\xff\xff\xff\xffWAVE" + b"ds64" + struct.pack("<I", 28) + sizes
    whole += plain[12:40] + b"\xff\xff\xff\xff" + plain[44:]
    return whole[: len(whole) - missing]
