"""Attribution sets: one weight for each unit of each item, whoever made them, checked once when they are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trusteq.data.table import shown
from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_NOTHING = 1e-9
"""Share of an item's largest |attribution| up to which a blank unit's is rounding."""


@dataclass(frozen=True, eq=False)
class AttributionSet:
    """One model's attributions; made by `trusteq.read_attributions`.

    units: the texts of each item's units, in order, without blanks around them. values: their attributions, zero
    beyond an item's own units [items, units]. weighed: units that the explainer gave a weight [items]; fewer than an
    item has where it only told the top ones. labels: the label explained of each item; scale: what its attributions
    are shares of ("probability", "log-odds", ...); ids: the items'; None where nobody said. source: where they come
    from, for messages.
    """

    units: tuple[tuple[str, ...], ...]
    values: NDArray[np.float64]
    weighed: NDArray[np.int64]
    labels: tuple[str, ...] | None
    scale: str | None
    source: str
    ids: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.units)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Units of each item [items]."""
        return np.array([len(units) for units in self.units], dtype=np.int64)

    @property
    def cut_off(self) -> NDArray[np.bool_]:
        """Items whose explanation leaves units out [items]."""
        return np.asarray(self.weighed < self.lengths)

    def item(self, i: int) -> str:
        """The words that find an item, for messages: its id, or its number from 1."""
        return item_name(i, self.ids)

    def take(self, at: Sequence[int]) -> AttributionSet:
        """The items at these positions."""
        return AttributionSet(
            tuple(self.units[i] for i in at),
            self.values[list(at)],
            self.weighed[list(at)],
            None if self.labels is None else tuple(self.labels[i] for i in at),
            self.scale,
            self.source,
            None if self.ids is None else tuple(self.ids[i] for i in at),
        )


def attribution_set(
    units: Sequence[Sequence[str]],
    rows: Sequence[NDArray[np.float64]],
    *,
    source: str,
    labels: tuple[str, ...] | None = None,
    scale: str | None = None,
    ids: tuple[str, ...] | None = None,
    weighed: Sequence[int] | None = None,
) -> AttributionSet:
    """The set of these rows of attributions, one an item [units]; blank units, which special tokens are, left out.

    An error where units and attributions do not fit together, or one is not finite.
    """
    if len(units) != len(rows):
        raise DataError(f"{source}: units of {len(units)} items, attributions of {len(rows)}; give both for each item")
    if not rows:
        raise DataError(f"{source}: holds no item; check how the attributions were made")
    kept_units, kept_rows, count = [], [], []
    for i, (words, row) in enumerate(zip(units, rows, strict=True)):
        where = f"{source}: {item_name(i, ids)}"
        texts = _texts(words, where)
        if row.shape != (len(texts),):
            found = f"{len(row)} attributions" if row.ndim == 1 else f"attributions of shape {list(row.shape)}"
            hint = "" if row.ndim == 1 else "; one number a unit is expected: sum over embeddings, pick one label"
            raise DataError(f"{where} has {found} for {len(texts)} units{hint or '; they must be of the same units'}")
        if not np.isfinite(row).all():
            unit = int(np.flatnonzero(~np.isfinite(row))[0])
            raise DataError(
                f"{where}: the attribution of unit {unit + 1} ({shown(texts[unit])}) is {row[unit]}; "
                "mend or drop the item in all sets"
            )
        blank = np.array([not text for text in texts], dtype=np.bool_)
        heavy = blank & (np.abs(row) > _NOTHING * np.abs(row).max(initial=0.0))
        if heavy.any():
            unit = int(np.flatnonzero(heavy)[0])
            raise DataError(
                f"{where}: unit {unit + 1} is blank ({words[unit]!r}) but has the attribution {row[unit]:.3g}; "
                "what no reader sees cannot be compared: explain without special tokens"
            )
        kept_units.append(tuple(text for text in texts if text))
        kept_rows.append(row[~blank])
        if not kept_units[-1]:
            raise DataError(f"{where} has no unit; drop it from all sets")
        count.append(len(kept_units[-1]) if weighed is None else weighed[i])
    values = np.zeros((len(rows), max(map(len, kept_rows))))
    for value, row in zip(values, kept_rows, strict=True):
        value[: len(row)] = row
    values.setflags(write=False)
    return AttributionSet(tuple(kept_units), values, np.array(count, dtype=np.int64), labels, scale, source, ids)


def item_name(i: int, ids: tuple[str, ...] | None) -> str:
    """The words that find an item: its id, or its number from 1."""
    return f"item {i + 1}" if ids is None else f"item {ids[i]!r}"


def _texts(words: Sequence[str], where: str) -> list[str]:
    """The units' texts without blanks around them, which tokenizers glue to either side."""
    if isinstance(words, str):
        raise DataError(f"{where}: its units are one text ({shown(words)}); give a list of words")
    for unit, word in enumerate(words):
        if not isinstance(word, str):
            raise DataError(f"{where}: unit {unit + 1} is {type(word).__name__} {shown(word)}; give the unit's text")
    return [word.strip() for word in words]
