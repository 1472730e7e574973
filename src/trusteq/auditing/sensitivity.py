"""The same question asked in another way: single columns in place of groups, another fill in place of a blur.

How models agree depends on what is left out and what stands in for it. The other way is tried on some of the explained
items, and both numbers are shown side by side; only the first is judged. A candidate that was trained on items with
units left out is asked with something in their place that it was not trained on.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from trusteq.auditing.explanations import paired, with_usual
from trusteq.auditing.perturbed_training import left_out
from trusteq.comparing.alignment import pooled
from trusteq.explain.draw import Draw, drawn, random_keys
from trusteq.explain.explanation import explain
from trusteq.explain.unit_names import plural
from trusteq.explain.units import MASKS_PER_UNIT, cuts_named, cutter, unit_named
from trusteq.explain.words import MASK, REMOVE
from trusteq.models.base import Finding
from trusteq.models.traits import traits_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.explain.explanation import ExplainSettings, Explanation
    from trusteq.explain.respondent import Respondent
    from trusteq.explain.units import Cut
    from trusteq.stats.estimate import Estimate
    from trusteq.stats.resampling import Resampling

ITEMS = 60
"""So many of a candidate's explained items are explained in the other way, too."""

KIND = "alignment not trained on"
"""The kind of the finding about a way to ask that a candidate was not trained on."""

STAND_IN = "..."
"""What replaces units of texts where a tokenizer has no mask token, or the candidate was trained on that too."""


def other_way(settings: ExplainSettings, items: Items) -> ExplainSettings | None:
    """The settings for the other way to ask; None if there is none, or if it is the same for these items."""
    (cut, *more) = cuts_named(settings.units)
    if more or cut.other is None or settings.perturb != REMOVE or settings.ids is not None:
        return None
    units, perturb = cut.other
    if perturb == settings.perturb and len(cutter(units, items)(0)) == len(cutter(settings.units, items)(0)):
        return None
    return _asked_by(units, perturb, settings, items)


def way_not_trained_on(
    settings: ExplainSettings, items: Items, reference: Respondent, candidate: Respondent
) -> ExplainSettings | None:
    """The settings with a replacement that the candidate was not trained on; None if it was not on that in use.

    The mask token is each model's own, so both need one to be asked the same.
    """
    trained = {one.replace for one in traits_of(candidate.model).trained_on()}
    (cut, *more) = cuts_named(settings.units)
    if more or settings.perturb not in trained or settings.ids is not None:
        return None
    ways = _replacements(cut, reference, candidate, trained)
    perturb = next((way for way in ways if way not in trained), None)
    return None if perturb is None else _asked_by(str(settings.units), perturb, settings, items)


def _replacements(cut: Cut, reference: Respondent, candidate: Respondent, trained: set[str]) -> list[str]:
    """What can stand in for units left out, the most usual first."""
    if cut.perturb is not None:
        return [REMOVE, *([] if cut.other is None else [cut.other[1]])]
    tokens = [traits_of(one.model).tokens for one in (reference, candidate)]
    masks = {None if of_model is None else of_model.mask_token for of_model in tokens}
    return [REMOVE, *([] if None in masks or masks & trained else [MASK]), STAND_IN]


