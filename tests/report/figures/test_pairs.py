"""All models pair by pair, against loops."""

from itertools import product

import numpy as np
import pytest

from trusteq.report.figures.pairs import PairsDisplay


def test_same_answer_is_the_share_of_items(explained):
    display = PairsDisplay.from_evidence(explained)
    answers = explained.probabilities.argmax(axis=2).tolist()
    for a, b in product(range(3), range(3)):
        slow = sum(x == y for x, y in zip(answers[a], answers[b], strict=True)) / 60
        assert display.same_answer[a, b] == pytest.approx(slow)


def test_jaccard_with_the_reference_is_the_run_s_and_candidates_have_theirs(explained):
    display = PairsDisplay.from_evidence(explained)
    assert (display.names, display.k) == (("large", "shortcut", "poor"), 10)
    for method, matrix in display.jaccard.items():
        np.testing.assert_array_equal(matrix, matrix.T)
        np.testing.assert_array_equal(matrix.diagonal(), 1)
        for i, name in enumerate(display.names[1:], 1):
            measures = explained.candidate(name).measures["explanation"]
            assert matrix[0, i] == pytest.approx(measures[f"jaccard_{method}"].value)
        assert matrix[1, 2] not in {matrix[0, 1], matrix[0, 2], 1.0}


def test_the_protocol_s_pairs_are_taken_as_they_are(published):
    display = PairsDisplay.from_evidence(published)
    assert set(display.jaccard) == {"lime", "shap"}
    for pair in published.document.protocol.pairs:
        a, b = (display.names.index(name) for name in (pair.first, pair.second))
        assert display.jaccard[pair.method][a, b] == display.jaccard[pair.method][b, a] == pair.mean.value


def test_cells_hold_numbers_and_nearly_all_is_not_all():
    matrix = np.array([[1, 0.9972, 1], [0.9972, 1, 0.25], [1, 0.25, 1]])
    ax = PairsDisplay(("a", "b", "c"), matrix, {}, None).plot().ax_
    said = [text.get_text() for text in ax.texts]
    assert said == ["·", ">.99", "1.00", ">.99", "·", "0.25", "1.00", "0.25", "·"]


def test_predictions_alone_have_one_matrix(wordless):
    assert PairsDisplay.from_evidence(wordless).jaccard == {}
