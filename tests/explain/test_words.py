import re
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trusteq import DataError
from trusteq.explain.units import cut_named
from trusteq.explain.words import TextUnits, by_pattern, from_spans, sentences, words

FLAG_OF_ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
LINES = {"¦", "°", *map(chr, range(0x2500, 0x25A0))}


def kept(units: TextUnits, *left_out: int) -> np.ndarray:
    mask = np.ones(len(units), dtype=bool)
    mask[list(left_out)] = False
    return mask


def removed(text: str, *left_out: int) -> str:
    units = words((text,))
    (rendered,) = units.write(kept(units, *left_out))
    return rendered


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The cat, sat.", ["The", "cat", "sat"]),
        ("", []),
        (" ... -- !? ", []),
        ("¦ ° ─── ░", []),
        # inside a word
        ("I don't, l'homme, o’clock", ["I", "don't", "l'homme", "o’clock"]),
        ("'quoted' dogs' 'tis", ["quoted", "dogs", "tis"]),
        ("a well-known co‑op -- x-", ["a", "well-known", "co‑op", "x"]),
        ("well--known end.Start and/or", ["well", "known", "end", "Start", "and", "or"]),
        ("col·lecció soft\u00adhyphen", ["col·lecció", "soft\u00adhyphen"]),
        ("snake_case __init__ ___", ["snake_case", "init"]),
        # numbers
        ("3.14 1,000 10:30 1/2 v1.2.3 5.", ["3.14", "1,000", "10:30", "1/2", "v1.2.3", "5"]),
        ("$5 20% 3rd ½ x² 1..2", ["5", "20", "3rd", "½", "x²", "1", "2"]),
        ("a.1 1.a 1:b", ["a", "1", "1", "a", "1", "b"]),
        ("١٬٠٠٠ ٣٫١٤", ["١٬٠٠٠", "٣٫١٤"]),
        # users and tags
        ("@user's #tag @_me_ #我爱你", ["@user's", "#tag", "@_me_", "#我爱你"]),
        ("a@b.com C# # @ ##x", ["a", "b", "com", "C", "#x"]),
        # emoji
        ("so😀😀fine", ["so", "😀", "😀", "fine"]),
        ("👍🏽 ❤️ 👩🏽‍💻 🏳️‍🌈 🙂‍↔️", ["👍🏽", "❤️", "👩🏽‍💻", "🏳️‍🌈", "🙂‍↔️"]),
        ("🇩🇪🇫🇷 1️⃣ #️⃣ ‼️", ["🇩🇪", "🇫🇷", "1️⃣", "#️⃣", "‼️"]),
        ("🇩🇪\ufe0f 🇩🇪🇫 ☕\u20e3", ["🇩🇪\ufe0f", "🇩🇪", "🇫", "☕\u20e3"]),
        (f"{FLAG_OF_ENGLAND}!", [FLAG_OF_ENGLAND]),
        ("a ‼ b ↔ c ◾", ["a", "b", "c", "◾"]),
        # marks that \w does not know
        ("cafe\u0301s nai\u0308ve", ["cafe\u0301s", "nai\u0308ve"]),
        ("हिन्दी में क्षत्रिय।", ["हिन्दी", "में", "क्षत्रिय"]),
        ("الْعَرَبِيَّةُ، لُغَة", ["الْعَرَبِيَّةُ", "لُغَة"]),
        ("می\u200cخواهم کتاب", ["می\u200cخواهم", "کتاب"]),
        ("ශ්\u200dරී ලංකා", ["ශ්\u200dරී", "ලංකා"]),
        ('צה"ל שָׁלוֹם "כן"', ['צה"ל', "שָׁלוֹם", "כן"]),
        ("தமிழ் มา", ["தமிழ்", "ม", "า"]),
        # scripts without spaces
        ("我爱Python3，真的。", ["我", "爱", "Python3", "真", "的"]),
        ("𠮷野家 葛\U000e0100城 人々〇", ["𠮷", "野", "家", "葛\U000e0100", "城", "人", "々", "〇"]),
        ("ひらがなとカタ・ﾊﾟ", ["ひ", "ら", "が", "な", "と", "カ", "タ", "ﾊﾟ"]),
        ("か\u3099く", ["か\u3099", "く"]),
        ("ที่น้ำ ๑๒๓ ฿", ["ที่", "น้ำ", "๑๒๓"]),
        ("ພາສາລາວ", ["ພ", "າ", "ສ", "າ", "ລ", "າ", "ວ"]),
        ("ខ្មែរ។", ["ខ្មែ", "រ"]),
        ("က္ကမြန်", ["က္က", "မြ", "န်"]),
        ("ꆈꌠ", ["ꆈ", "ꌠ"]),
        # scripts with spaces
        ("한국어 문장입니다.", ["한국어", "문장입니다"]),
        ("\u1112\u1161\u11ab\u1100\u1173\u11af", ["\u1112\u1161\u11ab\u1100\u1173\u11af"]),
        ("Привет, мир; γειά σου", ["Привет", "мир", "γειά", "σου"]),
        ("བོད་སྐད", ["བོད", "སྐད"]),
        ("አማርኛ፡ቋንቋ", ["አማርኛ", "ቋንቋ"]),
        ("\uaae0\uaae1 \uabc0\uabc1", ["\uaae0\uaae1", "\uabc0\uabc1"]),  # Meetei Mayek, the block after Tai Viet
    ],
)
def test_words_of_many_scripts(text, expected):
    assert list(words((text,)).names) == expected


