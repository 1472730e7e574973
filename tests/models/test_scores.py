"""Scores that were stated to be logits are doubted once, on the items themselves."""

import numpy as np
import pytest

from trusteq import ModelError
from trusteq.data.predictions import softmax
from trusteq.models.scores import ROUNDING, as_probabilities

ALIKE = softmax(np.random.default_rng(0).normal(size=(40, 3)))
"""Rows that look like probabilities."""


def test_logits_that_look_like_probabilities_are_refused_for_items_and_taken_for_their_versions():
    with pytest.raises(ModelError, match="looks like probabilities, not logits"):
        as_probabilities(ALIKE, "logits", output="y", name="m")
    taken = as_probabilities(ALIKE, "logits", output="y", name="m", changed=True)
    np.testing.assert_array_equal(taken, softmax(ALIKE))


def test_what_rounding_puts_outside_is_brought_back_and_no_more():
    values = np.array([[-ROUNDING / 2, 1 + ROUNDING / 2], [-2 * ROUNDING, 0.5]])
    found = as_probabilities(values, "probabilities", output="y", name="m")
    assert found.tolist() == [[0, 1], [-2 * ROUNDING, 0.5]]
