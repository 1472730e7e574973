"""How confident the models are: confidence profiles, their distance, and the shift of each item.

Two models may be equally accurate but not equally confident: the paper finds 88 % of BERT-base's predictions
in the top bin and 44 % of BERT-Tiny's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import TypedDict

from trusteq.comparing.bins import FINE_EDGES, WIDE_EDGES, wide_bin
from trusteq.stats.difference import minus
from trusteq.stats.estimate import Estimate  # noqa: TC001 - read where a record is
from trusteq.stats.number import Count, Share  # noqa: TC001
from trusteq.stats.rows import by_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.comparing.answers import Answers, Pair

_FINE_WIDTHS = np.diff(np.append(FINE_EDGES, 1.0))
NULL_DRAWS = 2_000


class Bin(TypedDict):
    """One of ten bins of confidence."""

    low: Share
    high: Share
    count: Count
    share: Estimate | None
    confidence: float | None
    accuracy: Estimate | None


class Null(TypedDict):
    """What a perfectly calibrated model with these confidences would score at this n: mean and 95 % quantile."""

    mean: float
    q95: float


class Saturation(TypedDict):
    """Share of confidences that are exactly 1, and the number of distinct ones."""

    certain: Share
    distinct: float


def confidence_profiles(pair: Pair) -> dict[str, Estimate]:
    """Mean confidences, the distance of the profiles, and the shift of each item's confidence; needs no labels."""
    reference, candidate = pair.reference.confidence, pair.candidate.confidence
    shift = minus(candidate, reference, terms=1.0)
    results = pair.resampling.means(
        {
            "confidence_reference": (reference, "mean confidence"),
            "confidence_candidate": (candidate, "mean confidence"),
            "confidence_shift": (shift, "mean shift of an item's confidence, candidate minus reference"),
            "confidence_shift_absolute": (np.abs(shift), "mean size of the shift of an item's confidence"),
        }
    )
    results |= profile_distances(pair)
    quantiles = {
        f"confidence_shift_q{100 * q:g}": (q, f"{100 * q:g} % quantile of the shift of an item's confidence")
        for q in (0.05, 0.5, 0.95)
    }
    return results | pair.resampling.quantiles(shift, quantiles, bounds=(-1.0, 1.0))


def profile_distances(pair: Pair) -> dict[str, Estimate]:
    """The distance of the profiles alone."""
    return {"confidence_profile_distance": _profile_distance(pair)}


def overconfidence(pair: Pair) -> dict[str, Estimate]:
    """Mean confidence minus accuracy: above 0 the model is overconfident, below 0 underconfident."""
    reference = pair.reference.confidence - pair.reference.right
    candidate = pair.candidate.confidence - pair.candidate.right
    what = "mean confidence less accuracy"
    return pair.resampling.means(
        {
            "overconfidence_reference": (reference, what),
            "overconfidence_candidate": (candidate, what),
            "overconfidence_difference": (minus(candidate, reference, terms=1.0), f"{what}, candidate minus reference"),
        }
    )


def reliability_table(answers: Answers) -> list[Bin]:
    """The paper's reliability table: each of ten equal-width bins with share, mean confidence and accuracy."""
    bins = wide_bin(answers.confidence)
    share = answers.resampling.share
    rows: list[Bin] = []
    for b in range(len(WIDE_EDGES) - 1):
        inside = bins == b
        rows.append(
            {
                "low": float(WIDE_EDGES[b]),
                "high": float(WIDE_EDGES[b + 1]),
                "count": int(inside.sum()),
                "share": share(inside, what="share of items in the bin"),
                "confidence": float(answers.confidence[inside].mean()) if inside.any() else None,
                "accuracy": None
                if not answers.labelled
                else share(answers.right, among=inside, what="right answers in the bin"),
            }
        )
    return rows


def calibrated_null(answers: Answers, *, seed: int) -> dict[str, Null]:
    """What a perfectly calibrated model with these confidences would score at this n: mean and 95 % quantile.

    Binned errors are never 0, not even for a perfect model, and larger in smaller samples: compare an ECE with this,
    not with 0.
    """
    count = np.bincount(answers.fine_cell, minlength=len(FINE_EDGES))
    confidence = np.bincount(answers.fine_cell, weights=answers.confidence, minlength=len(FINE_EDGES))
    share = np.divide(confidence, count, out=np.zeros(len(count)), where=count > 0).clip(0, 1)
    right = np.random.default_rng([seed, 3]).binomial(count, share, size=(NULL_DRAWS, len(count)))
    # The fine grid nests in the ten bins.
    starts = np.searchsorted(FINE_EDGES, WIDE_EDGES[:-1])
    gaps = np.abs(np.add.reduceat(confidence, starts) - np.add.reduceat(right, starts, axis=1))
    items = np.add.reduceat(count, starts)
    null = {"ece": gaps.sum(axis=1) / items.sum(), "mce": (gaps / np.maximum(items, 1)).max(axis=1)}
    return {name: {"mean": float(x.mean()), "q95": float(np.quantile(x, 0.95))} for name, x in null.items()}


def saturation(answers: Answers) -> Saturation:
    """Share of confidences that are exactly 1 and the number of distinct ones, which reveal low precision."""
    return {
        "certain": float((answers.confidence == 1.0).mean()),
        "distinct": float(len(np.unique(answers.confidence))),
    }


def _profile_distance(pair: Pair) -> Estimate:
    """Area between the cumulative profiles.

    In a sample, an area is never 0. At most the area between the sample's gap and the true gap is noise, so the lower
    end is reduced by what the resamples show of that.
    """
    resampling = pair.resampling
    r, c = pair.reference.fine_counts, pair.candidate.fine_counts
    gap = profile_gap(r.total[None], c.total[None])
    estimate = resampling.from_draws(
        float(profile_area(gap)[0]),
        profile_areas(r.draws, c.draws),
        what="Wasserstein-1 distance of the confidence profiles",
        value=profile_distance(pair.reference.confidence, pair.candidate.confidence),
        bounds=(0.0, 1.0),
    )
    noise = float(np.quantile(profile_areas(r.draws, c.draws, less=gap), (1 + resampling.level) / 2))
    low = min(estimate.low, max(0.0, estimate.value - noise))
    return replace(estimate, low=low, method=f"{estimate.method}, lower end less noise")


def profile_distance(reference: NDArray[np.float64], candidate: NDArray[np.float64]) -> float:
    """The Wasserstein-1 distance of the two models' confidences [items]."""
    return float(np.abs(np.sort(reference) - np.sort(candidate)).mean())


def profile_gap(reference: NDArray[np.float64], candidate: NDArray[np.float64]) -> NDArray[np.float64]:
    """Difference of the cumulative profiles [rows, cells], from counts in the fine cells [rows, cells]."""
    shares = (x / x.sum(axis=1, keepdims=True) for x in (reference, candidate))
    return np.asarray(np.subtract(*shares).cumsum(axis=1))


def profile_areas(
    reference: NDArray[np.float64], candidate: NDArray[np.float64], *, less: NDArray[np.float64] | float = 0.0
) -> NDArray[np.float64]:
    """The area between the cumulative profiles [rows], less a gap [1, cells], from counts in the fine cells."""
    return by_parts(lambda r, c: profile_area(profile_gap(r, c) - less), reference, candidate)


def profile_area(gap: NDArray[np.float64]) -> NDArray[np.float64]:
    """Absolute area of a gap along the confidence axis [rows]."""
    return np.asarray((np.abs(gap) * _FINE_WIDTHS).sum(axis=1))
