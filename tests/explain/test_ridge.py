import tracemalloc

import numpy as np
import pytest

from trusteq.explain.lime import lime, lime_fit, lime_map
from trusteq.explain.plan import mask_plan
from trusteq.explain.ridge import ridge, ridge_map
from trusteq.explain.shapley import SHRINK, shapley, shapley_map


@pytest.mark.parametrize("rows", [1, 5, 9, 10, 11, 19, 20, 21, 80])
@pytest.mark.parametrize("penalty", [1e-3, 0.4])
def test_both_systems_are_the_normal_equations(rows, penalty):
    rng = np.random.default_rng(rows)
    x, weight, values = rng.normal(size=(rows, 20)), rng.random(rows), rng.normal(size=(rows, 3))
    expected = np.linalg.solve(x.T @ np.diag(weight) @ x + penalty * np.eye(20), x.T @ np.diag(weight))
    assert ridge_map(x, weight, penalty) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert ridge(x, values, weight, penalty) == pytest.approx(expected @ values, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize("units", [8, 16, 17, 30, 33, 34, 35, 67, 68, 69, 200])
def test_explanations_are_the_same_whichever_system_is_solved(units, monkeypatch):
    plan = mask_plan("a", units, masks=34)
    values = np.random.default_rng(units).normal(size=(len(plan), 2))

    def made():
        halves = [m(plan, half, shrink=SHRINK) for m in (lime_map, shapley_map) for half in plan.halves]
        return [*lime(plan, values), *shapley(plan, values), lime_fit(plan.masks, values), *halves]

    found = made()
    for module in ("lime", "shapley"):
        monkeypatch.setattr(f"trusteq.explain.{module}.ridge_map", by_units)
    monkeypatch.setattr("trusteq.explain.lime.ridge", lambda x, v, w, penalty: by_units(x, w, penalty) @ v)
    for now, plain in zip(found, made(), strict=True):
        assert now == pytest.approx(plain, rel=1e-9, abs=1e-9)


def by_units(x, weight, penalty):
    return np.linalg.solve(x.T @ (weight[:, None] * x) + penalty * np.eye(x.shape[1]), x.T * weight)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("read", [lime, shapley])
def test_a_long_text_needs_no_memory_for_pairs_of_units(read):
    plan = mask_plan("a", 4_000, masks=34)
    tracemalloc.start()
    read(plan, np.zeros((len(plan), 2)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000  # 4,000 x 4,000 floats are 128 MB
