"""Selective prediction: how accurate a model is if it may abstain on the items it is least confident about.

The risk-coverage curve gives the share of wrong answers among the most confident items, for every share
answered; the area under it (AURC) is lower for a model that knows when it is wrong. The *usable region* at a target is
the largest share of items, most confident first, that is still answered at the target accuracy (after Zhang et
al. 2022, arXiv 2207.00156).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy

from trusteq.comparing.bins import fine_cell, levels
from trusteq.comparing.noise_bias import fitted_accuracy
from trusteq.stats.difference import minus
from trusteq.stats.estimate import Estimate
from trusteq.stats.rows import by_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.comparing.answers import Answers, Pair
    from trusteq.stats.resampling import Counted

    _Curve = tuple[NDArray[np.float64], NDArray[np.float64]]

TARGETS = (0.9, 0.95, 0.99)
MAX_SHARES = 2_000
COLUMNS = 64
RANKS = 1_024
"""Cells with about equally many items, most confident last, in which usable regions are resampled: a region of few
items at the top would disappear in a single cell of a confidence grid."""


def selective_prediction(pair: Pair) -> dict[str, Estimate]:
    """AURC and usable regions of each model, and candidate minus reference."""
    make = pair.resampling.from_draws
    results: dict[str, Estimate] = {}
    figures = [
        ("aurc", None, "area under the risk-coverage curve"),
        *((f"usable_{100 * t:g}", t, f"largest share answered at {100 * t:g} % accuracy") for t in TARGETS),
    ]
    sides = [("reference", pair.reference), ("candidate", pair.candidate)]
    by_side = [_figures(answers) for _, answers in sides]
    for (name, target, what), r, c in zip(figures, *by_side, strict=True):
        for (side, answers), figure in zip(sides, (r, c), strict=True):
            results[f"{name}_{side}"] = (
                make(figure.point, figure.draws, what=what, value=figure.exact, bounds=(0.0, 1.0))
                if target is None
                else usable_region(answers, figure.exact, target, what=what)
            )
        results[f"{name}_difference"] = make(
            float(minus(c.point, r.point)),
            minus(c.draws, r.draws),
            what=f"{what}, candidate minus reference",
            value=float(minus(c.exact, r.exact)),
        )
    return results


def usable_region(answers: Answers, value: float, target: float, *, what: str) -> Estimate:
    """A usable region, with the interval of shares not rejected by a test of "the risk equals what the target allows".

    The lower end is the largest share such that it and all smaller ones are shown to be usable (`_tested_share`), the
    upper end the largest share not shown to be too large. The test is the exact binomial one, with the number of
    items that the share is worth: if risk rises fast, the items that happen to lie beyond the share add to the variance
    (by a factor of ``effect``), and so do clusters.
    """
    resampling, allowed = answers.resampling, 1 - target
    ranking = answers.cached(_ranking)
    coverage, risk = ranking.coverage, ranking.risk
    effect = 1 + np.square(ranking.marginal - allowed) * (1 - coverage) / (allowed * target)
    n = np.maximum(coverage * resampling.n * resampling.worth(answers.right.astype(np.float64)) / effect, 1.0)
    wrong = risk * n
    # P(X >= wrong) and P(X <= wrong) for a binomial X, also for numbers that are not whole.
    at_least = np.where(wrong > 0, scipy.special.betainc(np.maximum(wrong, 1e-9), n - wrong + 1, allowed), 1.0)
    at_most = np.where(wrong < n, 1 - scipy.special.betainc(wrong + 1, np.maximum(n - wrong, 1e-9), allowed), 1.0)
    tail = (1 - resampling.level) / 2
    low, high = _tested_share(coverage, at_most, target**n, tail), float(coverage[at_least > tail].max(initial=0.0))
    method = f"{what}; shares not rejected by an exact binomial test"
    return Estimate(value, min(low, value), max(high, value), resampling.items, method, resampling.level)


def _tested_share(
    coverage: NDArray[np.float64], p: NDArray[np.float64], best: NDArray[np.float64], tail: float
) -> float:
    """The largest share such that it, and every smaller testable one, is shown to lie within the region.

    "The region ends before this share" is rejected if this share or a larger one has a p-value ``p`` [shares] that
    is small even as the minimum of all of them. ``best`` [shares] are the p-values of shares without a mistake. No
    share is tested before all smaller ones, so the hypotheses need no further correction (a fixed sequence).
    """
    smallest = np.minimum.accumulate(p[::-1])[::-1]
    testable = _corrected(best, coverage) <= tail
    rejected = _corrected(smallest, coverage) <= tail
    first = int(testable.argmax()) if testable.any() else len(coverage)
    passed = int(np.logical_and.accumulate(rejected[first:]).sum())
    return float(coverage[first + passed - 1]) if passed else 0.0


def _corrected(p: NDArray[np.float64], coverage: NDArray[np.float64]) -> NDArray[np.float64]:
    """The probability that any share from ``coverage`` to 1 has a p-value as small as ``p``, all [shares].

    The probability that B(t) / sqrt(t), with B a Brownian motion, exceeds z between t = coverage and 1 (Miller and
    Siegmund 1982).
    """
    z = -scipy.special.ndtri(np.clip(p, 1e-300, 0.5))
    return np.asarray(p + z * np.exp(-z * z / 2) / np.sqrt(2 * np.pi) * np.log(1 / coverage) / 2)


def risk_coverage(
    confidence: NDArray[np.float64], right: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coverage and risk [distinct confidences], most confident first; equal confidences are kept together."""
    return _risk_coverage(levels(confidence)[1], right)


