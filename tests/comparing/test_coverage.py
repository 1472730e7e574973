"""Do the intervals and the verdict keep their promises on models whose true relation is known?"""

from functools import cache

import numpy as np
import pytest
from oracles.pairs import pair_of, planted

from trusteq import Outcome, read_policy
from trusteq.comparing import noise_bias
from trusteq.comparing.behaviour import accuracy, agreement
from trusteq.comparing.confidence import confidence_profiles
from trusteq.comparing.divergence import js
from trusteq.comparing.scores import brier, scores
from trusteq.comparing.smooth_calibration import smooth_calibration, smooth_ece
from trusteq.stats.resampling import Resampling
from trusteq.verdict import judge

pytestmark = pytest.mark.slow

RUNS, ITEMS = 200, 400
UNLIKE = {"noise": (0.3, 0.8), "sharpness": (1.3, 1.0)}


@pytest.fixture(autouse=True, scope="module")
def fewer_simulations():
    """A sixth of the noise's simulations on a third of the steps: the runs' own Monte Carlo error is far larger."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(noise_bias, "SIMULATIONS", 50)
        patch.setattr(noise_bias, "STEPS", 8)
        yield


@cache
def truth(**plant):
    """The measures' values on so many items that they stand for the population."""
    p, q, gold = planted(300_000, 2**31, **plant)
    pair = pair_of(p, q, gold, resamples=1)
    r, c = pair.reference, pair.candidate
    return {
        "accuracy_difference": c.right.mean() - r.right.mean(),
        "disagreement": (r.answer != c.answer).mean(),
        "brier_difference": (brier(c) - brier(r)).mean(),
        "js": js(r, c).mean(),
        "smooth_ece_difference": smooth_ece(c.confidence, c.right)[0] - smooth_ece(r.confidence, r.right)[0],
        "confidence_shift": (c.confidence - r.confidence).mean(),
    }


@pytest.fixture(scope="module")
def samples(fewer_simulations):
    found = []
    for seed in range(RUNS):
        pair = pair_of(*planted(ITEMS, seed, **UNLIKE), resamples=200, seed=seed)
        found.append(
            accuracy(pair)
            | agreement(pair)
            | scores(pair)
            | smooth_calibration(pair)
            | confidence_profiles(pair)
            | {"js": pair.resampling.mean(js(pair.reference, pair.candidate), what="js")}
        )
    return found


@pytest.mark.parametrize(
    "name",
    ["accuracy_difference", "disagreement", "brier_difference", "js", "smooth_ece_difference", "confidence_shift"],
)
def test_the_interval_covers_the_truth(samples, name):
    true = truth(noise=UNLIKE["noise"], sharpness=UNLIKE["sharpness"])[name]
    covered = np.mean([s[name].low <= true <= s[name].high for s in samples])
    # 95 % plus or minus three Monte Carlo errors on the low side.
    assert covered >= 0.90
    assert np.mean([s[name].value for s in samples]) == pytest.approx(true, abs=0.02)


def verdicts(runs, n, **plant):
    found = []
    for seed in range(runs):
        pair = pair_of(*planted(n, seed, **plant), resamples=200, seed=seed)
        measures = {
            "behaviour": accuracy(pair) | agreement(pair),
            "calibration": smooth_calibration(pair) | confidence_profiles(pair),
        }
        found.append(judge(measures, read_policy("default").requiring(("behaviour", "calibration"))))
    return found


def test_models_of_one_kind_are_seldom_called_not_equivalent():
    # Same noise, drawn twice: no accuracy, calibration or profile differs; they disagree on 2 % of items, 5 % allowed.
    found = verdicts(100, 400, noise=(0.1, 0.1))
    assert np.mean([v.outcome is Outcome.NOT_EQUIVALENT for v in found]) <= 0.05


def test_a_candidate_beyond_twice_the_margins_is_seldom_called_equivalent():
    true = truth(noise=(0.3, 1.0), sharpness=(1.0, 1.9))
    assert true["smooth_ece_difference"] > 0.04
    for v in verdicts(50, 400, noise=(0.3, 1.0), sharpness=(1.0, 1.9)):
        calibration = next(d for d in v.dimensions if d.dimension == "calibration")
        assert calibration.outcome is not Outcome.EQUIVALENT
        assert v.outcome is not Outcome.EQUIVALENT


def test_a_calibration_gap_just_at_the_margin_is_called_equivalent_in_at_most_five_percent():
    plant = {"noise": (0.3, 0.3), "sharpness": (1.0, 1.4)}
    margin = truth(**plant)["smooth_ece_difference"]
    found = [smooth_calibration(pair_of(*planted(400, seed, **plant), resamples=200)) for seed in range(100)]
    assert margin > 0.02
    assert np.mean([e["smooth_ece_difference"].high <= margin for e in found]) <= 0.07


def dealt(pair, clusters):
    """The pair with its items dealt to clusters so that each holds the same mixture of easy and hard ones."""
    r, c = pair.reference, pair.candidate
    order = np.lexsort((c.confidence, r.right, c.right))
    names = np.empty(len(order), dtype=object)
    names[order] = [f"c{i % clusters}" for i in range(len(order))]
    p, q, gold = r.probabilities, c.probabilities, pair.reference.gold
    return pair_of(p, q, gold, resamples=200, clusters=names.tolist())


@pytest.mark.parametrize("floors", [True, False])
def test_clusters_that_are_too_similar_by_design_do_not_make_the_audit_sure(monkeypatch, floors):
    """The items are independent; only who dealt them knows that resampling clusters shows too little of that."""
    if not floors:
        monkeypatch.setattr(Resampling, "too_similar", lambda *_: False)
    true = truth(noise=UNLIKE["noise"], sharpness=UNLIKE["sharpness"])
    names = ["brier_difference", "confidence_shift", "smooth_ece_difference"]
    held = []
    for seed in range(60):
        pair = dealt(pair_of(*planted(ITEMS, seed, **UNLIKE)), 20)
        found = pair.measured(smooth_calibration) | pair.measured(scores) | pair.measured(confidence_profiles)
        held.append([found[name].low <= true[name] <= found[name].high for name in names])
    covered = np.mean(held, axis=0)
    assert covered.min() >= 0.9 if floors else covered.max() < 0.9, covered
