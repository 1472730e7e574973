"""Rows to learn from that are items with units left out, as an explainer leaves them out.

Attributions are estimated from a model's answers to such rows, so a model that learns another's answers to them learns
its attributions, too. The masks are fresh in each epoch; as in a mask plan, every number of kept units is as likely.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.items import Items
from trusteq.explain.plan import MIN_MASKS, mask_plan
from trusteq.explain.units import cutter, default_units
from trusteq.explain.words import MASK, REMOVE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

DRAWN = 2**32
"""Added to the number of an epoch, so that no plan of an audit is drawn."""


@dataclass(frozen=True)
class Perturbing:
    """Which rows of an epoch are perturbed, and how.

    share: of the rows. replace: what stands in for units left out, as when explaining. whole: whether no row that
    stays whole makes room for them, so that there are more rows.
    """

    share: float
    replace: str = REMOVE
    whole: bool = False
    seed: int = 0

    def document(self, items: Items) -> dict[str, Any]:
        """What a recipe says of a model that learned from such rows of the items."""
        return {"units": default_units(items), "replace": self.replace, "share": self.share}

    def rows(self, count: int) -> int:
        """How many rows an epoch of so many items has."""
        return count + self._added(count)

    def split(self, positions: NDArray[np.int64], epoch: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Of these items, those whose rows stay whole in an epoch, and those that are perturbed."""
        rng = np.random.default_rng([self.seed, epoch, 1])
        if self.whole:
            return positions, rng.choice(positions, self._added(len(positions)))
        order = rng.permutation(len(positions))
        cut = round(self.share * len(positions))
        return positions[np.sort(order[cut:])], positions[np.sort(order[:cut])]

    def _added(self, count: int) -> int:
        return round(self.share / (1 - self.share) * count) if self.whole else 0


def perturbing_of(share: float | None, replace: str | None, *, whole: bool, seed: int) -> Perturbing | None:
    """How rows are perturbed, if any are."""
    return None if share is None else Perturbing(share, replace or REMOVE, whole, seed)


def masks(items: Items, positions: NDArray[np.int64], *, seed: int, epoch: int) -> list[NDArray[np.bool_]]:
    """For the item at each position, which of its units one perturbed row keeps [units]."""
    units_of = cutter(default_units(items), items)
    rng = np.random.default_rng([seed, epoch, 2])
    drawn = []
    for number, i in enumerate(positions.tolist()):
        units = len(units_of(i))
        if not units:
            drawn.append(np.zeros(0, dtype=np.bool_))
            continue
        round_ = DRAWN * (1 + epoch) + number
        plan = mask_plan(items.ids[i], units, masks=MIN_MASKS, seed=seed, round_=round_)
        rows = plan.both.ravel() if len(plan.both) else plan.nothing
        drawn.append(plan.masks[rng.choice(rows)])
    return drawn


def perturbed(
    items: Items, positions: NDArray[np.int64], kept: Sequence[NDArray[np.bool_]], replace: str, mask_token: str | None
) -> Items:
    """The items at these positions, each with only the units kept; ``mask_token`` stands for "mask"."""
    units_of = cutter(default_units(items), items)
    text = mask_token if replace == MASK and mask_token is not None else replace
    parts = [units_of(i).render(mask[None], text) for i, mask in zip(positions.tolist(), kept, strict=True)]
    segments = {name: type(of[0]).joined(of) for name, of in zip(items.segments, zip(*parts, strict=True), strict=True)}
    return Items([str(number) for number in range(len(parts))], segments, may_be_empty=True)
