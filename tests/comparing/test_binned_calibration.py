import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import bootstrap
from oracles import calibration as oracle
from oracles.pairs import coarse_models, drawn, pair_of, two_labels
from scipy import stats

from trusteq.comparing.binned_calibration import (
    _largest_gap,
    _squares,
    binned_calibration,
    ece,
    equal_mass_edges,
    quantile_calibration,
    quantile_edges,
    squared_debiased,
)
from trusteq.comparing.bins import WIDE_EDGES, bin_of, wide_bin
from trusteq.stats.intervals import wider
from trusteq.stats.proportions import wilson

FEW = settings(derandomize=True, deadline=None, max_examples=40)


def measured(confidence, right, other=None, **options):
    """The measures of a two-label model with these confidences, as reference and (without other) as candidate."""
    p, gold = two_labels(confidence, right)
    q = p if other is None else two_labels(other, right)[0]
    return binned_calibration(pair_of(p, q, gold, **options))


def debiased_by_hand(confidence, right, edges):
    return oracle.squared_debiased(confidence, right, lambda c: oracle.bin_between(c, edges))


# Known answers -------------------------------------------------------------------------------------


def test_ece_and_mce_of_four_items_by_hand():
    # Bin 0.5: confidence .55, accuracy 1/2, gap .05; bin 0.9: confidence .95, accuracy 1/2, gap .45.
    found = measured([0.52, 0.58, 0.92, 0.98], [1, 0, 1, 0])
    assert found["ece_reference"].value == pytest.approx((0.05 + 0.45) / 2)
    assert found["mce_reference"].value == pytest.approx(0.45)


def test_the_debiased_square_of_four_items_by_hand():
    # One bin of equal confidences: gap (.8 - .5)^2, noise .25 / 3.
    found = measured([0.8] * 4, [1, 1, 0, 0])
    assert found["ece_debiased_squared_reference"].value == pytest.approx(0.09 - 0.25 / 3)
    assert found["ece_debiased_reference"].value == pytest.approx(np.sqrt(0.09 - 0.25 / 3))


def test_a_model_that_is_always_sure_and_always_wrong_has_errors_of_one():
    found = measured([1.0] * 20, [0] * 20)
    for name in ("ece", "mce", "ece_equal_mass", "mce_equal_mass", "ece_debiased", "ece_debiased_squared"):
        assert found[f"{name}_reference"].value == 1.0


def test_a_model_that_is_always_sure_and_always_right_has_errors_of_zero():
    found = measured([1.0] * 20, [1] * 20)
    assert all(e.value == 0.0 for e in found.values())


def test_opposite_gaps_in_different_bins_do_not_cancel_and_in_one_bin_do():
    assert measured([0.55, 0.95], [1, 0])["ece_reference"].value == pytest.approx((0.45 + 0.95) / 2)
    assert measured([0.92, 0.98], [1, 0])["ece_reference"].value == pytest.approx(0.45)


def test_confidences_on_the_edges_are_in_the_bin_above():
    # .6 and .69 share a bin of gap .145, .7 is alone with gap .3.
    found = measured([0.6, 0.69, 0.7], [1, 0, 1])
    assert found["ece_reference"].value == pytest.approx((2 * 0.145 + 0.3) / 3)
    assert found["mce_reference"].value == pytest.approx(0.3)


def test_bins_of_one_item_count_nothing_in_the_debiased_square():
    confidence = [0.55, 0.9, 0.9]
    assert debiased_by_hand(confidence, [0, 1, 0], [0, 0.7, 1]) == pytest.approx(2 / 3 * (0.16 - 0.25))
    sums = np.array([[1.0, 2.0]]), np.array([[0.55, 1.8]]), np.array([[0.0, 1.0]])
    assert squared_debiased(*sums)[0] == pytest.approx(2 / 3 * (0.16 - 0.25))


# Oracles -------------------------------------------------------------------------------------------


@FEW
@given(coarse_models())
def test_ece_and_mce_are_the_oracles_on_ties_edges_zeros_and_ones(models):
    p, gold = models
    pair = pair_of(p, p, gold, resamples=5)
    answers, found = pair.reference, binned_calibration(pair)
    edges = equal_mass_edges(answers.confidence, 10)
    mass = lambda c: oracle.bin_between(c, edges)  # noqa: E731 - the oracle's argument
    for suffix, bins in (("", oracle.wide_bin), ("_equal_mass", mass)):
        expected = (
            oracle.ece(answers.confidence, answers.right, bins),
            oracle.mce(answers.confidence, answers.right, bins),
        )
        assert found[f"ece{suffix}_reference"].value == pytest.approx(expected[0], abs=1e-12)
        assert found[f"mce{suffix}_reference"].value == pytest.approx(expected[1], abs=1e-12)
    edges = equal_mass_edges(answers.confidence, 15)
    expected = debiased_by_hand(answers.confidence, answers.right, edges)
    assert found["ece_debiased_squared_reference"].value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("clusters", [None, [f"{i % 9}" for i in range(40)]])
