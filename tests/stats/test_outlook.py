"""Which way an open question leans, and how likely more items are to decide it."""

import math

import pytest
from oracles.outlook import ends, ends_of_means
from scipy import stats

from trusteq import Estimate
from trusteq.stats.outlook import MOST_ITEMS, MOST_TIMES, certified_margin, chances, outlook
from trusteq.stats.power import items_to_decide
from trusteq.stats.proportions import wilson

Z = stats.norm.ppf(0.975)


def mean(value, error, n=400):
    return Estimate(value, value - Z * error, value + Z * error, n, "mean")


def share(happened, n):
    return Estimate(happened / n, *wilson(happened / n, n, level=0.95), n, "share")


def test_chances_are_worked_out_by_hand():
    """Four times the items halve the interval, [-0.0098, 0.0098], and leave three quarters of the variance."""
    e = mean(0.01, 0.01)
    spread, half = 0.01 * math.sqrt(3 / 4), Z * 0.01 / 2
    within, beyond = chances(e, None, 0.02, 1_600, averaged=True)
    assert within == pytest.approx(stats.norm.cdf((0.02 - half - 0.01) / spread))
    assert beyond == pytest.approx(stats.norm.sf((0.02 + half - 0.01) / spread))
    within, _ = chances(e, None, 0.02, 1_600, averaged=False)
    assert within == pytest.approx(stats.norm.cdf((0.02 - half - 0.01) / (spread / 2)))


MEANS = [
    (0.01, (None, 0.02)),
    (0.025, (None, 0.02)),
    (-0.011, (-0.01, None)),
    (0.0, (-0.01, 0.01)),
    (0.008, (-0.02, 0.02)),
    (0.03, (-0.02, 0.02)),
]


@pytest.mark.parametrize("averaged", [True, False], ids=["averaged", "at the estimate"])
@pytest.mark.parametrize("times", [2, 4, 9])
@pytest.mark.parametrize(("value", "margins"), MEANS)
def test_a_mean_s_chances_are_how_simulated_audits_end(value, margins, times, averaged):
    expected = ends_of_means(400, value, 0.01, margins, 400 * times, averaged=averaged)
    found = chances(mean(value, 0.01), *margins, 400 * times, averaged=averaged)
    assert found == pytest.approx(expected, abs=0.015)


@pytest.mark.parametrize("averaged", [True, False], ids=["averaged", "at the estimate"])
@pytest.mark.parametrize("times", [2, 4])
@pytest.mark.parametrize(
    ("happened", "n", "margins"),
    [(25, 500, (None, 0.05)), (30, 500, (None, 0.05)), (18, 500, (None, 0.05)), (466, 500, (0.95, None))],
)
def test_a_share_s_chances_are_how_simulated_audits_end(happened, n, margins, times, averaged):
    expected = ends(n, happened, margins, n * times, averaged=averaged)
    found = chances(share(happened, n), *margins, n * times, averaged=averaged)
    assert found == pytest.approx(expected, abs=0.05)  # a share jumps by whole items, the normal does not


@pytest.mark.parametrize("averaged", [True, False], ids=["averaged", "at the estimate"])
@pytest.mark.parametrize(("times", "margin"), [(2, 0.05), (4, 0.05), (2, 0.01), (4, 0.02), (10, 0.02)])
@pytest.mark.parametrize("always", [False, True], ids=["never", "always"])
def test_what_never_or_always_happened_may_yet_do_otherwise(times, margin, always, averaged):
    n, happened = 60, 60 if always else 0
    margins = (1 - margin, None) if always else (None, margin)
    expected = ends(n, happened, margins, n * times, averaged=averaged)
    found = chances(share(happened, n), *margins, n * times, averaged=averaged)
    assert found == pytest.approx(expected, abs=0.02)


def test_chances_of_a_clustered_share_count_the_items_that_clusters_are_worth():
    """0 of 400 items that are worth 60: twice as many are as certain as 120."""
    worth = Estimate(0.0, *wilson(0.0, 60, level=0.95), 400, "share")
    assert chances(worth, None, 0.05, 800, averaged=True) == pytest.approx(
        chances(share(0, 60), None, 0.05, 120, averaged=True)
    )


