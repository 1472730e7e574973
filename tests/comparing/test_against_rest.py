import numpy as np
import pytest
from oracles import against_rest as oracle
from scipy import stats

from trusteq.comparing.against_rest import ItemValues, p_from_intervals
from trusteq.stats.estimate import Estimate


@pytest.mark.parametrize("units", [400, 57, 3])
@pytest.mark.parametrize("rare", [True, False])
def test_sums_of_all_items_give_each_slice_what_its_own_items_give(units, rare):
    rng = np.random.default_rng(units)
    unit = np.arange(400) if units == 400 else rng.integers(units, size=400)
    x = (rng.random(400) < 0.01).astype(float) if rare else rng.normal(size=400) + unit % 3
    group = rng.integers(9, size=400)
    values = ItemValues(x, unit)
    for g in range(9):
        expected = oracle.p_against_rest(x, group == g, unit)
        assert values.p_against_rest(np.flatnonzero(group == g)) == pytest.approx(expected, rel=1e-9)


def test_where_all_of_a_rare_event_is_inside_the_rest_has_no_spread():
    x, inside = np.repeat([1.0, 0.0], [20, 380]), np.arange(40)
    expected = oracle.p_against_rest(x, np.arange(400) < 40, np.arange(400))
    assert ItemValues(x, np.arange(400)).p_against_rest(inside) == pytest.approx(expected)


def estimate(value, low, high, level=0.95):
    return Estimate(value, low, high, 50, "", level)


def test_a_p_value_from_two_intervals_by_hand():
    # Half-widths 3 and 4 at the level of two standard errors: 10 apart, in units of 5 / 2.
    level = 2 * stats.norm.cdf(2) - 1
    part, rest = estimate(12.0, 9.0, 15.0, level), estimate(2.0, -2.0, 6.0, level)
    assert p_from_intervals(part, rest, 1) == pytest.approx(2 * stats.norm.sf(4))
    assert p_from_intervals(part, rest, -1) == 1.0
    assert p_from_intervals(rest, part, -1) == pytest.approx(2 * stats.norm.sf(4))


def test_a_side_that_the_correction_for_noise_made_short_counts_as_half_the_interval():
    short, rest = estimate(12.0, 11.9, 17.9), estimate(2.0, 2.0, 2.0)
    assert p_from_intervals(short, rest, 1) == pytest.approx(p_from_intervals(estimate(12.0, 9.0, 15.0), rest, 1))


@pytest.mark.parametrize("low", [np.nan, -np.inf, 12.0])
def test_an_interval_without_a_width_or_an_end_shows_nothing(low):
    high = 12.0 if low == 12 else 20.0
    assert p_from_intervals(estimate(12.0, low, high), estimate(2.0, 2.0, 2.0), 1) == 1.0
