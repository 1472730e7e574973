"""Judged measures by slice: what is planted in one slice is named first, and where all are alike nothing is."""

import numpy as np
import pytest
from oracles.pairs import pair_of

from trusteq.auditing.advice import slice_advice
from trusteq.auditing.compute import judged_measures
from trusteq.comparing import noise_bias
from trusteq.comparing import slices as module
from trusteq.comparing.against_rest import item_values, p_against_rest
from trusteq.comparing.compute_measures import groups_for, measured_by
from trusteq.comparing.own_measures import measure
from trusteq.comparing.slices import ANSWER, CONFIDENCE, LIGHT, by_outcome, slices
from trusteq.comparing.smooth_calibration import smooth_calibration
from trusteq.data.predictions import softmax
from trusteq.policy import read_policy
from trusteq.stats.multiplicity import holm

LABELS = ("no", "maybe", "yes")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """A rough simulation of noise, and only the groups that cost little or are judged."""
    monkeypatch.setattr(noise_bias, "SIMULATIONS", 20)
    monkeypatch.setattr(noise_bias, "STEPS", 8)
    monkeypatch.setattr(module, "groups_for", judged_groups)


def judged_groups(pair, own=()):
    asked = {*LIGHT, smooth_calibration}
    mine = {one.name for one in own}
    return {g: ms for g, ms in groups_for(pair, own).items() if g in asked or ms[0].name in mine}


