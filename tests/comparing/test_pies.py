import numpy as np
import pytest

from trusteq.comparing.pies import pies

IDS, LABELS = ["a", "b", "c", "d"], ["x", "y", "z"]


def found(reference, *candidates, gold=None):
    return pies(
        np.array(reference),
        [np.array(c) for c in candidates],
        ids=IDS[: len(reference)],
        to_words=lambda codes, at: [LABELS[code] for code in codes],
        gold=None if gold is None else np.array(gold),
    )


def test_an_item_whose_most_frequent_answer_is_not_the_references_is_one():
    rows = found([0, 0, 1, 2], [0, 1, 2, 2], [0, 1, 2, 0], [0, 1, 1, 2], gold=[0, 1, 1, 2])
    assert rows == [
        {"id": "b", "gold": "y", "reference_answer": "x", "modal_answer": "y", "share": 1.0},
        {"id": "c", "gold": "y", "reference_answer": "y", "modal_answer": "z", "share": pytest.approx(2 / 3)},
    ]


def test_a_tie_that_holds_the_references_answer_is_none():
    assert found([1], [0], [1]) == []


def test_a_tie_without_the_references_answer_is_one_and_named_by_its_first_label():
    (row,) = found([0], [2], [1])
    assert (row["modal_answer"], row["share"]) == ("y", 0.5)


def test_rows_of_equal_share_are_ordered_by_id():
    assert [row["id"] for row in found([0, 0, 0, 0], [1, 2, 0, 1], [1, 2, 0, 1])] == ["a", "b", "d"]


def test_candidates_that_agree_with_the_reference_make_none():
    assert found([0, 1], [0, 1], [0, 1]) == []


def test_without_labels_gold_is_none():
    assert found([0], [1])[0]["gold"] is None
