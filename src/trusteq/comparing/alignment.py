"""Whether two models rely on the same units: agreement of their attributions, free of the explainer's noise.

Attributions are linear in a model's answers, so the noise of two estimates from independent halves of a mask plan
averages out of their product. Over items

    agreement = mean[(a1.b2 + a2.b1) / 2] / sqrt(mean[a1.a2] mean[b1.b2])

estimates the cosine of the true attributions. This is the correction for attenuation (Spearman 1904); its two factors
are the reliabilities. Jaccard of the top k is measured too, for comparison with published numbers, with the floor set
by chance and the ceiling set by the explainer's noise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import scipy

from trusteq.comparing.agreement_scores import SCORES
from trusteq.comparing.certainty import certainty
from trusteq.comparing.measures import constant_chance
from trusteq.comparing.top_k import chance_jaccard, jaccard, tied_mass, top_count, top_k
from trusteq.stats.estimate import Estimate, widened_to
from trusteq.stats.intervals import largest_sum
from trusteq.stats.resampling import FEW_UNITS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from trusteq.explain.attributions import Attributions
    from trusteq.stats.resampling import Resampling

    Products = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

K = 10
FRACTION = 0.25
"""Share of an item's units in the top set that scales with its length."""

CLEAR = 3.0
"""Standard errors by which the denominator of a ratio must differ from 0."""

MIN_PEER = 0.8
"""A peer whose alignment may be lower than this does not show what retraining changes; retrained models reached 0.88
and more (docs/findings.md)."""

ALMOST_CERTAIN = 25
"""How many times less likely than the promise allows a bound must be wrong for an interval to end there."""

MIN_RELIABILITY = 0.05
"""Below this, the products of halves are mostly noise, and their ratio is meaningless."""


@dataclass(frozen=True)
class Explained:
    """One method's attributions of both models over the same items.

    lengths: units of each item [items]. spread_reference, spread_candidate: variance of each model's values over the
    item's masks [items], used to give items equal weight. products: unbiased a.b, a.a and b.b of each item's true
    attributions [items], if there are better ones than those of the two halves.
    """

    method: str
    reference: Attributions
    candidate: Attributions
    lengths: NDArray[np.int64]
    spread_reference: NDArray[np.float64]
    spread_candidate: NDArray[np.float64]
    resampling: Resampling
    k: int = K
    products: Products | None = None

    def take(self, at: NDArray[np.int64], resampling: Resampling) -> Explained:
        """The same for the items at these positions."""
        return replace(
            self,
            reference=self.reference.take(at),
            candidate=self.candidate.take(at),
            lengths=self.lengths[at],
            spread_reference=self.spread_reference[at],
            spread_candidate=self.spread_candidate[at],
            resampling=resampling,
            products=None if (own := self.products) is None else (own[0][at], own[1][at], own[2][at]),
        )


def alignment(explained: Explained) -> dict[str, Estimate]:
    """Every measure of how far two models' attributions agree, named after the method."""
    estimates: dict[str, Estimate | None] = {
        **noise_free(explained),
        **top_sets(explained),
        **published_scores(explained),
    }
    return {f"{name}_{explained.method}": e for name, e in estimates.items() if e is not None}


def noise_free(explained: Explained) -> dict[str, Estimate | None]:
    """Agreement without noise, pooled and with items of equal weight; reliability and size of the attributions."""
    cross, norm_a, norm_b = products(explained)
    size_a, size_b = sizes(explained)
    estimator = SumEstimator(explained.resampling)
    # An item's weight must not depend on the noise of its attributions: the variance of its values hardly does.
    weight_a, weight_b = _inverse(explained.spread_reference), _inverse(explained.spread_candidate)
    return {
        "alignment": pooled(explained),
        "alignment_per_item": estimator.cosine(
            cross * np.sqrt(weight_a * weight_b),
            norm_a * weight_a,
            norm_b * weight_b,
            size_a * weight_a,
            size_b * weight_b,
            what=f"{_cosine(explained)}, items of equal weight",
        ),
        "reliability_reference": estimator.ratio(
            norm_a, size_a, what="mean a1.a2 / mean |a|^2 of the reference's halves"
        ),
        "reliability_candidate": estimator.ratio(
            norm_b, size_b, what="mean b1.b2 / mean |b|^2 of the candidate's halves"
        ),
        "size_ratio": estimator.ratio(
            norm_b, norm_a, what="size of the candidate's attributions over the reference's, noise taken out", root=True
        ),
    }


