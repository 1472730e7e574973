"""Settings that no training can follow are refused where they are given."""

import math

import pytest

from trusteq import OptionError
from trusteq.train import TrainingSettings


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("epochs", 0, "1 or more"),
        ("batch", 0, "1 or more"),
        ("rate", math.nan, "a number above 0"),
        ("rate", 0.0, "a number above 0"),
        ("rate", math.inf, "a number above 0"),
        ("weight_decay", -0.1, "a number from 0"),
        ("clip", math.nan, "a number above 0"),
        ("warmup", math.nan, "a number from 0 to 1"),
        ("warmup", 1.5, "a number from 0 to 1"),
        ("hard", -1, "a number from 0 to 1"),
        ("temperature", 0, "a number above 0"),
    ],
)
def test_a_value_out_of_range_is_one_line(name, value, expected):
    with pytest.raises(OptionError) as caught:
        TrainingSettings(**{name: value})
    assert str(caught.value) == f"{name} must be {expected}, found {value!r}"


def test_the_ends_of_the_ranges_are_in_them():
    TrainingSettings(epochs=1, batch=1, weight_decay=0.0, clip=math.inf, warmup=1.0, hard=0.0)
