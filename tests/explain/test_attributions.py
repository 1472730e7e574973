"""Attributions of many items and models from their values."""

import numpy as np
import pytest

from trusteq.comparing.measures import METHODS
from trusteq.data.predictions import log_softmax
from trusteq.explain.attributions import attributions, products
from trusteq.explain.plan import mask_plan
from trusteq.explain.shapley import shapley
from trusteq.tasks.classes import on_scale

# scales


@pytest.mark.parametrize("logit", [-46.0, -1.0, 0.0, 3.0, 46.0, 300.0])
def test_log_odds_are_exact_where_a_probability_rounds_to_0_or_1(logit):
    """p is 1 - 1e-20 at 46 nats."""
    table = log_softmax(np.array([[0.0, logit]]))
    assert on_scale(table, 1, "log-odds")[0] == pytest.approx(logit, rel=1e-12, abs=1e-12)
    assert on_scale(table, 0, "log-odds")[0] == pytest.approx(-logit, rel=1e-12, abs=1e-12)


def test_log_odds_are_those_against_all_other_labels():
    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]])
    np.testing.assert_allclose(on_scale(np.log(p), 1, "log-odds"), np.log([0.3 / 0.7, 0.6 / 0.4]))


def test_a_probability_is_a_probability():
    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3]])
    np.testing.assert_allclose(on_scale(np.log(p), 2, "probability"), p[:, 2])


# many items


WEIGHTS = {
    "short": np.array([0.3, -0.2, 0.5]),
    "long": np.array([1, -2, 0.5, 0, 3, -1, 0.25, 2, -0.5, 0.1, 4, -3]) / 10,
}


@pytest.fixture(scope="module")
def linear():
    """An item with all its masks and one with some; two models that add their words' weights, the second doubled."""
    plans = [mask_plan(name, len(w), masks=400 if len(w) > 3 else 10) for name, w in WEIGHTS.items()]
    values = [
        np.stack([p.masks @ w, 2 * (p.masks @ w) + 7], axis=1) for p, w in zip(plans, WEIGHTS.values(), strict=True)
    ]
    assert [plan.exact for plan in plans] == [True, False]
    return plans, values


def test_a_model_that_adds_its_words_has_their_weights(linear):
    one, double = attributions(*linear, "shapley")
    for i, weights in enumerate(WEIGHTS.values()):
        np.testing.assert_allclose(one.whole[i, : len(weights)], weights, atol=1e-12)
        np.testing.assert_allclose(double.whole[i, : len(weights)], 2 * weights, atol=1e-12)
        np.testing.assert_allclose(one.error[i], 0.0, atol=1e-12)
    assert (one.whole[0, 3:] == 0).all()


