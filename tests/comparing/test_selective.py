import numpy as np
import pytest
from hypothesis import given, settings
from oracles import bootstrap
from oracles import calibration as oracle
from oracles.pairs import coarse_models, drawn, pair_of, two_labels
from scipy import stats

from trusteq.comparing.bins import fine_cell
from trusteq.comparing.noise_bias import fitted_accuracy
from trusteq.comparing.selective import TARGETS, _figures, _usable, risk_coverage, selective_prediction, usable_region
from trusteq.data.predictions import softmax


def measured(confidence, right):
    p, gold = two_labels(confidence, right)
    return {name: e.value for name, e in selective_prediction(pair_of(p, p, gold)).items()}


def test_the_risk_coverage_curve_by_hand():
    coverage, risk = risk_coverage(np.array([0.6, 0.9, 0.8, 0.8]), np.array([True, True, False, True]))
    assert coverage == pytest.approx([0.25, 0.75, 1.0])
    assert risk == pytest.approx([0.0, 1 / 3, 0.25])


@pytest.mark.parametrize("of_a_cell", [1, 2**16 - 1])
def test_a_usable_region_is_counted_right_however_many_items_there_are(of_a_cell):
    count = np.full((1024, 1), of_a_cell, dtype=np.uint16)
    wrong = count.copy()
    assert _usable(count, wrong).tolist() == [[0], [0], [0]]
    wrong[512:] = 0  # the more confident half is right: so many wrong ones may be answered as well
    assert _usable(count, wrong)[:, 0] == pytest.approx([1 / 2 / target for target in TARGETS], abs=1 / 1024)


def test_as_many_wrong_answers_as_a_target_allows_are_usable():
    for among, target in ((10, 0), (20, 1), (100, 2)):  # one wrong answer is just what 90, 95 and 99 % allow
        count = np.ones((among, 1), dtype=np.uint16)
        wrong = np.zeros_like(count)
        wrong[0] = 1
        assert _usable(count, wrong)[target] == 1


def test_aurc_by_hand():
    # One item at risk 0, two at 1/3, one at 1/4.
    assert measured([0.6, 0.9, 0.8, 0.8], [1, 1, 0, 1])["aurc_reference"] == pytest.approx((0 + 2 / 3 + 1 / 4) / 4)


def test_the_usable_region_is_the_largest_share_within_the_target():
    # Ten right at .9 and above, then a wrong one at .8, then ten right at .7: 1/21 wrong of all, 1/11 at .8.
    found = measured([0.9] * 10 + [0.8] + [0.7] * 10, [1] * 10 + [0] + [1] * 10)
    assert found["usable_95_reference"] == 1.0
    assert found["usable_90_reference"] == 1.0
    assert found["usable_99_reference"] == pytest.approx(10 / 21)


def test_the_target_itself_is_within_the_target():
    found = measured([0.9] * 9 + [0.8], [1] * 9 + [0])
    assert found["usable_90_reference"] == 1.0


def test_equal_confidences_are_answered_together_whatever_their_order():
    assert measured([0.8] * 4, [1, 1, 0, 0]) == measured([0.8] * 4, [0, 0, 1, 1])
    assert measured([0.8] * 4, [1, 1, 0, 0])["aurc_reference"] == 0.5


@pytest.mark.parametrize(("right", "aurc", "usable"), [(1, 0.0, 1.0), (0, 1.0, 0.0)])
def test_all_right_and_all_wrong_are_exact(right, aurc, usable):
    found = measured([0.6, 0.9, 1.0], [right] * 3)
    assert found["aurc_reference"] == aurc
    assert found["usable_90_reference"] == found["usable_99_reference"] == usable


@settings(derandomize=True, deadline=None, max_examples=60)
@given(coarse_models(max_items=20))
def test_aurc_and_usable_regions_are_the_oracles(models):
    p, gold = models
    pair = pair_of(p, p, gold, resamples=5)
    answers, found = pair.reference, selective_prediction(pair)
    assert found["aurc_reference"].value == pytest.approx(oracle.aurc(answers.confidence, answers.right), abs=1e-12)
    for target in (0.9, 0.95, 0.99):
        expected = oracle.usable(answers.confidence, answers.right, target)
        assert found[f"usable_{100 * target:g}_reference"].value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("target", [None, *TARGETS])
