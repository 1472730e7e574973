"""Arrow record batches as a Table, converted one batch at a time."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trusteq.data.table import Table, shown
from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from numpy.typing import NDArray


def table(
    batches: Iterable[pa.RecordBatch],
    names: Sequence[str],
    *,
    source: str,
    limit: int | None,
    class_names: Mapping[str, tuple[str, ...]],
) -> Table:
    """The named columns: numbers, and lists of them of equal length, as arrays [rows, ...]; the rest as lists."""
    parts: dict[str, list[list[Any] | NDArray[Any]]] = {name: [] for name in names}
    rows = 0
    for batch in batches:
        needed = batch if limit is None else batch.slice(0, limit - rows)
        for name in names:
            parts[name].append(_values(needed.column(name), rows, partial(_place, source, name)))
        rows += needed.num_rows
        if rows == limit:
            break
    columns = {name: _joined(parts.pop(name), partial(_place, source, name)) for name in names}
    return Table(
        source,
        columns,
        rows,
        {name: class_names[name] for name in names if name in class_names},
    )


def _values(values: pa.Array, rows_before: int, place: Callable[[int], str]) -> list[Any] | NDArray[Any]:
    """One batch of a column, after ``rows_before`` rows of earlier ones; ``place`` describes a row by its number."""
    if isinstance(values.type, pa.ExtensionType) and _is_list(values.type.storage_type):
        values = values.storage
    if _is_number(values.type) and not values.null_count:
        return np.asarray(values.to_numpy(zero_copy_only=False))
    leaf = values.type
    while _is_list(leaf):
        leaf = leaf.value_type
    if leaf is values.type or not _is_number(leaf):
        return _python(values, rows_before, place)

    shape = [len(values)]
    while _is_list(values.type):
        _refuse_nulls(values, shape, rows_before, place)
        lengths = pc.list_value_length(values).to_numpy(zero_copy_only=False)
        size = int(lengths[0]) if len(lengths) else 0
        if (unequal := np.flatnonzero(lengths != size)).size:
            first = int(unequal[0])
            raise DataError(_unequal(place(rows_before + 1 + _row(first, shape)), int(lengths[first]), size))
        shape.append(size)
        values = values.flatten()
    _refuse_nulls(values, shape, rows_before, place)
    return np.asarray(values.to_numpy(zero_copy_only=False)).reshape(shape)


def _python(values: pa.Array, rows_before: int, place: Callable[[int], str]) -> list[Any]:
    try:
        if not pa.types.is_dictionary(values.type) or values.null_count:
            return list(values.to_pylist())
        # Rows with the same text share one object; a batch's dictionary may hold many texts that it does not use.
        used, codes = np.unique(values.indices.to_numpy(), return_inverse=True)
        if 2 * len(used) > len(values):
            return list(values.dictionary.take(values.indices).to_pylist())
        texts = values.dictionary.take(pa.array(used)).to_pylist()
        return [texts[code] for code in codes.tolist()]
    except _NOT_CONVERTIBLE:
        for row, value in enumerate(values, rows_before + 1):
            try:
                value.as_py()
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{place(row)} holds bytes that are not UTF-8 ({shown(error.object)}); save it as UTF-8"
                ) from None
            except _NOT_CONVERTIBLE as error:
                raise DataError(
                    f"{place(row)} holds a {values.type} that cannot be read ({error}); save it as text"
                ) from None
        raise


_NOT_CONVERTIBLE = (ValueError, OverflowError, LookupError, RecursionError)
"""Errors of values that Python cannot hold: invalid UTF-8, dates after the year 9999, unknown time zones."""


def _joined(parts: list[list[Any] | NDArray[Any]], place: Callable[[int], str]) -> list[Any] | NDArray[Any]:
    arrays = [part for part in parts if isinstance(part, np.ndarray)]
    if parts and len(arrays) == len(parts):
        row = 1
        for array in arrays:
            if array.shape[1:] != arrays[0].shape[1:]:
                raise DataError(_unequal(place(row), list(array.shape[1:]), list(arrays[0].shape[1:])))
            row += len(array)
        return np.concatenate(arrays)
    return [value for part in parts for value in (part.tolist() if isinstance(part, np.ndarray) else part)]


def _refuse_nulls(values: pa.Array, shape: list[int], rows_before: int, place: Callable[[int], str]) -> None:
    if values.null_count:
        first = int(np.flatnonzero(values.is_null().to_numpy(zero_copy_only=False))[0])
        raise DataError(
            f"{place(rows_before + 1 + _row(first, shape))} has no value (None); fill it in or drop the row"
        )


def _row(position: int, shape: list[int]) -> int:
    """The row that holds the value at ``position`` of flattened lists of this shape."""
    return position // max(1, int(np.prod(shape[1:])))


def _unequal(where: str, length: object, expected: object) -> str:
    return f"{where} holds {shown(length)} numbers, row 1 holds {shown(expected)}; lists must be equally long"


def _place(source: str, name: str, row: int) -> str:
    return f"{source}: row {row}: column {name!r}"


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))
