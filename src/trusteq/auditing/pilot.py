"""How many masks a unit needs, by what share of attributions is signal: tried on the reference before all else.

Pictures differ: where a model tells hundreds of classes apart, or looks at many places at once, attributions from a few
masks are mostly noise. Only the reference is asked, so no candidate has a say in the plan.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from trusteq.explain.explanation import ExplainSettings, explain, in_random_order
from trusteq.explain.units import MASKS_PER_UNIT, cuts_named, cutter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.explain.attributions import Attributions
    from trusteq.explain.respondent import Respondent

ITEMS = 24
"""Items that are tried."""
ENOUGH = 0.3
"""The share of a half's attributions that should be signal."""
TIMES = (1.0, 1.5, 2.0, 3.0)
"""By how much the usual number of masks may be multiplied."""


def needs_pilot(settings: ExplainSettings, requested: ExplainSettings | bool | None) -> bool:
    """Whether the number of masks is left to a pilot: of units that want one, if nobody chose the number."""
    chosen = (requested.masks, requested.per_unit) if isinstance(requested, ExplainSettings) else (None, None)
    return chosen == (None, None) and any(cut.pilot for cut in cuts_named(settings.units))


def piloted(
    reference: Respondent, items: Items, settings: ExplainSettings, *, gold: NDArray[np.int64] | None, seed: int
) -> ExplainSettings:
    """The settings with as many masks per unit as the reference's attributions need on some random items."""
    units_of = cutter(settings.units, items)
    tried = [i for i in in_random_order(items, ITEMS, seed=seed) if len(units_of(i))]
    if len(tried) < 2:
        return settings
    one = explain([reference], items, replace(settings, ids=None), gold=gold, seed=seed, only=tried)
    now = settings.per_unit or MASKS_PER_UNIT
    share = signal(one.attributions()["shapley"][0])
    return replace(settings, per_unit=round(now * enough(share)))


def signal(attributions: Attributions) -> float:
    """The share of a half's attributions that is not noise."""
    a, b = attributions.first, attributions.second
    size = float((a**2 + b**2).sum() / 2)
    return float((a * b).sum()) / size if size > 0 else 1.0


def enough(share: float) -> float:
    """How many times the masks it takes for `ENOUGH` of the attributions to be signal (Spearman-Brown), of `TIMES`."""
    share = max(share, 0.0)
    return next((n for n in TIMES if n * share / (1 + (n - 1) * share) >= ENOUGH), TIMES[-1])