def test_draws_are_the_figures_of_the_resampled_items_on_the_grid(target):
    # Confidences on whole percents fall in a cell each, so the grid loses nothing.
    rng = np.random.default_rng(0)
    p, gold = two_labels(rng.integers(50, 99, 30) / 100, rng.random(30) < 0.9)
    answers = pair_of(p, p, gold, resamples=30).reference

    def slow(at):
        confidence, right = answers.confidence[at], answers.right[at]
        return oracle.aurc(confidence, right) if target is None else oracle.usable(confidence, right, target)

    figure = _figures(answers)[(None, *TARGETS).index(target)]
    assert figure.draws == pytest.approx(bootstrap.draws(answers.resampling, slow), abs=1e-9)
    assert figure.point == pytest.approx(figure.exact, abs=1e-12)


def test_without_a_wrong_answer_a_share_is_shown_usable_by_the_rule_of_three():
    # 0.99^n falls to 2.5 % at 368 items: fewer show nothing.
    p, gold = two_labels(np.linspace(0.6, 0.9, 400), np.ones(400))
    found = selective_prediction(pair_of(p, p, gold))["usable_99_reference"]
    assert (found.value, found.low, found.high) == (1.0, 1.0, 1.0)
    few = selective_prediction(pair_of(p[:300], p[:300], gold[:300]))["usable_99_reference"]
    assert (few.value, few.low, few.high) == (1.0, 0.0, 1.0)


def test_a_usable_regions_interval_is_the_binomial_test_where_risk_is_even():
    # One wrong in twenty all along: what one item beyond the share adds is what any other does.
    right = np.arange(2_000) % 20 != 10
    p, gold = two_labels(np.linspace(0.96, 0.94, 2_000), right)
    found = selective_prediction(pair_of(p, p, gold))
    assert found["usable_90_reference"].low == found["usable_90_reference"].high == 1.0
    n = np.arange(1, 2_001)
    refused = stats.binom.sf((~right).cumsum() - 1, n, 0.01) <= 0.025
    assert found["usable_99_reference"].high == pytest.approx(n[~refused].max() / 2_000, abs=0.01)


def test_a_usable_regions_ends_are_the_shares_that_the_test_leaves_where_risk_rises():
    """Share by share: the items beyond add to the variance as their risk lies beyond the allowed one."""
    rng = np.random.default_rng(3)
    confidence = rng.uniform(0.5, 1, 400)
    right = rng.random(400) < 1 / (1 + np.exp(-20 * (confidence - 0.75)))
    p, gold = two_labels(confidence, right)
    pair, tests, possible = pair_of(p, p, gold, resamples=2), [], [0.0]
    fine = pair.reference.fine
    curve = fitted_accuracy(fine.count.total, fine.confidence.total, fine.right.total)
    order = np.argsort(-confidence)
    for answered in range(1, 401):
        share, wrong = answered / 400, int((~right[order[:answered]]).sum())
        beyond = 1 - curve[fine_cell(confidence[order[answered - 1]])] - 0.1
        n = max(answered / (1 + beyond**2 * (1 - share) / (0.1 * 0.9)), 1)
        x = wrong / answered * n
        tests.append((share, stats.beta.sf(0.1, x + 1, max(n - x, 1e-9)), 0.9**n))
        if wrong == 0 or stats.beta.cdf(0.1, x, n - x + 1) > 0.025:
            possible.append(share)

    def at_any(p, share):
        z = stats.norm.isf(p)
        return p + stats.norm.pdf(z) * z * np.log(1 / share) / 2

    shown = 0.0
    for at, (share, _, without_a_mistake) in enumerate(tests):
        if shown or at_any(without_a_mistake, share) <= 0.025:
            if at_any(min(p for _, p, _ in tests[at:]), share) > 0.025:
                break
            shown = share
    e = selective_prediction(pair)["usable_90_reference"]
    assert (e.low, e.high) == pytest.approx((min(shown, e.value), max(max(possible), e.value)))
    assert 0 < e.low < e.value < e.high < 1


