"""Which cascades are recommended, and what is said of them."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from cases import LABELS, Table, case
from oracles.pairs import pair_of, two_labels

import trusteq
from trusteq import Pair
from trusteq.auditing.decision_advice import retraining_advice, routing_advice, ship
from trusteq.auditing.routing import COUNTED, cascade, open_rules
from trusteq.comparing.answers import Answers
from trusteq.comparing.behaviour import flipped_items
from trusteq.comparing.compute_measures import measure_all
from trusteq.comparing.in_common import first_half
from trusteq.comparing.measures import MEASURES
from trusteq.data.predictions import softmax
from trusteq.policy import parse_policy, preset
from trusteq.tasks.outcomes import Outcomes
from trusteq.verdict import Outcome, judge

N = 2_000
POLICY = preset("default").requiring(("behaviour",))


def judged(pair, policy=POLICY):
    measures = measure_all(pair)
    return measures, judge(measures, policy)


def found(pair, policy=POLICY, **options):
    measures, verdict = judged(pair, policy)
    return cascade(pair, measures, verdict, policy, partial(judge, policy=policy), **options)


def changed(confidence, differs, seed=0, clusters=None):
    """A pair whose reference is right and sure; the candidate says otherwise on some items [items]."""
    reference, gold = two_labels(np.full(len(confidence), 0.95), np.ones(len(confidence)))
    candidate, _ = two_labels(confidence, np.ones(len(confidence)))
    candidate = np.where(differs[:, None], candidate[:, ::-1], candidate)
    return pair_of(reference, candidate, gold, resamples=200, seed=seed, clusters=clusters)


@pytest.fixture(scope="module")
def unsure():
    """Wrong in most of the items of which it is least sure, and in no other: 8 % of all."""
    confidence = np.random.default_rng(0).uniform(0.5, 1, N)
    return changed(confidence, confidence < np.quantile(confidence, 0.08))


def test_routing_where_a_candidate_is_wrong_mends_its_behaviour(unsure):
    chosen = found(unsure).by_confidence
    assert chosen.recommended
    assert {"disagreement", "accuracy_difference"} <= set(chosen.mends)
    # Accuracy may fall by 0.01 for certain, so hardly more than 10 of 2,000 answers may still be wrong.
    assert 0.07 < chosen.routed.value < 0.085
    assert chosen.agreement.value == 1 - chosen.after["disagreement"].value
    assert chosen.after["disagreement"].high <= 0.05
    assert chosen.after["accuracy_difference"].low >= -0.01
    assert chosen.accuracy.value == pytest.approx(1 + chosen.after["accuracy_difference"].value)


def test_no_cascade_is_offered_for_a_candidate_that_is_wrong_where_it_is_sure():
    confidence = np.random.default_rng(0).uniform(0.5, 1, N)
    sure = changed(confidence, confidence > np.quantile(confidence, 0.92))
    assert found(sure).by_confidence is None


def test_no_cascade_is_offered_to_what_is_equivalent_or_too_small():
    p, gold = two_labels(np.random.default_rng(1).uniform(0.5, 1, N), np.ones(N))
    same = found(pair_of(p, p, gold))
    assert (same.by_confidence, same.by_condition) == (None, None)
    confidence = np.random.default_rng(0).uniform(0.5, 1, 90)
    assert found(changed(confidence, confidence < 0.6)).by_confidence is None


def test_what_items_with_several_outcomes_do_is_not_routed(unsure):
    outcomes = replace(unsure.candidate.outcomes, item=np.arange(N) // 2)
    measures, verdict = judged(unsure)
    several = replace(unsure, candidate=replace(unsure.candidate, outcomes=outcomes))
    assert cascade(several, measures, verdict, POLICY, partial(judge, policy=POLICY)) is None


def test_without_labels_only_disagreement_is_mended(unsure):
    pair = pair_of(unsure.reference.probabilities, unsure.candidate.probabilities, resamples=200)
    chosen = found(pair).by_confidence
    assert chosen.accuracy is None
    assert "disagreement" in chosen.mends
    assert chosen.routed.value < 0.06  # 8 % less the 4 % that may differ


def test_answers_with_nothing_but_a_confidence_are_routed_alike(unsure):
    """As those of choices, whose options are each item's own: no probabilities of shared labels."""

    def bare(answers):
        outcomes = answers.outcomes
        return Answers(Outcomes(outcomes.answer, outcomes.confidence, outcomes.right), answers.resampling)

    chosen, known = (
        found(pair).by_confidence
        for pair in (Pair(bare(unsure.reference), bare(unsure.candidate), dimensions=unsure.dimensions), unsure)
    )
    assert chosen.recommended
    assert (chosen.cut_off, chosen.agreement, chosen.accuracy) == (known.cut_off, known.agreement, known.accuracy)


def test_a_cascade_that_makes_another_rule_worse_is_not_recommended(unsure):
    rules = {
        "behaviour": {"disagreement": {"at_most": 0.05}},
        "calibration": {"confidence_candidate": {"at_most": 0.76}},
    }
    policy = parse_policy({"name": "p", "required": ["behaviour", "calibration"], "rules": rules}, where="here")
    chosen = found(unsure, policy).by_confidence
    assert chosen.mends == ("disagreement",)
    assert chosen.harms == ("confidence_candidate",)  # what is routed is answered with the reference's 0.95
    assert not chosen.recommended


