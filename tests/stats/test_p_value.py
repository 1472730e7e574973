import math

import pytest

from trusteq.stats.p_value import p_figure, p_words


@pytest.mark.parametrize(
    ("p", "said"),
    [
        (0.0, "p < 0.0001"),
        (5e-324, "p < 0.0001"),
        (9.9e-5, "p < 0.0001"),
        (1e-4, "p = 0.0001"),
        (0.01234, "p = 0.012"),
        (1.0, "p = 1"),
        (math.nan, "p unknown"),
    ],
)
def test_a_p_value_in_words_is_never_0(p, said):
    assert p_words(p) == said


def test_a_column_of_p_values_has_no_sign_of_equality():
    assert [p_figure(p) for p in (0.0, 0.25)] == ["< 0.0001", "0.25"]
