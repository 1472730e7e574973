"""How a candidate's measures changed from an older to a newer version: on the same items and reference, or unpaired.

If both versions answered the same items, changes are paired: effects of the items and the reference on both cancel out.
Every estimate is the newer version's measure minus the older's, under the name of that measure.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from trusteq.comparing import divergence
from trusteq.comparing.alignment import noise_free, products
from trusteq.comparing.answers import Answers, Pair
from trusteq.comparing.behaviour import FLIP_MEASURES, flip_kinds
from trusteq.comparing.compute_measures import groups_for
from trusteq.comparing.confidence import profile_area, profile_areas, profile_distance, profile_gap
from trusteq.comparing.measures import sides_of
from trusteq.comparing.nll_per_byte import over
from trusteq.comparing.token_divergence import BOUNDS, DIRECTIONS, mean_by_token
from trusteq.comparing.top_k import jaccard, top_k
from trusteq.stats.difference import minus
from trusteq.stats.estimate import Estimate, all_widened_to

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from numpy.typing import NDArray

    from trusteq.comparing.alignment import Explained

MINUS = "newer minus older"
DISTANCE, SHIFT = "confidence_profile_distance", "confidence_shift"


@dataclass(frozen=True)
class Versions:
    """A reference's answers and those of two versions of a candidate, to the same items."""

    reference: Answers
    older: Answers
    newer: Answers

    @property
    def pair(self) -> Pair:
        """The two versions as a pair, with the older as the reference."""
        return Pair(self.older, self.newer)


def changes(versions: Versions, names: Collection[str]) -> dict[str, Estimate]:
    """The change of each of these measures for which answers are enough to pair it; others may be included."""
    estimates = {**_single_measures(versions, names), **_shares(versions), **_means(versions), **_of_tokens(versions)}
    return {**estimates, **_distance(versions)} if DISTANCE in names else estimates


def alignment_changes(older: Explained, newer: Explained) -> dict[str, Estimate]:
    """The change of alignment and of the Jaccard of top units, by one method, over the same mask plans."""
    r, method = older.resampling, older.method
    tops = [
        jaccard(
            top_k(one.reference.whole, one.lengths, one.k),
            top_k(one.candidate.whole, one.lengths, one.k),
        )
        for one in (older, newer)
    ]
    estimates = {f"jaccard_{method}": r.mean(tops[1] - tops[0], what=f"Jaccard of the top {older.k}, {MINUS}")}
    if any(noise_free(one)["alignment"] is None for one in (older, newer)):
        return estimates
    cross_a, norm, norm_a = products(older)
    cross_b, _, norm_b = products(newer)

    def difference(*sums: NDArray[np.float64]) -> NDArray[np.float64]:
        ca, cb, r, a, b = (s[:, 0] for s in sums)
        with np.errstate(invalid="ignore", divide="ignore"):
            then, now = (c / np.sqrt(np.maximum(r, 0) * np.maximum(x, 0)) for c, x in ((ca, a), (cb, b)))
        # As in the measure itself, a resample without signal counts as no agreement.
        then, now = (np.clip(np.nan_to_num(x, nan=0.0, posinf=0.0, neginf=0.0), -2, 2) for x in (then, now))
        return np.asarray(now - then)

    what = f"cosine of {method} attributions, noise taken out by independent halves, pooled over items, {MINUS}"
    estimates[f"alignment_{method}"] = r.studentised(
        difference, cross_a, cross_b, norm, norm_a, norm_b, what=what, bounds=(-2.0, 2.0)
    )
    return estimates


def unpaired_change(before: Estimate, now: Estimate) -> Estimate | None:
    """The change between estimates from independent samples, now minus before; None if an end is not finite.

    Each end is the root of the sum of squares of the two intervals' half-widths towards it (Zou and Donner 2008).
    """
    ends = (before.value, before.low, before.high, now.value, now.low, now.high)
    if before.level != now.level or not all(math.isfinite(end) for end in ends):
        return None
    value = now.value - before.value
    low = value - math.hypot(now.value - now.low, before.high - before.value)
    high = value + math.hypot(now.high - now.value, before.value - before.low)
    method = "now minus before, as of independent samples: half-widths squared, summed and rooted"
    return Estimate(value, low, high, min(before.n, now.n), method, now.level)


