"""Lines of a text file, plain or gzipped, decoded one by one so that an error can name its line."""

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


MAX_LINE_BYTES = 2**26
MAX_UNPACKED_BYTES, MAX_RATIO = 2**28, 200
"""A packed file may unpack to this many bytes, or to `MAX_RATIO` times its size; ordinary text packs to a tenth."""


def lines(path: Path) -> Iterator[str]:
    """Decoded lines with their line feeds; no other separator ends a line, so texts may contain them."""
    number, bytes_read = 0, 0
    try:
        packed = path.suffix.lower() == ".gz"
        limit = max(MAX_UNPACKED_BYTES, MAX_RATIO * path.stat().st_size) if packed else None
        with cast("IO[bytes]", gzip.open(path) if packed else path.open("rb")) as file:
            for number, raw in enumerate(iter(partial(file.readline, MAX_LINE_BYTES + 1), b""), 1):
                bytes_read += len(raw)
                if len(raw) > MAX_LINE_BYTES:
                    raise DataError(f"{path}: line {number}: longer than {MAX_LINE_BYTES:,} bytes; is it a data file?")
                if limit is not None and bytes_read > limit:
                    raise DataError(
                        f"{path}: line {number}: unpacks to more than {limit:,} bytes, {MAX_RATIO} times its size; "
                        "if this is intended, unpack it yourself"
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
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error}); check the file and its permissions"
        ) from None
