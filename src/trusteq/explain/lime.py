"""LIME read from a value table (Ribeiro, Singh and Guestrin 2016).

A mask weighs exp(-d^2 / 2w^2) with d = 100 (1 - cos) its distance from the whole text and w = 25, and a ridge
regression of the values on the masks gives the coefficients. The original draws the number of left-out units evenly
from 1..n and adds the whole text once; a mask plan draws sizes nearly so, and importance weights make up for the rest.
Only the distances, the kernel and the ridge are LIME's; one factorisation serves all labels and all models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trusteq.explain.ridge import ridge, ridge_map
from trusteq.explain.shapley import SHRINK, enough

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.explain.plan import Plan

KERNEL_WIDTH = 25.0
SAMPLES = 1000
"""Samples of the protocol whose expectation a plan estimates: how much its ridge penalty and the whole text weigh."""


def lime_masks(units: int, samples: int, *, seed: int) -> NDArray[np.bool_]:
    """Masks as the original draws them [samples, units]: the whole text, then sizes evenly from 0..units - 1."""
    rng = np.random.default_rng(seed)
    masks = np.ones((samples, units), dtype=np.bool_)
    left_out = rng.integers(1, units + 1, samples - 1)
    order = rng.random((samples - 1, units)).argsort(axis=1).argsort(axis=1)
    masks[1:] = order >= left_out[:, None]
    return masks


def kernel(masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The weight of each mask by its distance from the whole text [masks]."""
    distance = 100 * (1 - np.sqrt(masks.mean(axis=1)))
    return np.asarray(np.exp(-(distance**2) / (2 * KERNEL_WIDTH**2)))


def lime_fit(
    masks: NDArray[np.bool_],
    values: NDArray[np.float64],
    *,
    weights: NDArray[np.float64] | None = None,
    penalty: float = 1.0,
    kept: int | None = None,
) -> NDArray[np.float64]:
    """Coefficients [units, outputs] of values [masks, outputs], as the original fits them.

    ``weights`` count each mask, 1 unless given, beside its kernel. With ``kept`` below the number of units only so many
    are used: those of the largest coefficients in a first fit with penalty 0.01, each output's own; others are 0.
    """
    w = kernel(masks) * (1.0 if weights is None else weights)
    if kept is None or kept >= masks.shape[1]:
        return _ridge(masks.astype(np.float64), values, w, penalty)
    first = np.abs(_ridge(masks.astype(np.float64), values, w, 0.01))
    coefficients = np.zeros_like(first)
    for output in range(values.shape[1]):
        used = np.argsort(-first[:, output], kind="stable")[:kept]
        chosen = masks[:, used].astype(np.float64)
        coefficients[used, output] = _ridge(chosen, values[:, [output]], w, penalty)[:, 0]
    return coefficients


def lime_map(
    plan: Plan, rows: NDArray[np.int64], *, samples: int = SAMPLES, shrink: float = 0.0
) -> NDArray[np.float64]:
    """The matrix [units, masks] that makes LIME coefficients of a value table, from these pairs of rows [pairs, 2].

    It estimates what LIME with this many samples gives in expectation.
    """
    at, _, fit = _fit(plan, rows, samples, shrink)
    coefficients = np.zeros((plan.units, len(plan)))
    np.add.at(coefficients.T, at, fit.T)
    return coefficients


def lime(
    plan: Plan, values: NDArray[np.float64], rows: NDArray[np.int64] | None = None, *, samples: int = SAMPLES
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """LIME coefficients and their standard errors [units, outputs] from values [masks, outputs].

    ``rows`` are pairs of the plan, by default all. Errors are HC3 (MacKinnon and White 1985), clustered by pair: 0 for
    an exact plan. With fewer than 1.5 pairs a unit the fit is shrunk by `SHRINK`.
    """
    rows = plan.both if rows is None else rows
    at, weight, fit = _fit(plan, rows, samples, 0.0 if enough(plan, rows) else SHRINK)
    v, mean = values[at], weight / weight.sum()
    coefficients = fit @ v
    if plan.exact:
        return coefficients, np.zeros_like(coefficients)
    masks = plan.masks[at].astype(np.float64)
    centred = masks - mean @ masks
    left = (v - mean @ v) - centred @ coefficients
    leverage = np.minimum(np.einsum("mu,um->m", centred, fit) + mean, 0.99)
    # The whole text and the empty one are no samples: asking again gives them again. A mask and its complement are one.
    moves = fit[:, 2:, None] * (left / (1 - leverage)[:, None])[2:]
    moves = moves.reshape(plan.units, len(rows), 2, -1).sum(axis=2)
    chance = plan.unseen[plan.masks[rows[:, 0]].sum(axis=1)]
    return coefficients, np.sqrt(np.einsum("upk,p->uk", moves**2, chance))


def _fit(
    plan: Plan, rows: NDArray[np.int64], samples: int, shrink: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Rows of the plan's masks, the full and the empty one first, each one's weight, and the fit [units, rows] to them.

    The weight is the kernel's, times LIME's density of the mask's size over the plan's.
    """
    n = plan.units
    at = np.concatenate([[0, 1], rows.ravel()])
    size = plan.masks[at].sum(axis=1)
    # How many halves these rows are: both together expect twice as many.
    halves = 1 if plan.exact or len(rows) <= max(len(half) for half in plan.halves) else 2
    expected = plan.expected[size] * np.where((size > 0) & (size < n), halves, 1)
    # Of LIME's samples one is the whole text; the others' weights add up to 1 here.
    density = np.where(size < n, 1 / (n * expected), 1 / (samples - 1))
    weight = kernel(plan.masks[at]) * density
    # A unit kept in a random share of masks has a variance of about 0.2.
    shrinkage = shrink * 0.2 * float(weight.sum()) * n / max(2 * len(rows), 1)
    return at, weight, _ridge_map(plan.masks[at].astype(np.float64), weight, 1 / (samples - 1) + shrinkage)


def _ridge_map(masks: NDArray[np.float64], weight: NDArray[np.float64], penalty: float) -> NDArray[np.float64]:
    """The matrix [units, masks] of a weighted ridge regression with an intercept that is not penalised."""
    return ridge_map(masks - (weight @ masks) / weight.sum(), weight, penalty)


def _ridge(
    masks: NDArray[np.float64], values: NDArray[np.float64], weight: NDArray[np.float64], penalty: float
) -> NDArray[np.float64]:
    centred = masks - (weight @ masks) / weight.sum()
    return ridge(centred, values - (weight @ values) / weight.sum(), weight, penalty)
