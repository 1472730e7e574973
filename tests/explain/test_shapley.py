from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import shapley as oracle
from oracles.shapley import looked_up

from trusteq.explain.plan import mask_plan
from trusteq.explain.shapley import (
    SHRINK,
    leave_one_out,
    leave_one_out_masks,
    permutation_masks,
    shapley,
    shapley_from_permutations,
    shapley_map,
    well_determined,
)

SEEDS = st.integers(0, 2**32)
# A plan that is exact, one that nearly is, one that is ample, one of too few masks.
PLANS = st.sampled_from([(1, 10), (2, 10), (3, 10), (5, 32), (6, 62), (8, 130), (11, 130), (14, 40), (40, 34)])


def random_game(units, outputs=2, seed=0):
    """Values in 0..1 of a model with weights for single units, pairs and triples."""
    rng = np.random.default_rng([seed, units])
    masks = oracle.all_masks(units)
    score = masks @ rng.normal(size=(units, outputs))
    for order in (2, 3):
        for _ in range(2 * units):
            group = rng.choice(units, min(order, units), replace=False)
            score += masks[:, group].all(axis=1)[:, None] * rng.normal(size=outputs)
    return 1 / (1 + np.exp(score.mean(axis=0) - score))


@cache
def exact_plan(units):
    return mask_plan("a", units, masks=max(2**units, 10))


def values_for(plan, seed, outputs=3):
    return np.random.default_rng(seed).normal(size=(len(plan), outputs))


def relative_error(estimate, truth):
    return np.linalg.norm(estimate - truth) / np.linalg.norm(truth)


@pytest.mark.parametrize("units", range(1, 9))
def test_over_all_masks_the_values_are_those_of_the_definition(units):
    game = np.random.default_rng(units).normal(size=(2**units, 2))
    plan = exact_plan(units)
    phi, errors = shapley(plan, looked_up(game, plan.masks))
    assert phi == pytest.approx(oracle.shapley(game), abs=1e-9)
    assert (errors == 0).all()


@settings(deadline=None)
@given(PLANS, SEEDS, st.sampled_from([0.0, SHRINK]))
def test_attributions_add_up_to_what_all_units_bring(size, seed, shrink):
    plan = mask_plan("a", size[0], masks=size[1], seed=seed)
    values = values_for(plan, seed)
    whole = values[0] - values[1]
    for rows in (plan.both, *plan.halves):
        assert shapley(plan, values, rows)[0].sum(axis=0) == pytest.approx(whole, abs=1e-9)
        assert (shapley_map(plan, rows, shrink=shrink) @ values).sum(axis=0) == pytest.approx(whole, abs=1e-9)


@settings(deadline=None)
@given(PLANS, SEEDS)
def test_attributions_are_linear_in_the_values(size, seed):
    plan = mask_plan("a", size[0], masks=size[1], seed=seed)
    v, w = values_for(plan, seed), values_for(plan, seed + 1)
    mixed = shapley(plan, 2 * v - 3 * w)[0]
    assert mixed == pytest.approx(2 * shapley(plan, v)[0] - 3 * shapley(plan, w)[0], abs=1e-8)


@settings(deadline=None)
@given(SEEDS, st.integers(2, 6), st.data())
def test_units_that_may_be_exchanged_get_equal_shares(seed, units, data):
    a, b = data.draw(st.lists(st.integers(0, units - 1), min_size=2, max_size=2, unique=True))
    masks = oracle.all_masks(units)
    exchanged = masks.copy()
    exchanged[:, [a, b]] = masks[:, [b, a]]
    game = np.random.default_rng(seed).normal(size=(2**units, 1))
    game = game + looked_up(game, exchanged)
    phi = shapley(exact_plan(units), looked_up(game, exact_plan(units).masks))[0]
    assert phi[a] == pytest.approx(phi[b], abs=1e-10)


