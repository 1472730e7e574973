"""Attributions of many items as one padded array: float64 [items, units], zero beyond an item's own number of units.

All agreement scores share this form, one order of units, and sums that do not depend on the width of the padding: a
score is the same to the last bit whatever batch its item is in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


DIGITS = 9
"""Decimal places to which attributions are compared, scaled so that an item's largest is about 1."""


def inside(lengths: NDArray[np.int64], units: int) -> NDArray[np.bool_]:
    """Where an item has a unit [items, units]; False in the padding."""
    return np.asarray(np.arange(units) < lengths[:, None])


def check(lengths: NDArray[np.int64], *attributions: NDArray[np.float64]) -> None:
    """Raise ValueError if the arrays do not match, are not finite, or are not zero in the padding."""
    for a in attributions:
        if a.ndim != 2 or a.shape != attributions[0].shape or lengths.shape != a.shape[:1]:
            raise ValueError(
                f"attributions must all have the same shape [items, units], and lengths [items]; got shapes "
                f"{', '.join(str(x.shape) for x in attributions)} and {lengths.shape}"
            )
        if len(a) and not (lengths.min() >= 0 and lengths.max() <= a.shape[1]):
            raise ValueError(
                f"lengths must be 0 to {a.shape[1]}, the width of the attributions; got {lengths.min()} to "
                f"{lengths.max()}"
            )
        for wrong, what in (
            (~np.isfinite(a), "not finite"),
            ((a != 0) & ~inside(lengths, a.shape[1]), "beyond the item's units and not zero"),
        ):
            if wrong.any():
                item, unit = np.argwhere(wrong)[0]
                raise ValueError(f"the attribution of item {item}, unit {unit} is {what}: {a[item, unit]}")


def order(values: NDArray[np.float64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Units in descending order of value [items, units]: of equal ones the earlier first, padding last."""
    keys = np.where(inside(lengths, values.shape[1]), -values, np.inf)
    return np.argsort(keys, axis=1, kind="stable")


def ranks(values: NDArray[np.float64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Each unit's position in `order` [items, units]: 0 for the largest value; in the padding, after the last."""
    result = np.empty(values.shape, dtype=np.int64)
    np.put_along_axis(result, order(values, lengths), np.arange(values.shape[1])[None], axis=1)
    return result


def scaled(a: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each item multiplied by the power of two that brings its largest |attribution| to [0.5, 1).

    This is exact, and no square or sum of very large or very small attributions overflows or underflows.
    """
    exponent = np.frexp(np.abs(a).max(axis=1, initial=0.0))[1]
    return np.asarray(np.ldexp(a, -exponent[:, None]))


def rounded(a: NDArray[np.float64]) -> NDArray[np.float64]:
    """Attributions rounded to 1e-9 of the item's largest, so that those differing only by rounding are equal.

    Units without any effect come out as about 1e-17, and in another order on another processor.
    """
    exponent = np.frexp(np.abs(a).max(axis=1, initial=0.0))[1][:, None]
    return np.asarray(np.ldexp(np.round(np.ldexp(a, -exponent), DIGITS), exponent))


def total(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each item's sum [items], from the first unit to the last: padding cannot change how it is rounded."""
    if values.shape[1] == 0:
        return np.zeros(len(values))
    return np.asarray(np.cumsum(values, axis=1)[:, -1])


def ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    """``part / whole`` [items]; NaN if the whole is 0."""
    result = np.full(len(whole), np.nan)
    np.divide(part, whole, out=result, where=whole != 0)
    return result
