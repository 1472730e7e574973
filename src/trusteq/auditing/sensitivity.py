"""The same question asked in another way: single columns in place of groups, another fill in place of a blur.

How models agree depends on what is left out and what stands in for it. The other way is tried on some of the explained
items, and both numbers are shown side by side; only the first is judged.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from trusteq.auditing.explanations import paired, with_usual
from trusteq.compare.alignment import pooled
from trusteq.explain.draw import Draw, drawn, random_keys
from trusteq.explain.explanation import explain
from trusteq.explain.units import cuts_named, cutter, unit_named
from trusteq.explain.words import REMOVE
from trusteq.models.base import Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.explain.explanation import ExplainSettings, Explanation
    from trusteq.explain.respondent import Respondent
    from trusteq.stats.estimate import Estimate
    from trusteq.stats.resampling import Resampling

ITEMS = 100
"""So many of a candidate's explained items are explained in the other way, too."""


def other_way(settings: ExplainSettings, items: Items) -> ExplainSettings | None:
    """The settings for the other way to ask; None if there is none, or if it is the same for these items."""
    (cut, *more) = cuts_named(settings.units)
    if more or cut.other is None or settings.perturb != REMOVE or settings.ids is not None:
        return None
    units, perturb = cut.other
    if perturb == settings.perturb and len(cutter(units, items)(0)) == len(cutter(settings.units, items)(0)):
        return None
    return with_usual(replace(settings, units=units, perturb=perturb, k=None, per_unit=None, until="end"), items)


def sensitivity(
    respondents: Sequence[Respondent],
    explanation: Explanation,
    items: Items,
    resampling: Resampling,
    *,
    gold: NDArray[np.int64] | None,
    moved: Sequence[NDArray[np.float64]],
) -> dict[str, Finding]:
    """By model, a finding with its alignment asked in the other way, beside that on the same items; {} if none is."""
    settings = explanation.settings
    other = other_way(settings, items)
    if other is None:
        return {}
    draws = []
    for by_item in moved:
        by_change = by_item if settings.drawn_by_change else None
        draw = drawn(explanation.positions, items, by_change, settings.items, seed=resampling.seed)
        keys = random_keys([items.ids[i] for i in explanation.positions[draw.at]], seed=resampling.seed)
        some = np.array(sorted(sorted(range(len(keys)), key=keys.__getitem__)[:ITEMS]), dtype=np.int64)
        draws.append(Draw(draw.at[some], None if draw.weights is None else draw.weights[some]))
    asked = np.unique(np.concatenate([explanation.positions[draw.at] for draw in draws]))
    again = explain(respondents, items, other, gold=gold, seed=resampling.seed, only=asked.tolist())
    findings = {}
    for number, draw in enumerate(draws, 1):
        at = np.searchsorted(again.positions, explanation.positions[draw.at])
        here = _alignment(explanation, number, items, resampling, draw)
        there = _alignment(again, number, items, resampling, Draw(at, draw.weights))
        if here is not None and there is not None:
            name = respondents[number].name
            message = (
                f"asked in another way ({_words(other)} in place of {_words(settings)}), its alignment (Shapley) is "
                f"{there}; on the same {len(at)} items it is {here}; only the latter way is judged"
            )
            findings[name] = Finding(name, "asked in another way", message, there.value)
    return findings


def _alignment(
    explanation: Explanation, number: int, items: Items, resampling: Resampling, draw: Draw
) -> Estimate | None:
    explained = paired(explanation, number, items, resampling, draw)
    return pooled(next(one for one in explained if one.method == "shapley"))


def _words(settings: ExplainSettings) -> str:
    """Units and what stands in for them, in words."""
    names = str(settings.units).replace("-", " ")
    return names if settings.perturb == REMOVE else f"{unit_named(settings.units)}s replaced by {settings.perturb}"
