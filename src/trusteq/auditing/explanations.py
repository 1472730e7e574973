"""The audit's explanations: how much to explain, each candidate compared with the reference, and when to stop."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from trusteq.comparing.alignment import Explained, against_peer, alignment, pooled, products
from trusteq.comparing.faithful import faithful
from trusteq.comparing.measures import METHODS
from trusteq.comparing.transfer import transfer
from trusteq.comparing.words import WordLeans, word_leans
from trusteq.errors import OptionError
from trusteq.explain.draw import Draw, drawn
from trusteq.explain.explanation import ExplainSettings, Explanation, explain, with_units
from trusteq.explain.faithfulness import faithfulness
from trusteq.explain.interim_looks import between_looks
from trusteq.explain.removal import removal
from trusteq.explain.units import default_units, default_units_of_prompts, have_units, replacement, usual
from trusteq.explain.value_tables import explainable
from trusteq.models.traits import task_of
from trusteq.stats.coded import coded
from trusteq.stats.confidence_sequence import FIRST_LOOK, obrien_fleming, sequence_of_ratio
from trusteq.stats.equivalence import Outcome, against
from trusteq.stats.resampling import Resampling
from trusteq.tasks.choices import Choices
from trusteq.verdict import fewest_explained

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
    """One candidate's attributions compared with the reference's by every method, over the items at these positions."""

    positions: NDArray[np.int64]
    clusters: Sequence[str] | None
    explained: tuple[Explained, ...]
    measures: dict[str, Estimate]
    words: WordLeans


def explain_settings(
    explain: ExplainSettings | bool | None, models: Sequence[Model], items: Items
) -> ExplainSettings | None:
    """How to explain; None if that is not wanted, or neither requested nor possible."""
    if not isinstance(explain, ExplainSettings | bool | None):
        raise OptionError(
            f"explain must be True, False or ExplainSettings, found {explain!r}; for a number of items use "
            "trusteq.ExplainSettings(items=...)"
        )
    if isinstance(explain, ExplainSettings) or explain is True:
        for model in models:
            if not explainable(model):
                raise OptionError(
                    f"model {model.name} ({model.identity.kind}) cannot run on changed texts, so it cannot be "
                    "explained; skip explanations (--no-explain)"
                )
        settings = explain if isinstance(explain, ExplainSettings) else ExplainSettings()
        units = _default_units(models, items) if settings.units is None else settings.units
        settings = replace(settings, perturb=replacement(units, settings.perturb, items))
        if isinstance(explain, ExplainSettings) and explain.target == "gold" and items.labels is None:
            raise OptionError("explain target gold: the items have no label; name its column (--label)")
        return with_usual(replace(settings, units=units, scale=settings.scale or task_of(models[0]).scale), items)
    if explain is False or not have_units(items) or not all(map(explainable, models)):
        return None
    units, scale = _default_units(models, items), task_of(models[0]).scale
    return with_usual(ExplainSettings(units=units, scale=scale), items)


def with_usual(settings: ExplainSettings, items: Items) -> ExplainSettings:
    """The settings with what is usual for their units where nothing was chosen."""
    about = usual(str(settings.units), items)
    return replace(
        settings,
        k=settings.k or about.top,
        per_unit=settings.per_unit or about.per_unit,
        background=about.background,
    )


def _default_units(models: Sequence[Model], items: Items) -> str:
    """The units by default: long prompts make every changed version dear, so their words are not all units."""
    return default_units_of_prompts(items) if task_of(models[0]).name == Choices.name else default_units(items)


def explain_until_decided(
    respondents: Sequence[Respondent],
    items: Items,
    settings: ExplainSettings,
    *,
    gold: NDArray[np.int64] | None,
    rules: Policy,
    candidates: int,
    resampling: Resampling,
    moved: Sequence[NDArray[np.float64]] = (),
) -> Explanation:
    """Explanations of the chosen items; with settings until "decided", only of as many as decide the policy's rules.

    Items then come in random order. The rules on alignment are checked after `FIRST_LOOK` items (or clusters), or as
    many as the policy requires, and then after `interim_looks.GROWTH` times as many each time, on intervals that are
    valid at every look. Equivalence must be seen at two looks in a row: a few items may make up the whole difference,
    and not be among the first. moved: how far each model but the reference moves each item's prediction.
    """

    def explain_part(positions: Sequence[int]) -> Explanation:
        return explain(respondents, items, settings, gold=gold, seed=resampling.seed, only=positions)

    order, wordless = with_units(items, settings, seed=resampling.seed, moved=moved)
    if settings.until != "decided":
        return replace(explain_part(order), wordless=tuple(wordless))
    margins = rules.rules.get("explanation", {})
    earlier: Explanation | None = None
    earlier_places: list[Outcome] = []
    for stretch in between_looks(order, items, fewest_explained(rules)):
        part = explain_part(stretch)
        joined = part if earlier is None else earlier.joined(part)
        explanation = replace(joined, seen=len(joined.positions) / len(order))
        clusters = _clusters(items, explanation.positions)
        by_candidate = [
            sequences(explained, seen=explanation.seen, clusters=clusters)
            for explained in (paired(explanation, i, items, resampling) for i in range(1, candidates + 1))
        ]
        places = [
            place_of(estimates.get(name), margins[name])
            for estimates in by_candidate
            for name in deciding_measures(rules)
        ]
        if settled(earlier_places, places):
            break
        earlier, earlier_places = explanation, places
    return replace(explanation, wordless=tuple(wordless))


def deciding_measures(rules: Policy) -> list[str]:
    """The measures whose verdicts "decided" waits for."""
    return [f"alignment_{m}" for m in METHODS if f"alignment_{m}" in rules.rules.get("explanation", {})]


def place_of(estimate: Estimate | None, rule: Rule) -> Outcome:
    """Where alignment lies; across the margin if it has no interval yet, for lack of items or signal."""
    return "across" if estimate is None else against(estimate, rule.at_least, rule.at_most)


def settled(before: Sequence[Outcome], now: Sequence[Outcome]) -> bool:
    """Whether all places at this look are certain enough to stop, given those at the look before."""
    earlier = before or ["across"] * len(now)
    return all(new == "outside" or new == old == "inside" for old, new in zip(earlier, now, strict=True))


def sequences(explained: Sequence[Explained], *, seen: float, clusters: Sequence[str] | None) -> dict[str, Estimate]:
    """Alignment by every method, with an interval that is valid whenever one stops looking.

    It is also no narrower than the interval for a number of items fixed beforehand, which allows for a few items that
    make up the whole difference; that one is at O'Brien and Fleming's level if only a share of the items to explain was
    ``seen``. So stopping early is wrong no more often. A method that has no such interval, or too few items (or
    clusters), is left out; one without any error keeps that interval alone.
    """
    estimates = {}
    for one in explained:
        level = one.resampling.level
        # Resampling misses whatever occurs less than once in all resamples.
        strict = min(obrien_fleming(level, seen), max(level, 1 - 1 / one.resampling.resamples))
        fixed = pooled(replace(one, resampling=one.resampling.at(strict)))
        sums = np.stack(products(one))
        if clusters is not None:
            codes = coded(clusters)[1]
            sums = np.stack([np.bincount(codes, weights=x) for x in sums])
        if fixed is None or sums.shape[1] < FIRST_LOOK:
            continue
        description = f"cosine of {one.method} attributions, noise taken out by independent halves"
        (estimate,) = sequence_of_ratio(*sums, looks=[sums.shape[1]], level=level, what=description)
        floor = f"bootstrap-t, {one.resampling.resamples:,} resamples of {one.resampling.what}"
        floor += f" at {strict:.2%}" if strict > level else ""
        wider = replace(
            estimate,
            low=max(min(estimate.low, fixed.low), -1.0),
            high=min(max(estimate.high, fixed.high), 1.0),
            n=fixed.n,
            method=f"{estimate.method}; no narrower than {floor}",
        )
        estimates[f"alignment_{one.method}"] = replace(fixed, level=level) if fixed.low == fixed.high else wider
    return estimates


def resampling_at(
    positions: NDArray[np.int64], resampling: Resampling, items: Items, weights: NDArray[np.float64] | None = None
) -> Resampling:
    """Resamples of the items at these positions, drawn like those of all items."""
    return Resampling(
        len(positions),
        clusters=_clusters(items, positions),
        weights=weights,
        resamples=resampling.resamples,
        seed=resampling.seed,
        level=resampling.level,
    )


def _clusters(items: Items, positions: NDArray[np.int64]) -> list[str] | None:
    """The clusters of the items at these positions."""
    return None if items.clusters is None else [items.clusters[i] for i in positions]


def paired(
    explanation: Explanation, model: int, items: Items, resampling: Resampling, draw: Draw | None = None
) -> tuple[Explained, ...]:
    """The attributions of this model, counted from the reference, paired with the reference's, by every method.

    draw: the part of the explained items that counts, by default all of them.
    """
    draw = draw or Draw(np.arange(len(explanation.positions)))
    sample = resampling_at(explanation.positions[draw.at], resampling, items, draw.weights)
    spread, of_products = explanation.spread(), explanation.products()
    return tuple(
        Explained(
            method,
            models[0].take(draw.at),
            models[model].take(draw.at),
            explanation.lengths[draw.at],
            spread[0, draw.at],
            spread[model, draw.at],
            sample,
            explanation.settings.top,
            tuple(of_products[method][draw.at, i, j] for i, j in ((0, model), (0, 0), (model, model))),
        )
        for method, models in explanation.attributions().items()
    )


def align(
    explanation: Explanation,
    items: Items,
    resampling: Resampling,
    *,
    has_peer: bool,
    moved: Sequence[NDArray[np.float64]],
    lowers: bool = True,
) -> list[Aligned]:
    """How each candidate's explanations compare with the reference's; the peer comes last, if there is one.

    moved: how far each of them moves each item's prediction [items]. ``lowers``: whether candidates are judged against
    what the peer reaches.
    """
    settings = explanation.settings
    removed, values = removal(explanation), explanation.values()
    faithfulness_by = {method: faithfulness(explanation.plans, values, method) for method in METHODS}
    result = []
    for i, by_item in enumerate(moved, 1):
        by_change = by_item if settings.drawn_by_change else None
        draw = drawn(explanation.positions, items, by_change, settings.items, seed=resampling.seed)
        positions = explanation.positions[draw.at]
        clusters = _clusters(items, positions)
        explained = paired(explanation, i, items, resampling, draw)
        is_peer = has_peer and i == len(moved)
        peer = paired(explanation, len(moved), items, resampling, draw) if has_peer and not is_peer else ()
        sample = explained[0].resampling
        measures = {name: e for one in explained for name, e in alignment(one).items()}
        for one, of_peer in zip(explained, peer, strict=False):
            measures |= against_peer(one, of_peer, lowers=lowers)
        for method, (predicted, total) in faithfulness_by.items():
            measures |= faithful(predicted[:, draw.at], total[:, draw.at], i, method, sample)
        measures |= transfer(removed.take(draw.at), i, sample)
        if settings.until == "decided":
            measures |= sequences(explained, seen=explanation.seen, clusters=clusters)
        shapley = next(one for one in explained if one.method == "shapley")
        a, b = shapley.reference, shapley.candidate
        leans = word_leans(
            [explanation.units[at].names for at in draw.at],
            shapley.lengths,
            (a.first, a.second),
            (b.first, b.second),
            clusters=clusters,
            level=resampling.level,
        )
        result.append(Aligned(positions, clusters, explained, measures, leans))
    return result