def _asked_by(units: str, perturb: str, settings: ExplainSettings, items: Items) -> ExplainSettings:
    usual = with_usual(replace(settings, units=units, perturb=perturb, k=None, per_unit=None, until="end"), items)
    return replace(usual, per_unit=max(MASKS_PER_UNIT, (usual.per_unit or 0) // 2))


def sensitivity(
    respondents: Sequence[Respondent],
    explanation: Explanation,
    items: Items,
    resampling: Resampling,
    *,
    gold: NDArray[np.int64] | None,
    moved: Sequence[NDArray[np.float64]],
) -> dict[str, Finding]:
    """By model, a finding with its alignment asked in another way, beside that on the same items; {} if none is."""
    settings = explanation.settings
    usual, untrained = other_way(settings, items), set[int]()
    numbers_by_way: dict[ExplainSettings, list[int]] = {}
    for number, candidate in enumerate(respondents[1:], 1):
        way = way_not_trained_on(settings, items, respondents[0], candidate)
        if way is not None:
            untrained.add(number)
        if (way := way or usual) is not None:
            numbers_by_way.setdefault(way, []).append(number)
    findings = {}
    for way, numbers in numbers_by_way.items():
        draws = [_some(explanation, items, moved[number - 1], seed=resampling.seed) for number in numbers]
        positions = [explanation.positions[draw.at] for draw in draws]
        asked = [respondents[0], *(respondents[number] for number in numbers)]
        only = np.unique(np.concatenate(positions)).tolist()
        again = explain(asked, items, way, gold=gold, seed=resampling.seed, only=only)
        for i, (number, draw, at) in enumerate(zip(numbers, draws, positions, strict=True), 1):
            here = _alignment(explanation, number, items, resampling, draw)
            there = _alignment(again, i, items, resampling, Draw(np.searchsorted(again.positions, at), draw.weights))
            name, said = respondents[number].name, _not_trained_on if number in untrained else _in_another_way
            if (finding := said(name, here, there, settings, way, len(at))) is not None:
                findings[name] = finding
    return findings


def _some(explanation: Explanation, items: Items, moved: NDArray[np.float64], *, seed: int) -> Draw:
    """The part of a candidate's explained items that is asked about in another way, too."""
    settings = explanation.settings
    by_change = moved if settings.drawn_by_change else None
    draw = drawn(explanation.positions, items, by_change, settings.items, seed=seed)
    keys = random_keys([items.ids[i] for i in explanation.positions[draw.at]], seed=seed)
    some = np.array(sorted(sorted(range(len(keys)), key=keys.__getitem__)[:ITEMS]), dtype=np.int64)
    return Draw(draw.at[some], None if draw.weights is None else draw.weights[some])


def _alignment(
    explanation: Explanation, number: int, items: Items, resampling: Resampling, draw: Draw
) -> Estimate | None:
    explained = paired(explanation, number, items, resampling, draw)
    return pooled(next(one for one in explained if one.method == "shapley"))


def _in_another_way(
    name: str,
    here: Estimate | None,
    there: Estimate | None,
    settings: ExplainSettings,
    way: ExplainSettings,
    n: int,
) -> Finding | None:
    """The finding with both alignments of the same items; None if one of them was not measured."""
    if here is None or there is None:
        return None
    message = (
        f"asked in another way ({_words(way)} in place of {_words(settings)}), its alignment (Shapley) is "
        f"{there}; on the same {n} items it is {here}; only the latter way is judged"
    )
    return Finding(name, "asked in another way", message, there.value)


def _not_trained_on(
    name: str,
    here: Estimate | None,
    there: Estimate | None,
    settings: ExplainSettings,
    way: ExplainSettings,
    n: int,
) -> Finding:
    """The same where the other way is one on which the candidate was not trained; or that it was not measured."""
    units = plural(unit_named(settings.units))
    new, old = (left_out(units, one.perturb) for one in (way, settings))
    if here is None or there is None:
        message = (
            f"its alignment with {new}, on which it was not trained, is not measured: on {n} items, a model's "
            "attributions are mostly noise"
        )
        return Finding(name, KIND, message, float(n))
    message = (
        f"its alignment (Shapley) is {there} with {new}, on which it was not trained, and {here} with {old}, as in its "
        f"training, on the same {n} items; only the latter way is judged"
    )
    return Finding(name, KIND, message, there.value)


def _words(settings: ExplainSettings) -> str:
    """Units and what stands in for them, in words."""
    names = str(settings.units).replace("-", " ")
    return names if settings.perturb == REMOVE else f"{unit_named(settings.units)}s replaced by {settings.perturb}"
