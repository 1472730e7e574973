"""Units of an item with several kinds of segments: those of each kind, one after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.data.segment import Segment
    from trusteq.explain.units import DrawingUnits, Units


@dataclass(frozen=True, eq=False)
class JoinedUnits:
    """The units of all parts, each with the numbers of the item's segments that it contains.

    draws: whether something drawn stands in for the units of each part.
    """

    parts: tuple[tuple[tuple[int, ...], Units], ...]
    draws: tuple[bool, ...]

    def __len__(self) -> int:
        return sum(len(units) for _, units in self.parts)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all parts [units]."""
        return tuple(name for _, units in self.parts for name in units.names)

    @property
    def segments(self) -> NDArray[np.int64]:
        """The number of each unit's segment in the item [units]."""
        return np.concatenate([np.array(numbers)[units.segments] for numbers, units in self.parts])

    @property
    def places(self) -> dict[str, NDArray[np.int64]]:
        """The places of all parts [units]; 0 if a part does not have them."""
        names = dict.fromkeys(name for _, units in self.parts for name in units.places)
        zeros = np.zeros(len(self), dtype=np.int64)
        return {
            name: np.concatenate([units.places.get(name, zeros[: len(units)]) for _, units in self.parts])
            for name in names
        }

    def render(self, kept: NDArray[np.bool_], perturb: str) -> tuple[Segment, ...]:
        """The segments of all parts, in the item's order."""
        by_number: dict[int, Segment] = {}
        masks = np.split(kept, np.cumsum([len(units) for _, units in self.parts])[:-1], axis=1)
        for (numbers, units), part_masks in zip(self.parts, masks, strict=True):
            by_number |= zip(numbers, units.render(part_masks, perturb), strict=True)
        return tuple(by_number[number] for number in sorted(by_number))

    def beside(self, drawn: NDArray[np.int64]) -> JoinedUnits:
        """The units of all parts; of those for which something is drawn, beside these of their backgrounds."""
        return replace(
            self,
            parts=tuple(
                (numbers, cast("DrawingUnits", units).beside(drawn) if draws else units)
                for (numbers, units), draws in zip(self.parts, self.draws, strict=True)
            ),
        )

    def content(self) -> tuple[Any, ...]:
        """The contents of all parts."""
        return tuple((numbers, units.content()) for numbers, units in self.parts)
