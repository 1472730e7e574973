"""The scale on which 0 is no difference and 1 the margin."""

import math

import pytest

from trusteq import Estimate
from trusteq.policy import Rule
from trusteq.report.figures.margins import margin_scale


def placed(measure, value, **rule):
    e = Estimate(value, value, value, 10, "m")
    return margin_scale(measure, Rule(**rule), e).of(e)[1]


@pytest.mark.parametrize(
    ("measure", "rule", "at"),
    [
        ("accuracy_difference", {"at_least": -0.01}, {0.0: 0, -0.01: 1, -0.02: 2, 0.01: -1}),
        ("disagreement", {"at_most": 0.05}, {0.0: 0, 0.05: 1, 0.1: 2}),
        ("smooth_ece_difference", {"at_most": 0.02}, {0.0: 0, 0.02: 1, -0.02: -1}),
        ("alignment_lime", {"at_least": 0.9}, {1.0: 0, 0.9: 1, 0.5: 5}),
        ("jaccard_shap", {"at_least": 0.7}, {1.0: 0, 0.7: 1}),
        ("accuracy_candidate", {"at_least": 0.8}, {1.0: 0, 0.8: 1, 0.6: 2}),
        ("nll_candidate", {"at_most": 2.0}, {0.0: 0, 2.0: 1}),
        ("overconfidence_candidate", {"at_most": 0.1}, {0.0: 0, 0.1: 1, -0.1: -1}),
        ("alignment_lime_to_peer", {"at_least": 0.95}, {1.0: 0, 0.95: 1, 1.05: -1}),
        ("size_ratio_lime", {"at_least": 0.8, "at_most": 1.2}, {1.0: 0, 0.8: -1, 1.2: 1, 1.4: 2}),
        ("ece_difference", {"at_least": -0.01, "at_most": 0.03}, {0.01: 0, 0.03: 1, -0.01: -1}),
    ],
)
def test_known_places(measure, rule, at):
    for value, place in at.items():
        assert placed(measure, value, **rule) == pytest.approx(place), value


def test_the_ends_are_in_order_whichever_side_is_better():
    e = Estimate(0.0, -0.2, 0.1, 9, "m")
    assert margin_scale("accuracy_difference", Rule(at_least=-0.1), e).of(e) == pytest.approx((-1, 0, 2))


def test_what_only_has_to_be_small_has_one_end_and_two_margins_have_two():
    e = Estimate(0.1, 0.0, 0.2, 9, "m")
    one = margin_scale("disagreement", Rule(at_most=0.05), e)
    assert (one.low, one.high) == (-math.inf, 1)
    two = margin_scale("ece_difference", Rule(at_least=-0.1, at_most=0.1), e)
    assert (two.low, two.high) == (-1, 1)


def test_a_margin_without_width_is_0_and_the_interval_s_farther_end_1():
    rule = Rule(at_least=0, at_most=0, judged_on="significance")
    e = Estimate(0.1, -0.1, 0.4, 9, "m")
    scale = margin_scale("ece_difference", rule, e)
    assert scale.of(e) == pytest.approx((-0.25, 0.25, 1))
    assert (scale.low, scale.high) == (0, 0)
    nothing = Estimate(0.0, 0.0, 0.0, 9, "m")
    assert margin_scale("ece_difference", rule, nothing).of(nothing) == (0, 0, 0)


def test_a_margin_at_the_best_value_is_still_at_1():
    e = Estimate(0.9, 0.8, 1.0, 9, "m")
    scale = margin_scale("jaccard_lime", Rule(at_least=1.0), e)
    assert scale.of(e) == pytest.approx((1, 1.5, 2))
