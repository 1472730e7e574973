"""Names as a figure can show them."""

import pytest

from trusteq.report.figures.names import shortened


@pytest.mark.parametrize("name", ["int8", "größer", "$x^2$", r"\$", "a b", "x" * 24])
def test_an_ordinary_name_stays_as_it_is(name):
    assert shortened(name) == name


def test_a_long_name_is_cut_in_its_middle_so_that_both_ends_stay():
    assert shortened("bert-base-uncased-finetuned-int8", 16) == "bert-bas…ed-int8"
    assert len(shortened("x" * 10_000, 20)) == 20


@pytest.mark.parametrize("name", ["", " ", "   "])
def test_a_name_of_nothing_is_said_to_be_empty(name):
    assert shortened(name) == "(empty)"


def test_control_characters_are_shown_as_such():
    assert shortened("a\nb\x1b[0m\u202ec\ud800") == "a�b�[0m�c�"


def test_wide_letters_take_the_place_of_two():
    assert shortened("世" * 12, 24) == "世" * 12
    assert shortened("世" * 13, 24) == "世世世世世世…世世世世世"


def test_a_ligature_counts_as_what_it_stands_for():
    assert "…" in shortened("\ufdfa" * 2, 24)


def test_accents_do_not_pile_up():
    assert shortened("e" + "\u0301" * 50) == "e\u0301\u0301"