@settings(deadline=None)
@given(SEEDS, st.integers(1, 6), st.data())
def test_a_unit_that_changes_nothing_but_by_a_constant_gets_the_constant(seed, units, data):
    dummy = data.draw(st.integers(0, units - 1))
    without = oracle.all_masks(units)
    present = without[:, dummy].copy()
    without[:, dummy] = False
    game = looked_up(np.random.default_rng(seed).normal(size=(2**units, 1)), without) + 0.25 * present[:, None]
    phi = shapley(exact_plan(units), looked_up(game, exact_plan(units).masks))[0]
    assert phi[dummy] == pytest.approx(0.25, abs=1e-10)


@pytest.mark.parametrize("units", [5, 8, 14, 40])
def test_a_model_without_interactions_of_odd_order_is_read_exactly_from_few_masks(units):
    rng = np.random.default_rng(units)
    plan = mask_plan("a", units, masks=6 * units)
    weights, pairs = rng.normal(size=(units, 2)), rng.normal(size=(units, units))
    masks = plan.masks.astype(float)
    linear = 0.5 + masks @ weights
    phi, errors = shapley(plan, linear)
    assert phi == pytest.approx(weights, abs=1e-9)
    assert errors == pytest.approx(np.zeros_like(errors), abs=1e-9)
    # A product of two units' signs is the same for a mask and its complement: pairs cancel it.
    signs = 2 * masks - 1
    even = np.einsum("mi,ij,mj->m", signs, pairs, signs)
    assert shapley(plan, linear + even[:, None])[0] == pytest.approx(weights, abs=1e-9)


def test_the_halves_are_unbiased_and_independent():
    units, seeds = 9, 600
    game = random_game(units)
    truth = oracle_by_plan(game)
    halves = np.zeros((seeds, 2, units, 2))
    for seed in range(seeds):
        plan = mask_plan("a", units, masks=102, seed=seed)
        values = looked_up(game, plan.masks)
        halves[seed] = [shapley_map(plan, rows) @ values for rows in plan.halves]
    mean, spread = halves.mean(axis=0), halves.std(axis=0)
    # Weighted least squares is unbiased but for a term of order 1 / pairs, here within a tenth of its spread.
    assert (np.abs(mean - truth) < 0.1 * spread + 4 * spread / seeds**0.5).all()
    first, second = ((halves[:, i] - mean[i]) / spread[i] for i in (0, 1))
    correlation = (first * second).mean(axis=0)
    assert (np.abs(correlation) < 4.5 / seeds**0.5).all()
    # And so is the product over units, which noise-free agreement is made of.
    products = np.einsum("su,su->s", *((halves[:, i] - mean[i])[..., 0] for i in (0, 1)))
    assert abs(products.mean()) < 4 * products.std() / seeds**0.5
    assert (spread > 0.1 * np.abs(truth).mean()).all()


def oracle_by_plan(game):
    plan = exact_plan(int(np.log2(len(game))))
    return shapley(plan, looked_up(game, plan.masks))[0]


@pytest.mark.parametrize(("units", "masks"), [(8, 66), (8, 200), (12, 130), (12, 600)])
def test_standard_errors_are_honest(units, masks):
    seeds = 120
    game = random_game(units, outputs=4)
    truth = oracle_by_plan(game)
    estimates, errors = np.zeros((2, seeds, *truth.shape))
    for seed in range(seeds):
        plan = mask_plan("a", units, masks=masks, seed=seed)
        estimates[seed], errors[seed] = shapley(plan, looked_up(game, plan.masks))
    covered = (np.abs(estimates - truth) <= 1.96 * errors).mean()
    assert 0.92 < covered < 0.975
    assert 0.95 < np.sqrt((errors**2).mean() / estimates.var(axis=0).mean()) < 1.25


def test_errors_shrink_with_the_root_of_the_masks():
    game = random_game(13)
    truth = oracle_by_plan(game)

    def error(masks):
        made = [mask_plan("a", 13, masks=masks, seed=seed) for seed in range(30)]
        return np.mean([relative_error(shapley(p, looked_up(game, p.masks))[0], truth) ** 2 for p in made]) ** 0.5

    assert error(130) / error(520) > 1.9


