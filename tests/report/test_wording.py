"""Numbers in words."""

import math

import pytest

from trusteq.report.wording import about, answered_differently, listed, number, plural


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


def test_a_bound_that_is_unknown_is_called_so():
    assert number(math.nan) == "unknown"


@pytest.mark.parametrize(
    ("ids", "said"),
    [(["a"], "1 item"), (["a", "b"], "2 items"), (["a", "a"], "2 places of 1 item"), ("aab", "3 places of 2 items")],
)
def test_several_answers_to_one_item_are_not_called_items(ids, said):
    assert answered_differently([{"id": id_} for id_ in ids]) == said


def test_lists():
    assert (listed(["a"]), listed(["a", "b"]), listed(["a", "b", "c"])) == ("a", "a and b", "a, b and c")


def test_a_text_about_words_is_about_the_units_of_the_run():
    text = "Words that weigh more: a word in 3 words, in other words; wording"
    assert about(text, "word") == text
    assert about(text, "tile") == "Tiles that weigh more: a tile in 3 tiles, in other tiles; wording"
    assert about("Word, words", "word or tile") == "Word or tile, words or tiles"
    assert plural("word or tile") == "words or tiles"
