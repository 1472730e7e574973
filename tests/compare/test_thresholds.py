import numpy as np
from oracles.pairs import pair_of, two_labels

from trusteq.compare.thresholds import CUT_OFFS, replacement_cut_off, threshold_table


def pair(reference, candidate, right):
    p, gold = two_labels(reference, right)
    return pair_of(p, two_labels(candidate, right)[0], gold)


def row_at(cut_off, of):
    return next(row for row in threshold_table(of) if row["cut_off"] == cut_off)


def test_there_is_a_row_for_each_cut_off():
    assert tuple(row["cut_off"] for row in threshold_table(pair([0.6], [0.7], [1]))) == CUT_OFFS


def test_a_row_by_hand():
    row = row_at(0.9, pair([0.9, 0.95, 0.8, 0.6], [0.92, 0.7, 0.97, 0.6], [1, 1, 0, 1]))
    assert row["coverage_reference"].value == row["coverage_candidate"].value == 0.5
    assert row["crossing"].value == 0.5
    assert row["accuracy_reference"].value == 1.0
    assert row["accuracy_candidate"].value == 0.5


def test_a_confidence_on_the_cut_off_is_accepted():
    assert row_at(0.9, pair([0.9], [np.nextafter(0.9, 0)], [1]))["crossing"].value == 1.0


def test_the_replacement_is_the_lowest_cut_off_that_keeps_the_accuracy():
    # From the most sure down: right, right, wrong, right, right: accuracies 1, 1, 2/3, 3/4, 4/5.
    answers = pair([0.5] * 5, [0.95, 0.9, 0.8, 0.7, 0.6], [1, 1, 0, 1, 1]).candidate
    assert replacement_cut_off(answers, 1.0) == {"cut_off": 0.9, "coverage": 0.4, "accuracy": 1.0}
    assert replacement_cut_off(answers, 0.8) == {"cut_off": 0.6, "coverage": 1.0, "accuracy": 0.8}
    assert replacement_cut_off(answers, 0.79)["cut_off"] == 0.6
    assert replacement_cut_off(answers, 0.81)["cut_off"] == 0.9


def test_there_is_no_replacement_where_no_cut_off_is_accurate_enough():
    assert replacement_cut_off(pair([0.5] * 2, [0.9, 0.8], [0, 1]).candidate, 0.75) is None


def test_the_replacement_keeps_equal_confidences_together():
    assert replacement_cut_off(pair([0.5] * 3, [0.9, 0.9, 0.8], [1, 0, 1]).candidate, 0.9) is None


def test_nothing_is_kept_where_the_reference_accepts_nothing():
    row = row_at(0.9, pair([0.6, 0.7], [0.95, 0.6], [1, 1]))
    assert row["accuracy_reference"] is row["replacement"] is None
    assert row["accuracy_candidate"].value == 1.0


def test_without_labels_there_is_no_accuracy():
    p = np.array([[0.9, 0.1]])
    assert set(threshold_table(pair_of(p, p))[0]) == {"cut_off", "coverage_reference", "coverage_candidate", "crossing"}
