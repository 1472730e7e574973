"""Lists and arrays as columns of Arrow.

pyarrow imports pandas, where it is installed, to make an array of anything whatever: a tenth of the time of a small
audit, which needs no data frame. So the usual columns are made of their bytes here; the others are pyarrow's.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_MOST_BYTES = 2**31 - 1
"""The most bytes that the texts of one array can have."""
_NUMBERS = {float: (np.float64, pa.float64()), int: (np.int64, pa.int64())}


def arrow_column(values: Any) -> pa.Array:
    """What pyarrow makes of the values, the same to the last bit."""
    if isinstance(values, np.ndarray):
        usual = values.ndim == 1 and values.dtype in (np.float64, np.int64)
        return _numbers(values, [], float if values.dtype == np.float64 else int) if usual else pa.array(values)
    if not isinstance(values, list | tuple):
        return pa.array(values)
    missing = [at for at, value in enumerate(values) if value is None]
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return pa.nulls(len(values))
    kind = kinds.pop() if len(kinds) == 1 else None
    present = [value for value in values if value is not None] if missing else values
    if kind is str and (column := _texts(present, missing)) is not None:
        return column
    if kind is float or (kind is int and max(map(abs, present)) < 2**63):
        numbers = np.zeros(len(values), dtype=_NUMBERS[kind][0])
        numbers[_present(len(values), missing)] = present
        return _numbers(numbers, missing, kind)
    return pa.array(values)


def _texts(present: Sequence[str], missing: Sequence[int]) -> pa.Array | None:
    """A column of texts; None if they are too long for one array."""
    encoded = list(map(str.encode, present))
    sizes = np.zeros(len(present) + len(missing), dtype=np.int64)
    sizes[_present(len(sizes), missing)] = list(map(len, encoded))
    ends = list(accumulate(sizes.tolist(), initial=0))
    if ends[-1] > _MOST_BYTES:
        return None
    buffers = [
        _known(len(sizes), missing),
        pa.py_buffer(np.array(ends, dtype=np.int32)),
        pa.py_buffer(b"".join(encoded)),
    ]
    return pa.Array.from_buffers(pa.string(), len(sizes), buffers, null_count=len(missing))


def _numbers(values: NDArray[Any], missing: Sequence[int], kind: type) -> pa.Array:
    """A column of numbers."""
    buffers = [_known(len(values), missing), pa.py_buffer(np.ascontiguousarray(values))]
    return pa.Array.from_buffers(_NUMBERS[kind][1], len(values), buffers, null_count=len(missing))


def _present(n: int, missing: Sequence[int]) -> NDArray[np.bool_]:
    """Which of n values are there [n]."""
    present = np.ones(n, dtype=np.bool_)
    present[list(missing)] = False
    return present


def _known(n: int, missing: Sequence[int]) -> pa.Buffer | None:
    """The same as Arrow has it: a bit for each value, or nothing if all are there."""
    return pa.py_buffer(np.packbits(_present(n, missing), bitorder="little")) if missing else None
