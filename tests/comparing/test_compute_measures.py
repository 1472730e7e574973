"""Laws that hold for every measure."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from oracles.pairs import coarse_models, drawn, pair_of, planted

from trusteq import Pair
from trusteq.comparing import noise_bias
from trusteq.comparing.answers import Answers
from trusteq.comparing.compute_measures import measure_all, measure_remedies
from trusteq.comparing.measures import MEASURES
from trusteq.stats.resampling import Resampling
from trusteq.tasks.outcomes import Outcomes, most_probable

SYMMETRIC = {"agreement", "disagreement", "confidence_profile_distance", "confidence_shift_absolute"}
APART = (
    "kl", "js", "confidence_shift", "confidence_profile", "disagreement", "regressions", "corrections",
    "wrong_to_other_wrong",
)  # fmt: skip
FEW = settings(derandomize=True, deadline=None, max_examples=10)


@pytest.fixture(autouse=True, scope="module")
def few_simulations():
    """Laws hold for any number of simulations of the noise, so a few will do."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(noise_bias, "SIMULATIONS", 10)
        patch.setattr(noise_bias, "STEPS", 5)
        yield


# Sums of equal items over equal counts; the rest goes through exact figures that add floats in the items' order.
BITWISE = (
    "accuracy", "agreement", "disagreement", "regressions", "corrections", "wrong_to_other_wrong", "kl", "js", "ece",
    "classwise", "brier", "nll", "overconfidence", "confidence_reference", "confidence_candidate", "confidence_shift",
)  # fmt: skip


def flat(pair, *, remedies=False):
    found = {name: e for group in measure_all(pair).values() for name, e in group.items()}
    return found | (measure_remedies(pair) if remedies else {})


def values(pair, **options):
    return {name: e.value for name, e in flat(pair, **options).items()}


@FEW
@given(seed=st.integers(0, 10**6), n=st.integers(1, 40), labels=st.integers(2, 5))
# Fewer items than labels: eigenvalues that are 0 but for rounding, whose roots of 1e-9 the order would move. Which
# cases Hypothesis draws by itself depends on the modules imported before, for it takes numbers out of them.
@example(seed=590, n=2, labels=4)
@example(seed=590, n=2, labels=5)
def test_the_order_of_items_does_not_matter(seed, n, labels):
    p, q, gold = drawn(n, labels, seed)
    order = np.random.default_rng(seed).permutation(n)
    first, second = (
        values(pair_of(p, q, gold, resamples=2)),
        values(pair_of(p[order], q[order], gold[order], resamples=2)),
    )
    for name, value in first.items():
        if name.startswith(BITWISE) and not name.startswith("ece_debiased"):
            assert second[name] == value, name
        assert second[name] == pytest.approx(value, abs=1e-9), name


@FEW
@given(seed=st.integers(0, 10**6), labels=st.integers(2, 5))
def test_the_order_of_labels_does_not_matter(seed, labels):
    p, q, gold = drawn(30, labels, seed)
    order = np.random.default_rng(seed).permutation(labels)
    place = np.argsort(order)
    first = flat(pair_of(p, q, gold, resamples=20))
    second = flat(pair_of(p[:, order], q[:, order], place[gold], resamples=20))
    for name, e in first.items():
        assert (second[name].value, second[name].low, second[name].high) == pytest.approx(
            (e.value, e.low, e.high), abs=1e-7
        ), name


@FEW
@given(seed=st.integers(0, 10**6), labels=st.integers(2, 4))
def test_models_that_change_places_change_every_sign(seed, labels):
    p, q, gold = drawn(40, labels, seed)
    forth, back = values(pair_of(p, q, gold, resamples=2)), values(pair_of(q, p, gold, resamples=2))
    for name, value in forth.items():
        if name.endswith("_difference") or name == "confidence_shift":
            assert back[name] == pytest.approx(-value, abs=1e-9), name
        elif name.endswith("_reference") and not name.startswith("kl"):
            assert back[name.replace("_reference", "_candidate")] == value, name
        elif name in SYMMETRIC or name.startswith("js"):
            assert back[name] == pytest.approx(value, abs=1e-12), name
        elif name.startswith("kl_reference_candidate"):
            other = name.replace("kl_reference_candidate", "kl_candidate_reference")
            assert back[other] == pytest.approx(value, abs=1e-12), name
    assert back["regressions"] == forth["corrections"]