def test_every_resampled_ece_is_the_oracles_on_the_resampled_items(clusters):
    p, _, gold = drawn(40, 3, 0)
    answers = pair_of(p, p, gold, resamples=60, clusters=clusters).reference
    sums = answers.binned(wide_bin(answers.confidence), 10)
    expected = bootstrap.draws(answers.resampling, lambda at: oracle.ece(answers.confidence[at], answers.right[at]))
    assert ece(sums.count.draws, sums.confidence.draws, sums.right.draws) == pytest.approx(expected, abs=1e-9)


def test_the_difference_is_candidate_minus_reference_on_the_same_resamples():
    p, q, gold = drawn(200, 3, 1)
    found = binned_calibration(pair_of(p, q, gold, resamples=300))
    for name in ("ece", "mce", "ece_equal_mass", "ece_debiased", "ece_debiased_squared"):
        gap = found[f"{name}_candidate"].value - found[f"{name}_reference"].value
        assert found[f"{name}_difference"].value == pytest.approx(gap)
    nearly = binned_calibration(pair_of(p, p * 0.999 + 0.001 / 3, gold, resamples=300))
    # Paired: two almost equal models differ far more surely than either error is known.
    width = {side: nearly[f"ece_{side}"].high - nearly[f"ece_{side}"].low for side in ("reference", "difference")}
    assert width["difference"] < 0.2 * width["reference"]


