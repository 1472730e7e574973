"""Shapley values from a value table.

Apart from interactions of odd order, the difference between the values of a mask and its complement is linear in phi,
so phi is a weighted least-squares fit to these, constrained to sum to v(all) - v(none): paired leverage sampling
(Covert and Lee 2021; Musco and Witter 2025). Over all masks, the fit is the Shapley value itself. Everything is linear
in v, so one matrix, computed from the plan alone, serves every model and label.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trusteq.explain.ridge import ridge_map

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.explain.plan import Plan

SHRINK = 0.25
"""The ridge penalty relative to the design, at one pair per unit; it vanishes with more pairs. It scales attributions
but hardly changes their direction, and halves the noise if pairs are few (docs/explanation/explanations.md)."""


def shapley_map(plan: Plan, rows: NDArray[np.int64], *, shrink: float = 0.0) -> NDArray[np.float64]:
    """The matrix [units, masks] from a value table to Shapley values, for these pairs of rows [pairs, 2]."""
    n = plan.units
    phi = np.zeros((n, len(plan)))
    if len(rows):
        fit, share = _fit(plan, rows, shrink)
        np.add.at(phi.T, rows[:, 0], fit.T)
        np.add.at(phi.T, rows[:, 1], -fit.T)
        phi[:, 0] -= fit @ share
        phi[:, plan.nothing] += (fit @ share)[:, None] / len(plan.nothing)
    phi[:, 0] += 1 / n
    phi[:, plan.nothing] -= 1 / n / len(plan.nothing)
    return phi


def shapley(
    plan: Plan, values: NDArray[np.float64], rows: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shapley values and their standard errors [units, outputs] from values [masks, outputs].

    ``rows`` are pairs of the plan, by default all. Errors are HC3 (MacKinnon and White 1985), and 0 for an exact plan.
    With fewer than 1.5 pairs per unit, the fit is shrunk by `SHRINK`.
    """
    rows = plan.both if rows is None else rows
    phi = shapley_map(plan, rows, shrink=0.0 if well_determined(plan, rows) else SHRINK) @ values
    if plan.exact or not len(rows):
        return phi, np.zeros_like(phi)
    fit, share = _fit(plan, rows, 0.0 if well_determined(plan, rows) else SHRINK)
    signs = _signs(plan, rows)
    whole = values[0] - values[plan.nothing].mean(axis=0)
    target = values[rows[:, 0]] - values[rows[:, 1]] - share[:, None] * whole
    residual = target - signs @ phi
    leverage = np.minimum(np.einsum("pu,up->p", signs, fit), 0.99)
    uncertain = plan.uncertain[plan.masks[rows[:, 0]].sum(axis=1)]
    errors = np.sqrt((fit**2 * uncertain) @ (residual / (1 - leverage)[:, None]) ** 2)
    return phi, errors


def well_determined(plan: Plan, rows: NDArray[np.int64]) -> bool:
    """Whether these pairs determine the units well without shrinkage."""
    return plan.exact or len(rows) >= 1.5 * plan.units


def _signs(plan: Plan, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """+1 for units kept by the first mask of a pair, -1 by the second, centred [pairs, units]."""
    signs = 2.0 * plan.masks[rows[:, 0]] - 1
    return np.asarray(signs - signs.mean(axis=1, keepdims=True))


def _fit(plan: Plan, rows: NDArray[np.int64], shrink: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The least-squares map [units, pairs] from the pairs' differences, and the shares due to their sizes [pairs].

    The map applies to differences without these shares of v(all) - v(none).
    """
    n = plan.units
    signs = _signs(plan, rows)
    size = plan.masks[rows[:, 0]].sum(axis=1)
    weight = 1 / (size * (n - size) * plan.expected[size])
    # The expected design of the pairs of a half in any direction.
    design = 2 / n * (1 if len(rows) <= max(len(half) for half in plan.halves) else 2)
    if shrink:
        fit = ridge_map(signs, weight, shrink * design * n / len(rows))
    else:
        gram = signs.T @ (weight[:, None] * signs)
        fit = np.linalg.pinv(gram, rcond=1e-10, hermitian=True) @ (signs.T * weight)
    return fit, (2 * size - n) / n


# Cross-checks ------------------------------------------------------------------------------------


def permutation_masks(units: int, orders: int, *, seed: int) -> NDArray[np.bool_]:
    """Masks [orders, 2, units + 1, units] from no units to all, in random orders and their reverses."""
    rng = np.random.default_rng(seed)
    masks = np.zeros((orders, 2, units + 1, units), dtype=np.bool_)
    for order in masks:
        walk = rng.permutation(units)
        for direction, path in zip(order, (walk, walk[::-1]), strict=True):
            for step, unit in enumerate(path, 1):
                direction[step] = direction[step - 1]
                direction[step, unit] = True
    return masks


def shapley_from_permutations(masks: NDArray[np.bool_], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean gain when a unit joins [units, outputs], from values of the masks [orders, 2, units + 1, outputs]."""
    joined = (masks[:, :, 1:] & ~masks[:, :, :-1]).astype(np.float64)  # [orders, 2, steps, units]
    gains = np.diff(values, axis=2)
    return np.asarray(np.einsum("odsu,odsk->uk", joined, gains) / (masks.shape[0] * 2))


def leave_one_out_masks(units: int) -> NDArray[np.bool_]:
    """All units, then all but each [units + 1, units]."""
    return np.vstack([np.ones((1, units), dtype=np.bool_), ~np.eye(units, dtype=np.bool_)])


def leave_one_out(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The decrease of the value without each unit [units, outputs], from values of `leave_one_out_masks`."""
    return np.asarray(values[0] - values[1:])
