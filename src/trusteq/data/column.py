"""One column of a table of rows: numbers or categories, in the type that the models know, with gaps as they are."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from trusteq.data.table import shown
from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from numpy.typing import NDArray

CATEGORIES = "category"
"""The type of a column whose values are codes of stated categories."""


@dataclass(frozen=True)
class Column:
    """Name and type of a column.

    dtype: of its values in a data frame: of numbers as NumPy names it ("<f8"), "object" or "str" for texts, or
    "category". categories: those of a category column, in order; None for others. ordered: whether their order means
    something. gap: what a missing text is in the data frame, "None" or "NaN".
    Values are stored as arrays: numbers as they are, with NaN for gaps; texts as objects, with None; categories as
    codes, with -1.
    """

    name: str
    dtype: str
    categories: tuple[str, ...] | None = None
    ordered: bool = False
    gap: str = "NaN"

    def __post_init__(self) -> None:
        if self.categories is not None:
            object.__setattr__(self, "categories", tuple(self.categories))

    @property
    def is_number(self) -> bool:
        """Whether it holds numbers."""
        return self.dtype not in ("object", "str", CATEGORIES)

    def values(self, array: NDArray[Any]) -> list[Any]:
        """Python values, None for gaps."""
        if self.categories is not None:
            return [None if code < 0 else self.categories[code] for code in array.tolist()]
        values: list[Any] = array.tolist()
        if self.is_number and array.dtype.kind == "f":
            return [None if value != value else value for value in values]  # NaN
        return values

    def of(self, values: Iterable[Any]) -> NDArray[Any]:
        """The stored array of Python values; a ValueError for values of another kind."""
        listed = list(values)
        if self.categories is not None:
            code_of: dict[Any, int] = {name: code for code, name in enumerate(self.categories)}
            try:
                return np.array([-1 if value is None else code_of[value] for value in listed], dtype=np.int32)
            except KeyError as error:
                raise ValueError(f"column {self.name!r} holds {error}, which is none of its categories") from None
        if not self.is_number:
            made = np.empty(len(listed), dtype=object)
            made[:] = listed
            return made
        kind = np.dtype(self.dtype)
        return np.array([np.nan if value is None else value for value in listed] if kind.kind == "f" else listed, kind)

    def like(self, values: Iterable[Any]) -> NDArray[Any]:
        """The same for another table's values of this column: unknown categories become gaps, numbers change type."""
        if self.categories is not None:
            known = set(self.categories)
            return self.of(value if value in known else None for value in values)
        listed = list(values)
        if not self.is_number or np.dtype(self.dtype).kind == "f":
            return self.of(listed)
        if None in listed:
            raise DataError(f"background: column {self.name!r} has gaps, but the items' none; drop these rows")
        array = self.of(listed)
        for value, whole in zip(listed, array.tolist(), strict=True):
            if value != whole:
                raise DataError(
                    f"background: column {self.name!r} holds {value!r}, but the items' whole numbers; give rows of the "
                    "same table"
                )
        return array

    def series(self, array: NDArray[Any]) -> Any:
        """The values as a data frame's column."""
        import pandas as pd

        if self.categories is not None:
            kind = pd.CategoricalDtype(list(self.categories), ordered=self.ordered)
            return pd.Categorical.from_codes(array.tolist(), dtype=kind)
        if self.is_number:
            return array
        gap = None if self.gap == "None" else np.nan
        return pd.Series([gap if value is None else value for value in array.tolist()], dtype=self.dtype)

    def arrow(self, array: NDArray[Any]) -> pa.Array:
        """The values as a column of a file."""
        if self.is_number and array.dtype.kind != "f":
            return pa.array(array)
        return pa.array(self.values(array), pa.from_numpy_dtype(array.dtype) if self.is_number else pa.string())

    def content(self, array: NDArray[Any]) -> bytes:
        """Bytes that determine the values."""
        if self.is_number:
            return np.ascontiguousarray(
                np.where(np.isnan(array), np.nan, array) if array.dtype.kind == "f" else array
            ).tobytes()
        return json.dumps(self.values(array)).encode()

    def about(self) -> dict[str, Any]:
        """Everything about it, as JSON values."""
        described = asdict(self)
        return {**described, "categories": None if self.categories is None else list(self.categories)}

    def shown(self, value: Any) -> str:
        """A value in a sentence."""
        if value is None:
            return "missing"
        return f"{value:.6g}" if isinstance(value, float) else str(value) if self.is_number else repr(value)


def column_of(name: str, series: pd.Series[Any]) -> tuple[Column, NDArray[Any]]:
    """A data frame's column, and its values as they are stored; an error for values of other kinds."""
    import pandas as pd

    kind = series.dtype
    if isinstance(kind, pd.CategoricalDtype):
        categories = [str(value) for value in kind.categories]
        if not all(isinstance(value, str) for value in kind.categories):
            raise DataError(
                f"data frame: column {name!r} has categories that are not texts ({shown(kind.categories[0])}); write "
                f"frame[{name!r}].cat.rename_categories(str), as the models must know them so too"
            )
        return Column(name, CATEGORIES, tuple(categories), bool(kind.ordered)), np.asarray(series.cat.codes, np.int32)
    if isinstance(kind, np.dtype) and kind.kind in "biuf":
        native = kind.newbyteorder("=")
        return Column(name, native.str), series.to_numpy().astype(native)
    if pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind):  # pandas' own types, with gaps
        return Column(name, "<f8"), series.to_numpy(dtype=np.float64, na_value=np.nan)
    if isinstance(kind, pd.StringDtype) or kind == np.dtype(object):
        listed = series.astype(object).tolist()
        gaps = series.isna().to_numpy()
        for row, (value, gap) in enumerate(zip(listed, gaps.tolist(), strict=True), 1):
            if not gap and not isinstance(value, str):
                raise DataError(
                    f"data frame: row {row}: column {name!r} holds {shown(value)} of type {type(value).__name__} "
                    f"where texts are expected; convert the column: frame[{name!r}].astype(str), or to numbers"
                )
        array = np.empty(len(listed), dtype=object)
        array[:] = [None if gap else value for value, gap in zip(listed, gaps.tolist(), strict=True)]
        is_none = any(value is None for value in listed)
        dtype = "str" if isinstance(kind, pd.StringDtype) else "object"
        return Column(name, dtype, gap="None" if is_none and dtype == "object" else "NaN"), array
    raise DataError(
        f"data frame: column {name!r} is of type {kind}; give numbers, booleans or texts (a date, for example, as a "
        "number of days)"
    )