@FEW
@given(coarse_models())
def test_a_model_against_itself_is_exactly_alike(models):
    p, gold = models
    for name, value in values(pair_of(p, p, gold, resamples=10)).items():
        if name.endswith("_difference") or name.startswith(APART):
            assert value == 0.0, name
    assert values(pair_of(p, p, gold, resamples=2))["agreement"] == 1.0


def test_a_model_against_itself_needs_no_temperature():
    p, _, gold = drawn(200, 3, 0)
    found = measure_remedies(pair_of(p, p, gold, resamples=20))
    assert found["temperature_matched"].value == pytest.approx(1.0, abs=1e-9)
    assert found["confidence_profile_distance_matched"].value == pytest.approx(0.0, abs=1e-9)


@FEW
@given(seed=st.integers(0, 10**6), labels=st.integers(2, 4))
def test_repeating_every_item_leaves_the_values(seed, labels):
    # Debiasing reckons with the number of items, and equal-mass edges with their ranks.
    p, q, gold = drawn(25, labels, seed)
    once = values(pair_of(p, q, gold, resamples=2))
    twice = values(pair_of(*(np.repeat(x, 2, axis=0) for x in (p, q, gold)), resamples=2))
    for name, value in once.items():
        if "equal_mass" not in name and "debiased" not in name:
            assert twice[name] == pytest.approx(value, abs=1e-9), name


@pytest.mark.parametrize("labels", [2, 50])
@pytest.mark.parametrize("n", [1, 2, 35])
@pytest.mark.parametrize("kind", ["drawn", "all right", "all wrong", "all the same", "certain", "certain and wrong"])
def test_every_interval_is_finite_and_holds_its_value(n, labels, kind):
    p, q, gold = drawn(n, labels, 0)
    if kind == "all right":
        gold, q = p.argmax(axis=1), p[:, :] * 0.5 + 0.5 * p
    elif kind == "all wrong":
        gold = (p.argmax(axis=1) + 1) % labels
    elif kind == "all the same":
        p, q, gold = (np.repeat(x[:1], n, axis=0) for x in (p, q, gold))
    elif kind.startswith("certain"):
        p = q = np.eye(labels)[gold if kind == "certain" else (gold + 1) % labels]
    for name, e in flat(pair_of(p, q, gold, resamples=20), remedies=n > 2).items():
        assert np.isfinite([e.low, e.value, e.high]).all(), name
        assert e.low <= e.value <= e.high, name
        assert e.n <= n


@pytest.mark.slow
@settings(derandomize=True, deadline=None, max_examples=15)
@given(coarse_models(models=2), st.booleans())
def test_every_interval_of_models_full_of_ties_is_finite_and_holds_its_value(models, clustered):
    clusters = [f"{i // 3}" for i in range(len(models[0]))] if clustered else None
    for name, e in flat(pair_of(*models, resamples=20, clusters=clusters), remedies=True).items():
        assert np.isfinite([e.low, e.value, e.high]).all(), name
        assert e.low <= e.value <= e.high, name


@FEW
@given(coarse_models(models=2))
def test_without_labels_exactly_the_measures_that_need_none_come_back(models):
    p, q, _ = models
    unlabelled, labelled = flat(pair_of(p, q, resamples=5)), flat(pair_of(*models, resamples=5))
    needs = {one.name: one.needs for one in MEASURES}
    assert set(labelled) == {name for name in needs if {"labels", "distribution"}.issuperset(needs[name])}
    assert set(unlabelled) == {name for name in labelled if "labels" not in needs[name]}
    assert all(unlabelled[name] == labelled[name] for name in unlabelled)


