from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import shapley as oracle
from oracles.shapley import looked_up

from trusteq.explain.lime import SAMPLES, kernel, lime, lime_fit, lime_map, lime_masks
from trusteq.explain.plan import mask_plan
from trusteq.explain.shapley import SHRINK


@cache
def exact_plan(units):
    return mask_plan("a", units, masks=max(2**units, 10))


def random_game(units, outputs=2):
    rng = np.random.default_rng(units)
    masks = oracle.all_masks(units)
    score = masks @ rng.normal(size=(units, outputs))
    for _ in range(3 * units):
        group = rng.choice(units, 3, replace=False)
        score += masks[:, group].all(axis=1)[:, None] * rng.normal(size=outputs)
    return 1 / (1 + np.exp(score.mean(axis=0) - score))


@pytest.mark.parametrize("units", [1, 2, 3, 4, 7, 10])
@pytest.mark.parametrize("samples", [50, SAMPLES])
def test_over_all_masks_the_coefficients_are_the_limit_of_the_original(units, samples):
    game = np.random.default_rng(units).normal(size=(2**units, 2))
    plan = exact_plan(units)
    values = looked_up(game, plan.masks)
    coefficients, errors = lime(plan, values, samples=samples)
    assert coefficients == pytest.approx(oracle.lime(game, samples), abs=1e-9)
    assert lime_map(plan, plan.halves[1], samples=samples) @ values == pytest.approx(coefficients, abs=1e-12)
    assert (errors == 0).all()


def test_the_original_approaches_its_limit():
    game = random_game(6)
    limit = oracle.lime(game, 1000)
    runs = []
    for seed in range(100):
        masks = lime_masks(6, 1000, seed=seed)
        runs.append(lime_fit(masks, looked_up(game, masks)))
    spread = np.std(runs, axis=0)
    assert (np.abs(np.mean(runs, axis=0) - limit) < 4.5 * spread / 10).all()
    # A wrong kernel or density would be seen.
    assert (np.abs(np.mean(runs, axis=0) - oracle.lime(game, 4)).max(axis=0) > 5 * spread.max(axis=0) / 10).all()


def test_a_sampled_plan_converges_to_the_limit():
    game = random_game(13)
    limit = lime(exact_plan(13), looked_up(game, exact_plan(13).masks))[0]

    def error(masks, half):
        squares = []
        for seed in range(30):
            plan = mask_plan("a", 13, masks=masks, seed=seed)
            rows = plan.halves[0] if half else plan.both
            estimate = lime_map(plan, rows) @ looked_up(game, plan.masks)
            squares.append(((estimate - limit) ** 2).sum() / (limit**2).sum())
        return np.mean(squares) ** 0.5

    assert error(130, False) / error(520, False) > 1.9
    assert error(2050, False) < 0.08
    # Half of a plan is as good as a plan of half the masks.
    assert error(260, True) == pytest.approx(error(131, False), rel=0.2)


def test_the_halves_are_unbiased_and_independent():
    units, seeds = 9, 600
    game = random_game(units)
    truth = oracle.lime(game, SAMPLES)
    halves = np.zeros((seeds, 2, units, 2))
    for seed in range(seeds):
        plan = mask_plan("a", units, masks=202, seed=seed)
        values = looked_up(game, plan.masks)
        halves[seed] = [lime_map(plan, rows) @ values for rows in plan.halves]
    mean, spread = halves.mean(axis=0), halves.std(axis=0)
    assert (np.abs(mean - truth) < 0.1 * spread + 4 * spread / seeds**0.5).all()
    first, second = ((halves[:, i] - mean[i]) / spread[i] for i in (0, 1))
    assert (np.abs((first * second).mean(axis=0)) < 4.5 / seeds**0.5).all()


@pytest.mark.parametrize(("units", "masks"), [(8, 66), (8, 200), (12, 130), (12, 600)])
def test_standard_errors_are_honest(units, masks):
    seeds = 120
    game = random_game(units, outputs=4)
    truth = lime(exact_plan(units), looked_up(game, exact_plan(units).masks))[0]
    estimates, errors = np.zeros((2, seeds, *truth.shape))
    for seed in range(seeds):
        plan = mask_plan("a", units, masks=masks, seed=seed)
        estimates[seed], errors[seed] = lime(plan, looked_up(game, plan.masks))
    covered = (np.abs(estimates - truth) <= 1.96 * errors).mean()
    assert 0.92 < covered < 0.975
    assert 0.95 < np.sqrt((errors**2).mean() / estimates.var(axis=0).mean()) < 1.25


@settings(deadline=None)
@given(st.sampled_from([(1, 10), (2, 10), (6, 62), (11, 130), (40, 34)]), st.integers(0, 2**32))
def test_coefficients_are_linear_in_the_values_and_blind_to_a_constant(size, seed):
    plan = mask_plan("a", size[0], masks=size[1], seed=seed)
    v, w = np.random.default_rng(seed).normal(size=(2, len(plan), 2))
    for rows in (plan.both, plan.halves[0]):
        mixed = lime(plan, 2 * v - 3 * w + 7, rows)[0]
        assert mixed == pytest.approx(2 * lime(plan, v, rows)[0] - 3 * lime(plan, w, rows)[0], abs=1e-8)


