"""LIME from a value table (Ribeiro, Singh and Guestrin 2016).

A mask has weight exp(-d^2 / 2w^2), with d = 100 (1 - cos) its distance from the complete item and w = 25. A ridge
regression of the values on the masks gives the coefficients. The original draws the number of removed units uniformly
from 1..n and adds the complete item once; a mask plan draws sizes nearly so, and importance weights correct the rest.
Only the distances, the kernel and the ridge are from LIME; one factorisation serves all labels and all models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trusteq.explain.ridge import ridge, ridge_map
from trusteq.explain.shapley import SHRINK, well_determined

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.explain.plan import Plan

KERNEL_WIDTH = 25.0
SAMPLES = 1000
"""Samples of the LIME whose expectation a plan estimates: they set the weight of the ridge and the complete item."""


def lime_masks(units: int, samples: int, *, seed: int) -> NDArray[np.bool_]:
    """Masks as drawn by the original [samples, units]: the complete item, then sizes uniform from 0..units - 1."""
    rng = np.random.default_rng(seed)
    masks = np.ones((samples, units), dtype=np.bool_)
    removed = rng.integers(1, units + 1, samples - 1)
    order = rng.random((samples - 1, units)).argsort(axis=1).argsort(axis=1)
    masks[1:] = order >= removed[:, None]
    return masks


def kernel(masks: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The weight of each mask by its distance from the complete item [masks]."""
    distance = 100 * (1 - np.sqrt(masks.mean(axis=1)))
    return np.asarray(np.exp(-(distance**2) / (2 * KERNEL_WIDTH**2)))


def lime_fit(
    masks: NDArray[np.bool_],
    values: NDArray[np.float64],
    *,
    weights: NDArray[np.float64] | None = None,
    penalty: float = 1.0,
    features: int | None = None,
) -> NDArray[np.float64]:
    """Coefficients [units, outputs] of values [masks, outputs], fitted as in the original.

    ``weights`` multiply the kernel of each mask; 1 by default. If ``features`` is below the number of units, only that
    many are used: those with the largest coefficients in a first fit with penalty 0.01, for each output; others are 0.
    """
    w = kernel(masks) * (1.0 if weights is None else weights)
    if features is None or features >= masks.shape[1]:
        return _ridge(masks.astype(np.float64), values, w, penalty)
    first = np.abs(_ridge(masks.astype(np.float64), values, w, 0.01))
    coefficients = np.zeros_like(first)
    for output in range(values.shape[1]):
        used = np.argsort(-first[:, output], kind="stable")[:features]
        chosen = masks[:, used].astype(np.float64)
        coefficients[used, output] = _ridge(chosen, values[:, [output]], w, penalty)[:, 0]
    return coefficients


def lime_map(
    plan: Plan, rows: NDArray[np.int64], *, samples: int = SAMPLES, shrink: float = 0.0
) -> NDArray[np.float64]:
    """The matrix [units, masks] from a value table to LIME coefficients, for these pairs of rows [pairs, 2].

    It estimates the expectation of LIME with this many samples.
    """
    at, _, fit = _fit(plan, rows, samples, shrink)
    coefficients = np.zeros((plan.units, len(plan)))
    np.add.at(coefficients.T, at, fit.T)
    return coefficients


def lime(
    plan: Plan, values: NDArray[np.float64], rows: NDArray[np.int64] | None = None, *, samples: int = SAMPLES
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """LIME coefficients and their standard errors [units, outputs] from values [masks, outputs].

    ``rows`` are pairs of the plan, by default all. Errors are HC3 (MacKinnon and White 1985), clustered by pair, and 0
    for an exact plan. With fewer than 1.5 pairs per unit, the fit is shrunk by `SHRINK`.
    """
    rows = plan.both if rows is None else rows
    at, weight, fit = _fit(plan, rows, samples, 0.0 if well_determined(plan, rows) else SHRINK)
    v, mean = values[at], weight / weight.sum()
    coefficients = fit @ v
    if plan.exact or not len(rows):
        return coefficients, np.zeros_like(coefficients)
    masks = plan.masks[at].astype(np.float64)
    centred = masks - mean @ masks
    residual = (v - mean @ v) - centred @ coefficients
    leverage = np.minimum(np.einsum("mu,um->m", centred, fit) + mean, 0.99)
    # The complete and the empty item are not random. A mask and its complement are one cluster.
    fixed = 1 + len(plan.nothing)
    influence = fit[:, fixed:, None] * (residual / (1 - leverage)[:, None])[fixed:]
    influence = influence.reshape(plan.units, len(rows), 2, -1).sum(axis=2)
    uncertain = plan.uncertain[plan.masks[rows[:, 0]].sum(axis=1)]
    return coefficients, np.sqrt(np.einsum("upk,p->uk", influence**2, uncertain))


def _fit(
    plan: Plan, rows: NDArray[np.int64], samples: int, shrink: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
    """Rows of the plan's masks, the full and the empty one first; their weights; and the fit to them [units, rows].

    A weight is that of the kernel, times LIME's density of the mask's size divided by the plan's.
    """
    n = plan.units
    at = np.concatenate([[0], plan.nothing, rows.ravel()])
    size = plan.masks[at].sum(axis=1)
    # The number of halves in these rows: both together expect twice as many masks.
    halves = 1 if plan.exact or len(rows) <= max(len(half) for half in plan.halves) else 2
    expected = plan.expected[size] * np.where((size > 0) & (size < n), halves, 1)
    # One of LIME's samples is the complete item; the weights of the others sum to 1 here.
    density = np.where(size < n, 1 / (n * expected), 1 / (samples - 1))
    weight = kernel(plan.masks[at]) * density
    weight[1 : 1 + len(plan.nothing)] /= len(plan.nothing)
    # A unit kept in a random share of masks has a variance of about 0.2.
    shrinkage = shrink * 0.2 * float(weight.sum()) * n / max(2 * len(rows), 1)
    return at, weight, _ridge_map(plan.masks[at].astype(np.float64), weight, 1 / (samples - 1) + shrinkage)


def _ridge_map(masks: NDArray[np.float64], weight: NDArray[np.float64], penalty: float) -> NDArray[np.float64]:
    """The matrix [units, masks] of a weighted ridge regression with an unpenalised intercept."""
    return ridge_map(masks - (weight @ masks) / weight.sum(), weight, penalty)


def _ridge(
    masks: NDArray[np.float64], values: NDArray[np.float64], weight: NDArray[np.float64], penalty: float
) -> NDArray[np.float64]:
    centred = masks - (weight @ masks) / weight.sum()
    return ridge(centred, values - (weight @ values) / weight.sum(), weight, penalty)