def _risk_coverage(level: NDArray[np.int32], right: NDArray[np.bool_]) -> _Curve:
    """The same, from the position of each item's confidence among the distinct ones in ascending order [items]."""
    count = np.bincount(level)[::-1].cumsum()
    wrong = np.bincount(level, weights=~right)[::-1].cumsum()
    return count / count[-1], wrong / count


@dataclass(frozen=True)
class _Figure:
    """A figure on a grid, its draws [resamples], and its exact value."""

    point: float
    draws: NDArray[np.float64]
    exact: float


def _figures(answers: Answers) -> list[_Figure]:
    """The area under the curve, then the usable region of every target."""
    return answers.cached(_ranking).figures


@dataclass(frozen=True)
class _Ranking:
    """The results of ranking by confidence: the figures, and the curve at up to `MAX_SHARES` shares.

    coverage, risk: of all answers down to some confidence [shares], most confident first; marginal: the risk of the
    answers of about that confidence.
    """

    figures: list[_Figure]
    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]
    marginal: NDArray[np.float64]


def _ranking(answers: Answers) -> _Ranking:
    ascending, level = levels(answers.confidence)
    coverage, risk = _risk_coverage(level, answers.right)
    fine = answers.fine
    point = _areas(fine.count.total[None], fine.right.total[None])
    count, wrong = _ranked(answers, level)
    points, draws = (_usable(*sums) for sums in ((count.total, wrong.total), (count.draws, wrong.draws)))
    area = float(_area(coverage[None], risk[None])[0])
    figures = [_Figure(float(point[0]), _areas(fine.count.draws, fine.right.draws), area)]
    for target, point, of_draws in zip(TARGETS, points, draws, strict=True):
        value = float(np.where(_allowed(risk, target), coverage, 0.0).max())
        figures.append(_Figure(float(point[0]), of_draws, value))
    at = np.unique(np.linspace(0, len(coverage) - 1, MAX_SHARES).astype(np.int64))
    marginal = 1 - fitted_accuracy(fine.count.total, fine.confidence.total, fine.right.total)
    return _Ranking(figures, coverage[at], risk[at], marginal[fine_cell(ascending[::-1][at])])


def _areas(count: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """The area under the curve of sums in cells of confidence [rows, cells] in each row [rows]."""
    return by_parts(lambda *sums: _area(*_curve(*sums)), count, right)


def _curve(count: NDArray[np.float64], right: NDArray[np.float64]) -> _Curve:
    """Coverage and risk, most confident first [rows, cells]."""
    count, right = count[:, ::-1].cumsum(axis=1), right[:, ::-1].cumsum(axis=1)
    return count / count[:, -1:], 1 - right / np.maximum(count, 1)


def _ranked(answers: Answers, level: NDArray[np.int32]) -> tuple[Counted, Counted]:
    """Numbers of items and of wrong ones in cells of similar confidence rank; equal confidences share a cell."""
    below = np.bincount(level).cumsum() - 1
    cells = min(RANKS, len(level))
    cell = (below[level] * cells) // len(level)
    # Usually fewer are wrong than right, and cells without any are cheaper.
    count, wrong = answers.resampling.counted(cell, cells, np.ones_like(answers.right), ~answers.right)
    return count, wrong


def _area(coverage: NDArray[np.float64], risk: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean risk over the items, each at the coverage that first answers it [rows]."""
    return np.asarray((np.diff(coverage, axis=1, prepend=0.0) * risk).sum(axis=1))


def _usable(count: NDArray[np.integer[Any]], wrong: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """For each target, the largest coverage whose risk is within it, or 0 [targets, columns].

    From the numbers of items and of wrong ones in cells of rising confidence [cells, columns].
    """
    # So few columns at a time that all of this stays in the processor's cache.
    return np.concatenate(
        [_usable_in(count[:, i : i + COLUMNS], wrong[:, i : i + COLUMNS]) for i in range(0, count.shape[1], COLUMNS)],
        axis=1,
    )


def _usable_in(count: NDArray[np.integer[Any]], wrong: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """The same, at once."""
    most = int(count.max(initial=0)) * len(count) * round(1 / (1 - max(TARGETS)))
    kind = np.int32 if most < 2**31 else np.int64
    answered, wrong = (x[::-1].cumsum(axis=0, dtype=kind) for x in (count, wrong))
    shares = np.empty((len(TARGETS), answered.shape[1]))
    for share, target in zip(shares, TARGETS, strict=True):
        # In whole numbers, which need no division: so many must be answered for that many to be wrong.
        enough = wrong * round(1 / (1 - target))
        np.divide((answered * (enough <= answered)).max(axis=0), answered[-1], out=share)
    return shares


def _allowed(risk: NDArray[np.float64], target: float) -> NDArray[np.bool_]:
    """Whether each risk is within the target."""
    return np.asarray(risk <= 1 - target + 1e-12)
