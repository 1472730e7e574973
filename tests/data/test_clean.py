"""What is shown of strangers' text: ordinary writing as it is, and nothing that commands, hides or turns it."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trusteq.data.clean import begun, clean

FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
COUPLE = "\U0001f469\u200d\u2764\ufe0f\u200d\U0001f468"
CODER = "\U0001f9d1\U0001f3fd\u200d\U0001f4bb"
PIRATES = "\U0001f3f4\u200d\u2620\ufe0f"
SHAKING = "\U0001f642\u200d\u2194\ufe0f"


def tagged(region):
    return "\U0001f3f4" + "".join(chr(0xE0000 + ord(letter)) for letter in region) + "\U000e007f"


@pytest.mark.parametrize(
    "text",
    [
        "größer 世界 ≥",
        "10\u00a0000\u202f€, très bon\u202f!",
        "a\u2009b\u200ac\u2003d\u3000e",
        *(FAMILY, COUPLE, CODER, PIRATES, SHAKING),
        f"so {FAMILY}{FAMILY} good",
        *(tagged("gbeng"), tagged("gbsct"), tagged("gbwls")),
        "می\u200cخواهم کتاب\u200cها",  # Persian: parts of one word that do not join
        "1400 ه\u200d",  # Arabic: the joined form of a letter by itself
        "क\u094d\u200dष क\u094d\u200cष",  # Hindi: half forms, and none
        "ර\u0dca\u200dය",  # Sinhala
        "র\u200d\u09cdয",  # Bengali: the joiner before the virama
        "ភាសា\u200bខ្មែរ",  # Khmer: a place to break the line
        "\u06dd١٢ \u0600",
        "\U0001fae9 \U0001fac6 \U0001cc00",  # of Unicode 16, which Python 3.11 does not know
        "\uf8ff \U000f0000",  # for private use: a company's sign
    ],
)
def test_ordinary_writing_is_shown_as_it_is(text):
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("≥\x00\x1b\n\r\t\x7f", "≥������"),
        ("\x1b[31mred\x1b]0;title\x07", "�[31mred�]0;title�"),
        ("\x85\x9b31m", "��31m"),
        ("a\u2028b\u2029c", "a�b�c"),
        ("\u202aa\u202bb\u202cc\u202dd\u202ee", "�a�b�c�d�e"),
        ("\u2066a\u2067b\u2068c\u2069", "�a�b�c�"),
        ("a\u200eb\u200fc\u061cd", "a�b�c�d"),
        ("\ud800 \udcff", "� �"),
        ("\ufdd0 \uffff \U0001ffff \u2065 \ufff0 \U000e0fff", "� � � � � �"),
    ],
)
def test_what_commands_a_terminal_or_turns_text_is_replaced_one_for_one(text, shown):
    assert clean(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "pos\u200ditive",
        "pos\u200citive",
        "pos\u200bitive",
        "pos\u00aditive",
        "pos\u2060itive",
        "\ufeffpositive",
        "positive\u200d",
        "positive\U000e0061",
        "Ελ\u200dλα",
        "世\u200d界",
        "1\u200d2",
    ],
)
def test_what_would_make_two_names_look_alike_is_replaced(text):
    assert clean(text).count("\ufffd") == 1
    assert clean(text).replace("\ufffd", "") == "".join(c for c in text if c.isprintable())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"{FAMILY}\u200d", f"{FAMILY}�"),
        (f"a\u200d{FAMILY}", f"a�{FAMILY}"),
        ("\U0001f468\u200da", "\U0001f468�a"),
        ("\U0001f468\u200d\u200d\U0001f469", "\U0001f468��\U0001f469"),
        ("\U0001f468\u200c\U0001f469", "\U0001f468�\U0001f469"),
        ("می\u200c\u200cخواهم", "می��خواهم"),
        ("می\u200d\u200d\u200d", "می\u200d��"),
        ("خواهم\u200c", "خواهم�"),
        ("خواهم\u200cx", "خواهم�x"),
        ("x\u200cخواهم", "x�خواهم"),
        ("ไทย\u200bx", "ไทย�x"),
        (tagged("usca"), "\U0001f3f4�����"),
        (tagged("gbeng")[1:], "������"),
        (tagged("gbeng")[:-1], "\U0001f3f4�����"),
    ],
)
def test_characters_without_a_width_are_shown_only_where_they_join_or_shape(text, shown):
    assert clean(text) == shown


@settings(derandomize=True, deadline=None)
@given(st.text(st.one_of(st.characters(), st.sampled_from("\u200b\u200c\u200d\u00ad\ufe0f❤👨क्می ")), max_size=12))
def test_every_character_is_itself_or_a_replacement_and_no_control_is_left(text):
    shown = clean(text)
    assert len(shown) == len(text)
    assert all(after in (before, "\ufffd") for before, after in zip(text, shown, strict=True))
    assert all(after == before for before, after in zip(text, shown, strict=True) if before.isprintable())
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cs", "Zl", "Zp"}


@pytest.mark.parametrize("length", range(2, 20))
@pytest.mark.parametrize("text", [FAMILY * 3, COUPLE * 3, CODER * 4, "1\ufe0f\u20e3" * 5, "ab cd " * 4])
def test_a_text_that_is_cut_ends_in_a_whole_character(text, length):
    shown = begun(text, length)
    assert len(shown) <= length
    assert clean(shown) == shown
    assert text.startswith(shown.removesuffix("…"))
    left = text[len(shown) - 1 :]
    assert left[0] not in "\u200d\ufe0f\u20e3\U0001f3fd" or shown == text


def test_a_text_that_fits_is_whole():
    assert begun(FAMILY, 5) == FAMILY
    assert begun("one two", 6) == "one t…"
    assert begun("one two", 5) == "one…"