def bare(pair):
    """The same outcomes, of which no distribution is known."""
    reference, candidate = (
        Answers(replace(one.outcomes, distribution=None), one.resampling) for one in (pair.reference, pair.candidate)
    )
    return Pair(reference, candidate)


@pytest.mark.parametrize("labelled", [True, False])
@given(coarse_models(models=2))
@FEW
def test_without_a_distribution_exactly_the_measures_that_need_none_come_back_unchanged(labelled, models):
    p, q, gold = models
    pair = pair_of(p, q, gold if labelled else None, resamples=5)
    whole, found = flat(pair), flat(bare(pair))
    assert set(found) == {one.name for one in MEASURES if {one.name} & set(whole) and "distribution" not in one.needs}
    assert all(found[name] == whole[name] for name in found)


def test_the_remedies_of_outcomes_without_a_distribution_are_those_of_two_answers():
    """The answer and anything else, which is a distribution over two labels."""
    rng = np.random.default_rng(3)
    confidence, right = rng.uniform(0.5, 1, (2, 80)), rng.random((2, 80)) < 0.8
    sample = Resampling(80, resamples=20)
    alone, two = [], []
    for c, r in zip(confidence, right, strict=True):
        alone.append(Answers(Outcomes(np.zeros(80, dtype=np.int64), c, r), sample))
        two.append(Answers(most_probable(np.stack([c, 1 - c], axis=1), np.where(r, 0, 1)), sample))
    found, wanted = measure_remedies(Pair(*alone)), measure_remedies(Pair(*two))
    assert "temperature_recalibrated" in found
    assert set(found) == {name for name in wanted if not name.startswith(("brier", "nll"))}
    for name, estimate in found.items():
        assert estimate.value == pytest.approx(wanted[name].value, rel=1e-6, abs=1e-9), name
        assert (estimate.low, estimate.high) == pytest.approx((wanted[name].low, wanted[name].high), rel=1e-5, abs=1e-7)


def test_without_labels_a_candidate_can_still_be_matched():
    p, q, _ = drawn(40, 3, 0)
    found = measure_remedies(pair_of(p, q, resamples=5))
    assert "temperature_matched" in found
    assert not any(name.endswith("_recalibrated") for name in found)


def test_the_same_seed_gives_the_same_estimates():
    models = drawn(60, 3, 0)
    assert flat(pair_of(*models, seed=4)) == flat(pair_of(*models, seed=4))


def test_items_repeated_in_clusters_give_no_narrower_intervals():
    models = drawn(150, 3, 1)
    once = flat(pair_of(*models, resamples=300, clusters=[str(i) for i in range(150)]))
    clusters = [str(i // 4) for i in range(600)]
    four = flat(pair_of(*(np.repeat(x, 4, axis=0) for x in models), resamples=300, clusters=clusters))
    for name in ("accuracy_difference", "disagreement", "brier_difference", "js", "confidence_shift", "aurc_difference",
                 "smooth_ece_difference", "confidence_profile_distance", "nuclear_norm_difference"):  # fmt: skip
        width = {k: e[name].high - e[name].low for k, e in (("once", once), ("four", four))}
        assert width["four"] == pytest.approx(width["once"], rel=0.25), name


def test_remedies_measure_the_candidate_again_and_not_the_reference():
    p, q, gold = planted(400, 2, sharpness=(1.0, 2.0))
    found = measure_remedies(pair_of(p, q, gold, resamples=20))
    assert not any("_reference_" in name and name.startswith(("ece", "brier", "nll")) for name in found)
    before = flat(pair_of(p, q, gold, resamples=20))
    assert found["nll_candidate_recalibrated"].value < before["nll_candidate"].value
    assert found["confidence_profile_distance_matched"].value < before["confidence_profile_distance"].value
