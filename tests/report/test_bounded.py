"""Intervals as they are printed: nothing impossible stands in them."""

from hypothesis import given
from hypothesis import strategies as st

from trusteq.report.bounded import SHARE, bounded
from trusteq.stats.estimate import Estimate

ENDS = st.floats(-3, 3)


def estimate(value, low, high):
    return Estimate(value, low, high, 4, "Student's t")


def test_an_interval_is_cut_at_the_bounds_and_its_value_stays():
    cut = bounded(estimate(0.97, 0.77, 1.05), SHARE)
    assert (cut.value, cut.low, cut.high) == (0.97, 0.77, 1.0)


def test_the_bounds_are_those_of_the_measure():
    wide = estimate(0.0, -1.5, 1.5)
    assert bounded(wide, "accuracy_difference").low == -1
    assert bounded(wide, "accuracy_candidate").low == 0
    assert bounded(wide, "jaccard_lime").high == 1
    assert bounded(wide, "nobody knows this one") == wide
    assert bounded(None, "jaccard_lime") is None


@given(ENDS, ENDS)
def test_a_possible_value_is_in_the_printed_interval_exactly_if_it_is_in_the_computed_one(low, high):
    low, high = sorted((low, high))
    cut = bounded(estimate(0.5, low, high), SHARE)
    for value in (0.0, 0.25, 0.5, 1.0):
        if high >= 0 and low <= 1:
            assert (low <= value <= high) == (cut.low <= value <= cut.high)
    assert 0 <= cut.low <= cut.high <= 1