def pooled(explained: Explained) -> Estimate | None:
    """Agreement without noise, pooled over items: what policies judge."""
    parts = (*products(explained), *sizes(explained))
    return SumEstimator(explained.resampling).cosine(*parts, what=f"{_cosine(explained)}, pooled over items")


def _cosine(explained: Explained) -> str:
    return f"cosine of {explained.method} attributions, noise taken out by independent halves"


def against_peer(candidate: Explained, peer: Explained, *, lowers: bool = True) -> dict[str, Estimate]:
    """The candidate's alignment relative to that of the retrained reference, and the latter; named by method.

    Only the latter if the peer relies on other units: next to such a peer, any candidate would pass. The same if the
    peer is closer to the candidate than either is to the reference, or if ``lowers`` says that it must not lower the
    bar for another reason.
    """
    cross, _, norm = products(candidate)
    peer_cross, _, peer_norm = products(peer)

    def ratio_of_alignments(*sums: NDArray[np.float64]) -> NDArray[np.float64]:
        c, b, pc, pb = (np.maximum(s[:, 0], 0) for s in sums)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.clip(np.nan_to_num(c * np.sqrt(pb) / (np.sqrt(b) * pc), posinf=2.0), 0, 2))

    of_peer = pooled(peer)
    if of_peer is None or pooled(candidate) is None:
        return {}
    if of_peer.low < MIN_PEER or not lowers or nearer_to_peer(candidate, peer):
        return {f"alignment_{candidate.method}_of_peer": of_peer}
    what = f"alignment of {candidate.method} attributions over that of the reference trained once more"
    return {
        f"alignment_{candidate.method}_of_peer": of_peer,
        f"alignment_{candidate.method}_to_peer": candidate.resampling.studentised(
            ratio_of_alignments, cross, norm, peer_cross, peer_norm, what=what, bounds=(0.0, 2.0)
        ),
    }


def nearer_to_peer(candidate: Explained, peer: Explained) -> bool:
    """Whether candidate and peer agree with each other more than either does with the reference, and not by chance.

    Then one of them is derived from the other: next to its own copy, any candidate would pass.
    """
    between = replace(candidate, reference=peer.candidate, products=None)
    return all(_agrees_more(between, other) for other in (candidate, peer))


def _agrees_more(first: Explained, second: Explained) -> bool:
    """Whether the first two models' alignment is higher than the second two's, beyond what sampling explains."""

    def difference(*sums: NDArray[np.float64]) -> NDArray[np.float64]:
        cosines = []
        for cross, a, b in (sums[:3], sums[3:]):
            with np.errstate(invalid="ignore", divide="ignore"):
                value = cross[:, 0] / np.sqrt(np.maximum(a[:, 0], 0) * np.maximum(b[:, 0], 0))
            cosines.append(np.clip(np.nan_to_num(value, nan=0.0, posinf=0.0, neginf=0.0), -2, 2))
        return np.asarray(cosines[0] - cosines[1])

    values = (*products(first), *products(second))
    return (
        first.resampling.studentised(difference, *values, what="difference of alignments", bounds=(-4.0, 4.0)).low > 0
    )


def products(explained: Explained) -> Products:
    """Unbiased a.b, a.a and b.b of each item's true attributions [items]."""
    if explained.products is not None:
        return explained.products
    a, b = explained.reference, explained.candidate
    cross = 0.5 * ((a.first * b.second).sum(axis=1) + (a.second * b.first).sum(axis=1))
    return cross, (a.first * a.second).sum(axis=1), (b.first * b.second).sum(axis=1)


def sizes(explained: Explained) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """|a|^2 and |b|^2 of each item's attributions, noise included: the mean over both halves [items]."""
    a, b = (
        0.5 * ((x.first**2).sum(axis=1) + (x.second**2).sum(axis=1)) for x in (explained.reference, explained.candidate)
    )
    return a, b


