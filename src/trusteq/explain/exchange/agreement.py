"""Agreement of two sets of attributions from other tools.

An audit makes both explanations itself; here it is unknown whether both models saw the same masks, and how much of a
disagreement is the explainer's noise. So agreement is measured as it is and compared with chance. The noise can be
removed only with a second, independent estimate of each model's attributions.
"""

from __future__ import annotations

import operator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from trusteq.comparing.agreement_scores import SCORES
from trusteq.comparing.alignment import Explained, K, noise_free, published_scores, top_sets
from trusteq.comparing.top_k import boundary_tie, chance_jaccard
from trusteq.errors import DataError, LabelError, OptionError
from trusteq.explain.attributions import Attributions
from trusteq.explain.exchange.reading import read_attributions
from trusteq.stats.limits import within_limits
from trusteq.stats.resampling import RESAMPLES, Resampling

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.explain.exchange.attribution_set import AttributionSet
    from trusteq.stats.estimate import Estimate

ELSEWHERE = "attributions from elsewhere: masks not known to be shared, noise unknown"
ESTIMATED_TWICE = "attributions from elsewhere, estimated twice: the two taken as independent halves"
_OF_HALVES = ("jaccard_halves", "jaccard_ceiling_reference", "jaccard_ceiling_candidate", "jaccard_adjusted")


