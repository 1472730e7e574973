"""What a text has: words and signs, its first and last word, and forms."""

import pytest

from trusteq.comparing.text_aspects import (
    ADDRESS,
    CAPITALS,
    EMOJI,
    FIRST,
    FORM,
    LAST,
    NAME,
    NEGATION,
    NUMBER,
    WORD,
    text_aspects,
    tokens,
    words_of,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Good film, isn't it?", ["Good", "film", ",", "isn't", "it", "?"]),
        ("a b\tc\nd", ["a", "b", "c", "d"]),
        ("great 😀😀!!", ["great", "😀", "😀", "!", "!"]),
        ("flag 🇩🇪 and 👩‍🚒 and 👍🏽", ["flag", "🇩🇪", "and", "👩‍🚒", "and", "👍🏽"]),
        ("五十 words", ["五", "十", "words"]),
        ("हिन्दी शब्द", ["हिन्दी", "शब्द"]),
        ("“quoted”—so", ["“", "quoted", "”", "—", "so"]),
        ("", []),
    ],
)
def test_words_and_signs_are_told_apart(text, expected):
    assert tokens(text) == expected


def test_words_are_compared_in_lower_case_and_signs_count_as_words():
    assert text_aspects("Good GOOD film !")[WORD] == {"good", "film", "!"}
    assert words_of("Good GOOD film !") == {"good", "film"}


def test_a_text_begins_and_ends_with_a_word_not_a_sign():
    aspects = text_aspects("“The film was fine.” ... 😀")
    assert (aspects[FIRST], aspects[LAST]) == ({"the"}, {"fine"})
    assert text_aspects("?!")[FIRST] == set()


@pytest.mark.parametrize(
    ("form", "having", "lacking"),
    [
        (
            NEGATION,
            ["it is not good", "I don't know", "isn’t it", "does n't work", "Never again"],
            ["noted", "another"],
        ),
        (NUMBER, ["top 10", "a1"], ["ten"]),
        (CAPITALS, ["the NASA film", "U2 and AC"], ["I am", "Nasa", "A b"]),
        (NAME, ["we met Anna there", "then, Paris"], ["We met. They left", "I think I do", "Start here"]),
        (ADDRESS, ["see https://a.b", "www.a.b"], ["https", "www"]),
        (EMOJI, ["fine 😀", "☀ day", "🇫🇷"], ["fine :)", "é", "五"]),
        ("an accented letter", ["café"], ["cafe", "Жук"]),
        ("Cyrillic letters", ["a Жук"], ["zhuk"]),
    ],
)
def test_forms_are_what_no_single_word_shows(form, having, lacking):
    assert all(form in text_aspects(text)[FORM] for text in having)
    assert not any(form in text_aspects(text)[FORM] for text in lacking)
