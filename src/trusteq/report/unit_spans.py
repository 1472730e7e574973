"""Where the units of explained items are in the text that shows an item.

Units of a text are parts of it. Those of a segment that is drawn have places in the drawing. For any other segment the
names of the units are appended to the text that shows it, and are marked there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trusteq.report.drawn.drawing import Marks
from trusteq.report.drawn.kinds import is_drawn
from trusteq.report.segment_text import segment_texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from trusteq.data.segment import Segment


def unit_spans(
    segments: Mapping[str, Segment], rows: pd.DataFrame, starts: NDArray[np.int64], positions: NDArray[np.int64]
) -> tuple[NDArray[np.int64], dict[str, dict[int, str]]]:
    """Segment, start and end of every unit [rows, 3]; and by segment, the texts of items that have names of units.

    rows: one model's attributions, those of an item from each of ``starts`` on. positions: of the items.
    """
    spans = np.zeros((len(rows), 3), dtype=np.int64)
    spans[:, 0] = rows["segment"]
    if {"start", "end"} <= set(rows.columns):
        spans[:, 1:] = rows[["start", "end"]]
    names = rows["word"].tolist()
    texts: dict[str, dict[int, str]] = {}
    for number, (name, segment) in enumerate(segments.items()):
        if is_drawn(segment):
            spans[spans[:, 0] == number, 1:] = 0
        elif segment.texts() is None:
            texts[name] = {}
            for item, units in zip(positions.tolist(), np.split(np.arange(len(rows)), starts[1:]), strict=True):
                (text,) = segment_texts(segment, [item])
                for unit in units[spans[units, 0] == number].tolist():
                    spans[unit, 1:] = len(text) + 1, len(text) + 1 + len(names[unit])
                    text += f" {names[unit]}"
                texts[name][item] = text
    return spans, texts


def marks(rows: pd.DataFrame, starts: NDArray[np.int64], segment: int) -> list[Marks]:
    """The units of each item in the segment of this number [items]; ``rows`` as above."""
    names = rows["word"].to_numpy()
    columns = list(rows.columns)
    between = columns[columns.index("segment") + 1 : columns.index("label")]
    places = {name: rows[name].to_numpy() for name in between if rows[name].dtype.kind in "iu"}
    here = rows["segment"].to_numpy() == segment
    made = []
    for units in np.split(np.arange(len(rows)), starts[1:]):
        own = units[here[units]]
        made.append(Marks(tuple(names[own].tolist()), {name: values[own] for name, values in places.items()}))
    return made
