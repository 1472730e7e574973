"""The audit's explanations: how much to explain, every candidate beside the reference, and when enough is known."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from trusteq.compare.alignment import Explained, against_peer, alignment, pooled, products
from trusteq.compare.measures import METHODS
from trusteq.compare.transfer import transfer
from trusteq.compare.words import WordLeans, word_leans
from trusteq.errors import OptionError
from trusteq.explain.explanation import ExplainSettings, Explanation, explain, with_units
from trusteq.explain.looks import stretches
from trusteq.explain.removal import removal
from trusteq.explain.table import explainable
from trusteq.explain.units import default_units, have_units, refuse_unfit
from trusteq.stats.coded import coded
from trusteq.stats.confidence_sequence import FIRST_LOOK, obrien_fleming, sequence_of_ratio
from trusteq.stats.equivalence import Outcome, against
from trusteq.stats.resampling import Resampling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.explain.respondent import Respondent
    from trusteq.models.base import Model
    from trusteq.policy import Policy, Rule
    from trusteq.stats.estimate import Estimate


@dataclass(frozen=True)
class Aligned:
    """One candidate's attributions beside the reference's by every method, over the items at these positions."""

    positions: NDArray[np.int64]
    clusters: Sequence[str] | None
    explained: tuple[Explained, ...]
    measures: dict[str, Estimate]
    words: WordLeans


def explain_settings(
    asked: ExplainSettings | bool | None, models: Sequence[Model], items: Items
) -> ExplainSettings | None:
    """How to explain; None where it is not wanted, or not asked for and not possible."""
    if not isinstance(asked, ExplainSettings | bool | None):
        raise OptionError(
            f"explain must be True, False or ExplainSettings, found {asked!r}; for a number of items say "
            "trusteq.ExplainSettings(items=...)"
        )
    if isinstance(asked, ExplainSettings) or asked is True:
        for model in models:
            if not explainable(model):
                raise OptionError(
                    f"model {model.name} ({model.identity.kind}) cannot be asked about perturbed texts, so nothing can "
                    "be explained; leave explanations out (--no-explain)"
                )
        settings = asked if isinstance(asked, ExplainSettings) else ExplainSettings()
        units = default_units(items) if settings.units is None else settings.units
        refuse_unfit(units, settings.perturb, items)
        if isinstance(asked, ExplainSettings) and asked.target == "gold" and items.labels is None:
            raise OptionError("explain target gold: the items have no label; name its column (--label)")
        return replace(settings, units=units)
    if asked is False or not have_units(items) or not all(map(explainable, models)):
        return None
    return ExplainSettings(units=default_units(items))


def explain_enough(
    asked: Sequence[Respondent],
    items: Items,
    settings: ExplainSettings,
    *,
    gold: NDArray[np.int64] | None,
    rules: Policy,
    candidates: int,
    whole: Resampling,
) -> Explanation:
    """Explanations of the chosen items; with settings until "decided" only of as many as decide the policy's rules.

    Items come in random order then. The rules on alignment are looked at after `FIRST_LOOK` items (or clusters), or as
    many as the policy asks for, and after `looks.GROWTH` times as many each time, on intervals that hold at every look.
    Likeness must be seen at two looks in a row: a few items may hold all the difference, and not be among the first.
    """

    def some(at: Sequence[int]) -> Explanation:
        return explain(asked, items, settings, gold=gold, seed=whole.seed, only=at)

    order, wordless = with_units(items, settings, seed=whole.seed)
    if settings.until != "decided":
        made = some(order)
        return replace(made, wordless=tuple(wordless))
    margins = rules.rules.get("explanation", {})
    so_far: Explanation | None = None
    before: list[Outcome] = []
    for stretch in stretches(order, items, rules.min_items):
        part = some(stretch)
        joined = part if so_far is None else so_far.joined(part)
        so_far = made = replace(joined, seen=len(joined.positions) / len(order))
        at_hand = _clusters(items, made.positions)
        said = [sequences(one, seen=made.seen, clusters=at_hand) for one in beside(made, items, whole)[:candidates]]
        wanted = decided_by(rules)
        places = [place(estimates.get(name), margins[name]) for estimates in said for name in wanted]
        if settled(before, places):
            break
        before = places
    return replace(made, wordless=tuple(wordless))


def decided_by(rules: Policy) -> list[str]:
    """The measures whose verdict is what "decided" waits for."""
    return [f"alignment_{m}" for m in METHODS if f"alignment_{m}" in rules.rules.get("explanation", {})]


def place(estimate: Estimate | None, rule: Rule) -> Outcome:
    """Where alignment lies; across, where it has no interval yet: too few items or too little signal."""
    return "across" if estimate is None else against(estimate, rule.at_least, rule.at_most)


def settled(before: Sequence[Outcome], now: Sequence[Outcome]) -> bool:
    """Whether all places at this look are known well enough to stop, those at the look before being as they were."""
    known = before or ["across"] * len(now)
    return all(new == "outside" or new == old == "inside" for old, new in zip(known, now, strict=True))


def sequences(explained: Sequence[Explained], *, seen: float, clusters: Sequence[str] | None) -> dict[str, Estimate]:
    """Alignment by every method with an interval that holds whenever one stops looking.

    Nor is it narrower than that for a number of items fixed beforehand, which knows of few items that hold all the
    difference, at O'Brien and Fleming's level where only a share of the items to explain was ``seen``: so stopping
    early is not more often wrong. None of a method where that has none, or too few items (or clusters); that alone
    where it has no error.
    """
    made = {}
    for one in explained:
        level = one.resampling.level
        # No resampling knows of what comes less than once in all of its resamples.
        strict = min(obrien_fleming(level, seen), max(level, 1 - 1 / one.resampling.resamples))
        plain = pooled(replace(one, resampling=one.resampling.at(strict)))
        sums = np.stack(products(one))
        if clusters is not None:
            own = coded(clusters)[1]
            sums = np.stack([np.bincount(own, weights=x) for x in sums])
        if plain is None or sums.shape[1] < FIRST_LOOK:
            continue
        what = f"cosine of {one.method} attributions, noise taken out by independent halves"
        (estimate,) = sequence_of_ratio(*sums, looks=[sums.shape[1]], level=level, what=what)
        floor = f"bootstrap-t, {one.resampling.resamples:,} resamples of {one.resampling.what}"
        floor += f" at {strict:.2%}" if strict > level else ""
        outer = replace(
            estimate,
            low=max(min(estimate.low, plain.low), -1.0),
            high=min(max(estimate.high, plain.high), 1.0),
            n=plain.n,
            method=f"{estimate.method}; no narrower than {floor}",
        )
        made[f"alignment_{one.method}"] = replace(plain, level=level) if plain.low == plain.high else outer
    return made


def among(whole: Resampling, items: Items, at: NDArray[np.int64]) -> Resampling:
    """Resamples of the items at these positions."""
    return Resampling(
        len(at), clusters=_clusters(items, at), resamples=whole.resamples, seed=whole.seed, level=whole.level
    )


def _clusters(items: Items, at: NDArray[np.int64]) -> list[str] | None:
    """Of the items at these positions."""
    return None if items.clusters is None else [items.clusters[i] for i in at]


def beside(explanation: Explanation, items: Items, whole: Resampling) -> list[tuple[Explained, ...]]:
    """Each model's attributions but the reference's, beside the reference's, by every method."""
    resampling = among(whole, items, explanation.positions)
    spread, lengths, found = explanation.spread(), explanation.lengths, explanation.attributions()
    return [
        tuple(
            Explained(method, a[0], a[i], lengths, spread[0], spread[i], resampling, explanation.settings.k)
            for method, a in found.items()
        )
        for i in range(1, len(spread))
    ]