@pytest.mark.parametrize(
    "text",
    [
        "กข",  # Thai
        "ກຂ",  # Lao
        "ကခ\ua9e0\ua9e1\uaa60\uaa61",  # Myanmar and its extensions
        "កខ",  # Khmer
        "\u1950\u1951",  # Tai Le
        "\u1980\u1981",  # New Tai Lue
        "\u1a20\u1a21",  # Tai Tham
        "\uaa80\uaa81",  # Tai Viet
        "々〆〇〡〢〱〲〻",  # Han marks and numerals
        "⺀⼀我爱㐀㐁𠀀𠀁𰀀\uf900\uf901",  # Han
        "あいアイㇰㇱｱｲ\U0001aff0\U0001b000",  # Kana
        "ㄅㄆㆠㆡ",  # Bopomofo
        "ꀀꀁ",  # Yi
        "\U00017000\U00017001\U00018b00\U0001b170",  # Tangut, Khitan, Nushu
    ],
)
def test_each_character_is_a_unit_where_a_script_has_no_spaces(text):
    assert list(words((text,)).names) == list(text)


def test_every_span_knows_its_segment_and_characters():
    units = words(("A man.", "", " 我 man"))
    assert units.spans.tolist() == [[0, 0, 1], [0, 2, 5], [2, 1, 2], [2, 3, 6]]
    assert units.unit.tolist() == [0, 1, 2, 3]
    assert units.segments.tolist() == [0, 0, 2, 2]
    assert units.names == ("A", "man", "我", "man")
    assert len(units) == 4


def test_equal_words_are_one_unit_only_when_merged_and_only_when_exactly_equal():
    texts = ("The dog saw the dog", "dog the")
    units = words(texts, merge_equal=True)
    assert units.names == ("The", "dog", "saw", "the")
    assert units.unit.tolist() == [0, 1, 2, 3, 1, 1, 3]
    assert units.segments.tolist() == [0, 0, 0, 0]
    assert units.write(kept(units, 1)) == ("The saw the", "the")
    assert units.write(kept(units, 1), "_") == ("The _ saw the _", "_ the")
    assert len(words(texts)) == 7


@pytest.mark.parametrize(
    ("text", "left_out", "expected"),
    [
        ("one two three", (0,), "two three"),
        ("one two three", (1,), "one three"),
        ("one two three", (2,), "one two"),
        ("one two three", (0, 1, 2), ""),
        ("one, two. three!", (1,), "one,. three!"),
        ("one, two. three!", (0, 1, 2), ",.!"),
        ("one - two", (0,), "- two"),
        ("(one) two", (0,), "() two"),
        ("  (one) two", (0,), "  () two"),
        ("one\n\ntwo  three", (1,), "one  three"),
        ("  one two ", (0,), "two "),
        ("  one two ", (1,), "  one "),
        ("  one two ", (0, 1), ""),
        ("我爱你 们", (1,), "我你 们"),
        # without the blank two kept words would become one
        ("so 😀fine", (1,), "so fine"),
        ("so 😀😀fine", (1, 2), "so fine"),
        ("so 😀fine", (1, 2), "so"),
        ("so 😀fine", (0, 1), "fine"),
        ("so 😀fine😀", (1,), "so fine😀"),
        ("so, 😀fine", (1,), "so, fine"),
        ("so 😀, fine", (1,), "so, fine"),
    ],
)
def test_removing_a_unit_takes_the_whitespace_before_it(text, left_out, expected):
    assert removed(text, *left_out) == expected


