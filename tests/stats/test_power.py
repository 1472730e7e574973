import numpy as np
import pytest
from scipy import stats

from trusteq import Estimate
from trusteq.stats.equivalence import against
from trusteq.stats.power import detectable_margin, items_to_decide
from trusteq.stats.proportions import wilson

Z, Z80 = stats.norm.ppf(0.975), stats.norm.ppf(0.8)


def normal(value, error, n):
    """An estimate whose sampling error at n items is ``error``."""
    return Estimate(value, value - Z * error, value + Z * error, n, "normal")


def test_the_needed_items_are_worked_out_by_hand():
    # Half-length 0.02, gap to the margin 0.01: n (0.02 / 0.01 * 2.8016 / 1.96)^2.
    needed = items_to_decide(Estimate(0.0, -0.02, 0.02, 100, "test"), -0.01, None)
    assert needed == int(np.ceil(100 * (2 * (Z + Z80) / Z) ** 2)) == 818


@pytest.mark.parametrize(
    ("value", "margins", "wanted"),
    [
        (0.0, (-0.01, None), "inside"),
        (0.0, (-0.01, 0.01), "inside"),
        (0.002, (-0.01, 0.01), "inside"),
        (0.03, (None, 0.02), "outside"),
        (-0.03, (-0.02, 0.02), "outside"),
    ],
)
def test_the_needed_items_decide_with_80_percent_power(value, margins, wanted):
    n, error = 400, 0.02
    needed = items_to_decide(normal(value, error, n), *margins)
    later = error * np.sqrt(n / needed)
    values = np.random.default_rng(0).normal(value, later, 4_000)
    decided = np.mean([against(normal(v, later, needed), *margins) == wanted for v in values])
    assert decided == pytest.approx(0.8, abs=0.02)


def test_the_nearer_margin_counts_when_both_must_be_cleared():
    e = Estimate(0.005, -0.015, 0.025, 100, "test")
    assert items_to_decide(e, -0.01, 0.01) == pytest.approx(items_to_decide(e, None, 0.01), abs=1)
    assert items_to_decide(e, -0.01, 0.01) > items_to_decide(e, -0.01, None)


def test_an_estimate_without_an_interval_has_nothing_to_decide():
    assert items_to_decide(Estimate(0.01, 0.01, 0.01, 100, "test"), None, 0.02) is None


def test_only_the_crossed_margin_counts_outside():
    e = Estimate(0.03, 0.01, 0.05, 100, "test")
    assert items_to_decide(e, -0.02, 0.02) == items_to_decide(e, None, 0.02)


def test_no_number_of_items_decides_on_the_margin():
    assert items_to_decide(Estimate(0.02, 0.0, 0.04, 100, "test"), None, 0.02) is None
    assert items_to_decide(Estimate(0.02, 0.0, 0.04, 100, "test"), -0.02, 0.02) is None


def test_a_value_that_rounding_puts_beside_the_margin_lies_on_it():
    assert items_to_decide(Estimate(0.1 + 0.2, 0.2, 0.4, 100, "test"), None, 0.3) is None


def test_without_a_margin_there_is_nothing_to_decide():
    assert items_to_decide(Estimate(0.02, 0.0, 0.04, 100, "test"), None, None) is None


def test_a_share_never_seen_needs_items_in_proportion_and_they_do_decide():
    n = 100
    e = Estimate(0.0, *wilson(0.0, n, level=0.95), n, "share")
    needed = items_to_decide(e, None, 0.01)
    # Wilson's end z^2 / (n + z^2) is 0.01 at n = 99 z^2.
    assert needed == int(np.ceil(99 * Z**2)) == 381
    assert wilson(0.0, needed, level=0.95)[1] <= 0.01


@pytest.mark.parametrize("n", [100, 300, 1_000])
def test_what_always_happens_needs_the_items_of_its_opposite_that_never_does(n):
    never, always = (Estimate(share, *wilson(share, n, level=0.95), n, "share") for share in (0.0, 1.0))
    assert items_to_decide(always, 0.99, None) == items_to_decide(never, None, 0.01) == 381
    assert detectable_margin(always) == pytest.approx(detectable_margin(never))


def test_what_never_happened_on_a_scale_beyond_one_needs_items_in_proportion():
    assert items_to_decide(Estimate(0.0, 0.0, 2.0, 100, "test"), None, 1.5) == 134


def test_the_detectable_margin_is_certified_in_80_percent_of_samples():
    error, n = 0.02, 300
    margin = detectable_margin(normal(0.0, error, n))
    values = np.random.default_rng(1).normal(0.0, error, 4_000)
    assert np.mean([against(normal(v, error, n), None, margin) == "inside" for v in values]) == pytest.approx(
        0.8, abs=0.02
    )


def test_the_detectable_margin_on_both_sides_is_certified_in_80_percent_of_samples():
    error, n = 0.02, 300
    margin = detectable_margin(normal(0.0, error, n), two_sided=True)
    values = np.random.default_rng(2).normal(0.0, error, 4_000)
    inside = [against(normal(v, error, n), -margin, margin) == "inside" for v in values]
    assert np.mean(inside) == pytest.approx(0.8, abs=0.02)


def test_the_detectable_margin_of_a_share_never_seen_is_its_upper_end():
    assert detectable_margin(Estimate(0.0, 0.0, 0.037, 100, "share")) == 0.037


def test_the_detectable_margin_takes_the_longer_side():
    assert detectable_margin(Estimate(0.0, -0.01, 0.03, 100, "test")) == pytest.approx(0.03 * (Z + Z80) / Z)
