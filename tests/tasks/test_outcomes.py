import numpy as np
import pytest

from trusteq.tasks.outcomes import Outcomes, most_probable


def test_the_answer_is_the_first_of_the_most_probable_labels():
    made = most_probable(np.array([[0.2, 0.4, 0.4], [0.7, 0.2, 0.1]]), np.array([2, 0]))
    assert made.answer.tolist() == [1, 0]
    assert made.confidence.tolist() == [0.4, 0.7]
    assert made.right.tolist() == [False, True]


def test_without_gold_nothing_is_right_or_wrong():
    assert most_probable(np.array([[0.2, 0.8]]), None).right is None


def test_some_outcomes_are_taken_with_all_that_is_known_of_them():
    item = np.array([0, 0, 1, 3])
    whole = most_probable(np.eye(4), np.array([0, 1, 1, 3]), item)
    part = whole.take(np.array([3, 1]).astype(np.int64)[::-1])
    assert (part.answer.tolist(), part.gold.tolist(), part.item.tolist()) == ([1, 3], [1, 3], [0, 3])
    assert part.distribution.tolist() == np.eye(4)[[1, 3]].tolist()
    assert part.chance is None


def test_arrays_of_other_lengths_are_refused():
    with pytest.raises(ValueError, match="confidence has 1 values for 2 answers"):
        Outcomes(np.array([0, 1]), np.array([0.5]))


def test_outcomes_of_an_item_stand_together():
    with pytest.raises(ValueError, match="must be contiguous"):
        Outcomes(np.array([0, 1]), np.array([0.5, 0.5]), item=np.array([1, 0]))
