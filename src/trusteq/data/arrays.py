"""Arrays: the kind of segment whose items are arrays of numbers, all of the same shape, as in a NumPy array."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trusteq.data.hashing import update_with
from trusteq.errors import DataError

if TYPE_CHECKING:
    import hashlib
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Arrays(np.lib.mixins.NDArrayOperatorsMixin):
    """An array [items, ...]; NumPy treats it as the array itself, whose methods and attributes it has."""

    values: NDArray[Any]

    kind: ClassVar[str] = "array"
    counted: ClassVar[Mapping[str, str]] = {}
    copies_repeat: ClassVar[bool] = False
    """Two items may have the same few measured numbers by chance."""

    @classmethod
    def holding(cls, values: Any) -> Arrays | None:
        """An array as this kind; None for anything else."""
        return cls(values) if isinstance(values, np.ndarray) else None

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, at: Any) -> Any:
        return self.values[at]

    def __iter__(self) -> Iterator[Any]:
        return iter(self.values)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # other array protocols, and lookups before the object is complete
            raise AttributeError(name)
        return getattr(self.values, name)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.values, dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        plain = [value.values if isinstance(value, Arrays) else value for value in inputs]
        return getattr(ufunc, method)(*plain, **options)

    def refuse_unfit(self, where: str) -> None:
        """Raise an error for an array that is a single value for all items."""
        if self.values.ndim == 0:
            raise DataError(f"{where} is a single value, {str(self.values)[:80]!r}; give one per item")

    def first_empty(self) -> None:
        """None: numbers are never empty."""

    def take(self, at: NDArray[np.int64]) -> Arrays:
        """The rows at these positions, in this order."""
        return Arrays(self.values[at])

    @classmethod
    def joined(cls, parts: Sequence[Arrays]) -> Arrays:
        """The rows of all parts, in order."""
        return cls(np.concatenate([part.values for part in parts]))

    def texts(self) -> None:
        """None: arrays are not texts."""

    def inputs(self) -> NDArray[Any]:
        """The array."""
        return self.values

    def named(self) -> dict[str, Any]:
        """Nothing: arrays have no named parts."""
        return {}

    def add_to(self, digest: hashlib._Hash) -> None:
        """Type, shape and all values."""
        digest.update(f"{self.values.dtype.str} {self.values.shape}\x00".encode())
        if self.values.dtype.hasobject:  # its bytes are addresses
            for value in self.values.ravel():
                update_with(digest, value)
        else:
            digest.update(np.ascontiguousarray(self.values).tobytes())

    def keys(self) -> Iterator[bytes]:
        """Each row's bytes."""
        return (np.ascontiguousarray(row).tobytes() for row in self.values)

    def sizes(self) -> NDArray[np.int64]:
        """Numbers per item [items], the same for all."""
        return np.full(len(self), prod(self.values.shape[1:]), dtype=np.int64)

    def counts(self, name: str) -> NDArray[np.int64]:
        """No count: nothing is counted in arrays."""
        raise KeyError(name)

    def measures(self) -> Mapping[str, NDArray[np.float64]]:
        """None: nothing is known of the numbers."""
        return {}

    @property
    def storable(self) -> bool:
        """Whether it can be stored as a column: Python objects and records cannot."""
        return PLAIN.fullmatch(self.values.dtype.str) is not None

    def column(self) -> pa.Array:
        """Numbers, or lists with the numbers of each item; bytes for types that only NumPy has."""
        size = prod(self.values.shape[1:])
        rows = self.values.reshape(len(self), size)
        if not _is_number(rows.dtype):
            width = size * rows.dtype.itemsize
            return pa.array([np.ascontiguousarray(row).tobytes() for row in rows], pa.binary(width or -1))
        flat = pa.array(np.ascontiguousarray(rows, dtype=rows.dtype.newbyteorder("=")).ravel())
        if self.values.ndim == 1:
            return flat
        if not size:
            return pa.array([[]] * len(self), pa.list_(flat.type))
        return pa.FixedSizeListArray.from_arrays(flat, size)

    def about(self) -> dict[str, Any]:
        """Kind, and type and shape of an item."""
        return {"kind": self.kind, "dtype": self.values.dtype.str, "shape": list(self.values.shape[1:])}

    @classmethod
    def stored(cls, column: pa.ChunkedArray, about: Mapping[str, Any]) -> Arrays:
        """The array of a column; a ValueError if it contains anything else."""
        (dtype, shape), items = _described(about), len(column)
        if column.null_count:
            raise ValueError("gaps")
        if not _is_number(dtype):
            rows = column.cast(pa.large_binary()).to_pylist()
            if any(len(row) != prod(shape) * dtype.itemsize for row in rows):
                raise ValueError(f"not the bytes of {prod(shape)} {dtype} per item")
            values = np.frombuffer(b"".join(rows), dtype)
        else:
            if shape:
                lengths = pc.unique(pc.list_value_length(column)).to_pylist()
                if lengths not in ([], [prod(shape)]):
                    raise ValueError(f"lists of {lengths[0]} numbers, not {prod(shape)}")
                column = pc.list_flatten(column)
            if column.null_count:
                raise ValueError("gaps")
            values = column.to_numpy()
            if values.dtype != dtype.newbyteorder("="):
                raise ValueError(f"{values.dtype}, not {dtype}")
        return cls(values.astype(dtype, copy=False).reshape(items, *shape))


PLAIN = re.compile(r"[<>|][biufcmMSU]\d+(\[\d*[a-zA-Z]+\])?")
"""NumPy's names of the types whose values are plain bytes: numbers, times and texts of fixed width."""


def _described(about: Mapping[str, Any]) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """The type and the shape of an item."""
    name, shape = about.get("dtype"), about.get("shape")
    sizes = shape if isinstance(shape, list) else [-1]
    error = ValueError(f"not the type and shape of an array: {str(name)[:80]}, {str(shape)[:80]}")
    if not isinstance(name, str) or not PLAIN.fullmatch(name):
        raise error
    if not all(isinstance(size, int) and 0 <= size < 2**31 for size in sizes):
        raise error
    try:
        dtype = np.dtype(name)
    except TypeError:
        raise error from None
    if dtype.itemsize == 0:
        raise error
    return dtype, tuple(sizes)


def _is_number(dtype: np.dtype[Any]) -> bool:
    """Whether Parquet has numbers of this type."""
    return dtype.kind in "biu" or (dtype.kind == "f" and dtype.itemsize in (4, 8))
