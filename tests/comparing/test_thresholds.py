import numpy as np
import pytest
from oracles.pairs import pair_of, two_labels

from trusteq.comparing.temperature import folds
from trusteq.comparing.thresholds import CUT_OFFS, held_out_cut_offs, replacement_cut_off, threshold_table


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


def calibrated(n, seed):
    """A reference that is right as often as it says, and a candidate that is half as sure above chance."""
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.5, 1, n)
    return confidence, 0.5 + (confidence - 0.5) / 2, rng.random(n) < confidence


def test_a_new_cut_off_is_the_old_one_on_the_candidates_scale():
    reference, candidate, right = calibrated(20_000, 0)
    for row in held_out_cut_offs(pair(reference, candidate, right)):
        assert row["keeps"] == "accuracy"
        assert row["cut_off"] == pytest.approx(0.5 + (row["of_reference"] - 0.5) / 2, abs=0.01)
        assert row["coverage"].value == pytest.approx(2 * (1 - row["of_reference"]), abs=0.03)


def test_each_fold_is_accepted_by_the_cut_off_chosen_on_the_others():
    reference, candidate, right = calibrated(400, 1)
    of = pair(reference, candidate, right)
    row = next(row for row in held_out_cut_offs(of) if row["of_reference"] == 0.8)
    fold, accepted = folds(of.resampling), np.zeros(400, dtype=bool)
    for f in range(5):
        kept = fold != f
        wanted = right[kept & (reference >= 0.8)].mean()
        grid = np.floor(candidate[kept] * 1000) / 1000
        chosen = min(c for c in grid if right[kept & (candidate >= c)].mean() >= wanted - 1e-12)
        accepted |= (fold == f) & (candidate >= chosen)
    assert row["coverage"].value == accepted.mean()
    assert row["accuracy"].value == right[accepted].mean()


def test_without_labels_a_new_cut_off_keeps_the_coverage():
    reference, candidate, _ = calibrated(5_000, 2)
    of = pair_of(*(two_labels(c, np.ones(5_000))[0] for c in (reference, candidate)))
    for row in held_out_cut_offs(of):
        assert (row["keeps"], row["accuracy"]) == ("coverage", None)
        assert row["coverage"].value == pytest.approx(np.mean(reference >= row["of_reference"]), abs=0.01)


def test_a_cut_off_is_left_out_where_held_out_items_do_not_bear_it_out():
    """Of few accepted answers, a cut-off that looked as accurate accepted others than the fifths' own cut-offs did."""
    left_out = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        sure = rng.beta(4, 1.5, 600) / 2 + 0.5
        right = rng.random(600) < sure
        candidate = np.clip(sure + rng.normal(0, 0.08, 600), 0.5, 0.999)
        answered = rng.random(600) < 0.93
        of = pair(sure, candidate, right & answered)
        rows = held_out_cut_offs(of)
        left_out += len(CUT_OFFS) - len(rows)
        for row in rows:
            accepted = of.candidate.confidence >= row["cut_off"]
            assert abs(accepted.mean() - row["coverage"].value) <= 0.02
            wanted = of.reference.right[of.reference.confidence >= row["of_reference"]].mean()
            assert row["accuracy"].high >= wanted
    assert left_out


def test_a_cut_off_that_was_accurate_only_where_it_was_chosen_is_left_out():
    """A confidence that says nothing has cut-offs of few answers that happen to be right."""
    left_out = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        sure, unsure, right = rng.uniform(0.5, 1, 300), rng.uniform(0.5, 1, 300), rng.random(300) < 0.8
        p, gold = two_labels(sure, rng.random(300) < sure)
        of = pair_of(p, two_labels(unsure, right)[0], gold)
        rows = held_out_cut_offs(of)
        left_out += len(CUT_OFFS) - len(rows)
        for row in rows:
            wanted = of.reference.right[of.reference.confidence >= row["of_reference"]].mean()
            assert row["accuracy"].high >= wanted
    assert left_out > 10
