"""Features: the kind of segment whose items are tables of numbers over time, such as MFCC of a recording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

import numpy as np

from trusteq.data.arrays import Arrays
from trusteq.errors import DataError, OptionError

if TYPE_CHECKING:
    import hashlib
    from collections.abc import Iterator, Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from trusteq.data.segment import Segment


@dataclass(frozen=True, eq=False)
class Frames:
    """The features of one item [time, coefficients], and what stands for a frame that is left out [coefficients]."""

    values: NDArray[Any]
    absent: NDArray[np.float64]

    def __repr__(self) -> str:
        return f"<Frames {' x '.join(map(str, self.shape))}>"

    @property
    def shape(self) -> tuple[int, ...]:
        """Frames and coefficients."""
        return self.values.shape

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.values, dtype=dtype, copy=copy)


@dataclass(frozen=True, eq=False, init=False)
class Features:
    """Numbers [items, time, coefficients], and what stands for those that are left out [coefficients].

    The latter is by default the mean of each coefficient over all items and times: a typical frame, for which a model
    need not have heard silence. Taking some of the items does not change it.
    """

    values: NDArray[Any]
    absent: NDArray[np.float64]

    kind: ClassVar[str] = "features"
    counted: ClassVar[Mapping[str, str]] = {}
    copies_repeat: ClassVar[bool] = True

    def __init__(self, values: Any, absent: Any = None) -> None:
        numbers = np.asarray(values)
        object.__setattr__(self, "values", numbers)
        if absent is None:
            fit = numbers.ndim == 3 and numbers.size and numbers.dtype.kind in "iuf"
            absent = numbers.mean(axis=(0, 1), dtype=np.float64) if fit else np.zeros(numbers.shape[-1:])
        object.__setattr__(self, "absent", np.asarray(absent, dtype=np.float64))

    @classmethod
    def holding(cls, values: Any) -> None:
        """None: arrays are arrays, unless somebody says that they are features."""

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, item: int) -> Frames:
        return Frames(self.values[item], self.absent)

    def __iter__(self) -> Iterator[Frames]:
        return (self[item] for item in range(len(self)))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.values, dtype=dtype, copy=copy)

    def refuse_unfit(self, where: str) -> None:
        """Raise an error unless they are finite numbers [items, time, coefficients]."""
        values = self.values
        if values.ndim != 3 or values.dtype.kind not in "iuf" or 0 in values.shape[1:]:
            raise DataError(
                f"{where} are features of shape {list(values.shape)} and type {values.dtype}; give numbers "
                "[items, time, coefficients]"
            )
        if self.absent.shape != values.shape[2:] or not np.isfinite(self.absent).all():
            raise DataError(
                f"{where}: what stands for features left out has shape {list(self.absent.shape)}; give one finite "
                f"number for each of the {values.shape[2]} coefficients"
            )
        unfit = np.flatnonzero(~np.isfinite(values).all(axis=(1, 2)))
        if unfit.size:
            raise DataError(f"{where}: item {int(unfit[0]) + 1} has features that are not finite; leave it out")

    def first_empty(self) -> None:
        """None: numbers are never empty."""

    def take(self, at: NDArray[np.int64]) -> Features:
        """The items at these positions, in this order."""
        return Features(self.values[at], self.absent)

    @classmethod
    def joined(cls, parts: Sequence[Features]) -> Features:
        """The items of all parts, in order."""
        return cls(np.concatenate([part.values for part in parts]), parts[0].absent)

    def texts(self) -> None:
        """None: features are not texts."""

    def inputs(self) -> NDArray[Any]:
        """The array [items, time, coefficients]."""
        return self.values

    def named(self) -> Mapping[str, Segment]:
        """No parts."""
        return {}

    def withheld(self) -> NoReturn:
        """An error: sounds can partly be restored from features, and no run goes without them."""
        raise OptionError(
            "--no-pictures: sounds can partly be restored from features, which a run stores; name the sounds with "
            "--sound, or audit without --no-pictures"
        )

    def add_to(self, digest: hashlib._Hash) -> None:
        """Type, shape, all values, and what stands for those left out."""
        digest.update(b"features\x00" + self.absent.tobytes())
        Arrays(self.values).add_to(digest)

    def keys(self) -> Iterator[bytes]:
        """Each item's bytes."""
        return Arrays(self.values).keys()

    def sizes(self) -> NDArray[np.int64]:
        """Numbers per item [items], the same for all."""
        return Arrays(self.values).sizes()

    def counts(self, name: str) -> NDArray[np.int64]:
        """No count: what a coefficient means is not known."""
        raise KeyError(name)

    def measures(self) -> dict[str, NDArray[np.float64]]:
        """None, for the same reason."""
        return {}

    @property
    def storable(self) -> bool:
        """Whether it can be stored as a column."""
        return Arrays(self.values).storable

    def column(self) -> pa.Array:
        """Lists with the numbers of each item."""
        return Arrays(self.values).column()

    def about(self) -> dict[str, Any]:
        """Kind, type and shape of an item, and what stands for those left out."""
        return {**Arrays(self.values).about(), "kind": self.kind, "absent": self.absent.tolist()}

    @classmethod
    def stored(cls, column: pa.ChunkedArray, about: Mapping[str, Any]) -> Features:
        """The features of a column; a ValueError if it contains anything else."""
        absent, shape = about.get("absent"), about.get("shape")
        values = Arrays.stored(column, about).values
        is_list = isinstance(absent, list) and all(type(one) is float for one in absent)
        if values.ndim != 3 or not is_list or len(absent or ()) != values.shape[2]:
            raise ValueError(f"not a description of features: {str(shape)[:40]}, {str(absent)[:40]}")
        return cls(values, absent)
