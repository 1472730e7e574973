import numpy as np
import pytest
from oracles.pairs import pair_of

from trusteq.comparing.calibration_fault import FEWEST, fault_values, in_one_part, parts
from trusteq.data.predictions import softmax

N = 3_000


def law(seed=0, labels=3):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(N, labels)) * 2
    return rng, z, (z + rng.gumbel(size=z.shape)).argmax(axis=1)


def found(reference, candidate, gold, columns):
    pair = pair_of(reference, candidate, gold)
    return in_one_part(pair, parts(pair, columns))


def columns_of(gold, group):
    return {"label": [str(code) for code in gold], "group": ["yes" if g else "no" for g in group]}


@pytest.mark.parametrize("temperature", [0.3, 3.0])
def test_a_fault_in_one_label_is_found(temperature):
    rng, z, gold = law(1)
    q = softmax(np.where((gold == 2)[:, None], z / temperature, z))
    fault = found(softmax(z), q, gold, columns_of(gold, rng.random(N) < 0.3))
    assert (fault.kind, fault.column, fault.value) == ("label", "label", "2")
    assert fault.elsewhere.value == 0
    assert np.sign(fault.inside.value) == np.sign(1 - temperature)


@pytest.mark.parametrize("temperature", [0.2, 4.0])
def test_a_fault_in_one_group_is_found_with_and_without_labels(temperature):
    rng, z, gold = law(2)
    group = rng.random(N) < 0.25
    q = softmax(np.where(group[:, None], z / temperature, z))
    for known in (gold, None):
        fault = found(softmax(z), q, known, columns_of(gold, group))
        assert (fault.kind, fault.column, fault.value) == ("slice", "group", "yes")


def test_a_fault_in_a_range_of_confidence_is_found():
    _, z, gold = law(3, labels=2)
    p = softmax(z)
    c = p.max(axis=1)
    made = np.interp(c, [0.5, 0.6, 0.79, 0.8, 1], [0.5, 0.6, 0.79, 0.95, 1])
    q = np.where(p == c[:, None], made[:, None], 1 - made[:, None])
    fault = found(p, q, gold, {})
    assert (fault.kind, fault.column, fault.value) == ("confidence", "its confidence", "0.8 to 1")


def test_a_fault_of_all_items_lies_in_no_part():
    rng, z, gold = law(4)
    assert found(softmax(z), softmax(z / 2), gold, columns_of(gold, rng.random(N) < 0.3)) is None


def test_noise_lies_in_no_part():
    rng, z, gold = law(5)
    q = softmax(z + rng.normal(size=z.shape))
    assert found(softmax(z), q, gold, columns_of(gold, rng.random(N) < 0.3)) is None


def test_opposite_faults_of_two_labels_lie_in_no_part():
    _, z, gold = law(7)
    q = softmax(z + np.array([1.5, 0, 0]))
    assert found(softmax(z), q, gold, {"label": [str(code) for code in gold]}) is None


def test_no_fault_lies_in_no_part():
    _, z, gold = law(6)
    assert found(softmax(z), softmax(z), gold, columns_of(gold, gold > 0)) is None


def test_the_fault_value_is_the_change_of_overconfidence():
    p, q = [[0.9, 0.1], [0.6, 0.4]], [[0.7, 0.3], [0.2, 0.8]]
    assert fault_values(pair_of(p, q, [0, 1])) == pytest.approx([-0.2, 0.2 - 1])
    assert fault_values(pair_of(p, q)) == pytest.approx([-0.2, 0.2])


def test_parts_are_all_values_of_enough_items():
    p = np.full((100, 2), 0.5)
    pair = pair_of(p, p)
    values = ["a"] * FEWEST + ["b"] * (FEWEST - 1) + ["c"] * (101 - 2 * FEWEST)
    named = [(part.column, part.value, len(part.inside)) for part in parts(pair, {"kind": values})]
    assert named == [("kind", "a", 30), ("kind", "c", 41), ("its confidence", "0.5 to 0.6", 100)]
