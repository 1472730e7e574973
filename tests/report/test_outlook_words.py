"""Undecided rules in words: which way they lean, what more items would show, what these certify."""

import pytest
from finished_runs import explained, plain

from trusteq import Estimate, Outcome
from trusteq.policy import Rule
from trusteq.report.markdown import markdown
from trusteq.report.notebook import html
from trusteq.report.outlook_words import certified, leaning, outlooks, sentence, table_rows
from trusteq.report.page.page import page
from trusteq.stats.outlook import chance, outlook
from trusteq.stats.power import detectable_margin, items_to_decide
from trusteq.verdict import RuleVerdict


def undecided(estimate, **margin):
    rule = Rule(**margin)
    needed = items_to_decide(estimate, rule.at_least, rule.at_most)
    view = outlook(estimate, rule.at_least, rule.at_most, needed)
    detectable = detectable_margin(estimate)
    return RuleVerdict("disagreement", rule, Outcome.UNDECIDED, "", estimate, needed, detectable, None, view)


NEAR = undecided(Estimate(0.0508, 0.042, 0.06062, 2_000, "Wilson"), at_most=0.05)


def test_all_of_it_is_said_in_short_sentences():
    one, two, three = NEAR.outlook.chances
    assert (one.items, two.items, three.items) == (4_000, 8_000, 20_000)
    text = sentence("behaviour", NEAR)
    assert text.startswith("disagreement leans beyond the margin (")
    for told, said in (
        (one, "With 4,000 items (2 times as many): "),
        (two, "; with 8,000: "),
        (three, "; with 20,000: "),
    ):
        within, beyond, still = map(chance, (told.within, told.beyond, told.undecided))
        assert f"{said}{within} within, {beyond} beyond, {still}" in text
    assert (
        f"With 20,000, if 0.0508 is the true value: {chance(three.within_at_estimate)} within, "
        f"{chance(three.beyond_at_estimate)} beyond." in text
    )
    assert "already certify a margin of ≤ 0.0607 instead of ≤ 0.05; as many can certify a margin that is 0.0141" in text


def test_the_lean_says_how_surely():
    share = NEAR.outlook.within
    assert leaning(NEAR) == f"leans beyond the margin ({1 - share:.0%} to {share:.0%})"
    assert leaning(undecided(Estimate(0.05, 0.04, 0.06, 2_000, "x"), at_most=0.05)) == "lies on the margin"


@pytest.mark.parametrize(
    ("ends", "margin", "shown"),
    [
        ((0.04, 0.06061), {"at_most": 0.05}, "≤ 0.0607"),
        ((0.04, 0.0606), {"at_most": 0.05}, "≤ 0.0606"),
        ((-0.01501, 0.0), {"at_least": -0.01}, "≥ -0.0151"),
        ((0.93996, 0.97), {"at_least": 0.95}, "≥ 0.9399"),
        ((-0.0123, 0.0305), {"at_least": -0.02, "at_most": 0.02}, "-0.0305 to 0.0305"),
    ],
)
def test_the_certified_margin_is_rounded_so_that_it_holds(ends, margin, shown):
    low, high = ends
    assert certified(undecided(Estimate((low + high) / 2, low, high, 500, "x"), **margin)) == shown


def test_nothing_is_certain():
    assert [chance(share) for share in (0.0, 0.004, 0.006, 0.994, 0.996, 1.0)] == [
        "<1%",
        "<1%",
        "1%",
        "99%",
        ">99%",
        ">99%",
    ]


def test_explained_items_are_counted_as_such():
    assert next(iter(table_rows("explanation", NEAR)))[1] == "4,000 explained items (2 times as many)"


@pytest.mark.parametrize("form", [markdown, lambda evidence: html(plain()), page], ids=["markdown", "notebook", "page"])
def test_every_report_says_it_of_every_undecided_rule(form):
    text = form(plain().evidence)
    open_rules = [rule for _, rule in outlooks(plain()["small"].verdict)]
    assert open_rules
    assert text.count("already certify a margin of") == len(open_rules)


def test_the_page_has_a_row_for_each_number_of_items():
    text = page(explained().evidence)
    for comparison in explained().comparisons:
        for dimension, rule in outlooks(comparison.verdict):
            for told in rule.outlook.chances:
                assert f"{told.items:,} {'explained ' * (dimension == 'explanation')}items (" in text
