"""Routing to the reference: the curve, and the choice of a cut-off by items that it is not judged on."""

import numpy as np
import pytest
from hypothesis import given
from oracles import cascade as oracle
from oracles.pairs import coarse_models, drawn, pair_of, two_labels

from trusteq import Pair
from trusteq.comparing import cascade
from trusteq.comparing.answers import Answers
from trusteq.comparing.behaviour import agreement
from trusteq.comparing.cascade import (
    DRAWN,
    SELECTION_LEVEL,
    TRIED,
    cascade_curve,
    cross_fitted,
    cut_offs_for,
    routed_to_reference,
    together,
)
from trusteq.comparing.temperature import folds
from trusteq.stats.resampling import Resampling
from trusteq.tasks.outcomes import Outcomes, most_probable

MARGIN = 0.05


def few_differ(pair):
    """The rule that disagreement is at most `MARGIN`."""
    return agreement(pair)["disagreement"].high <= MARGIN


def unsure(n=2_000, seed=0, *, slope=1.0, clusters=None):
    """A pair of which the candidate differs, and is wrong, with a chance that falls from its least confidence on."""
    rng = np.random.default_rng(seed)
    confidence = 0.5 + rng.random(n) / 2
    differs = rng.random(n) < slope * np.maximum(0.7 - confidence, 0)
    reference, gold = two_labels(np.full(n, 0.99), np.ones(n))
    candidate = np.where(differs[:, None], 1 - two_labels(confidence, ~differs)[0], two_labels(confidence, ~differs)[0])
    return pair_of(reference, candidate, gold, clusters=clusters), differs


@given(coarse_models(2))
def test_a_point_of_the_curve_counts_items_one_by_one(made):
    pair = pair_of(*made)
    same = (pair.reference.answer == pair.candidate.answer).tolist()
    for point in cascade_curve(pair):
        routed, agree = oracle.together(same, pair.candidate.confidence.tolist(), point.cut_off)
        assert (point.routed.value, point.agreement.value) == (routed, agree)


def test_routing_everything_gives_the_reference_and_nothing_the_candidate():
    pair = pair_of(*drawn(200, 3, 0))
    for share, side in ((0, pair.candidate), (1, pair.reference)):
        made = routed_to_reference(pair, np.full(200, bool(share)))
        assert (made.candidate.probabilities == side.probabilities).all()
        assert together(pair, np.full(200, bool(share)))["accuracy"].value == side.right.mean()


def test_the_curve_begins_with_no_item_routed_and_rises():
    curve = cascade_curve(pair_of(*drawn(500, 3, 1)))
    shares = [point.routed.value for point in curve]
    assert shares[0] == 0
    assert shares == sorted(shares)
    assert len(shares) == len(DRAWN) + 1


def test_without_labels_there_is_no_accuracy():
    p, q, _ = drawn(200, 3, 2)
    assert {point.accuracy for point in cascade_curve(pair_of(p, q))} == {None}


def test_what_only_one_model_says_of_an_item_is_left_out():
    resampling = Resampling(3, resamples=50)
    own = {"order-effect": np.arange(3.0)}
    reference = Outcomes(np.array([0, 1, 2]), np.full(3, 0.9), numbers={"mass": np.ones(3)})
    candidate = Outcomes(np.array([0, 2, 1]), np.full(3, 0.5), numbers={"mass": np.zeros(3), **own})
    pair = Pair(*(Answers(o, resampling) for o in (reference, candidate)))
    made = routed_to_reference(pair, np.array([False, True, False])).candidate.outcomes
    assert made.answer.tolist() == [0, 1, 1]
    assert made.confidence.tolist() == [0.5, 0.9, 0.5]
    assert {name: x.tolist() for name, x in made.numbers.items()} == {"mass": [0, 1, 0]}
    assert made.distribution is made.right is None


@pytest.mark.parametrize(
    ("confidence", "cut_off"),
    [(0.87654, 0.877), (0.9987654, 0.99877), (0.3, 0.3), (1.0, 1.0), (0.99999999, 0.99999999)],
)
def test_cut_offs_hold_as_printed(confidence, cut_off):
    (found,) = cut_offs_for(np.array([confidence]), [0.5])
    assert found == cut_off == float(f"{found:.12g}")


def test_the_choice_is_the_one_that_counting_items_gives():
    pair, _ = unsure()
    same = (pair.reference.answer == pair.candidate.answer).tolist()
    confidence = pair.candidate.confidence.tolist()
    tried, fold = cut_offs_for(pair.candidate.confidence, TRIED), folds(pair.resampling)
    cut_off, routed = cross_fitted(pair, few_differ)
    for f in range(5):
        others = np.flatnonzero(fold != f).tolist()
        of_others = oracle.chosen(same, confidence, tried, others, MARGIN, SELECTION_LEVEL)
        assert routed[fold == f].tolist() == [confidence[i] < of_others for i in np.flatnonzero(fold == f)]
    below = sum(c < cut_off for c in confidence)
    assert abs(below - routed.sum()) <= 2  # but for the rounding of the cut-off


