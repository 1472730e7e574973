"""Lines of a text file, plain or gzipped, decoded one by one so that an error knows its line."""

from __future__ import annotations

import codecs
import gzip
import zlib
from functools import partial
from typing import IO, TYPE_CHECKING, cast

from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


LONGEST = 2**26
LARGEST, MOST_PACKED = 2**28, 200
"""A packed file may unpack to `LARGEST` bytes, or to so many times its size; text of people shrinks to a tenth."""


def lines(path: Path) -> Iterator[str]:
    """Decoded lines with their ends; only a line feed ends a line, so texts may hold any other separator."""
    number, seen = 0, 0
    try:
        packed = path.suffix.lower() == ".gz"
        most = max(LARGEST, MOST_PACKED * path.stat().st_size) if packed else None
        with cast("IO[bytes]", gzip.open(path) if packed else path.open("rb")) as file:
            for number, raw in enumerate(iter(partial(file.readline, LONGEST + 1), b""), 1):
                seen += len(raw)
                if len(raw) > LONGEST:
                    raise DataError(f"{path}: line {number}: longer than {LONGEST:,} bytes; is it a data file?")
                if most is not None and seen > most:
                    raise DataError(
                        f"{path}: line {number}: unpacks to more than {most:,} bytes, {MOST_PACKED} times its size; "
                        "unpack it yourself if that is meant"
                    )
                if number == 1 and raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
                    raise DataError(f"{path}: line 1: starts with bytes 0x{raw[:2].hex()}: UTF-16; save it as UTF-8")
                if b"\0" in raw:
                    raise DataError(
                        f"{path}: line {number}: NUL byte (0x00) at byte {raw.index(0) + 1}; the file is "
                        "damaged or UTF-16; save it as UTF-8"
                    )
                yield (raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw).decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path}: line {number}: byte 0x{error.object[error.start]:02x} at byte {error.start + 1} of "
            "the line is not UTF-8; save it as UTF-8"
        ) from None
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: broken gzip after line {number} ({error}); copy or download the file again") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error}); check the file and its rights") from None
