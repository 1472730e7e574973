"""The spread between trainings and over items, apart: known answers, and data in which only one of them varies."""

import numpy as np
import pytest
from scipy import stats

from trusteq import Estimate
from trusteq.study.spread import between_seeds, over_items


def estimate(value, half=0.0, level=0.95):
    return Estimate(value, value - half, value + half, 100, "something", level)


def test_known_answers():
    assert between_seeds([0.4, 0.5, 0.6]) == pytest.approx((0.1, 0.0521, 0.6285), abs=1e-4)
    assert over_items([estimate(0.4, 0.0196), estimate(0.6, 0.0392)]) == pytest.approx(0.0158, abs=1e-4)
    assert over_items([estimate(0.4, 0.01645, level=0.9)]) == pytest.approx(0.01, abs=1e-5)


def test_nothing_varies():
    assert between_seeds([0.5, 0.5, 0.5]) == (0, 0, 0)
    assert over_items([estimate(0.5), estimate(0.5)]) == 0


@pytest.mark.parametrize(("trainings", "items"), [(0.03, 0.0), (0.0, 1.0), (0.03, 1.0)])
def test_neither_is_taken_for_the_other(trainings, items):
    """Every training is measured on the same items, so that these do not tell trainings apart."""
    rng = np.random.default_rng(0)
    values = rng.normal(0, trainings, (200, 1)) + rng.normal(0, items, 900)
    half = 1.96 * values.std(axis=1, ddof=1) / 30
    found = [estimate(float(value), float(h)) for value, h in zip(values.mean(axis=1), half, strict=True)]
    spread, low, high = between_seeds([e.value for e in found])
    assert low <= trainings <= high or spread == pytest.approx(0, abs=1e-12)
    assert spread == pytest.approx(trainings, abs=0.004)
    assert over_items(found) == pytest.approx(items / 30, abs=0.002)


def test_the_interval_covers_as_often_as_it_says():
    rng = np.random.default_rng(1)
    ends = [between_seeds(list(row))[1:] for row in rng.normal(0, 2, (2_000, 3))]
    share = np.mean([low <= 2 <= high for low, high in ends])
    assert stats.binomtest(round(share * 2_000), 2_000, 0.95).pvalue > 0.01
