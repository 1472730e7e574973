"""Jaccard of models' top words under the published protocol, for every pair of models.

The score of a run is the mean over items; the paper reports the mean over runs and their sample variance. Measured for
comparison: the score of two random sets of an item's words, and that of the reference against itself between runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations
from math import comb, fsum
from typing import TYPE_CHECKING

import numpy as np

from trusteq.stats.estimate import Estimate, widened_to

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.explain.protocol import Published, Words
    from trusteq.stats.resampling import Resampling


@dataclass(frozen=True)
class PairAgreement:
    """Two models' agreement by one method: the score of each run, their mean and their sample variance."""

    first: str
    second: str
    method: str
    runs: tuple[float, ...]
    mean: Estimate
    variance: Estimate


def pair_agreements(published: Published, models: Sequence[str], resampling: Resampling) -> tuple[PairAgreement, ...]:
    """The agreement of every pair of models by every method; pairs with the reference first, in the models' order."""
    return tuple(
        _agreement(published, models, (a, b), method, resampling)
        for method in published.tops
        for a, b in combinations(range(len(models)), 2)
    )


def published_measures(
    published: Published, pairs: Sequence[PairAgreement], reference: str, candidate: str, resampling: Resampling
) -> dict[str, Estimate]:
    """Every measure of the protocol for one candidate against the reference."""
    k = published.settings.k
    at = 1 + [pair.second for pair in pairs if pair.first == reference].index(candidate)
    estimates = {}
    for pair in pairs:
        if (pair.first, pair.second) != (reference, candidate):
            continue
        estimates[f"jaccard_{pair.method}"] = pair.mean
        estimates[f"jaccard_{pair.method}_variance"] = pair.variance
        tops = published.tops[pair.method]
        of_reference, of_candidate = tops[0], tops[at]
        words = published.distinct[pair.method].tolist()
        estimates[f"jaccard_{pair.method}_chance"] = resampling.mean(
            np.mean(
                [chance_word_jaccard(words, a, b) for a, b in zip(of_reference, of_candidate, strict=True)], axis=0
            ),
            what=f"Jaccard of two random sets of an item's different words, as large as the models' top {k}, exact",
        )
        if len(of_reference) > 1:  # with a single run there is no ceiling: it agrees with itself
            ceiling = np.mean([word_jaccard(a, b) for a, b in combinations(of_reference, 2)], axis=0)
            by = f"top {k} words by {pair.method.upper()}"
            what = f"Jaccard of the reference's {by} with its own in another run, mean of all two runs"
            estimates[f"jaccard_{pair.method}_ceiling"] = resampling.mean(ceiling, what=what)
    return estimates


def word_jaccard(first: Sequence[Words], second: Sequence[Words]) -> NDArray[np.float64]:
    """Jaccard of two models' sets of words [items]; 0 where both are empty, as in the published scripts."""
    sets = ((set(a), set(b)) for a, b in zip(first, second, strict=True))
    return np.array([len(a & b) / max(len(a | b), 1) for a, b in sets])


def chance_word_jaccard(words: Sequence[int], first: Sequence[Words], second: Sequence[Words]) -> NDArray[np.float64]:
    """The expected score of random sets [items], as large as two models' sets, from each item's different words."""
    return np.array([_chance(n, len(a), len(b)) for n, a, b in zip(words, first, second, strict=True)])


@cache
def _chance(n: int, a: int, b: int) -> float:
    """The sum over i common words of i / (a + b - i) times the hypergeometric probability of i."""
    common = range(max(a + b - n, 1), min(a, b) + 1)
    return fsum(i * comb(a, i) * comb(n - a, b - i) / ((a + b - i) * comb(n, b)) for i in common)


def _agreement(
    published: Published, models: Sequence[str], pair: tuple[int, int], method: str, resampling: Resampling
) -> PairAgreement:
    a, b = (published.tops[method][model] for model in pair)
    scores = np.stack([word_jaccard(x, y) for x, y in zip(a, b, strict=True)])
    settings = published.settings
    how = {
        "lime": f"LIME of {settings.samples:,} samples",
        "shap": f"SHAP of {settings.evaluations:,} evaluations",
    }[method] + (f", mean of {len(a)} runs" if len(a) > 1 else "")
    what = f"Jaccard of the top {settings.k} words by {how}, protocol {settings.name}"
    return PairAgreement(
        models[pair[0]],
        models[pair[1]],
        method,
        tuple(float(score) for score in scores.mean(axis=1)),
        resampling.mean(scores.mean(axis=0), what=what),
        _variance(scores, resampling),
    )


def _variance(scores: NDArray[np.float64], resampling: Resampling) -> Estimate:
    """The sample variance of the runs' mean scores [runs, items]."""
    if len(scores) < 2:
        method = "sample variance of the runs; 0 because nothing is drawn: run once"
        return Estimate(0.0, 0.0, 0.0, resampling.n, method, resampling.level)

    def of(*sums: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.var([s[:, 0] / sums[-1][:, 0] for s in sums[:-1]], axis=0, ddof=1))

    sums = resampling.cell_sums(np.zeros(resampling.n, dtype=np.int64), 1, *scores, np.ones(resampling.n))
    what = f"sample variance of the mean score of {len(scores)} runs"
    estimate = resampling.functional(of, *sums, what=what, bounds=(0.0, np.inf))
    return (
        widened_to(estimate, _variance(scores, resampling.independent)) if resampling.too_similar(*scores) else estimate
    )