def tied(levels, differs, *, seed=0):
    """A candidate with so many items of each confidence, and so many of each whose answer differs."""
    confidence = np.repeat([*levels], [*levels.values()])
    gold = np.arange(len(confidence)) % 2
    other = np.concatenate([np.arange(n) < k for n, k in zip(levels.values(), differs, strict=True)])
    answer = np.where(other, 1 - gold, gold)

    def of(answer, confidence):
        p = np.repeat(1 - confidence[:, None], 2, axis=1)
        p[np.arange(len(answer)), answer] = confidence
        return Answers(most_probable(p, gold), Resampling(len(gold), resamples=200, seed=seed))

    return Pair(of(gold, np.full(len(gold), 0.9)), of(answer, confidence))


def test_of_tied_confidences_the_cut_off_routes_what_it_is_said_to_route():
    """A share times the number of items was rounded down to one item less, and so to the level below."""
    pair = tied({0.55: 38, 0.65: 120, 0.95: 442}, (10, 24, 0))
    cut_off, routed = cross_fitted(pair, few_differ)
    assert (cut_off, routed.sum()) == (0.95, 158)
    assert ((pair.candidate.confidence < cut_off) == routed).all()


def test_no_cut_off_is_named_where_none_routes_about_as_many(monkeypatch):
    """The folds choose different levels, which no single cut-off stands for."""
    pair = tied({0.6: 60, 0.7: 60, 0.95: 480}, (50, 8, 10))
    assert cross_fitted(pair, few_differ) is None
    monkeypatch.setattr(cascade, "SAME_SHARE", 1.0)
    cut_off, routed = cross_fitted(pair, few_differ)
    assert abs((pair.candidate.confidence < cut_off).mean() - routed.mean()) > 0.02


def test_no_item_has_a_say_in_whether_it_is_routed():
    pair, _ = unsure()
    _, routed = cross_fitted(pair, few_differ)
    outcomes, inside = pair.candidate.outcomes, folds(pair.resampling) == 2
    answer = np.where(inside, pair.reference.answer, outcomes.answer)
    distribution = np.where((answer != outcomes.answer)[:, None], outcomes.distribution[:, ::-1], outcomes.distribution)
    other = Outcomes(answer, outcomes.confidence, outcomes.right | inside, distribution, outcomes.gold)
    _, again = cross_fitted(Pair(pair.reference, Answers(other, pair.resampling)), few_differ)
    assert (again[inside] == routed[inside]).all()
    assert (again != routed).any()


def test_items_of_a_cluster_are_routed_by_the_same_cut_off():
    clusters = [f"c{i // 4}" for i in range(2_000)]
    pair, _ = unsure(clusters=clusters)
    fold = folds(pair.resampling)
    assert all(len(set(fold[i : i + 4])) == 1 for i in range(0, 2_000, 4))
    _, routed = cross_fitted(pair, few_differ)
    for f in range(5):
        confidence = pair.candidate.confidence[fold == f]
        assert confidence[routed[fold == f]].max() < confidence[~routed[fold == f]].min()


def test_nothing_is_chosen_if_only_routing_most_items_would_help():
    pair, differs = unsure()
    sure = pair_of(
        pair.reference.probabilities, np.where(differs[:, None], [0.001, 0.999], [0.8, 0.2]), pair.candidate.gold
    )
    assert cross_fitted(sure, lambda made: agreement(made)["disagreement"].high <= differs.mean() / 2) is None


def test_a_confidence_that_is_always_the_same_routes_nothing():
    p, gold = two_labels(np.full(300, 0.9), np.ones(300))
    q = np.where((np.arange(300) % 10 == 0)[:, None], p[:, ::-1], p)
    pair = pair_of(p, q, gold)
    assert cross_fitted(pair, few_differ) is None


def test_the_chosen_cut_off_holds_on_fresh_items_of_the_same_law():
    broken, shares = 0, []
    for seed in range(60):
        pair, _ = unsure(1_000, seed, slope=1.6)
        cut_off, routed = cross_fitted(pair, few_differ)
        # The chance to differ above c is the integral of 1.6 (0.7 - u) du / 0.5 from c to 0.7.
        broken += 1.6 * max(0.7 - cut_off, 0) ** 2 > MARGIN
        shares.append(float(routed.mean()))
    assert broken <= 4  # P(more than 4 of 60) is 1 % at the nominal 2.5 %
    assert 0.02 < np.mean(shares) < 0.2