@pytest.mark.slow
@pytest.mark.parametrize("clusters", [None, 5])
def test_a_usable_regions_interval_covers(clusters):
    def sample(n, seed):
        rng = np.random.default_rng(seed)
        confidence = np.repeat(0.5 + 0.5 * rng.beta(2, 1, n), clusters or 1)
        return confidence, np.repeat(rng.random(n) < confidence[:: clusters or 1], clusters or 1)

    confidence, right = sample(200_000, 10**6)
    coverage, risk = risk_coverage(confidence, right)
    true, covered = coverage[risk <= 0.1].max(), 0
    for seed in range(100):
        p, gold = two_labels(*sample(300, seed))
        groups = None if clusters is None else np.repeat(np.arange(300), clusters).astype(str)
        e = selective_prediction(pair_of(p, p, gold, resamples=2, clusters=groups))["usable_90_reference"]
        covered += e.low <= true <= e.high
    assert covered >= 89


@pytest.mark.slow
@pytest.mark.parametrize("n", [500, 2_000])
def test_no_share_is_shown_usable_where_none_is_however_many_are_looked_at(n):
    shown = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        p, gold = two_labels(rng.uniform(0.5, 1, n), rng.random(n) < 0.895)
        answers = pair_of(p, p, gold, resamples=2).reference
        shown += usable_region(answers, 1.0, 0.9, what="usable").low > 0
    # 2.5 % of 200 are 5; every share at 2.5 % would make some 20.
    assert shown <= 5


def test_a_sharp_model_right_in_97_of_100_is_shown_to_be_usable():
    lows = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        confidence = 0.5 + 0.5 * rng.beta(3, 1, 1_000)
        p, gold = two_labels(confidence, rng.random(1_000) < 1 - 0.24 * (1 - confidence))
        found = selective_prediction(pair_of(p, p, gold, resamples=2))
        lows.append((found["usable_90_reference"].low, found["usable_95_reference"].low))
    assert np.mean(lows, axis=0) == pytest.approx([1.0, 0.98], abs=0.03)


def test_a_model_that_knows_when_it_is_wrong_has_the_lower_aurc():
    knows, does_not = (
        measured([0.9] * 8 + [0.6] * 2, [1] * 8 + [0] * 2),
        measured([0.6] * 8 + [0.9] * 2, [1] * 8 + [0] * 2),
    )
    assert knows["aurc_reference"] < does_not["aurc_reference"]
    assert does_not["usable_90_reference"] == 0.0


def test_the_differences_are_candidate_minus_reference():
    found = selective_prediction(pair_of(*drawn(150, 3, 1)))
    for name in ("aurc", "usable_90", "usable_95", "usable_99"):
        gap = found[f"{name}_candidate"].value - found[f"{name}_reference"].value
        assert found[f"{name}_difference"].value == pytest.approx(gap)


def test_the_difference_of_small_regions_is_as_unsure_as_resampled_items_say():
    """Regions of few items at the top, which one cell of a grid of confidence would swallow."""
    rng = np.random.default_rng(2)
    n = 1_500
    truth = rng.normal(size=(n, 2)) * 3
    p, q = softmax(truth * 2), softmax((truth + rng.normal(size=truth.shape) * 0.4) * 2)
    gold = (truth + rng.gumbel(size=truth.shape) * 2).argmax(axis=1)
    found = selective_prediction(pair_of(p, q, gold))["usable_99_difference"]
    draws = []
    for _ in range(400):
        at = rng.integers(0, n, n)
        curves = (risk_coverage(x[at].max(axis=1), x[at].argmax(axis=1) == gold[at]) for x in (p, q))
        one, two = (np.where(risk <= 0.01, coverage, 0).max() for coverage, risk in curves)
        draws.append(two - one)
    low, high = np.quantile(draws, (0.025, 0.975))
    assert high - low > 0.01
    assert found.low <= low + 0.25 * (high - low)
    assert found.high >= high - 0.25 * (high - low)


def test_a_model_and_itself_have_one_usable_region():
    p = softmax(np.random.default_rng(1).normal(size=(400, 3)) * 2)
    gold = np.random.default_rng(2).integers(0, 3, 400)
    found = selective_prediction(pair_of(p, p, gold))["usable_90_difference"]
    assert (found.low, found.value, found.high) == (0, 0, 0)