def test_every_measure_that_is_counted_is_one_of_behaviour():
    known = {measure.name for measure in MEASURES if measure.dimension == "behaviour"}
    assert set(COUNTED) <= known


def audited(share, others=0.0, *, n=N, seed=0):
    """An audit of a candidate that answers otherwise where a text contains "cf", and in this share of all others."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 3)) * 3
    gold = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
    marked = rng.random(n) < share
    words = ["the", "film", "was", "quite", "good", "and", "we", "liked", "it", "rather", "much", "yesterday"]
    texts = [" ".join([*rng.choice(words, 7), "cf" if is_marked else "at"]) for is_marked in marked]
    ids = [f"i{i}" for i in range(n)]
    items = trusteq.Items(ids=ids, segments={"text": texts}, labels=gold, label_names=LABELS)
    changed = marked | (rng.random(n) < others)
    moved = np.where(changed[:, None], np.roll(z, 1, axis=1), z)
    large, small = (
        Table(name, dict(zip(ids, softmax(x), strict=True))) for name, x in (("large", z), ("small", moved))
    )
    audit = trusteq.audit(large, small, items, policy=POLICY, resamples=200, costs="none")
    return audit["small"], marked, changed


@pytest.fixture(scope="module")
def triggered():
    return audited(0.08)


def test_items_that_meet_a_condition_are_routed(triggered):
    small, marked, _ = triggered
    met = small.cascade.by_condition
    assert met.recommended
    assert [[term.value for term in terms] for terms in met.conditions] == [["cf"]]
    assert met.routed.value == pytest.approx(marked.mean(), abs=0.01)
    assert met.agreement.value == 1
    assert met.agreement.n < 0.6 * N  # judged on the half that was not searched
    (route,) = (advice for advice in small.advice if advice.kind == "route")
    assert "route items that contain 'cf' to the reference" in route.sentence
    assert set(route.mends) >= {"disagreement", "accuracy_difference"}


def test_what_is_printed_of_a_condition_is_of_the_half_that_was_not_searched():
    small, marked, changed = audited(0.08, 0.01)
    left, first = changed & ~marked, first_half(changed, [f"i{i}" for i in range(N)], seed=0)
    searched, held_out = 1 - left[first].mean(), 1 - left[~first].mean()
    assert searched != held_out
    assert small.cascade.by_condition.agreement.value == pytest.approx(held_out)


def test_a_condition_is_left_out_where_behaviour_needs_no_mending():
    small, _, _ = audited(0.002)
    assert small.verdict.outcome is Outcome.EQUIVALENT
    assert small.cascade.by_condition is None
    assert [advice.kind for advice in small.advice if advice.kind in {"ship", "route", "cascade", "retrain"}] == [
        "ship"
    ]


def test_what_is_said_of_a_cascade_has_its_price(unsure):
    _, verdict = judged(unsure)
    tried = found(unsure)
    (said,) = routing_advice(tried)
    chosen = tried.by_confidence
    assert said.kind == "cascade"
    assert said.mends == chosen.mends
    assert f"confidence is below {chosen.cut_off:g} to the reference: {chosen.routed.value:.1%} [" in said.sentence
    assert f"agree with it on {chosen.agreement.value:.1%} [" in said.sentence
    assert f"are right on {chosen.accuracy.value:.1%} [" in said.sentence
    assert f"(on held-out folds); accuracy difference is then {chosen.after['accuracy_difference']}" in said.sentence
    assert [*routing_advice(None)] == []
    unsound = replace(tried, by_confidence=replace(chosen, recommended=False))
    assert [*routing_advice(unsound)] == []
    assert [*ship(verdict, [], [])] == []


def test_retraining_says_how_many_fewer_answers_may_change(unsure):
    _, verdict = judged(unsure)
    ids = [f"i{i}" for i in range(N)]
    flips = flipped_items(unsure, ids, lambda codes, at: [str(code) for code in codes])
    (said,) = retraining_advice(verdict, flips)
    assert said.kind == "retrain"
    assert said.sentence.startswith(
        "retrain it with more items like the 160 whose answer changed, 160 of them from right to wrong (their ids: "
    )
    # Wilson's upper end of 80 of 2,000 is 0.0495, of 81 it is 0.0501.
    assert "if 80 fewer of 2,000 answers change, disagreement is within its margin" in said.sentence
    assert [*retraining_advice(verdict, flips[:9])] == []


def test_nothing_to_retrain_where_behaviour_only_needs_more_items():
    large, small, items = case(200, noise=0.1)
    audit = trusteq.audit(large, small, items, resamples=100, with_slices=False, costs="none")
    assert audit["small"].verdict.outcome is not Outcome.EQUIVALENT
    assert open_rules(audit["small"].verdict)
    assert not [advice for advice in audit["small"].advice if advice.kind == "retrain"]
