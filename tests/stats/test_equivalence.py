import pytest

from trusteq import Estimate
from trusteq.stats.equivalence import against


def estimate(low, high):
    return Estimate((low + high) / 2, low, high, 100, "test")


@pytest.mark.parametrize(
    ("interval", "margins", "expected"),
    [
        ((-0.01, 0.01), (-0.02, 0.02), "inside"),
        ((-0.02, 0.02), (-0.02, 0.02), "inside"),
        ((-0.03, 0.01), (-0.02, 0.02), "across"),
        ((-0.01, 0.03), (-0.02, 0.02), "across"),
        ((-0.03, 0.03), (-0.02, 0.02), "across"),
        ((0.03, 0.04), (-0.02, 0.02), "outside"),
        ((-0.04, -0.03), (-0.02, 0.02), "outside"),
        ((0.02, 0.04), (-0.02, 0.02), "across"),
        ((0.5, 0.9), (None, 0.02), "outside"),
        ((-9.0, 0.01), (None, 0.02), "inside"),
        ((0.01, 9.0), (0.0, None), "inside"),
        ((-9.0, -8.0), (0.0, None), "outside"),
        ((0.0, 0.0), (0.0, 0.0), "inside"),
        ((-1e-9, 0.0), (0.0, 0.0), "across"),
        ((-5.0, 5.0), (None, None), "inside"),
    ],
)
def test_an_interval_lies_inside_outside_or_across(interval, margins, expected):
    assert against(estimate(*interval), *margins) == expected


@pytest.mark.parametrize("margins", [(0.0, None), (None, 0.0), (-1.0, 1.0)])
def test_what_is_not_a_number_is_never_inside(margins):
    nan = float("nan")
    assert against(estimate(nan, nan), *margins) == "across"


def test_a_margin_that_is_not_a_number_holds_nothing():
    assert against(estimate(0.0, 0.1), None, float("nan")) == "across"
