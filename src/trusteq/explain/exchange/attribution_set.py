"""Attribution sets: one weight for each unit of each item, from any source, checked when created."""

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
"""Share of an item's largest |attribution| up to which that of a blank unit is due to rounding."""


@dataclass(frozen=True, eq=False)
class AttributionSet:
    """One model's attributions; created by `trusteq.read_attributions`.

    units: the texts of each item's units, in order, without surrounding whitespace. values: their attributions, zero
    beyond an item's own units [items, units]. weighed: the number of units with a weight [items]; fewer than an item
    has if the explainer returned only the top ones. labels: the explained label of each item; scale: the scale of the
    attributions ("probability", "log-odds", ...); ids: of the items; each None if unknown. source: where they come
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
        """Items whose explanation leaves out units [items]."""
        return np.asarray(self.weighed < self.lengths)

    def item(self, i: int) -> str:
        """An item's name for messages: its id, or its number from 1."""
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
    """The set of these attributions, one row per item [units], without blank units such as special tokens.

    An error if units and attributions do not match, or an attribution is not finite.
    """
    if len(units) != len(rows):
        raise DataError(
            f"{source}: units of {len(units)} items but attributions of {len(rows)}; give both for each item"
        )
    if not rows:
        raise DataError(f"{source}: no items; check how the attributions were made")
    visible_units, visible_rows, count = [], [], []
    for i, (words, row) in enumerate(zip(units, rows, strict=True)):
        where = f"{source}: {item_name(i, ids)}"
        texts = _texts(words, where)
        if row.shape != (len(texts),):
            found = f"{len(row)} attributions" if row.ndim == 1 else f"attributions of shape {list(row.shape)}"
            advice = (
                "the numbers must match"
                if row.ndim == 1
                else "give one number per unit: sum over embeddings, pick one label"
            )
            raise DataError(f"{where} has {found} for {len(texts)} units; {advice}")
        if not np.isfinite(row).all():
            unit = int(np.flatnonzero(~np.isfinite(row))[0])
            raise DataError(
                f"{where}: the attribution of unit {unit + 1} ({shown(texts[unit])}) is {row[unit]}; "
                "correct or drop the item in all sets"
            )
        blank = np.array([not text for text in texts], dtype=np.bool_)
        weighted = blank & (np.abs(row) > _NOTHING * np.abs(row).max(initial=0.0))
        if weighted.any():
            unit = int(np.flatnonzero(weighted)[0])
            raise DataError(
                f"{where}: unit {unit + 1} is blank ({words[unit]!r}) but has the attribution {row[unit]:.3g}; "
                "invisible units cannot be compared: explain without special tokens"
            )
        visible_units.append(tuple(text for text in texts if text))
        visible_rows.append(row[~blank])
        if not visible_units[-1]:
            raise DataError(f"{where} has no units; drop it from all sets")
        count.append(len(visible_units[-1]) if weighed is None else weighed[i])
    values = np.zeros((len(rows), max(map(len, visible_rows))))
    for value, row in zip(values, visible_rows, strict=True):
        value[: len(row)] = row
    values.setflags(write=False)
    return AttributionSet(tuple(visible_units), values, np.array(count, dtype=np.int64), labels, scale, source, ids)


def item_name(i: int, ids: tuple[str, ...] | None) -> str:
    """An item's name: its id, or its number from 1."""
    return f"item {i + 1}" if ids is None else f"item {ids[i]!r}"


def _texts(words: Sequence[str], where: str) -> list[str]:
    """The units' texts without surrounding whitespace, which tokenizers attach to either side."""
    if isinstance(words, str):
        raise DataError(f"{where}: its units are a single text ({shown(words)}); give a list of words")
    for unit, word in enumerate(words):
        if not isinstance(word, str):
            raise DataError(f"{where}: unit {unit + 1} is {type(word).__name__} {shown(word)}; give the unit's text")
    return [word.strip() for word in words]