def compare_attributions(
    reference: object,
    candidate: object,
    *,
    reference_again: object | None = None,
    candidate_again: object | None = None,
    k: int = K,
    clusters: Sequence[str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Estimate]:
    """Every agreement score of two models' attributions of the same items, with its interval over items.

    Both are results of `trusteq.read_attributions`, or anything that it reads without further arguments. ``..._again``
    are second estimates with other seeds: with both, agreement is also measured without the explainers' noise
    (``alignment``; left out if the estimates are mostly noise). ``clusters`` says which items belong together. If
    explanations have only the top units, scores that need all units are left out.
    """
    k = _count(k)
    resamples, seed = within_limits("resamples", resamples), within_limits("seed", seed)
    if (reference_again is None) != (candidate_again is None):
        present, missing = ("reference", "candidate") if candidate_again is None else ("candidate", "reference")
        raise OptionError(f"{present}_again without {missing}_again; give a second estimate of both, or of neither")
    a = read_attributions(reference)
    b = _matched(a, read_attributions(candidate), "candidate")
    if len(a) < 2:
        raise DataError(f"{a.source}: {len(a)} item, too few for an interval; explain more items")
    resampling = Resampling(len(a), clusters=_clusters(clusters, a), resamples=resamples, seed=seed)
    cut_off = [s for s in (a, b) if s.cut_off.any()]
    for attributions in cut_off:
        _refuse_too_short(attributions, k)
    second = None if reference_again is None else _second_estimates(a, b, reference_again, candidate_again)
    explained = _explained(a, b, None, None, k, resampling)
    scores = {
        name: estimate
        for name, estimate in {**_top(explained), **published_scores(explained)}.items()
        if estimate is not None and not (cut_off and name in SCORES and not SCORES[name].uses_k)
    }
    note = f"{ELSEWHERE}{_unchecked(a, b)}"
    estimates = {name: replace(e, method=f"{note}; {e.method}") for name, e in scores.items()}
    if second is None:
        return estimates
    halves = _explained(a, b, *second, k, resampling)
    # Items of equal weight would need the spread of the models' values, which is unknown.
    noise_removed = {name: e for name, e in noise_free(halves).items() if name != "alignment_per_item"}
    tops = top_sets(halves)
    noise_removed |= {name: tops[name] for name in _OF_HALVES if name in tops}
    note = f"{ESTIMATED_TWICE}{_unchecked(a, b)}"
    return estimates | {n: replace(e, method=f"{note}; {e.method}") for n, e in noise_removed.items() if e is not None}


def _second_estimates(a: AttributionSet, b: AttributionSet, *sources: object) -> tuple[AttributionSet, AttributionSet]:
    """The second estimates of the reference and the candidate; an error if they cannot be independent."""
    names = ("reference", "candidate")
    second_a, second_b = (
        _matched(a, read_attributions(source), f"{name}_again") for source, name in zip(sources, names, strict=True)
    )
    for name, first, second in zip(names, (a, b), (second_a, second_b), strict=True):
        if first.cut_off.any() or second.cut_off.any():
            raise OptionError(f"{name}: explanations have only the top units; removing noise needs all units")
        if np.array_equal(first.values, second.values):
            raise OptionError(
                f"{name}_again is the same as {name}, not an independent estimate; explain with another seed, or omit "
                "the second estimates if the explainer has no noise"
            )
    return second_a, second_b


def _explained(
    a: AttributionSet,
    b: AttributionSet,
    second_a: AttributionSet | None,
    second_b: AttributionSet | None,
    k: int,
    resampling: Resampling,
) -> Explained:
    """Both models' attributions in the form for measures of alignment; halves are real only if estimated twice."""
    inside = np.arange(a.values.shape[1]) < a.lengths[:, None]

    def halves(estimate: AttributionSet, other: AttributionSet | None) -> Attributions:
        first, second = (
            np.where(inside, s.values - s.values.sum(axis=1, keepdims=True) / a.lengths[:, None], 0.0)
            for s in (estimate, other or estimate)
        )
        return Attributions(estimate.values, np.zeros_like(estimate.values), first, second)

    spread = np.ones(len(a))
    return Explained("given", halves(a, second_a), halves(b, second_b), a.lengths, spread, spread, resampling, k)


def _top(explained: Explained) -> dict[str, Estimate | None]:
    """Jaccard of the top sets, its chance level, and the shares of items where it means little."""
    a, b, lengths, k = explained.reference.whole, explained.candidate.whole, explained.lengths, explained.k
    r = explained.resampling
    tied = (boundary_tie(a, lengths, k) | boundary_tie(b, lengths, k)).any(axis=1)
    short = f"share of items with {k} units or fewer, which say nothing of a top {k}"
    return {
        "jaccard": r.mean(SCORES["jaccard"].of(a, b, lengths, k), what=f"Jaccard of the top {k}"),
        "jaccard_chance": r.mean(chance_jaccard(lengths, k), what=f"Jaccard of two random sets of {k}, exact"),
        "short_items": r.share(lengths <= k, what=short),
        "tied_items": r.share(
            np.asarray(tied), what=f"share of items where a tie in either model decides who is in the top {k}"
        ),
    }


def _matched(a: AttributionSet, b: AttributionSet, name: str) -> AttributionSet:
    """``b`` in the order of ``a``; an error unless it has the same items, units, labels and scale."""
    if len(a) != len(b):
        raise DataError(f"the reference has {len(a)} items, {name} {len(b)}; both must explain the same items")
    if a.ids is not None and b.ids is not None and a.ids != b.ids:
        position = {id_: i for i, id_ in enumerate(b.ids)}
        for id_ in a.ids:
            if id_ not in position:
                raise DataError(f"item {id_!r} of the reference is not in {name}; both must explain the same items")
        b = b.take([position[id_] for id_ in a.ids])
    for i, (units_a, units_b) in enumerate(zip(a.units, b.units, strict=True)):
        if units_a != units_b:
            raise DataError(
                f"{a.item(i)}: {_difference(units_a, units_b, name)}; explain both models with the same units"
            )
    if a.labels is not None and b.labels is not None:
        for i, (label_a, label_b) in enumerate(zip(a.labels, b.labels, strict=True)):
            if label_a != label_b:
                raise LabelError(
                    f"{a.item(i)}: the reference is explained for the label {label_a!r}, {name} for {label_b!r}; "
                    "explain both for the same label"
                )
    if a.scale is not None and b.scale is not None and a.scale != b.scale:
        raise DataError(
            f"the reference is explained on the scale {a.scale!r}, {name} on {b.scale!r}; use the same scale for both"
        )
    return b


def _difference(a: tuple[str, ...], b: tuple[str, ...], name: str) -> str:
    pairs = list(zip(a, b, strict=False))
    unit = next((i for i, (unit_a, unit_b) in enumerate(pairs) if unit_a != unit_b), len(pairs))
    unit_a, unit_b = (repr(units[unit]) if unit < len(units) else "missing" for units in (a, b))
    counts = "" if len(a) == len(b) else f"{len(a)} units in the reference, {len(b)} in {name}; "
    return f"{counts}unit {unit + 1} is {unit_a} in the reference, {unit_b} in {name}"


def _refuse_too_short(attributions: AttributionSet, k: int) -> None:
    """Raise an error if an explanation has fewer than the top k units."""
    short = np.flatnonzero(attributions.weighed < np.minimum(attributions.lengths, k))
    if len(short):
        i = int(short[0])
        raise OptionError(
            f"{attributions.source}: {attributions.item(i)}: {attributions.weighed[i]} of {attributions.lengths[i]} "
            f"units have a weight, too few for a top {k}; explain with more (lime: num_features="
            f"{attributions.lengths.max()}) or compare with a smaller k"
        )


def _unchecked(a: AttributionSet, b: AttributionSet) -> str:
    """What could not be checked because it was not stated."""
    unchecked = [
        name
        for name, stated in (
            ("explained label", a.labels is not None and b.labels is not None),
            ("scale", a.scale is not None and b.scale is not None),
        )
        if not stated
    ]
    return f", {' and '.join(unchecked)} not checked" if unchecked else ""


def _clusters(clusters: Sequence[str] | None, a: AttributionSet) -> Sequence[str] | None:
    if clusters is None:
        return None
    if len(clusters) != len(a):
        raise OptionError(f"clusters has {len(clusters)} values for {len(a)} items; give one per item")
    if len(set(clusters)) < 2:
        raise DataError("all items are in one cluster, so there is no interval; use items of several clusters")
    return clusters


def _count(k: object) -> int:
    try:
        count = 0 if isinstance(k, bool) else operator.index(k)  # type: ignore[arg-type]
    except TypeError:
        count = 0
    if count < 1:
        raise OptionError(f"k must be a whole number of at least 1, found {k!r}")
    return count