def top_sets(explained: Explained) -> dict[str, Estimate | None]:
    """Jaccard of the top sets, with its floor and ceilings, and adjusted for both."""
    a, b, lengths, k = explained.reference, explained.candidate, explained.lengths, explained.k
    r = explained.resampling
    long = lengths > k
    # Apart from ties among equal units, every score of the top k is 1 for an item of k units.
    chance = chance_jaccard(lengths, k)

    def between(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        return jaccard(top_k(x, lengths, k), top_k(y, lengths, k))

    quarter = top_count(lengths, FRACTION)
    tops = f"top {k}"
    estimates: dict[str, Estimate | None] = {
        "jaccard": r.mean(between(a.whole, b.whole), what=f"Jaccard of the {tops}, same masks for both models"),
        "jaccard_quarter": r.mean(
            jaccard(top_k(a.whole, lengths, quarter), top_k(b.whole, lengths, quarter)),
            what="Jaccard of the top quarter of an item's words",
        ),
        "jaccard_quarter_chance": r.mean(chance_jaccard(lengths, quarter), what="the same of two random sets, exact"),
        "jaccard_chance": r.mean(chance, what=f"Jaccard of two random sets of {k}, exact"),
        "short_items": r.share(~long, what=f"share of items with {k} words or fewer, which say nothing of a top {k}"),
        "tied_mass": r.mean(
            np.nan_to_num(tied_mass(a.whole, lengths, k)), what=f"share of |attribution| tied at the edge of the {tops}"
        ),
    }
    if not long.any():
        return estimates
    ceiling_a, ceiling_b = between(a.first, a.second), between(b.first, b.second)
    across = 0.5 * (between(a.first, b.second) + between(a.second, b.first))
    estimator = SumEstimator(r)
    weight = long.astype(np.float64)
    halves = "from independent halves of the plan, items of more words"
    estimates |= {
        "top_certified_reference": _certified(explained, a, "reference"),
        "top_certified_candidate": _certified(explained, b, "candidate"),
        "jaccard_halves": estimator.ratio(across * weight, weight, what=f"Jaccard of the {tops} {halves}"),
        "jaccard_halves_chance": estimator.ratio(
            chance * weight, weight, what=f"Jaccard of two random sets of {k}, exact, items of more words"
        ),
        "jaccard_ceiling_reference": estimator.ratio(
            ceiling_a * weight, weight, what=f"Jaccard of the reference's {tops} with its own {halves}"
        ),
        "jaccard_ceiling_candidate": estimator.ratio(
            ceiling_b * weight, weight, what=f"Jaccard of the candidate's {tops} with its own {halves}"
        ),
        "jaccard_adjusted": estimator.ratio(
            (across - chance) * weight,
            (ceiling_a - chance) * weight,
            what=f"(Jaccard - chance) / (reference's ceiling - chance) of the {tops}, {halves}",
        ),
    }
    return estimates


def _certified(explained: Explained, attributions: Attributions, name: str) -> Estimate | None:
    """Among items of more than k units: the top set of the others is all their units, with nothing to certify."""
    certified = (
        certainty(attributions.whole, attributions.error, explained.lengths, explained.k) >= explained.resampling.level
    )
    return explained.resampling.share(
        certified,
        among=explained.lengths > explained.k,
        what=f"share of items of more than {explained.k} words whose top {explained.k} of the {name} are certified",
    )


def published_scores(explained: Explained) -> dict[str, Estimate | None]:
    """The mean over items of every agreement score, from the complete plan; items without a score are left out."""
    estimates: dict[str, Estimate | None] = {}
    for name, score in SCORES.items():
        if name == "jaccard":
            continue
        values = score.of(explained.reference.whole, explained.candidate.whole, explained.lengths, explained.k)
        estimates[name] = _mean_of_defined(explained.resampling, values, f"mean {name.replace('_', ' ')}")
        if score.chance is not None and constant_chance(f"{name}_{explained.method}") is None:
            chance = np.where(np.isfinite(values), score.chance(explained.lengths, explained.k), np.nan)
            estimates[f"{name}_chance"] = _mean_of_defined(explained.resampling, chance, "the same of shuffled units")
    return estimates


def _mean_of_defined(resampling: Resampling, values: NDArray[np.float64], what: str) -> Estimate | None:
    """The mean over the items that have a value; None if none has."""
    defined = np.isfinite(values)
    if defined.all():
        return resampling.mean(values, what=f"{what} over items")
    if not defined.any():
        return None
    weight = defined.astype(np.float64)
    return SumEstimator(resampling).ratio(
        np.where(defined, values, 0.0), weight, what=f"{what} over items that have one"
    )


class SumEstimator:
    """Estimates that are functions of sums over items."""

    def __init__(self, resampling: Resampling) -> None:
        self.resampling = resampling

    def cosine(
        self,
        cross: NDArray[np.float64],
        norm_a: NDArray[np.float64],
        norm_b: NDArray[np.float64],
        size_a: NDArray[np.float64],
        size_b: NDArray[np.float64],
        *,
        what: str,
    ) -> Estimate | None:
        """Sum of ``cross`` over the root of the sums of both norms; None if those are mostly noise.

        0 if no unit changes the candidate's answers but units change the reference's: then they agree in nothing.
        """
        own_a, own_b, all_a, all_b = (self.resampling.total(x) for x in (norm_a, norm_b, size_a, size_b))
        if all_b <= 1e-16 * all_a and own_a >= MIN_RELIABILITY * all_a > 0:
            method = f"{what}; 0 by definition, for no word moves the candidate's answers"
            return Estimate(0.0, 0.0, 0.0, self.resampling.n, method, self.resampling.level)
        if min(own_a / max(all_a, 1e-300), own_b / max(all_b, 1e-300)) < MIN_RELIABILITY:
            return None

        def cosine(c: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
            # A resample without signal counts as no agreement at all.
            with np.errstate(invalid="ignore", divide="ignore"):
                value = c[:, 0] / np.sqrt(np.maximum(a[:, 0], 0) * np.maximum(b[:, 0], 0))
            return np.asarray(np.clip(np.nan_to_num(value, nan=0.0, posinf=0.0, neginf=0.0), -2, 2))

        estimate = self.resampling.studentised(cosine, cross, norm_a, norm_b, what=what, bounds=(-2.0, 2.0))
        # A cosine lies between -1 and 1, whatever its estimate's noise.
        value, low, high = (float(np.clip(x, -1, 1)) for x in (estimate.value, estimate.low, estimate.high))
        bound = min(self._lowest(cross, norm_a, norm_b), value)
        method = f"{estimate.method}; no lower than a gamma bound" if bound > low else estimate.method
        return replace(estimate, value=value, low=max(low, bound), high=high, method=method)

    def _lowest(self, cross: NDArray[np.float64], norm_a: NDArray[np.float64], norm_b: NDArray[np.float64]) -> float:
        """A cosine that is almost certainly too low, however few items hold the difference; -1 for few items.

        If three items or fewer hold it, resamples without them have no spread, and a bootstrap-t interval has no end.
        But 1 - cosine is half a sum over items: of the squared distance between the models' attributions, each model's
        scaled to length 1 over all items.
        """
        r = self.resampling
        a, b = r.total(norm_a), r.total(norm_b)
        if r.units < FEW_UNITS or min(a, b) <= 0:
            return -1.0
        distance = norm_a / a + norm_b / b - 2 * cross / np.sqrt(a * b)
        chance = (1 - r.level) / 2 / ALMOST_CERTAIN
        return 1 - max(largest_sum(parts, chance=chance) for parts in r.parts(distance)) / 2

    def ratio(
        self, numerator: NDArray[np.float64], denominator: NDArray[np.float64], *, what: str, root: bool = False
    ) -> Estimate | None:
        """The sum of ``numerator`` divided by that of ``denominator``, or its root; n counts nonzero denominators.

        None if the denominator does not clearly differ from 0: the ratio could be anything.
        """
        counted = self.resampling.weighted(denominator)
        noise = CLEAR * np.sqrt(len(counted)) * counted.std()
        if counted.sum() <= noise or (root and self.resampling.total(numerator) <= 0):
            return None

        def ratio(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
            value = np.divide(x[:, 0], y[:, 0], out=np.zeros(len(x)), where=y[:, 0] > 0)
            return np.asarray(np.sqrt(np.maximum(value, 0)) if root else value)

        estimate = self.function(ratio, numerator, denominator, what=what)
        return replace(estimate, n=int(np.count_nonzero(denominator)))

    def function(self, of: Callable[..., NDArray[np.float64]], *values: NDArray[np.float64], what: str) -> Estimate:
        """The estimate of this function of the sums of values over items."""
        r = self.resampling
        sums = r.cell_sums(np.zeros(r.n, dtype=np.int64), 1, *values)
        point = float(of(*(s.total[None] for s in sums))[0])
        draws = of(*(s.draws for s in sums))
        if r.cluster is None:  # the resampling itself widens intervals of clusters
            draws = point + (draws - point) * _small_sample_factor(r.n, r.level)
        estimate = r.from_draws(point, draws, what=what)
        if not r.too_similar(*values):
            return estimate
        return widened_to(estimate, SumEstimator(r.independent).function(of, *values, what=what))


def _small_sample_factor(n: int, level: float) -> float:
    """How much wider an interval must be for few items: Student's t instead of the normal, and n - 1 instead of n."""
    if n < 2:
        return np.inf
    student = scipy.special.stdtrit(n - 1, (1 + level) / 2) / scipy.special.ndtri((1 + level) / 2)
    return float(student * np.sqrt(n / (n - 1)))


def _inverse(variance: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 / variance; 0 for an item whose values hardly vary compared with those of the others."""
    smallest = 1e-6 * variance.mean() if len(variance) else 0.0
    return np.where(variance > smallest, 1 / np.maximum(variance, max(smallest, 1e-300)), 0.0)