# Bins of equal number ------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [10, 20, 400, 1_000, 1_003, 1_009])
def test_equal_mass_bins_hold_equal_numbers_to_one(n):
    x = np.random.default_rng(0).random(n)
    counts = np.bincount(bin_of(x, equal_mass_edges(x, 10)))
    assert len(counts) == 10
    assert counts.min() == n // 10
    assert counts.max() == -(-n // 10)


def test_ece_and_mce_over_bins_of_equal_number_are_those_of_the_sorted_items_in_tenths():
    p, _, gold = drawn(400, 3, 0)
    pair = pair_of(p, p, gold, resamples=5)
    answers, found = pair.reference, binned_calibration(pair)
    tenths = np.array_split(np.argsort(answers.confidence), 10)
    gaps = [abs(answers.confidence[at].mean() - answers.right[at].mean()) for at in tenths]
    assert found["ece_equal_mass_reference"].value == pytest.approx(np.mean(gaps), abs=1e-12)
    assert found["mce_equal_mass_reference"].value == pytest.approx(max(gaps), abs=1e-12)


def test_equal_confidences_stay_in_one_bin():
    x = np.array([0.6] * 50 + [0.7, 0.8] * 25)
    edges = equal_mass_edges(x, 10)
    assert len(np.unique(edges)) == len(edges)
    assert len(np.unique(bin_of(x, edges))) == 3


@pytest.mark.parametrize("x", [[1.0] * 9, [0.5], [0.0, 1.0], [0.5] * 99 + [1.0]])
def test_equal_mass_edges_go_from_zero_to_one_and_rise(x):
    edges = equal_mass_edges(np.array(x), 15)
    assert (edges[0], edges[-1]) == (0.0, 1.0)
    assert (np.diff(edges) > 0).all()


# Quantile bins as in the published scripts ----------------------------------------------------------


def scripted(confidence, right):
    """ECE and MCE of a two-label model over the scripts' bins."""
    p, gold = two_labels(confidence, right)
    found = quantile_calibration(pair_of(p, p, gold, resamples=5))
    return found["ece_quantile_reference"].value, found["mce_quantile_reference"].value


def test_ece_and_mce_over_quantile_bins_of_twelve_items_by_hand():
    # Quantiles lie at ranks 1.1, 2.2, ..., 9.9 of 0 to 11: the first and the last bin hold two items, all others one.
    x = np.arange(50, 62) / 100
    right = np.array([1, 0, *[1] * 8, 0, 1])
    # Two with mean confidence .505 and one of them right, eight right at .52 to .59, two at mean .605, one right.
    gaps = np.array([0.005, *(1 - x[2:10]), 0.105])
    assert scripted(x, right) == pytest.approx((gaps @ [2, *[1] * 8, 2] / 12, 0.48))
    # Bins of equal number pair other items, so that their errors are others.
    found = measured(x, right)
    assert found["ece_equal_mass_reference"].value != pytest.approx(scripted(x, right)[0], abs=0.01)


def test_the_lowest_confidence_is_in_the_first_bin_and_one_on_a_quantile_below_it():
    # Quantiles .5, .6 and .9, nine times over: .5 and .6 are together, as no bin ends at .5.
    x = [0.5, 0.6, *[0.9] * 9]
    assert quantile_edges(np.array(x), 10).tolist() == [0.0, np.nextafter(0.6, 1), 1.0]
    assert scripted(x, [0, 1, *[1] * 9]) == pytest.approx(((2 * 0.05 + 9 * 0.1) / 11, 0.1))


def test_equal_confidences_are_one_quantile_bin():
    assert quantile_edges(np.full(7, 0.7), 10).tolist() == [0.0, 1.0]
    assert scripted([0.7] * 7, [1] * 7) == pytest.approx((0.3, 0.3))
    assert scripted([1.0] * 7, [0] * 7) == (1.0, 1.0)


def test_confidences_a_hair_below_one_and_one_itself_are_apart():
    x = np.array([0.5] + [np.nextafter(1, 0)] * 5 + [1.0] * 5)
    assert bin_of(x, quantile_edges(x, 10)).tolist() == [0] * 6 + [1] * 5
    assert scripted(x, [0] * 6 + [1] * 5) == pytest.approx((5.5 / 11, 5.5 / 6))


@FEW
@given(coarse_models(max_items=40))
def test_ece_and_mce_over_quantile_bins_are_the_oracles_on_ties_edges_zeros_and_ones(models):
    p, gold = models
    pair = pair_of(p, p, gold, resamples=5)
    answers, found = pair.reference, quantile_calibration(pair)
    bins = oracle.scripted_bin(answers.confidence)
    for name, error in (("ece", oracle.ece), ("mce", oracle.mce)):
        expected = error(answers.confidence, answers.right, bins)
        assert found[f"{name}_quantile_reference"].value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("n", [1, 2, 9, 10, 11, 400, 1_003])
@pytest.mark.parametrize("decimals", [1, 2, 16])
def test_items_fall_in_the_quantile_bins_of_the_oracle(n, decimals):
    x = np.random.default_rng(n).uniform(0.3, 1, n).round(decimals)
    where = oracle.scripted_bin(x)
    ours, theirs = bin_of(x, quantile_edges(x, 10)), [where(c) for c in x]
    assert np.unique(ours, return_inverse=True)[1].tolist() == np.unique(theirs, return_inverse=True)[1].tolist()


def test_each_model_has_quantile_bins_of_its_own():
    p, q, gold = drawn(203, 3, 1)
    found, swapped = (quantile_calibration(pair_of(*models, gold, resamples=50)) for models in ((p, q), (q, p)))
    for name in ("ece_quantile", "mce_quantile"):
        gap = found[f"{name}_candidate"].value - found[f"{name}_reference"].value
        assert found[f"{name}_difference"].value == pytest.approx(gap)
        assert found[f"{name}_candidate"].value == swapped[f"{name}_reference"].value
    assert all(e.low <= e.value <= e.high for e in found.values())
    assert found["ece_quantile_reference"].method.startswith("ECE, 10 quantile bins as in the published scripts")


# What debiasing is for -----------------------------------------------------------------------------


def calibrated(n, seed):
    rng = np.random.default_rng(seed)
    confidence = 1 - 0.5 * rng.beta(0.5, 2, n)
    return confidence, rng.random(n) < confidence


def test_the_debiased_square_of_a_calibrated_model_averages_to_zero_and_the_plain_one_does_not():
    plain, debiased = [], []
    for seed in range(400):
        confidence, right = calibrated(300, seed)
        edges = equal_mass_edges(confidence, 15)
        at = bin_of(confidence, edges)
        sums = [np.bincount(at, w, minlength=15)[None] for w in (np.ones(300), confidence, right.astype(float))]
        debiased.append(squared_debiased(*sums)[0])
        plain.append((np.square(sums[1] - sums[2]) / np.maximum(sums[0], 1)).sum() / 300)
    error = np.std(debiased) / np.sqrt(400)
    assert abs(np.mean(debiased)) < 3 * error
    assert np.mean(plain) > 20 * error


@pytest.mark.parametrize(("n", "seed"), [(120, 1), (30, 5)])
def test_the_interval_of_the_debiased_square_is_centred_on_it_and_less_spread_than_its_resamples(n, seed):
    """In bins of eight items, and of two."""
    confidence, right = calibrated(n, seed)
    p, gold = two_labels(confidence, right)
    pair = pair_of(p, p, gold, resamples=80)
    edges = equal_mass_edges(pair.reference.confidence, 15)
    draws = bootstrap.draws(pair.resampling, lambda at: debiased_by_hand(confidence[at], right[at], edges))
    value = debiased_by_hand(confidence, right, edges)
    # Of the variance, a resample's own noise is taken out, 4 sum of (n_b / n)^2 (a (1 - a) / (n_b - 1))^2, but not the
    # half of that which even a calibrated model shows.
    excess = 0.0
    for members in oracle.grouped([oracle.bin_between(c, edges) for c in confidence], confidence, right).values():
        share = sum(r for _, r in members) / len(members)
        if len(members) > 1:
            excess += 4 * (len(members) / n * share * (1 - share) / (len(members) - 1)) ** 2
    shrunk = value + (draws - draws.mean()) * np.sqrt(max(draws.var() - excess, excess / 2) / draws.var())
    if n < 100:  # few items: Student's t
        factor = stats.t.ppf(0.975, n - 1) / stats.norm.ppf(0.975) * np.sqrt(n / (n - 1))
        shrunk = value + (shrunk - value) * factor
    low, high = np.quantile(shrunk, [0.025, 0.975])
    e = binned_calibration(pair)["ece_debiased_squared_reference"]
    assert e.value == pytest.approx(value)
    assert e.low == pytest.approx(min(low, 2 * value - high))
    assert e.high == pytest.approx(max(high, 2 * value - low))
    assert excess > 0


def test_the_interval_of_the_debiased_square_covers_a_calibrated_models_zero():
    covered = 0
    for seed in range(100):
        p, gold = two_labels(*calibrated(300, seed))
        answers = pair_of(p, p, gold, resamples=200, seed=seed).reference
        value, draws = _squares(answers, equal_mass_edges(answers.confidence, 15))
        low, high = wider(value, draws, level=0.95)
        covered += low <= 0 <= high
    assert covered >= 92


def test_the_debiased_square_of_a_calibrated_model_averages_to_zero_with_clusters_of_alike_items():
    # Each of 60 independent items five times over: without the clusters a fifth of the noise would be taken out.
    found = []
    for seed in range(150):
        p, gold = two_labels(*(np.repeat(x, 5) for x in calibrated(60, seed)))
        pairs = (pair_of(p, p, gold, resamples=2, clusters=c) for c in (None, np.repeat(np.arange(60), 5)))
        edges = equal_mass_edges(p[:, 0], 15)
        found.append([_squares(pair.reference, edges)[0] for pair in pairs])
    alone, clustered = np.array(found).T
    assert abs(clustered.mean()) < 3 * clustered.std() / np.sqrt(150) + 0.1 * alone.mean()
    assert alone.mean() > 5 * abs(clustered.mean())


def test_the_debiased_errors_method_says_that_clusters_were_heeded():
    p, gold = two_labels(*calibrated(60, 0))
    alone, clustered = (
        binned_calibration(pair_of(p, p, gold, resamples=2, clusters=c))["ece_debiased_squared_reference"].method
        for c in (None, np.repeat(np.arange(30), 2))
    )
    assert "noise with clusters" in clustered
    assert "clusters" not in alone


# MCE -----------------------------------------------------------------------------------------------


def test_mces_interval_comes_from_wilson_intervals_that_hold_together():
    found = measured([0.55] * 10 + [0.95] * 10, [1] * 5 + [0] * 5 + [1] * 2 + [0] * 8)["mce_reference"]
    first, second = (wilson(share, 10, level=1 - 0.05 / 2) for share in (0.5, 0.2))
    assert found.value == pytest.approx(0.75)
    assert found.high == pytest.approx(max(0.55 - first[0], first[1] - 0.55, 0.95 - second[0]))
    assert found.low == pytest.approx(0.95 - second[1])


def test_mces_interval_covers_a_calibrated_models_zero():
    covered = 0
    for seed in range(200):
        p, gold = two_labels(*calibrated(400, seed))
        covered += _largest_gap(pair_of(p, p, gold, resamples=2).reference, WIDE_EDGES)[1] == 0
    assert covered >= 190


# Other libraries -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def torchmetrics_error():
    torch = pytest.importorskip("torch")
    classification = pytest.importorskip("torchmetrics.functional.classification")

    def error(p, gold, norm):
        options = {"num_classes": p.shape[1], "n_bins": 10, "norm": norm}
        preds, target = torch.tensor(p, dtype=torch.float64), torch.tensor(np.asarray(gold))
        return float(classification.multiclass_calibration_error(preds, target, **options))

    return error


@pytest.mark.slow
@pytest.mark.parametrize("labels", [2, 3, 10])
def test_ece_and_mce_are_those_of_torchmetrics_where_no_confidence_is_one(torchmetrics_error, labels):
    p, q, gold = drawn(500, labels, labels)
    found = binned_calibration(pair_of(p, q, gold, resamples=2))
    for side, probabilities in (("reference", p), ("candidate", q)):
        assert found[f"ece_{side}"].value == pytest.approx(torchmetrics_error(probabilities, gold, "l1"), abs=1e-6)
        assert found[f"mce_{side}"].value == pytest.approx(torchmetrics_error(probabilities, gold, "max"), abs=1e-6)


def test_a_confidence_of_one_is_in_the_last_bin_and_not_in_an_eleventh_as_in_torchmetrics(torchmetrics_error):
    # One bin: confidence .975, accuracy .5. torchmetrics keeps 1.0 apart: (|.95 - 1| + |1 - 0|) / 2.
    p, gold = two_labels([0.95, 1.0], [1, 0])
    assert binned_calibration(pair_of(p, p, gold))["ece_reference"].value == pytest.approx(0.475)
    assert torchmetrics_error(p, gold, "l1") == pytest.approx(0.525, abs=1e-6)


@FEW
@given(seed=st.integers(0, 10**6))
def test_the_debiased_square_is_that_of_uncertainty_calibration_on_its_bins(seed):
    # Their top-label error is the same sum over the same items. Only the bins differ: theirs are (a, b] with edges
    # halfway between neighbours, so distinct confidences and their edges give the same groups in both.
    calibration = pytest.importorskip("calibration.utils")
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.5, 1, 150)
    right = rng.random(150) < confidence**2
    edges = calibration.get_equal_bins(confidence.tolist(), 15)
    theirs = calibration.unbiased_square_ce(calibration.bin(list(zip(confidence, right, strict=True)), edges))
    at = bin_of(confidence, np.array([0.0, *edges]))
    sums = [np.bincount(at, w, minlength=15)[None] for w in (np.ones(150), confidence, right.astype(float))]
    assert squared_debiased(*sums)[0] == pytest.approx(theirs, abs=1e-12)