@pytest.mark.parametrize("method", METHODS)
def test_models_come_in_their_order_and_attributions_are_linear_in_values(linear, method):
    one, double = attributions(*linear, method)
    for name in ("whole", "first", "second"):
        np.testing.assert_allclose(getattr(double, name), 2 * getattr(one, name), atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_either_half_points_where_the_weights_do(linear, method):
    """Shrunk a little, and so of nearly the same direction."""
    one, _ = attributions(*linear, method)
    for i, weights in enumerate(WEIGHTS.values()):
        true = weights - weights.mean()
        for half in (one.first, one.second, one.whole - one.whole[i, : len(weights)].mean()):
            found = half[i, : len(weights)]
            assert found @ true / np.sqrt((found @ found) * (true @ true)) > 0.99


@pytest.mark.parametrize("method", METHODS)
def test_halves_are_centred_within_the_item_and_zero_beyond_it(method):
    rng = np.random.default_rng(0)
    plans = [mask_plan(str(n), n, masks=32) for n in (1, 2, 7, 15)]
    values = [rng.random((len(plan), 3)) for plan in plans]
    for made in attributions(plans, values, method):
        for half in (made.first, made.second):
            np.testing.assert_allclose(half.sum(axis=1), 0.0, atol=1e-12)
        for i, plan in enumerate(plans):
            for part in (made.whole, made.error, made.first, made.second):
                assert (part[i, plan.units :] == 0).all()
                assert np.isfinite(part).all()
    assert np.abs(made.first[3]).max() > 0
    assert not np.allclose(made.first[3], made.second[3])


@pytest.mark.parametrize("method", METHODS)
def test_all_masks_leave_nothing_to_chance(method):
    plan = mask_plan("i", 4, masks=16)
    (made,) = attributions([plan], [np.random.default_rng(0).random((16, 1))], method)
    np.testing.assert_array_equal(made.first, made.second)
    np.testing.assert_allclose(made.first, made.whole - made.whole.mean())
    np.testing.assert_array_equal(made.error, 0.0)


def test_an_item_is_read_as_it_would_be_by_itself():
    plans = [mask_plan(str(n), n, masks=32) for n in (5, 15)]
    values = [np.random.default_rng(n).random((len(plan), 2)) for n, plan in enumerate(plans)]
    together = attributions(plans, values, "shapley")
    for i, (plan, v) in enumerate(zip(plans, values, strict=True)):
        whole, error = shapley(plan, v)
        for m, made in enumerate(together):
            np.testing.assert_array_equal(made.whole[i, : plan.units], whole[:, m])
            np.testing.assert_array_equal(made.error[i, : plan.units], error[:, m])
            (alone,) = attributions([plan], [v[:, [m]]], "shapley")
            np.testing.assert_allclose(made.first[i, : plan.units], alone.first[0], atol=1e-14)
    taken = together[0].take(np.array([1]))
    np.testing.assert_array_equal(taken.first[0], together[0].first[1])


# Products ----------------------------------------------------------------------------------------


def game(units, seed):
    """A value of every mask, with interactions."""
    rng = np.random.default_rng(seed)
    linear, pairs = rng.standard_normal(units), np.triu(rng.standard_normal((units, units)), 1) / units**0.5
    return lambda masks: masks @ linear + np.einsum("mi,ij,mj->m", masks, pairs, masks)


@pytest.mark.parametrize("method", METHODS)
def test_products_of_complete_plans_are_those_of_the_attributions(method):
    plan = mask_plan("item", 5, masks=64)
    values = np.stack([game(5, seed)(plan.masks.astype(float)) for seed in (0, 1)], axis=1)
    made = attributions([plan], [values], method)
    whole = [one.whole[0] - one.whole[0].mean() for one in made]
    expected = [[a @ b for b in whole] for a in whole]
    np.testing.assert_allclose(products([plan], [values], method)[0], expected, rtol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_products_have_no_noise_bias_and_less_noise_than_those_of_one_cut(method):
    """Means over many plans agree with those of one cut; their spread is smaller."""
    games, one_cut, all_cuts = [game(18, seed) for seed in (0, 1)], [], []
    for seed in range(400):
        plan = mask_plan(f"item {seed}", 18, masks=74)
        values = np.stack([one(plan.masks.astype(float)) for one in games], axis=1)
        a, b = attributions([plan], [values], method)
        one_cut.append((0.5 * (a.first * b.second + a.second * b.first)).sum())
        all_cuts.append(products([plan], [values], method)[0, 0, 1])
    difference = np.array(one_cut) - all_cuts
    assert abs(difference.mean()) < 3.5 * difference.std() / 20
    assert np.std(all_cuts) < 0.95 * np.std(one_cut)


def test_a_model_that_no_mask_moves_has_no_attributions_at_all():
    """A constant is a sum of rounded numbers, too: what is left of it by rounding is nobody's weight."""
    plans = [
        mask_plan(str(i), n, masks=64, background=background) for i, (n, background) in enumerate([(3, 9), (12, 0)])
    ]
    values = [np.full((len(plan), 2), 0.1) for plan in plans]
    values[1][:, 1] += np.arange(len(plans[1]))
    for method in ("lime", "shapley"):
        flat, moving = attributions(plans, values, method)
        assert not flat.whole.any()
        assert not flat.first.any()
        assert moving.whole[1].any()
        assert (products(plans, values, method)[:, 0] == 0).all()
