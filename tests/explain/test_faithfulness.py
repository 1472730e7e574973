import numpy as np
import pytest

from trusteq.comparing.faithful import faithful
from trusteq.explain.faithfulness import faithfulness
from trusteq.explain.lime import lime_map
from trusteq.explain.plan import mask_plan
from trusteq.explain.shapley import SHRINK, shapley_map
from trusteq.stats.resampling import Resampling

METHODS = ("lime", "shapley")


def games(n=30, units=9, masks=120, value=None, seed=0):
    rng = np.random.default_rng(seed)
    plans = [mask_plan(str(i), units, masks=masks) for i in range(n)]
    weights = rng.normal(size=(n, units))
    return plans, [value(plan.masks, w)[:, None] for plan, w in zip(plans, weights, strict=True)]


@pytest.mark.parametrize("method", METHODS)
def test_units_that_add_up_are_predicted_wholly(method):
    predicted, total = faithfulness(*games(value=lambda m, w: m @ w), method)
    assert predicted.sum() / total.sum() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("method", METHODS)
def test_answers_that_are_noise_are_not_predicted(method):
    rng = np.random.default_rng(1)
    predicted, total = faithfulness(*games(value=lambda m, w: rng.normal(size=len(m))), method)
    assert predicted.sum() / total.sum() < 0.05


@pytest.mark.parametrize("method", METHODS)
def test_parity_alone_cannot_be_added_up(method):
    predicted, total = faithfulness(*games(units=10, masks=400, value=lambda m, w: m.sum(axis=1) % 2.0), method)
    assert predicted.sum() / total.sum() < 0.1


@pytest.mark.parametrize(("method", "fit"), [("lime", lime_map), ("shapley", shapley_map)])
def test_it_is_a_slow_count_of_squares(method, fit):
    plans, values = games(n=3, value=lambda m, w: m @ w + (m[:, 0] & m[:, 1]))
    predicted, total = faithfulness(plans, values, method)
    for i, (plan, v) in enumerate(zip(plans, values, strict=True)):
        missed = spread = 0.0
        for seen, held_out in (plan.halves, plan.halves[::-1]):
            weights = fit(plan, seen, shrink=SHRINK) @ v[:, 0]
            rows = [row for pair in held_out.tolist() for row in pair]
            sums = [sum(w for w, kept in zip(weights, plan.masks[row], strict=True) if kept) for row in rows]
            for row, guess in zip(rows, sums, strict=True):
                variation = v[row, 0] - np.mean([v[r, 0] for r in rows])
                spread += variation**2
                missed += (variation - (guess - np.mean(sums))) ** 2
        assert total[0, i] == pytest.approx(spread)
        assert predicted[0, i] == pytest.approx(spread - missed)


def test_the_estimate_is_the_ratio_of_the_sums():
    predicted, total = np.array([[1.0, 2, 3], [1, 1, 1]]), np.full((2, 3), 4.0)
    made = faithful(predicted, total, 1, "lime", Resampling(3, resamples=50))
    assert made["faithfulness_reference_lime"].value == pytest.approx(0.5)
    assert made["faithfulness_candidate_lime"].value == pytest.approx(0.25)
