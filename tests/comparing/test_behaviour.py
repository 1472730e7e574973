import numpy as np
import pytest
from hypothesis import given, settings
from oracles.pairs import coarse_models, pair_of

from trusteq.comparing import behaviour
from trusteq.comparing.behaviour import accuracy, agreement, flip_kinds, flipped_items, flips

# Answers of the reference 0 0 1 2 0, of the candidate 0 1 0 1 0, gold 0 0 0 0 1.
REFERENCE = np.eye(3)[[0, 0, 1, 2, 0]]
CANDIDATE = np.eye(3)[[0, 1, 0, 1, 0]] * 0.7 + 0.1
GOLD = [0, 0, 0, 0, 1]
PAIR = pair_of(REFERENCE, CANDIDATE, GOLD)


def test_agreement_is_the_share_of_equal_answers():
    found = agreement(PAIR)
    assert found["agreement"].value == pytest.approx(0.4)
    assert found["disagreement"].value == pytest.approx(0.6)
    assert found["agreement"].low == pytest.approx(1 - found["disagreement"].high)


def test_accuracy_is_the_share_right_and_its_difference_candidate_minus_reference():
    found = accuracy(pair_of(REFERENCE, CANDIDATE, [0, 1, 0, 1, 0]))
    assert found["accuracy_reference"].value == pytest.approx(0.4)
    assert found["accuracy_candidate"].value == 1.0
    assert found["accuracy_difference"].value == pytest.approx(0.6)


def test_flips_are_split_by_what_they_do():
    # Items 1: right to wrong; 2: wrong to right; 3: wrong to other wrong; 4: wrong in both alike.
    assert flip_kinds(PAIR).tolist() == [-1, 0, 1, 2, -1]
    assert {name: e.value for name, e in flips(PAIR).items()} == pytest.approx(
        {"regressions": 0.2, "corrections": 0.2, "wrong_to_other_wrong": 0.2}
    )


@settings(derandomize=True, deadline=None, max_examples=40)
@given(coarse_models(models=2))
def test_flips_add_up_to_disagreement_and_their_balance_is_the_accuracy_difference(models):
    pair = pair_of(*models)
    found = {name: e.value for group in (accuracy, agreement, flips) for name, e in group(pair).items()}
    kinds = found["regressions"] + found["corrections"] + found["wrong_to_other_wrong"]
    assert kinds == pytest.approx(found["disagreement"])
    assert found["corrections"] - found["regressions"] == pytest.approx(found["accuracy_difference"])


def test_a_model_agrees_with_itself_on_everything():
    pair = pair_of(CANDIDATE, CANDIDATE, GOLD)
    assert agreement(pair)["agreement"].value == 1.0
    assert agreement(pair)["disagreement"].value == 0.0
    assert accuracy(pair)["accuracy_difference"].value == 0.0
    assert all(e.value == 0.0 for e in flips(pair).values())


def test_seeing_no_change_in_fifty_items_does_not_say_that_there_is_none():
    p = np.tile([[0.9, 0.1]], (50, 1))
    assert agreement(pair_of(p, p))["disagreement"].high == pytest.approx(0.0713, abs=1e-4)


def named(codes, at):
    return ["xyz"[code] for code in codes]


def test_flipped_items_are_listed_by_the_candidates_confidence_then_id():
    candidate = np.array([[1, 0, 0], [0, 0.75, 0.25], [0.875, 0.125, 0], [0.25, 0.75, 0], [1, 0, 0]])
    rows = flipped_items(pair_of(REFERENCE, candidate, GOLD), ["e", "d", "c", "b", "a"], named)
    assert [(row["id"], row["candidate_confidence"]) for row in rows] == [("c", 0.875), ("b", 0.75), ("d", 0.75)]
    assert [row["kind"] for row in rows] == ["wrong to right", "wrong to other wrong", "right to wrong"]
    assert rows[2] == {
        "id": "d",
        "kind": "right to wrong",
        "gold": "x",
        "reference_answer": "x",
        "reference_confidence": 1.0,
        "candidate_answer": "y",
        "candidate_confidence": 0.75,
    }


def test_flipped_items_without_labels_are_unlabelled():
    rows = flipped_items(pair_of(REFERENCE, CANDIDATE), list("abcde"), named)
    assert {(row["kind"], row["gold"]) for row in rows} == {("unlabelled", None)}


def test_without_labels_mcnemar_is_left_out():
    pair = pair_of(REFERENCE, CANDIDATE)
    assert set(agreement(pair)) == {"agreement", "disagreement"}
    assert set(behaviour.tests(pair)) == {"bowker", "stuart_maxwell", "chi2_homogeneity"}
    assert set(behaviour.tests(PAIR)) == {"bowker", "stuart_maxwell", "chi2_homogeneity", "mcnemar"}


def test_the_tests_see_a_one_sided_change():
    reference, candidate = np.eye(2)[[0] * 40], np.eye(2)[[0] * 20 + [1] * 20]
    found = behaviour.tests(pair_of(reference, candidate, [0] * 40))
    assert found["mcnemar"].p_value == pytest.approx(2 / 2**20)
    assert found["stuart_maxwell"].statistic == pytest.approx(20.0)
    assert found["bowker"].statistic == pytest.approx(20.0)