def test_shrinking_helps_where_pairs_are_few_and_vanishes_where_they_are_many():
    game = random_game(13)
    truth = oracle_by_plan(game)
    centred = truth - truth.mean(axis=0)
    errors = np.zeros((2, 40))
    for seed in range(40):
        plan = mask_plan("a", 13, masks=58, seed=seed)
        rows = plan.halves[0]
        assert not well_determined(plan, rows)
        for i, shrink in enumerate((0.0, SHRINK)):
            phi = shapley_map(plan, rows, shrink=shrink) @ looked_up(game, plan.masks)
            errors[i, seed] = relative_error(phi - phi.mean(axis=0), centred)
    assert np.median(errors[1]) < 0.8 * np.median(errors[0])
    plan = mask_plan("a", 13, masks=4000)
    values = looked_up(game, plan.masks)
    rows = plan.both
    shrunk, free = (shapley_map(plan, rows, shrink=shrink) @ values for shrink in (SHRINK, 0.0))
    assert relative_error(shrunk, free) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("whole", [False, True])
def test_shrinking_scales_an_additive_model_by_the_share_it_names(whole):
    weights = np.random.default_rng(0).normal(size=14)
    weights -= weights.mean()
    scales = []
    for seed in range(30):
        plan = mask_plan("a", 14, masks=514, seed=seed)
        rows = plan.both if whole else plan.halves[0]
        shrunk = shapley_map(plan, rows, shrink=4.0) @ (plan.masks @ weights)
        scales.append(shrunk @ weights / (weights @ weights))
    assert np.mean(scales) == pytest.approx(1 / (1 + 4 * 14 / len(rows)), abs=0.01)


def test_shrinking_weighs_the_same_in_a_half_and_in_the_whole_where_pairs_are_alike():
    # One half twice over is a whole of the same pairs, twice as many: at the same penalty a pair, half as shrunk.
    plan = mask_plan("a", 12, masks=102)
    rows = plan.halves[0]
    single = shapley_map(plan, rows, shrink=0.2)
    double = shapley_map(plan, np.concatenate([rows, rows]), shrink=0.4)
    assert double == pytest.approx(single, abs=1e-12)


@pytest.mark.parametrize("units", [1, 4, 6])
def test_many_random_orders_approach_the_definition(units):
    game = np.random.default_rng(units).normal(size=(2**units, 2))
    masks = permutation_masks(units, 4000, seed=0)
    estimate = shapley_from_permutations(masks, looked_up(game, masks))
    assert estimate == pytest.approx(oracle.shapley(game), abs=0.1)
    assert estimate.sum(axis=0) == pytest.approx(game[-1] - game[0])


def test_a_permutation_and_its_reverse_settle_pairs():
    rng = np.random.default_rng(0)
    masks = oracle.all_masks(6).astype(float)
    game = masks @ rng.normal(size=(6, 1)) + np.einsum("mi,ij,mj->m", masks, rng.normal(size=(6, 6)), masks)[:, None]
    walk = permutation_masks(6, 1, seed=3)
    assert shapley_from_permutations(walk, looked_up(game, walk)) == pytest.approx(oracle.shapley(game))
    one_way = shapley_from_permutations(walk[:, [0, 0]], looked_up(game, walk[:, [0, 0]]))
    assert np.abs(one_way - oracle.shapley(game)).max() > 0.1


def test_leaving_one_out_takes_away_what_the_last_to_join_brought():
    game = np.random.default_rng(0).normal(size=(2**5, 2))
    full = 2**5 - 1
    expected = [game[full] - game[full ^ 1 << unit] for unit in range(5)]
    assert leave_one_out(looked_up(game, leave_one_out_masks(5))) == pytest.approx(np.array(expected))