def test_a_replacement_changes_nothing_but_the_units_text():
    units = words((" one, two 我爱", "three"))
    assert units.write(kept(units, 0, 2, 3, 4), "[MASK]") == (" [MASK], two [MASK][MASK]", "[MASK]")
    assert units.write(kept(units, 1), "") == (" one,  我爱", "three")


def test_segments_are_trimmed_each_by_itself():
    units = words(("a b", " c d"))
    assert units.write(kept(units, 0)) == ("b", " c d")
    assert units.write(kept(units, 0, 1)) == ("", " c d")


@pytest.mark.parametrize("shape", [(), (2,), (4,), (1, 3)])
def test_a_mask_of_another_length_is_refused(shape):
    with pytest.raises(ValueError, match=r"kept must be \[3\]"):
        words(("a b c",)).write(np.ones(shape, dtype=bool))


@pytest.mark.parametrize("shape", [(3,), (2, 4)])
def test_rows_of_another_length_are_refused(shape):
    with pytest.raises(ValueError, match=r"kept must be \[rows, 3\]"):
        words(("a b c",)).write_many(np.ones(shape, dtype=bool))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two!  Three?", ["One.", "Two!", "Three?"]),
        (" One 3.14 a.b ", ["One 3.14 a.b"]),
        ('He said "Go." Then (left!) Done', ['He said "Go."', "Then (left!)", "Done"]),
        ("Wait... what?! Yes… no", ["Wait...", "what?!", "Yes…", "no"]),
        ("line one\nline two\r\n\n\u2028 three", ["line one", "line two", "three"]),
        ("今天很好。「真的？」是！对", ["今天很好。", "「真的？」", "是！", "对"]),
        ("यह एक है। दो", ["यह एक है।", "दो"]),
        ("One. ... * * * \n--\nTwo", ["One.", "Two"]),
        ("😀😀 ok", ["😀😀 ok"]),
        ("", []),
    ],
)
def test_sentences(text, expected):
    assert list(sentences((text,)).names) == expected


def test_sentences_are_removed_like_words():
    units = sentences(("One. Two.\n\nThree.", "今天。明天。"))
    assert units.write(kept(units, 1)) == ("One.\n\nThree.", "今天。明天。")
    assert units.write(kept(units, 0, 3)) == ("Two.\n\nThree.", "明天。")


def test_each_match_of_a_pattern_is_a_unit():
    units = by_pattern(r"(\w)\w*=\d+|;")(("ab=1; c=22", "none", "d=3"))
    assert units.names == ("ab=1", ";", "c=22", "d=3")
    assert units.segments.tolist() == [0, 0, 0, 2]


def test_a_text_without_units_is_rendered_as_it_is():
    units = by_pattern("x+")((" no ", "..."))
    assert len(units) == 0
    assert units.names == ()
    assert units.write(np.ones(0, dtype=bool)) == (" no ", "...")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(", "'(' is not a regular expression: missing )"),
        ("a{99999999999}", "is not a regular expression"),
        ("a*", "the pattern 'a*' can match the empty text"),
        ("", "can match the empty text"),
    ],
)
def test_a_bad_pattern_is_refused_before_any_text_is_seen(pattern, message):
    with pytest.raises(DataError, match=re.escape(message)):
        by_pattern(pattern)


def test_an_empty_match_is_refused_with_its_place():
    cut = by_pattern(r"\b(?=b)|a")
    with pytest.raises(DataError, match="matches the empty text at character 2 of segment 1"):
        cut(("a", "a b"))