def test_the_debiased_error_on_our_own_bins_is_near_that_of_uncertainty_calibration():
    calibration = pytest.importorskip("calibration.utils")
    p, _, gold = drawn(3_000, 3, 0)
    ours = binned_calibration(pair_of(p, p, gold, resamples=2))["ece_debiased_reference"].value
    theirs = calibration.lower_bound_scaling_top_ce(
        p, gold, p=2, debias=True, binning_scheme=calibration.get_equal_bins
    )
    assert theirs > 0.05
    assert ours == pytest.approx(theirs, abs=3e-3)


# Laws ----------------------------------------------------------------------------------------------


@FEW
@given(coarse_models(models=2))
def test_no_binned_error_leaves_its_range_and_every_interval_holds_its_value(models):
    pair = pair_of(*models, resamples=20)
    for name, e in (binned_calibration(pair) | quantile_calibration(pair)).items():
        assert e.low <= e.value <= e.high, name
        if "squared" not in name and "difference" not in name:
            assert 0 <= e.value <= 1, name


def test_a_squared_difference_beyond_minus_one_keeps_its_interval_around_it():
    # Reference sure and wrong: 1. Candidate: half right in its bin and nearly no gap: below 0.
    p = two_labels([1.0] * 4, [0] * 4)[0]
    q = np.array([[0.4, 0.6], [0.6, 0.4], [0.6, 0.4], [0.4, 0.6]])
    value = binned_calibration(pair_of(p, q, [1] * 4, resamples=10))["ece_debiased_squared_difference"]
    assert value.value < -1
    assert value.low <= value.value <= value.high


def test_the_ten_edges_are_tenths():
    assert WIDE_EDGES.tolist() == [k / 10 for k in range(11)]
