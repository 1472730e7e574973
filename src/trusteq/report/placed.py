"""Where the units of explained items stand in the words that show an item.

Units of texts stand in the text. Of anything else the names of the units follow what is said of the item, and these are
marked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trusteq.report.shown import shown

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from trusteq.data.segment import Segment


def placed(
    segments: Mapping[str, Segment], rows: pd.DataFrame, starts: NDArray[np.int64], at: NDArray[np.int64]
) -> tuple[NDArray[np.int64], dict[str, dict[int, str]]]:
    """Segment, start and end of every unit [rows, 3]; and by segment, the words for items that show names of units.

    rows: one model's part of the attributions, an item's from each of ``starts`` on. at: the items' positions.
    """
    spans = np.zeros((len(rows), 3), dtype=np.int64)
    spans[:, 0] = rows["segment"]
    if {"start", "end"} <= set(rows.columns):
        spans[:, 1:] = rows[["start", "end"]]
    names = rows["word"].tolist()
    texts: dict[str, dict[int, str]] = {}
    for number, (name, segment) in enumerate(segments.items()):
        if segment.texts() is None:
            texts[name] = {}
            for item, units in zip(at.tolist(), np.split(np.arange(len(rows)), starts[1:]), strict=True):
                text = shown(segment, [item])[0]
                for unit in units[spans[units, 0] == number].tolist():
                    spans[unit, 1:] = len(text) + 1, len(text) + 1 + len(names[unit])
                    text += f" {names[unit]}"
                texts[name][item] = text
    return spans, texts
