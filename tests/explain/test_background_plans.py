"""Plans whose masks each draw what stands in for units left out: against every mask and every row, slowly."""

from itertools import product
from math import factorial

import numpy as np
import pytest

from trusteq.explain.attributions import products
from trusteq.explain.lime import lime, lime_fit
from trusteq.explain.plan import NOTHING_KEPT, mask_plan
from trusteq.explain.shapley import shapley

UNITS, ROWS = 5, 30
RNG = np.random.default_rng(0)
BACKGROUND = RNG.normal(size=(ROWS, UNITS))


def model(weights):
    return lambda x: 1 / (1 + np.exp(-(np.tanh(x @ weights).sum(axis=1) + x[:, 0] * x[:, 1])))


FIRST = model(RNG.normal(size=(UNITS, UNITS)))
SECOND = model(RNG.normal(size=(UNITS, UNITS)))


def interventional(f, x):
    """Shapley values of the mean over the background, from all masks and all rows."""
    value = {mask: f(np.where(np.array(mask), x, BACKGROUND)).mean() for mask in product([False, True], repeat=UNITS)}
    phi = np.zeros(UNITS)
    for mask, without in value.items():
        for unit in range(UNITS):
            if not mask[unit]:
                with_unit = value[*mask[:unit], True, *mask[unit + 1 :]]
                weight = factorial(sum(mask)) * factorial(UNITS - sum(mask) - 1) / factorial(UNITS)
                phi[unit] += weight * (with_unit - without)
    return phi


def answered(plan, x, *models):
    return np.stack([f(np.where(plan.masks, x, BACKGROUND[plan.drawn])) for f in models], axis=1)


def plan_of(item, *, masks=64, seed=0, units=UNITS):
    return mask_plan(item, units, masks=masks, seed=seed, background=ROWS)


@pytest.mark.parametrize("units", [1, 2, 3, 5, 12, 40])
@pytest.mark.parametrize("masks", [10, 64, 400])
def test_a_plan_is_full_empty_and_pairs_that_share_their_draw(units, masks):
    plan = plan_of("a", masks=masks, units=units)
    assert plan.masks[0].all()
    assert not plan.masks[plan.nothing].any()
    assert len(plan.nothing) == NOTHING_KEPT
    rows = np.concatenate(plan.halves)
    assert (plan.masks[rows[:, 0]] ^ plan.masks[rows[:, 1]]).all()
    assert (plan.drawn[rows[:, 0]] == plan.drawn[rows[:, 1]]).all()
    assert sorted([0, *plan.nothing.tolist(), *rows.ravel().tolist()]) == list(range(len(plan)))
    assert ((plan.drawn >= 0) & (plan.drawn < ROWS)).all()
    assert not plan.exact


def test_halves_share_no_draw_even_where_both_hold_all_masks():
    plan = plan_of("a", masks=200, units=4)
    first, second = plan.halves
    masks = [sorted(map(bytes, plan.masks[half.ravel()])) for half in (first, second)]
    assert masks[0] == masks[1]
    assert len(first) % (2**3 - 1) == 0
    shared = np.mean(plan.drawn[first[:, 0]] == plan.drawn[second[:, 0]])
    assert shared < 4 / ROWS


def test_the_plan_depends_on_item_seed_and_background_alone():
    one = plan_of("a")
    assert plan_of("a").content() == one.content()
    assert len({one.content(), plan_of("b").content(), plan_of("a", seed=1).content()}) == 3
    assert mask_plan("a", UNITS, masks=64, background=ROWS - 1).content() != one.content()


def test_a_smaller_plan_is_the_beginning_of_a_larger():
    plan = plan_of("a", masks=400, units=20)
    first, rows = plan.first(100)
    assert np.array_equal(first.masks, plan.masks[rows])
    assert np.array_equal(first.drawn, plan.drawn[rows])
    assert len(first.nothing) == NOTHING_KEPT
    assert not first.masks[first.nothing].any()


@pytest.mark.parametrize("masks", [32, 128])
def test_attributions_are_those_of_the_whole_background_on_average(masks):
    x = RNG.normal(size=UNITS)
    true = interventional(FIRST, x)
    found, errors = [], []
    for seed in range(400):
        plan = plan_of("a", masks=masks, seed=seed)
        phi, error = shapley(plan, answered(plan, x, FIRST))
        found.append(phi[:, 0])
        errors.append(error[:, 0])
    spread = np.std(found, axis=0)
    # With few pairs, the fit is shrunk on purpose; with more, it is not.
    if masks > 32:
        assert np.mean(found, axis=0) == pytest.approx(true, abs=4 * spread.max() / 20)
        assert np.sqrt(np.mean(np.square(errors), axis=0)) == pytest.approx(spread, rel=0.35)
    assert np.min(errors) > 0  # all masks are seen, but not all rows


def test_lime_is_that_of_every_mask_and_row_on_average():
    x = RNG.normal(size=UNITS)
    every = np.array(list(product([True, False], repeat=UNITS)))
    sizes = every.sum(axis=1)
    values = np.array([FIRST(np.where(mask, x, BACKGROUND)).mean() for mask in every])[:, None]
    possible = np.bincount(sizes, minlength=UNITS + 1)
    weights = np.where(sizes < UNITS, 1 / (UNITS * possible[sizes]), 1 / 999)
    true = lime_fit(every, values, weights=weights, penalty=1 / 999)[:, 0]
    found = [lime(p, answered(p, x, FIRST))[0][:, 0] for p in (plan_of("a", masks=200, seed=s) for s in range(200))]
    assert np.mean(found, axis=0) == pytest.approx(true, abs=4 * np.std(found, axis=0).max() / np.sqrt(200))


def test_agreement_has_no_bias_from_draws_and_a_model_agrees_with_itself():
    items = RNG.normal(size=(40, UNITS))
    true = [np.array([interventional(f, x) for x in items]) for f in (FIRST, SECOND)]
    a, b = (phi - phi.mean(axis=1, keepdims=True) for phi in true)
    cosine = (a * b).sum() / np.sqrt((a**2).sum() * (b**2).sum())
    found = []
    for seed in range(25):
        plans = [plan_of(str(i), masks=128, seed=seed) for i in range(len(items))]
        values = [answered(p, x, FIRST, SECOND, FIRST) for p, x in zip(plans, items, strict=True)]
        sums = products(plans, values, "shapley").sum(axis=0)
        found.append(sums[0, 1] / np.sqrt(sums[0, 0] * sums[1, 1]))
        assert sums[0, 2] == pytest.approx(sums[0, 0], rel=1e-12)
    assert np.mean(found) == pytest.approx(cosine, abs=4 * np.std(found) / 5)


def test_one_row_for_all_is_no_background():
    """With a background of one row, all masks are seen and nothing is left to chance."""
    x = RNG.normal(size=UNITS)
    plan = mask_plan("a", UNITS, masks=128, background=1)
    values = FIRST(np.where(plan.masks, x, BACKGROUND[:1]))[:, None]
    exact = mask_plan("a", UNITS, masks=128)
    assert exact.exact
    expected = shapley(exact, FIRST(np.where(exact.masks, x, BACKGROUND[:1]))[:, None])[0]
    assert shapley(plan, values)[0] == pytest.approx(expected, abs=1e-12)
