"""Numbers in words."""

import math

import pytest

from trusteq.report.wording import number


@pytest.mark.parametrize(
    ("value", "said"),
    [(0.0, "0.0000"), (0.1195, "0.1195"), (-0.25, "-0.2500"), (1.0, "1.0000"), (0.00042, "4.2e-04"), (12.5, "12.5000")],
)
def test_a_figure_has_four_digits_or_what_small_ones_need(value, said):
    assert number(value) == said


@pytest.mark.parametrize("value", [0.9998, 0.99996, 0.999999994, math.nextafter(1, 0)])
def test_what_is_less_than_1_is_never_called_1(value):
    assert float(number(value)) < 1
    assert number(-value) == f"-{number(value)}"