def sample(change, n=1_200, seed=0):
    """A calibrated reference, a candidate that ``change`` makes of its logits, gold and a topic."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(n, 3)) * 2
    gold = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    topic = rng.choice(list("abcdef"), size=n)
    noisy = logits + rng.normal(size=logits.shape) * 0.15
    return softmax(logits), softmax(change(noisy, logits, gold, topic)), gold, topic


def where(inside, changed, otherwise):
    return np.where(np.asarray(inside)[:, None], changed, otherwise)


def exchanged(logits, share, seed=5):
    """The same logits, in a share of items with the two largest exchanged: as sure, but wrong."""
    at = np.flatnonzero(np.random.default_rng(seed).random(len(logits)) < share)[:, None]
    order, changed = np.argsort(-logits, axis=1)[at[:, 0]], logits.copy()
    changed[at, order[:, :2]] = logits[at, order[:, 1::-1]]
    return changed


def measured(reference, candidate, gold, topic, *, policy="default", own=(), seed=0):
    pair = pair_of(reference, candidate, gold, resamples=300, seed=seed)
    whole = measured_by(pair, judged_groups(pair, own))
    columns = {"label": [LABELS[code] for code in gold], "topic": topic.tolist()}
    judged = judged_measures(whole, read_policy(policy, own))
    return slices(pair, columns, None, own, judged=judged, answers=LABELS)


def named(*drawn, **options):
    return [advice.sentence for advice in slice_advice(measured(*drawn, **options))]


# What is planted is named first -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "change"),
    [
        ("topic = a", lambda noisy, logits, gold, topic: where(topic == "a", 2.5 * noisy, noisy)),
        ("label = no", lambda noisy, logits, gold, topic: where(gold == 0, 2.5 * noisy, noisy)),
        (f"{ANSWER} = no", lambda noisy, logits, gold, topic: where(logits.argmax(axis=1) == 0, 2.5 * noisy, noisy)),
        (
            f"{CONFIDENCE} = 0.9 to 1",
            lambda noisy, logits, gold, topic: where(softmax(logits).max(axis=1) >= 0.9, exchanged(noisy, 0.15), noisy),
        ),
    ],
)
def test_a_candidate_that_is_overconfident_in_one_place_only_has_it_named_first(place, change):
    said = named(*sample(change))
    assert said
    assert said[0].startswith(f"{place} does worse than the rest: ")
    assert "smooth ECE difference" in said[0] or "confidence profile distance" in said[0]


def test_the_place_is_named_by_calibration_alone_if_only_calibration_is_judged():
    """No answer changes, so no mean of answers can show it."""
    drawn = sample(lambda noisy, logits, gold, topic: where(topic == "a", 2.5 * logits, logits))
    rule = {"calibration": {"smooth_ece_difference": {"at_most": 0.02}}}
    said = named(*drawn, policy={"name": "one rule", "required": ["calibration"], "rules": rule})
    assert said[0].startswith("topic = a does worse than the rest: smooth ECE difference 0.")


def test_a_measure_of_the_users_own_is_looked_at_by_slice():
    @measure(bounds=(0, 1), dimension="calibration")
    def sureness(pair):
        return pair.resampling.mean(pair.candidate.confidence**2, what="squared confidence")

    drawn = sample(lambda noisy, logits, gold, topic: where(topic == "c", 3 * noisy, noisy))
    rule = {"calibration": {"sureness": {"at_most": 0.75}}}
    policy = {"name": "own", "required": ["calibration"], "rules": rule}
    said = named(*drawn, policy=policy, own=(sureness,))
    assert said[0].startswith("topic = c does worse than the rest: sureness 0.")


# Where all are alike nothing is -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda noisy, logits, gold, topic: noisy, id="rounding", marks=pytest.mark.slow),
        pytest.param(lambda noisy, logits, gold, topic: 2 * noisy, id="too sharp everywhere"),
        pytest.param(
            lambda noisy, logits, gold, topic: exchanged(noisy, 0.1), id="answers at random", marks=pytest.mark.slow
        ),
    ],
)
def test_a_topic_that_is_like_the_others_is_named_in_one_of_twenty_samples_at_most(change):
    said = [named(*sample(change, n=600, seed=seed), seed=seed) for seed in range(20)]
    assert sum(any(sentence.startswith("topic") for sentence in one) for one in said) <= 1


def test_two_models_with_the_same_amount_of_noise_differ_in_no_range_of_confidence():
    """Of the items of which one model is surest the other is less sure, and that is no fault of either."""
    rule = {"calibration": {"smooth_ece_difference": {"at_most": 0.02}, "overconfidence_difference": {"at_most": 0.0}}}
    policy = {"name": "two rules", "required": ["calibration"], "rules": rule}
    said = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        logits = rng.normal(size=(1_500, 3)) * 2
        gold = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
        models = [softmax((logits + rng.normal(size=logits.shape) * 1.2) / 1.4) for _ in range(2)]
        said += named(*models, gold, np.repeat("x", 1_500), policy=policy, seed=seed)
    assert sum(sentence.startswith(CONFIDENCE) for sentence in said) <= 1


# How ----------------------------------------------------------------------------------------------------


def test_the_p_values_are_corrected_for_every_slice_and_judged_measure_that_was_looked_at():
    drawn = sample(lambda noisy, logits, gold, topic: where(topic == "a", exchanged(noisy, 0.1), noisy), n=600)
    rule = {
        "behaviour": {"disagreement": {"at_most": 0.05}, "accuracy_difference": {"at_least": -0.01}},
        "calibration": {"overconfidence_difference": {"at_most": 0.0}},
    }
    found = measured(*drawn, policy={"name": "means", "required": ["behaviour"], "rules": rule})
    by_gold = [s for s in found if s.column in {"label", "topic"}]
    looked_at = 3 * len(by_gold) + len(found) - len(by_gold)
    pair = pair_of(*drawn[:3], resamples=2)
    raw, places = [], []
    for part in found:
        cut = {"label": np.array([LABELS[c] for c in drawn[2]]) == part.value, "topic": drawn[3] == part.value}
        inside = cut.get(part.column)
        if inside is None:
            by_name = {cut[:2]: cut.inside for cut in by_outcome(pair, LABELS)}
            inside = np.isin(np.arange(600), by_name[part.column, part.value])
        for name in part.p_judged:
            x = item_values(pair)[name]
            raw.append(p_against_rest(x, inside, np.arange(600)))
            places.append((part.column, part.value, name))
    assert ("topic", "a", "disagreement") in places
    expected = dict(zip(places, holm([*raw, *[1.0] * (looked_at - len(raw))]), strict=False))
    got = {(s.column, s.value, name): p for s in found for name, p in s.p_judged.items()}
    assert got == pytest.approx(expected)


def test_a_slice_within_the_margin_or_better_than_the_rest_has_no_p_value():
    drawn = sample(lambda noisy, logits, gold, topic: where(topic == "a", noisy, exchanged(noisy, 0.3)))
    found = {s.value: s for s in measured(*drawn) if s.column == "topic"}
    assert dict(found["a"].p_judged) == {}
    assert any(s.p_judged for s in found.values())


def test_slices_by_outcome_are_the_items_to_which_either_model_gives_it():
    p = np.array([[0.95, 0.05], [0.6, 0.4], [0.2, 0.8], [0.5, 0.5]] * 40)
    q = np.array([[0.6, 0.4], [0.65, 0.35], [0.55, 0.45], [0.02, 0.98]] * 40)
    cuts = by_outcome(pair_of(p, q, np.zeros(160)), ["a", "b"])
    found = {(cut.column, cut.value): set((cut.inside % 4).tolist()) for cut in cuts}
    assert found == {
        (CONFIDENCE, "0.5 to 0.7"): {0, 1, 2, 3},
        (CONFIDENCE, "0.7 to 0.9"): {2},
        (CONFIDENCE, "0.9 to 1"): {0, 3},
        (ANSWER, "a"): {0, 1, 2, 3},
        (ANSWER, "b"): {2, 3},
    }


def test_items_with_options_of_their_own_have_no_slices_by_answer():
    drawn = sample(lambda noisy, logits, gold, topic: noisy, n=400)
    pair = pair_of(*drawn[:3], resamples=2)
    assert {cut.column for cut in by_outcome(pair, ())} == {CONFIDENCE}


# Many values --------------------------------------------------------------------------------------------


def hundred(seed=0):
    """A hundred labels of 50 items; the candidate changes half of the answers to six of them."""
    rng = np.random.default_rng(seed)
    gold = np.repeat(np.arange(100), 50)
    logits = rng.normal(size=(5_000, 100)) * 0.3
    logits[np.arange(5_000), gold] += 6
    bad = np.sort(rng.permutation(100)[:6])
    changed = np.flatnonzero(np.isin(gold, bad) & (np.arange(5_000) % 2 == 0))
    other = logits.copy()
    other[changed] = np.roll(logits[changed], 1, axis=1)
    return softmax(logits), softmax(other), gold, bad


def test_of_a_hundred_labels_the_six_whose_answers_changed_are_named(monkeypatch):
    monkeypatch.setattr(module, "MAX_VALUES", 3)
    p, q, gold, bad = hundred()
    pair = pair_of(p, q, gold, resamples=20)
    names = [f"class {i:02}" for i in range(100)]
    judged = judged_measures(measured_by(pair, judged_groups(pair)), read_policy("default"))
    ids = [str(i) for i in range(5_000)]
    found = slices(pair, {"label": [names[g] for g in gold], "id": ids}, None, judged=judged, answers=names)
    (said, *_) = [advice.sentence for advice in slice_advice(found) if advice.sentence.startswith("label = ")]
    assert [name for name in names if name.removeprefix("label = ") in said] == [names[i] for i in bad]
    by_label = [s for s in found if s.column == "label"]
    assert len(by_label) == 100
    assert all({"disagreement", "accuracy_difference"} <= s.p_rest.keys() for s in by_label)
    # What costs much is estimated where the evidence is strongest.
    in_full = {s.value for s in by_label if "smooth_ece_difference" in s.measures["calibration"]}
    assert len(in_full) == 3
    assert in_full <= {names[i] for i in bad}
    assert not [s for s in found if s.column == "id"]


def test_of_more_values_than_are_measured_those_with_the_strongest_evidence_are(monkeypatch):
    monkeypatch.setattr(module, "MOST_SLICES", 8)
    p, q, gold, bad = hundred()
    pair = pair_of(p, q, gold, resamples=5)
    found = slices(pair, {"label": [f"{g:02}" for g in gold]}, None)
    assert len(found) == 8
    assert {f"{i:02}" for i in bad} <= {s.value for s in found}
