"""The tables of docs/validity.md and the customary methods beside them, on samples whose answer is known."""

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "bench"))
import customary
import validity_tables

ALIKE = {
    "accuracy_difference": 0.0,
    "disagreement": 0.0,
    "smooth_ece_difference": 0.0,
    "confidence_profile_distance": 0.0,
    "alignment_lime": 1.0,
    "alignment_shapley": 1.0,
}


def result(verdicts, *, n=100, rank=0, early="EQUIVALENT", interval=(-1, 2), **truth):
    runs = [
        {
            "verdict": verdict,
            "dimensions": {"explanation": verdict},
            "intervals": dict.fromkeys(ALIKE, interval),
            "customary": dict.fromkeys(customary.METHODS, verdict == "NOT EQUIVALENT"),
            "early": {"items": 50, "outcome": early},
        }
        for verdict in verdicts
    ]
    about = {"task": "t", "kind": "k", "strength": str(rank), "rank": rank}
    return {**about, "truth": {**ALIKE, **truth}, "n": n, "runs": runs}


@pytest.mark.parametrize(
    ("measure", "value", "times"),
    [
        ("accuracy_difference", -0.03, 3),
        ("accuracy_difference", 0.03, 0),  # better is not worse
        ("disagreement", 0.1, 2),
        ("smooth_ece_difference", -0.2, 0),
        ("confidence_profile_distance", 0.025, 0.5),
        ("alignment_lime", 0.8, 4),
        ("alignment_shapley", 1.0, 0),
    ],
)
def test_how_many_margins_a_pair_is_from_being_alike(measure, value, times):
    one = result([], **{measure: value})
    assert validity_tables.worst(one) == pytest.approx(times)
    assert set(validity_tables.crossed(one)) == ({measure} if times > 1 else set())


def test_false_alarms_and_passes_are_counted_where_they_are_wrong():
    said = ["EQUIVALENT", "NOT EQUIVALENT", "UNDECIDED", "UNDECIDED"]
    rows = validity_tables.wrong(
        [result(said), result(said, disagreement=0.06), result(["EQUIVALENT"] * 4, disagreement=0.2)]
    ).splitlines()[2:]
    assert [row.split(" | ")[1:4] for row in rows] == [
        ["within every margin", "1", "4"],
        ["beyond a margin, less than twice", "1", "4"],
        ["beyond twice a margin", "1", "4"],
    ]
    assert [row.count("25.0 %") for row in rows] == [2, 2, 0]
    assert "100.0 % [51.0, 100.0]" in rows[2]


def test_coverage_counts_intervals_that_hold_the_truth():
    said = validity_tables.coverage([result(["UNDECIDED"] * 3), result(["UNDECIDED"], interval=(0.5, 0.9))])
    shares = [row.split(" | ")[1].removesuffix(" |") for row in said.splitlines()[2:]]
    assert shares == ["75.0 % of 4"] * 6


def test_a_dose_that_falls_is_told():
    rising, falling = (
        [result([], rank=i, disagreement=v) for i, v in enumerate(vs)] for vs in ((0, 0.1, 0.2), (0, 0.3, 0.2))
    )
    assert "| yes |" in validity_tables.dose(rising)
    assert "| **no** |" in validity_tables.dose(falling)


def test_an_early_stop_is_wrong_where_it_contradicts_the_truth():
    (row,) = validity_tables.early([result(["UNDECIDED", "EQUIVALENT"], alignment_lime=0.5)]).splitlines()[2:]
    cells = row.split(" | ")
    assert cells[1:3] == ["beyond it", "2"]
    assert cells[3].startswith("50.0 %")
    assert cells[4].startswith("100.0 %")
    assert cells[5:7] == ["50 %", "0 %"]


def sample(reference, candidate, gold, jaccard=None):
    return customary.Sample(np.array(reference), np.array(candidate), np.array(gold), jaccard)


def test_customary_methods_call_a_model_equal_to_itself_and_its_opposite_different():
    p = np.array([[0.9, 0.1], [0.2, 0.8]] * 200)
    gold = p.argmax(axis=1)
    same = sample(p, p, gold, np.ones(400))
    assert not any(method(same) for method in customary.METHODS.values())
    other = sample(p, p[:, ::-1], gold, np.full(400, 0.2))
    assert all(method(other) for method in customary.METHODS.values())


def test_the_z_test_does_not_see_what_mcnemar_sees():
    """400 items of which 16 turn from right to wrong: nothing between two samples, a great deal between pairs."""
    p = np.array([[0.9, 0.1]] * 400)
    turned = p.copy()
    turned[:16] = [0.1, 0.9]
    gold = np.array([0] * 300 + [1] * 100)
    one = sample(p, turned, gold)
    assert (customary.unpaired(one), customary.paired(one)) == (False, True)
    assert (customary.accuracy_drop(one), customary.flips(one)) == (True, False)


def test_ece_is_that_of_ten_equal_bins():
    """Sure to 0.95 and right in three of four: 0.2 too sure; sure to 0.75: right."""
    gold = np.array([0, 0, 0, 1] * 25)
    sure, modest = (np.array([[c, 1 - c]] * 100) for c in (0.95, 0.75))
    assert customary.calibration(sample(modest, sure, gold))
    assert not customary.calibration(sample(sure, modest, gold))
    assert customary._ece(sure, gold) == pytest.approx(0.2)