def test_the_map_and_the_coefficients_are_one_and_the_same():
    for units, masks, shrink in ((14, 130, 0.0), (14, 34, SHRINK)):
        plan = mask_plan("a", units, masks=masks)
        values = np.random.default_rng(0).normal(size=(len(plan), 2))
        assert lime_map(plan, plan.both, shrink=shrink) @ values == pytest.approx(lime(plan, values)[0], abs=1e-12)


def test_a_linear_model_is_read_exactly_but_for_the_penalty():
    weights = np.random.default_rng(0).normal(size=(20, 2))
    plan = mask_plan("a", 20, masks=200)
    coefficients, errors = lime(plan, plan.masks @ weights, samples=10**9)
    assert coefficients == pytest.approx(weights, abs=1e-5)
    assert errors == pytest.approx(np.zeros_like(errors), abs=1e-5)


def test_shrinking_helps_where_pairs_are_few():
    game = random_game(13)
    truth = lime(exact_plan(13), looked_up(game, exact_plan(13).masks))[0]
    truth = truth - truth.mean(axis=0)
    errors = np.zeros((2, 40))
    for seed in range(40):
        plan = mask_plan("a", 13, masks=58, seed=seed)
        for i, shrink in enumerate((0.0, SHRINK)):
            found = lime_map(plan, plan.halves[0], shrink=shrink) @ looked_up(game, plan.masks)
            errors[i, seed] = np.linalg.norm(found - found.mean(axis=0) - truth)
    assert np.median(errors[1]) < 0.9 * np.median(errors[0])


def test_shrinking_scales_a_linear_model_alike_in_a_half_and_in_the_whole():
    weights = np.random.default_rng(0).normal(size=14)
    weights -= weights.mean()
    plan = mask_plan("a", 14, masks=514)
    for rows in (plan.halves[0], plan.both):
        shrunk = lime_map(plan, rows, shrink=4.0, samples=10**9) @ (plan.masks @ weights)
        # Twice as many masks as pairs; the variance of a unit is a rough 0.2.
        assert shrunk @ weights / (weights @ weights) == pytest.approx(1 / (1 + 4 * 14 / (2 * len(rows))), abs=0.03)


@pytest.mark.parametrize("whole", [False, True])
def test_penalty_and_whole_text_weigh_as_in_the_original_whatever_part_of_the_plan_is_read(whole):
    game = random_game(9)
    limit = oracle.lime(game, 5)
    found = []
    for seed in range(60):
        plan = mask_plan("a", 9, masks=402, seed=seed)
        rows = plan.both if whole else plan.halves[0]
        found.append(lime_map(plan, rows, samples=5) @ looked_up(game, plan.masks))
    assert np.mean(found, axis=0) == pytest.approx(limit, abs=0.03 * np.abs(limit).max())
    assert np.abs(limit - oracle.lime(game, 10)).max() > 0.1 * np.abs(limit).max()


def test_the_kernel_is_one_at_the_whole_text_and_falls_with_the_words_left_out():
    masks = np.tril(np.ones((10, 10), dtype=bool))
    weights = kernel(masks)
    assert weights[-1] == 1
    assert (np.diff(weights) > 0).all()
    assert kernel(np.zeros((1, 10), dtype=bool))[0] == pytest.approx(np.exp(-8))
    # 9 of 36 words: the cosine is a half, the distance 50, twice the width.
    assert kernel(np.arange(36)[None] < 9)[0] == pytest.approx(np.exp(-2))


def test_only_the_kept_units_carry_weight_and_each_output_keeps_its_own():
    rng = np.random.default_rng(0)
    masks = lime_masks(30, 500, seed=0)
    weights = np.zeros((30, 2))
    weights[[3, 8, 21], 0] = 2.0, -3.0, 1.0
    weights[[5, 9, 29], 1] = -1.0, 2.0, 4.0
    values = masks @ weights + 0.01 * rng.normal(size=(500, 2))
    found = lime_fit(masks, values, features=3, penalty=1e-6)
    assert (np.abs(found) > 0.5).sum(axis=0).tolist() == [3, 3]
    assert found == pytest.approx(weights, abs=0.02)
    assert (found[weights == 0] == 0).all()
    assert np.array_equal(lime_fit(masks, values, features=30), lime_fit(masks, values))


def test_a_weight_of_two_is_the_mask_asked_twice():
    masks = lime_masks(8, 40, seed=0)
    values = np.random.default_rng(0).normal(size=(40, 1))
    twice = np.concatenate([masks, masks[:10]]), np.concatenate([values, values[:10]])
    counts = np.where(np.arange(40) < 10, 2.0, 1.0)
    assert lime_fit(masks, values, weights=counts) == pytest.approx(lime_fit(*twice), abs=1e-12)


def test_masks_are_drawn_from_their_seed_and_start_with_the_whole_text():
    masks = lime_masks(12, 100, seed=3)
    assert masks.shape == (100, 12)
    assert masks[0].all()
    assert np.array_equal(masks, lime_masks(12, 100, seed=3))
    assert not np.array_equal(masks, lime_masks(12, 100, seed=4))
