"""What the page draws: the units of explained items, and thumbnails of a few items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from trusteq.data.clean import clean
from trusteq.explain.unit_names import plural
from trusteq.report.drawn.drawing import Area, Marks
from trusteq.report.drawn.kinds import drawn, is_area, is_drawn
from trusteq.report.wording import listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from trusteq.data.segment import Segment
    from trusteq.report.drawn.drawing import Bars, Drawing
    from trusteq.report.page.explained_items import ExplainedItems

MOST_IMAGES = 60
"""Items whose pictures are on the page, about 10 kB each."""
MOST_SHAPES = 2_000
"""Ways in which areas are cut; further ones are left out."""


@dataclass(frozen=True)
class Drawings:
    """What the page draws of each segment, None for segments that are shown as texts [segments]; and what it lacks.

    names, areas: distinct ones, and which of them each explained item has [explained]. images: by an item's position
    on the page. values: beside the units of each explained item [explained].
    """

    segments: tuple[dict[str, Any] | None, ...]
    left_out: tuple[str, ...]


def drawings(
    segments: Mapping[str, Segment],
    chosen: NDArray[np.int64],
    answers: NDArray[np.int64],
    explained: ExplainedItems | None,
    *,
    images: bool,
) -> Drawings:
    """The drawings of the items that the page holds; ``images``: whether pictures and sounds may be shown."""
    explained_at = [] if explained is None else explained.positions.tolist()
    shown = _with_images(answers, chosen, explained) if images else []
    made: list[dict[str, Any] | None] = []
    kinds, held = [], set()
    for name, segment in segments.items():
        if not is_drawn(segment):
            made.append(None)
            continue
        units = explained.marks.get(name, ()) if explained is not None else ()
        if not is_area(segment):
            made.append(_bars(segment, explained_at, units))
            continue
        kinds.append(segment.kind)
        area = _areas(segment, chosen, shown, dict(zip(explained_at, units, strict=False)))
        held |= set(area["images"])
        made.append(area)
    return Drawings(tuple(made), _left_out(kinds, len(held), answers.shape[1]))


def _with_images(answers: NDArray[np.int64], chosen: NDArray[np.int64], explained: ExplainedItems | None) -> list[int]:
    """The items that are shown with images: changed answers and the least aligned items, then a sample of the rest."""
    if len(chosen) <= MOST_IMAGES:
        return list(chosen.tolist())
    on_page = np.zeros(answers.shape[1], dtype=np.bool_)
    on_page[chosen] = True
    changed = (answers[1:] != answers[0]).any(axis=0) & on_page
    least_aligned = [] if explained is None else _least_aligned(explained)
    is_explained = set(least_aligned)
    flips = [i for i in least_aligned if changed[i]]
    flips += [i for i in np.flatnonzero(changed).tolist() if i not in is_explained]
    others = [i for i in least_aligned if not changed[i]]
    # Multiples of the golden ratio are spread evenly.
    rest = sorted(chosen.tolist(), key=lambda i: i * 0.6180339887498949 % 1)
    half = MOST_IMAGES // 2
    return list(dict.fromkeys([*flips[:half], *others[:half], *flips, *others, *rest]))[:MOST_IMAGES]


def _least_aligned(explained: ExplainedItems) -> list[int]:
    scores = np.array(explained.agreement[0]["values"], dtype=np.float64).reshape(-1, len(explained.positions))
    order = np.argsort(np.nan_to_num(scores, nan=1.0).min(axis=0), kind="stable")
    return list(explained.positions[order].tolist())


def _areas(
    segment: Segment, chosen: NDArray[np.int64], shown: Sequence[int], units: Mapping[int, Marks]
) -> dict[str, Any]:
    place = {item: at for at, item in enumerate(chosen.tolist())}
    names, areas = _Distinct(), _Distinct(MOST_SHAPES)
    made: dict[int, Drawing] = {item: drawn(segment, item, units.get(item, Marks())) for item in shown}
    which: list[list[int]] = [[], []]
    for item, marks in units.items():
        area = cast("Area", made.get(item) or drawn(segment, None, marks))
        which[0].append(names.number([clean(name) for name in marks.names]))
        known = len(area.boxes) == len(marks.names)
        number = areas.number({"size": area.size, "boxes": area.boxes, "outlines": area.outlines}) if known else -1
        which[1].append(number)
    images = {
        place[item]: {"uri": area.image, "pixelated": area.pixelated, "alt": clean(area.alt), "size": area.size}
        for item, area in made.items()
        if isinstance(area, Area) and area.image is not None
    }
    sample = drawn(segment, None, Marks())
    return {
        "form": "area",
        "kind": segment.kind,
        "broad": isinstance(sample, Area) and sample.broad,
        "names": names.values,
        "name": which[0],
        "areas": areas.values,
        "area": which[1],
        "images": images,
    }


def _bars(segment: Segment, explained: Sequence[int], units: Sequence[Marks]) -> dict[str, Any]:
    names = _Distinct()
    which: list[int] = []
    values: list[list[str]] = []
    for item, marks in zip(explained, units, strict=False):
        bars = cast("Bars", drawn(segment, item, marks))
        which.append(names.number([clean(name) for name in marks.names]))
        values.append([clean(value) for value in bars.values])
    return {"form": "bars", "kind": segment.kind, "names": names.values, "name": which, "values": values}


class _Distinct:
    """Distinct values in the order in which they came; from ``most`` on, a new one is -1."""

    def __init__(self, most: int | None = None) -> None:
        self.values: list[Any] = []
        self._numbers: dict[str, int] = {}
        self._most = most

    def number(self, value: Any) -> int:
        key = repr(value)
        if key not in self._numbers:
            if self._most is not None and len(self.values) >= self._most:
                return -1
            self._numbers[key] = len(self.values)
            self.values.append(value)
        return self._numbers[key]


def _left_out(kinds: Sequence[str], shown: int, n: int) -> tuple[str, ...]:
    if not kinds:
        return ()
    names = listed(kind if kind.endswith("s") else plural(kind) for kind in dict.fromkeys(kinds))
    if not shown:
        return (f"This page shows no {names}, as it or its run was made with --no-pictures.",)
    if shown == n:
        return ()
    return (
        f"This page shows the {names} of {shown:,} of {n:,} items: some whose answer changes, and explained ones on "
        "which the models agree least.",
    )