def test_own_spans_are_numbered_in_reading_order():
    units = from_spans(("New York is big", "so big"), [(1, 3, 6), (0, 12, 15), (0, 0, 8)])
    assert units.names == ("New York", "big", "big")
    assert units.write(kept(units, 0)) == ("is big", "so big")
    assert len(from_spans(("a",), [])) == 0
    assert from_spans(("ab",), [(0, 0, 1), (0, 1, 2)]).names == ("a", "b")


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([(0, 0, 3), (0, 2, 4)], "spans (0, 0, 3) and (0, 2, 4) overlap"),
        ([(0, 0, 3), (0, 0, 3)], "spans (0, 0, 3) and (0, 0, 3) overlap"),
        ([(0, 0, 2), (0, 3, 6)], "span (0, 3, 6) is outside segment 0, which has 5 characters"),
        ([(0, -1, 2)], "span (0, -1, 2) is outside segment 0"),
        ([(1, 0, 1)], "span (1, 0, 1): there is no segment 1; the item has 1, from 0"),
        ([(-1, 0, 1)], "span (-1, 0, 1): there is no segment -1"),
        ([(0, 2, 2)], "span (0, 2, 2) is empty"),
        ([(0, 3, 2)], "span (0, 3, 2) is empty"),
        ([(0, 1)], "each span must be three whole numbers"),
        ([(0, 1), (0, 1, 2)], "each span must be three whole numbers"),
        ([(0, 0.5, 2)], "each span must be three whole numbers"),
        ([("a", "b", "c")], "each span must be three whole numbers"),
        ([(0, 0, 10**30)], "each span must be three whole numbers"),
    ],
)
def test_own_spans_that_cannot_be_are_refused_by_name(spans, message):
    with pytest.raises(DataError, match=re.escape(message)):
        from_spans(("hello",), spans)


@pytest.mark.parametrize(
    ("spans", "unit", "message"),
    [
        ([[0, 3, 4], [0, 0, 1]], [0, 1], "reading order"),
        ([[0, 0, 1], [0, 3, 4]], [0, 2], "without gaps"),
        ([[0, 0, 1], [0, 3, 4]], [-1, 1], "without gaps"),
        ([[0, 0, 1], [0, 3, 4]], [0], "number 2 spans"),
        ([[0, 0], [0, 3]], [0, 1], "segment, start, end"),
    ],
)
def test_units_put_together_wrongly_are_refused(spans, unit, message):
    with pytest.raises(ValueError, match=message):
        TextUnits(("hello",), np.array(spans), np.array(unit))


def test_units_cannot_be_changed():
    units = words(("a b",))
    with pytest.raises(ValueError, match="read-only"):
        units.spans[0, 1] = 1
    with pytest.raises(ValueError, match="read-only"):
        units.unit[0] = 1


def test_cuts_have_names():
    texts = ("a b. a b.",)
    assert cut_named("words").of(texts).names == ("a", "b", "a", "b")
    assert cut_named("words-merged").of(texts).names == ("a", "b")
    assert cut_named("sentences").of(texts).names == ("a b.", "a b.")
    assert cut_named("re:[b.]+").of(texts).names == ("b.", "b.")


@pytest.mark.parametrize("name", ["", "word", "Words", "[a-z]+"])
def test_an_unknown_cut_is_refused_with_the_choices(name):
    with pytest.raises(DataError, match=r"choose words, words-merged, sentences, sentences-then-words, .* re:PATTERN"):
        cut_named(name)


FEW = settings(derandomize=True, deadline=None, max_examples=150)
MIXED = st.lists(
    st.sampled_from(
        [*"ab1 .,-'/@#_\n\t我ก้ำé😀🏽👩।…。", "  ", "\u0301", "\u200d", "\ufe0f", "\u20e3", "\u3000", "word", "🇩"]
    ),
    max_size=25,
).map("".join)
TEXTS = st.lists(MIXED | st.text(max_size=12), min_size=1, max_size=3).map(tuple)
CUTS = st.sampled_from(["words", "words-merged", "sentences", "re:[a-z我 ]+", "re:."]).map(
    lambda name: cut_named(name).of
)


def masks(units: TextUnits, data: st.DataObject) -> np.ndarray:
    return np.array(data.draw(st.lists(st.booleans(), min_size=len(units), max_size=len(units))), dtype=bool)


