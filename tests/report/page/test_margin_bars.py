"""The drawing of a rule in its row: where the interval lies on the scale on which 0 is equal and 1 the margin."""

import re

import pytest

from trusteq.policy import Rule
from trusteq.report.page.margin_bars import HEIGHT, LEFT, RIGHT, WIDTH, margin_axis, margin_bar
from trusteq.stats.estimate import Estimate
from trusteq.verdict import DimensionVerdict, Outcome, RuleVerdict, Verdict


def bar(value, low, high, outcome=Outcome.UNDECIDED, **margin):
    return margin_bar(RuleVerdict("disagreement", Rule(**margin), outcome, "", Estimate(value, low, high, 100, "")))


def place(margins):
    return round((margins - LEFT) / (RIGHT - LEFT) * WIDTH, 1)


def test_the_interval_is_drawn_from_its_low_to_its_high_end_in_margins():
    drawn = bar(0.02, 0.01, 0.04, at_most=0.02)
    assert f'<line x1="{place(0.5)}" x2="{place(2)}" y1="{HEIGHT // 2}"' in drawn
    assert f'<path class="empty" d="M{place(1)} ' in drawn
    assert f'<line class="edge" x1="{place(1)}" x2="{place(1)}"' in drawn
    assert 'aria-label="estimate 1.00 margins from equal, interval 0.50 to 2.00"' in drawn


@pytest.mark.parametrize(
    ("outcome", "mark"),
    [(Outcome.EQUIVALENT, '<circle class="full"'), (Outcome.NOT_EQUIVALENT, "cross"), (Outcome.UNDECIDED, "empty")],
)
def test_an_outcome_has_its_own_mark_and_class(outcome, mark):
    drawn = bar(0.02, 0.01, 0.03, outcome, at_most=0.02)
    assert mark in drawn
    assert f'class="margin-bar {outcome.lower().replace(" ", "-")}"' in drawn


def test_what_is_beyond_the_scale_ends_in_an_arrow_and_stays_inside():
    drawn = bar(0.5, 0.3, 0.7, at_most=0.02)
    assert f"M{WIDTH} " in drawn
    assert ">25×</text>" in drawn
    assert 'class="empty"' not in drawn
    assert all(0 <= float(x) <= WIDTH for x in re.findall(r'x[12]?="([-\d.]+)"', drawn))


def test_a_value_beyond_the_scale_is_a_number_left_of_its_interval():
    drawn = bar(0.0624, 0.05, 0.07, at_most=0.02)
    assert f'x="{place(2.5) - 4:g}" y="{HEIGHT // 2 + 4}">3.1×</text>' in drawn


def test_both_sides_of_a_rule_with_two_margins_are_acceptable():
    drawn = bar(0.0, -0.01, 0.01, at_least=-0.02, at_most=0.02)
    assert f'<rect x="{place(-1)}" y="0" width="{place(1) - place(-1):g}"' in drawn


def test_what_was_not_measured_is_not_drawn():
    assert margin_bar(RuleVerdict("disagreement", Rule(at_most=0.02), Outcome.NOT_MEASURED, "")) == ""


@pytest.mark.parametrize(("margins", "left"), [({"at_most": 1}, "better"), ({"at_most": 1, "at_least": -1}, "−margin")])
def test_the_scale_says_what_lies_to_the_left(margins, left):
    rule = RuleVerdict("disagreement", Rule(**margins), Outcome.UNDECIDED, "")
    verdict = Verdict(Outcome.UNDECIDED, (DimensionVerdict("behaviour", Outcome.UNDECIDED, True, (rule,)),), "")
    assert re.findall(r">([^<>]+)</text>", margin_axis(verdict)) == [left, "same", "margin", "2×", "3×"]
