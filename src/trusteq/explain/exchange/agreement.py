"""How far two sets of attributions agree that were made elsewhere.

All that an audit knows because it made both explanations itself is unknown here: whether both models saw the same
masks, and how much of a disagreement is the explainer's noise. So agreement is measured as it stands, beside chance.
Only with a second, independent estimate of each model's attributions can the noise be taken out.
"""

from __future__ import annotations

import operator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from trusteq.compare.agreement_scores import SCORES
from trusteq.compare.alignment import Explained, K, noise_free, published_scores, top_sets
from trusteq.compare.top_k import boundary_tie, chance_jaccard
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

    Both are what `trusteq.read_attributions` returns, or anything it reads without being told more. ``..._again`` are
    second estimates, made with other seeds: with both, agreement is also measured free of the explainers' noise
    (``alignment``; left out where the estimates are mostly noise). ``clusters`` are items that belong together. Where
    explanations tell only the top units, scores that need all are left out.
    """
    k = _count(k)
    resamples, seed = within_limits("resamples", resamples), within_limits("seed", seed)
    if (reference_again is None) != (candidate_again is None):
        given, missing = ("reference", "candidate") if candidate_again is None else ("candidate", "reference")
        raise OptionError(f"{given}_again without {missing}_again; give a second estimate of both, or of neither")
    a = read_attributions(reference)
    b = _matched(a, read_attributions(candidate), "candidate")
    if len(a) < 2:
        raise DataError(f"{a.source}: {len(a)} item; nothing can be said of others like it: explain more items")
    resampling = Resampling(len(a), clusters=_clusters(clusters, a), resamples=resamples, seed=seed)
    cut_off = [s for s in (a, b) if s.cut_off.any()]
    for one in cut_off:
        _long_enough(one, k)
    again = None if reference_again is None else _again(a, b, reference_again, candidate_again)
    explained = _explained(a, b, None, None, k, resampling)
    found = {
        name: estimate
        for name, estimate in {**_top(explained), **published_scores(explained)}.items()
        if estimate is not None and not (cut_off and name in SCORES and not SCORES[name].uses_k)
    }
    note = f"{ELSEWHERE}{_unsaid(a, b)}"
    estimates = {name: replace(e, method=f"{note}; {e.method}") for name, e in found.items()}
    if again is None:
        return estimates
    halves = _explained(a, b, *again, k, resampling)
    # Items of equal weight would need the spread of the models' values, which attributions do not tell.
    free = {name: e for name, e in noise_free(halves).items() if name != "alignment_per_item"}
    tops = top_sets(halves)
    free |= {name: tops[name] for name in _OF_HALVES if name in tops}
    note = f"{ESTIMATED_TWICE}{_unsaid(a, b)}"
    return estimates | {n: replace(e, method=f"{note}; {e.method}") for n, e in free.items() if e is not None}


def _again(a: AttributionSet, b: AttributionSet, *given: object) -> tuple[AttributionSet, AttributionSet]:
    """The second estimates of the reference and the candidate, or an error where they could not be independent."""
    names = ("reference", "candidate")
    second_a, second_b = (
        _matched(a, read_attributions(one), f"{name}_again") for one, name in zip(given, names, strict=True)
    )
    for name, first, second in zip(names, (a, b), (second_a, second_b), strict=True):
        if first.cut_off.any() or second.cut_off.any():
            raise OptionError(f"{name}: explanations of the top units only; the noise can be taken out of whole ones")
        if np.array_equal(first.values, second.values):
            raise OptionError(
                f"{name}_again is the same as {name}, not an independent estimate; explain with another seed, or leave "
                "the second estimates out where the explainer has no noise"
            )
    return second_a, second_b


def _explained(
    a: AttributionSet,
    b: AttributionSet,
    again_a: AttributionSet | None,
    again_b: AttributionSet | None,
    k: int,
    resampling: Resampling,
) -> Explained:
    """Both models' attributions as the measures of alignment take them; halves are only there if estimated twice."""
    inside = np.arange(a.values.shape[1]) < a.lengths[:, None]

    def halves(one: AttributionSet, again: AttributionSet | None) -> Attributions:
        first, second = (
            np.where(inside, s.values - s.values.sum(axis=1, keepdims=True) / a.lengths[:, None], 0.0)
            for s in (one, again or one)
        )
        return Attributions(one.values, np.zeros_like(one.values), first, second)

    same = np.ones(len(a))
    return Explained("given", halves(a, again_a), halves(b, again_b), a.lengths, same, same, resampling, k)


