"""Rows of a table from a file's columns: which hold numbers, and which categories."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.frame import is_frame
from trusteq.data.rows import Rows
from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import pandas as pd

    from trusteq.data.table import Table

MISSING = frozenset({"", "NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "<NA>", "#N/A"})
"""What a missing value is in files of texts, as pandas reads them."""
YES_OR_NO = {"True": True, "TRUE": True, "true": True, "False": False, "FALSE": False, "false": False}


def rows_of(source: Any, table: Table, names: Sequence[str], categories: Collection[str] = ()) -> Rows:
    """The rows of these columns of a source and its table; ``categories`` hold no numbers even if they look like it.

    A data frame's columns keep the types that they have.
    """
    import pandas as pd

    if unknown := sorted(set(categories) - set(names)):
        raise DataError(
            f"{table.source}: {unknown[0]!r} is to hold categories, but is not among the columns; name both"
        )
    if is_frame(source):
        own = dict(zip(map(str, source.columns), range(source.shape[1]), strict=True))
        typed = {name: source.iloc[:, own[name]] for name in names}
        return Rows.of_frame(pd.DataFrame({n: _as_texts(s) if n in categories else s for n, s in typed.items()}))
    return Rows.of_frame(pd.DataFrame({name: _series(table, name, as_texts=name in categories) for name in names}))


def _as_texts(series: pd.Series[Any]) -> pd.Series[Any]:
    """A data frame's column as categories: numbers and booleans as they are written, others as they are."""
    import pandas as pd

    if pd.api.types.is_numeric_dtype(series.dtype) or pd.api.types.is_bool_dtype(series.dtype):
        return series.astype(object).where(series.notna(), None).map(str, na_action="ignore")
    return series


def _series(table: Table, name: str, *, as_texts: bool) -> pd.Series[Any]:
    """A column in the type that pandas would give it."""
    import pandas as pd

    column = table.columns[name]
    if isinstance(column, np.ndarray) and column.ndim > 1:
        raise table.error(0, name, f"holds lists of {column.shape[1]} numbers; name columns of single values")
    values = table.values(name)
    nested = next((row for row, value in enumerate(values) if isinstance(value, list | dict | bytes)), None)
    if nested is not None:
        kind = type(values[nested]).__name__
        raise table.error(nested, name, f"holds a {kind}; name columns of numbers or texts with --columns")
    if not table.typed:
        values = [None if value in MISSING else value for value in values]
    present = [value for value in values if value is not None]
    if as_texts:
        return _texts([None if value is None else str(value) for value in values])
    if not table.typed and present:
        if len(present) == len(values) and set(present) <= set(YES_OR_NO):
            return pd.Series([YES_OR_NO[value] for value in values])
        try:
            numbers = pd.Series(pd.to_numeric(pd.Series(values, dtype=object)))
            # pandas 2 misses the last bit of every third number; Python's own reading is exact.
            exact = pd.api.types.is_float_dtype(numbers.dtype)
            return pd.Series([np.nan if value is None else float(value) for value in values]) if exact else numbers
        except (ValueError, TypeError):
            return _texts(values)
    if not present:
        return pd.Series(np.full(len(values), np.nan))
    return _texts(values) if isinstance(present[0], str) else pd.Series(values)


def _texts(values: Sequence[Any]) -> pd.Series[Any]:
    """Texts with gaps as pandas reads them from a file."""
    import pandas as pd

    return pd.Series([np.nan if value is None else value for value in values], dtype=object)