def slowly_rendered(units: TextUnits, mask: np.ndarray, replacement: str | None) -> tuple[str, ...]:
    """The rules of the module, followed character by character."""
    texts = []
    for segment, text in enumerate(units.texts):
        spans = [
            (start, end, bool(mask[unit]))
            for (where, start, end), unit in zip(units.spans.tolist(), units.unit.tolist(), strict=True)
            if where == segment
        ]
        if replacement is not None:
            for start, end, keep in reversed(spans):
                text = text if keep else text[:start] + replacement + text[end:]
            texts.append(text)
            continue
        of_unit = {place for start, end, _ in spans for place in range(start, end)}
        gone: set[int] = set()
        for start, end, keep in spans:
            if not keep:
                gone |= set(range(start, end))
                while start - 1 not in of_unit and text[start - 1 : start].isspace():
                    start -= 1
                    gone.add(start)
        for start, _, keep in spans:
            if keep and start - 1 in gone and start - 1 in of_unit:  # would run into what stands further left
                left = start
                while left - 1 in gone:
                    left -= 1
                blanks = [place for place in range(left, start) if place not in of_unit]
                run = [place for place in blanks if set(range(blanks[0], place + 1)) <= set(blanks)]
                gone -= set(run)
        rest = "".join(character for place, character in enumerate(text) if place not in gone)
        starts_removed = spans and not spans[0][2] and not text[: spans[0][0]].strip()
        texts.append(rest.lstrip() if starts_removed else rest)
    return tuple(texts)


@FEW
@given(TEXTS, CUTS)
def test_spans_are_ordered_apart_and_inside_the_text(texts, cut):
    units = cut(texts)
    assert units.texts == texts
    previous = (0, 0)
    for segment, start, end in units.spans.tolist():
        assert (segment, start) >= previous
        assert 0 <= start < end <= len(texts[segment])
        previous = (segment, end)


@FEW
@given(TEXTS, CUTS, st.sampled_from([None, "", "[MASK]"]))
def test_all_kept_gives_back_exactly_the_texts(texts, cut, replacement):
    units = cut(texts)
    assert units.write(np.ones(len(units), dtype=bool), replacement) == texts


@FEW
@given(TEXTS, CUTS, st.sampled_from([None, "", "[MASK]"]), st.data())
def test_rendering_follows_the_rules_character_by_character(texts, cut, replacement, data):
    units = cut(texts)
    mask = masks(units, data)
    expected = texts if mask.all() else slowly_rendered(units, mask, replacement)
    assert units.write(mask, replacement) == expected
    assert units.write_many(np.array([mask, ~mask]), replacement) == [expected, units.write(~mask, replacement)]


@FEW
@given(TEXTS)
def test_without_words_only_punctuation_is_left(texts):
    units = words(texts)
    left = "".join(units.write(np.zeros(len(units), dtype=bool)) if len(units) else texts)
    assert not [c for c in left if c.isalnum() or (unicodedata.category(c) == "So" and c not in LINES)]


@FEW
@given(MIXED)
def test_every_word_has_a_letter_a_digit_or_an_emoji(text):
    for word in words((text,)).names:
        emoji = any(unicodedata.category(c) == "So" for c in word) or "\ufe0f" in word or "\u20e3" in word
        assert emoji or any(c.isalnum() for c in word)


@FEW
@given(TEXTS)
def test_no_mark_is_parted_from_its_word(texts):
    units = words(texts)
    for segment, _, end in units.spans.tolist():
        assert not unicodedata.category(texts[segment][end : end + 1] or " ").startswith("M")


@FEW
@given(TEXTS, st.sampled_from(["words", "words-merged", "sentences"]), st.data())
def test_no_double_or_leading_blank_appears(texts, name, data):
    units = cut_named(name).of(tuple(re.sub(r"\s+", " ", text).strip() for text in texts))
    for text in units.write(masks(units, data)):
        assert not re.search(r"\s\s|^\s", text)


@FEW
@given(
    st.lists(st.sampled_from(["dog", "don't", "3.14", "हिन्दी", "😀", "@me", "well-known"]), min_size=1, max_size=8),
    st.sampled_from([" ", ", ", " - ", "\n", "... ", " («"]),
    st.data(),
)
def test_the_rendered_text_has_the_kept_words_and_no_new_ones(tokens, separator, data):
    units = words((separator.join(tokens),))
    assert list(units.names) == tokens
    mask = masks(units, data)
    assert list(words(units.write(mask)).names) == [token for token, keep in zip(tokens, mask, strict=True) if keep]