def _single_measures(versions: Versions, names: Collection[str]) -> dict[str, Estimate]:
    """Changes of measures of the candidate, or of candidate minus reference: the reference cancels out."""
    estimates: dict[str, Estimate] = {}
    pair = versions.pair
    for group, measures in groups_for(pair).items():
        pairable = {one.name: one for one in measures if one.side in {"difference", "candidate"} or one.name == SHIFT}
        if pairable.keys().isdisjoint(names):
            continue
        for name, estimate in pair.measured(group).items():
            change = replace(estimate, method=estimate.method.replace("candidate minus reference", MINUS))
            if name == SHIFT:
                estimates[name] = estimates["confidence_candidate"] = change
            elif name in pairable and pairable[name].side == "difference":
                estimates[name] = estimates[sides_of(pairable[name].stem)[1].name] = change
    return estimates


def _shares(versions: Versions) -> dict[str, Estimate]:
    """Shares of items on which the candidate differs from the reference."""
    pairs = [Pair(versions.reference, one) for one in (versions.older, versions.newer)]
    differ = [pair.reference.answer != pair.candidate.answer for pair in pairs]
    pairs_of_shares = {"disagreement": differ, "agreement": [~x for x in differ]}
    if versions.reference.labelled:
        kinds = [flip_kinds(pair) for pair in pairs]
        pairs_of_shares |= {name: [kind == i for kind in kinds] for i, name in enumerate(FLIP_MEASURES)}
    share = versions.reference.resampling.share_difference
    return {name: share(a, b, what=f"{name.replace('_', ' ')}, {MINUS}") for name, (a, b) in pairs_of_shares.items()}


def _means(versions: Versions) -> dict[str, Estimate]:
    """Means over items of the distance between candidate and reference."""
    reference = versions.reference
    per_item: dict[str, Callable[[Answers], NDArray[np.float64]]] = {}
    if "distribution" in versions.pair.met:
        per_item["kl_reference_candidate"] = lambda one: divergence.kl(reference, one)
        per_item["kl_candidate_reference"] = lambda one: divergence.kl(one, reference)
        per_item["js"] = lambda one: divergence.js(reference, one)
    per_item["confidence_shift_absolute"] = lambda one: np.abs(one.confidence - reference.confidence)
    return {
        name: reference.resampling.mean(
            of(versions.newer) - of(versions.older), what=f"mean {name.replace('_', ' ')}, {MINUS}"
        )
        for name, of in per_item.items()
    }


def _of_tokens(versions: Versions) -> dict[str, Estimate]:
    """What was found at each token of texts; the reference's own noise cancels out."""
    (r, r_answers), (older, older_answers), (newer, newer_answers) = (
        (one.outcomes.numbers, one.answer) for one in (versions.reference, versions.older, versions.newer)
    )
    estimates: dict[str, Estimate] = {}
    for name, (number, what) in {**DIRECTIONS, **BOUNDS}.items():
        if number in newer and number in older:
            change = mean_by_token(
                versions.pair, newer[number] - older[number], what=f"{what}, nats, {MINUS}", lowest=-np.inf
            )
            estimates |= {name: change, f"{name}_excess": change}
    if "own-probability" not in newer:
        return estimates
    sample = versions.reference.resampling
    estimates["same_top"] = sample.share_difference(
        older_answers == r_answers,
        newer_answers == r_answers,
        what=f"share of tokens whose most probable one is the reference's, {MINUS}",
    )
    if r["bytes"].any() and older["bytes"].any() and newer["bytes"].any():
        sums = [part for one in (r, older, newer) for part in (-one["log-probability"], one["bytes"])]
        estimates["nll_per_byte_ratio"] = sample.studentised(
            lambda *s: minus(over(*s[:2], *s[4:]), over(*s[:4])),
            *sums,
            what=f"negative log-likelihood of all texts over their bytes, over the reference's, {MINUS}",
            bounds=(-np.inf, np.inf),
        )
    return estimates


def _distance(versions: Versions) -> dict[str, Estimate]:
    """The distance of the confidence profiles."""
    r, resampling = versions.reference, versions.reference.resampling
    points, draws, exact = [], [], []
    for one in (versions.older, versions.newer):
        points.append(float(profile_area(profile_gap(r.fine_counts.total[None], one.fine_counts.total[None]))[0]))
        draws.append(profile_areas(r.fine_counts.draws, one.fine_counts.draws))
        exact.append(profile_distance(r.confidence, one.confidence))
    estimate = resampling.from_draws(
        points[1] - points[0],
        draws[1] - draws[0],
        what=f"Wasserstein-1 distance of the confidence profiles, {MINUS}",
        value=exact[1] - exact[0],
        bounds=(-1.0, 1.0),
    )
    if not resampling.too_similar(r.confidence, versions.older.confidence, versions.newer.confidence):
        return {DISTANCE: estimate}
    independent = Versions(
        *(replace(one, resampling=resampling.independent) for one in (r, versions.older, versions.newer))
    )
    return all_widened_to({DISTANCE: estimate}, _distance(independent))