@pytest.mark.parametrize("averaged", [True, False])
@pytest.mark.parametrize("n", [60, 500])
def test_all_of_the_chance_is_shared_out(n, averaged):
    for items in (2 * n, 10 * n, math.inf):
        for e in (share(0, n), share(n // 20, n)):
            within, beyond = chances(e, None, 0.05, items, averaged=averaged)
            assert 0 <= within + beyond <= 1 + 1e-9
    assert sum(chances(share(n // 20, n), None, 0.051, math.inf, averaged=averaged)) == pytest.approx(1)


def test_what_never_happened_on_a_scale_beyond_one_has_no_known_chances():
    assert chances(Estimate(0.0, 0.0, 2.0, 100, "test"), None, 1.5, 200, averaged=True) is None
    view = outlook(Estimate(0.0, 0.0, 2.0, 100, "test"), None, 1.5, 134)
    assert (view.within, view.chances, view.step) == (None, (), "more items")


@pytest.mark.parametrize(("value", "leans"), [(0.01, "within"), (0.03, "beyond"), (0.02, None), (0.02 + 1e-12, None)])
def test_it_leans_to_where_the_estimate_lies(value, leans):
    view = outlook(mean(value, 0.01), None, 0.02, None)
    assert view.leans == leans
    assert view.within == pytest.approx({"within": 0.841, "beyond": 0.159, None: 0.5}[leans])


def test_beside_both_margins_it_leans_beyond_on_either_side():
    assert [outlook(mean(v, 0.01), -0.02, 0.02, None).leans for v in (-0.03, 0.0, 0.03)] == [
        "beyond",
        "within",
        "beyond",
    ]


@pytest.mark.parametrize(
    ("margins", "certified"), [((None, 0.02), 0.03), ((-0.02, None), -0.01), ((-0.02, 0.02), 0.03), ((0.0, 0.04), 0.03)]
)
def test_the_certified_margin_is_the_smallest_that_holds_the_interval(margins, certified):
    e = Estimate(0.01, -0.01, 0.03, 400, "mean")
    found = certified_margin(e, *margins)
    assert found == pytest.approx(certified)


def test_a_value_near_the_margin_needs_a_decision_and_one_further_off_more_items():
    """Ten times the items are needed where the gap is 2.8 / root 10 = 0.886 standard errors."""
    n = MOST_ITEMS
    for gap, step in ((0.88, "a decision"), (0.89, "more items"), (-0.88, "a decision"), (-0.89, "more items")):
        e = mean(0.02 - gap * 0.01, 0.01, n)
        view = outlook(e, None, 0.02, items_to_decide(e, None, 0.02))
        assert view.step == step, gap
        most = view.chances[-1]
        assert most.items == MOST_TIMES * n if step == "a decision" else most.items < MOST_TIMES * n
        assert 0.3 < most.undecided < 0.4


def test_a_small_sample_is_asked_for_thousands_before_anybody_must_decide():
    """40 items, of which some thousands would decide: a hundred times as many, but not out of the ordinary."""
    for gap, step in ((0.023, "more items"), (0.014, "a decision")):
        e = mean(0.02 - gap, 0.1, 40)
        view = outlook(e, None, 0.02, items_to_decide(e, None, 0.02))
        assert view.step == step
        assert view.chances[-1].items <= MOST_ITEMS
    assert view.chances[-1].items == MOST_ITEMS


def test_fewer_items_than_are_asked_for_decide_nothing():
    asked = outlook(mean(0.0, 0.002, 20), None, 0.02, 20_000, least_within=20_000)
    assert (asked.step, asked.chances[-1].items, asked.chances[-1].within) == ("more items", 20_000, 1)
    view = outlook(mean(0.0, 0.002, 20), None, 0.02, 100, least_within=100, least_beyond=50)
    assert [(c.items, c.within) for c in view.chances] == [(40, 0), (80, 0), (100, 1)]
    assert view.step == "more items"  # not too close to the margin, however many times 20 that is
    beyond = outlook(mean(0.06, 0.002, 20), None, 0.02, 100, least_within=100, least_beyond=50)
    assert [(c.items, c.beyond) for c in beyond.chances] == [(40, 0), (80, 1), (100, 1)]