def _top(explained: Explained) -> dict[str, Estimate | None]:
    """Jaccard of the top sets beside chance, and how much of it says nothing."""
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
    """``b`` in the order of ``a``; an error where it is not of the same items, units, labels and scale."""
    if len(a) != len(b):
        raise DataError(f"the reference has {len(a)} items, {name} {len(b)}; both must explain the same items")
    if a.ids is not None and b.ids is not None and a.ids != b.ids:
        place = {id_: i for i, id_ in enumerate(b.ids)}
        for id_ in a.ids:
            if id_ not in place:
                raise DataError(f"item {id_!r} of the reference is not in {name}; both must explain the same items")
        b = b.take([place[id_] for id_ in a.ids])
    for i, (ours, theirs) in enumerate(zip(a.units, b.units, strict=True)):
        if ours != theirs:
            raise DataError(f"{a.item(i)}: {_difference(ours, theirs, name)}; explain both models by the same units")
    if a.labels is not None and b.labels is not None:
        for i, (one, other) in enumerate(zip(a.labels, b.labels, strict=True)):
            if one != other:
                raise LabelError(
                    f"{a.item(i)}: the reference is explained for the label {one!r}, {name} for {other!r}; "
                    "explain both for the same label"
                )
    if a.scale is not None and b.scale is not None and a.scale != b.scale:
        raise DataError(
            f"the reference is explained on the scale {a.scale!r}, {name} on {b.scale!r}; explain both on the same"
        )
    return b


def _difference(ours: tuple[str, ...], theirs: tuple[str, ...], name: str) -> str:
    pairs = list(zip(ours, theirs, strict=False))
    unit = next((i for i, (one, other) in enumerate(pairs) if one != other), len(pairs))
    one, other = (repr(units[unit]) if unit < len(units) else "missing" for units in (ours, theirs))
    counts = "" if len(ours) == len(theirs) else f"{len(ours)} units in the reference, {len(theirs)} in {name}; "
    return f"{counts}unit {unit + 1} is {one} in the reference, {other} in {name}"


def _long_enough(one: AttributionSet, k: int) -> None:
    """Nothing, or an error where an explanation of the top units does not reach as far as k."""
    short = np.flatnonzero(one.weighed < np.minimum(one.lengths, k))
    if len(short):
        i = int(short[0])
        raise OptionError(
            f"{one.source}: {one.item(i)}: {one.weighed[i]} of {one.lengths[i]} units have a weight, too few for a top "
            f"{k}; explain with more (lime: num_features={one.lengths.max()}) or compare with a smaller k"
        )


def _unsaid(a: AttributionSet, b: AttributionSet) -> str:
    """What nobody stated, so that it could not be checked."""
    unsaid = [
        what
        for what, known in (
            ("explained label", a.labels is not None and b.labels is not None),
            ("scale", a.scale is not None and b.scale is not None),
        )
        if not known
    ]
    return f", {' and '.join(unsaid)} not checked" if unsaid else ""


def _clusters(clusters: Sequence[str] | None, a: AttributionSet) -> Sequence[str] | None:
    if clusters is None:
        return None
    if len(clusters) != len(a):
        raise OptionError(f"clusters of {len(clusters)} items for {len(a)}; name one an item")
    if len(set(clusters)) < 2:
        raise DataError("all items are in one cluster; nothing can be said of others like it")
    return clusters


def _count(k: object) -> int:
    try:
        count = 0 if isinstance(k, bool) else operator.index(k)  # type: ignore[arg-type]
    except TypeError:
        count = 0
    if count < 1:
        raise OptionError(f"k must be a whole number of at least 1, found {k!r}")
    return count
