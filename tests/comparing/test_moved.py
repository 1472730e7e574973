"""How far predictions move."""

import numpy as np
import pytest

from trusteq.comparing.moved import moved
from trusteq.tasks.outcomes import Outcomes, most_probable


def test_it_is_the_total_variation_distance():
    a = most_probable(np.array([[0.7, 0.2, 0.1], [0.2, 0.5, 0.3], [1.0, 0.0, 0.0]]), None)
    b = most_probable(np.array([[0.7, 0.2, 0.1], [0.5, 0.2, 0.3], [0.0, 0.5, 0.5]]), None)
    assert moved(a, b) == pytest.approx([0.0, 0.3, 1.0])
    assert moved(b, a) == pytest.approx(moved(a, b))


def test_of_confidences_alone_it_is_the_least_that_is_possible():
    a = Outcomes(np.array([0, 0, 0]), np.array([0.9, 0.9, 0.6]))
    b = Outcomes(np.array([0, 1, 1]), np.array([0.8, 0.8, 0.3]))
    assert moved(a, b) == pytest.approx([0.1, 0.7, 0.3])