def align(
    explanation: Explanation, items: Items, whole: Resampling, *, has_peer: bool, lowers: bool = True
) -> list[Aligned]:
    """What explanations say of each candidate and last of the peer, where there is one.

    ``lowers``: whether candidates are held to what the peer reaches.
    """
    at = explanation.positions
    clusters = _clusters(items, at)
    found = beside(explanation, items, whole)
    by_model = [next(e for e in found[0] if e.method == "shapley").reference]
    by_model += [next(e for e in one if e.method == "shapley").candidate for one in found]
    removed = removal(explanation)
    resampling, lengths = found[0][0].resampling, explanation.lengths
    peer = found[-1] if has_peer else ()
    words = [units.names for units in explanation.units]
    made = []
    for i, ours in enumerate(found, 1):
        measures = {name: e for one in ours for name, e in alignment(one).items()}
        for one, other in zip(ours, peer if ours is not peer else (), strict=False):
            measures |= against_peer(one, other, lowers=lowers)
        measures |= transfer(removed, i, resampling)
        if explanation.settings.until == "decided":
            measures |= sequences(ours, seen=explanation.seen, clusters=clusters)
        a, b = by_model[0], by_model[i]
        leans = word_leans(
            words, lengths, (a.first, a.second), (b.first, b.second), clusters=clusters, level=whole.level
        )
        made.append(Aligned(at, clusters, ours, measures, leans))
    return made
