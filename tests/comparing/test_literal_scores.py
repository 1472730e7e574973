"""Accuracy and calibration as the published scripts for vision transformers count them."""

import numpy as np
import pytest

from trusteq.comparing.answers import Answers, Pair
from trusteq.comparing.literal_scores import half_open_calibration, top5_accuracy
from trusteq.comparing.measures import find_measure
from trusteq.data.predictions import softmax
from trusteq.stats.resampling import Resampling
from trusteq.tasks.outcomes import most_probable


def pair(*tables, gold):
    resampling = Resampling(len(gold), resamples=200)
    return Pair(*(Answers(most_probable(table, gold), resampling) for table in tables))


def scripts_ece(confidence, right):
    """The scripts' loop: bins of equal width by >= and <, weighed by their share of all items."""
    error = 0.0
    for low in np.linspace(0, 1, 11)[:-1]:
        inside = (confidence >= np.float32(low)) & (confidence < np.float32(low + 0.1))
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return error


@pytest.fixture
def sure():
    """Answers of which a third have a confidence that is 1 in 32 bits."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(300, 8)) * 2
    logits[:100, 3] += 60
    return softmax(logits), rng.integers(0, 8, 300)


def test_a_confidence_of_1_is_in_no_bin_but_counted(sure):
    table, gold = sure
    found = half_open_calibration(pair(table, table, gold=gold))
    confidence, right = table.max(axis=1).astype(np.float32), table.argmax(axis=1) == gold
    assert found["ece_half_open_reference"].value == pytest.approx(scripts_ece(confidence, right), abs=1e-6)
    certain = np.zeros((10, 8)) + np.eye(8)[3]
    assert half_open_calibration(pair(certain, certain, gold=np.zeros(10, int)))["ece_half_open_reference"].value == 0
    assert found["ece_half_open_difference"].value == 0


def test_the_gold_label_is_among_the_first_five(sure):
    table, gold = sure
    found = top5_accuracy(pair(table, table[:, ::-1], gold=gold))
    expected = np.mean([g in np.argsort(-row)[:5] for row, g in zip(table, gold, strict=True)])
    assert found["accuracy_top5_reference"].value == pytest.approx(expected)
    assert 0 < expected < 1
    even = np.full((8, 8), 1 / 8)
    assert top5_accuracy(pair(even, even, gold=np.arange(8)))["accuracy_top5_reference"].value == 5 / 8


def test_of_five_labels_there_is_nothing_to_count():
    table = np.full((4, 5), 0.2)
    assert top5_accuracy(pair(table, table, gold=np.arange(4))) == {}


def test_every_measure_is_in_the_table(sure):
    table, gold = sure
    both = pair(table, table, gold=gold)
    assert all(find_measure(name) for name in (*half_open_calibration(both), *top5_accuracy(both)))
