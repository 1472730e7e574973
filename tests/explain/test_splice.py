"""Rows put together from the whole text's tokens are the rows of the perturbed texts, or are not used."""

import json
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tokenizers", reason="needs the extra 'transformers'")

from oracles.tokenizers import (
    Reader,
    byte_pairs,
    one_by_one,
    sentence_pieces,
    some_masks,
    word_pieces,
)

from trusteq.explain.splice import may_splice, splicer
from trusteq.explain.units import cut_named

NORMALIZERS = (
    {},
    {"lowercase": False},
    {"strip_accents": False},
    {"clean_text": False},
    {"handle_chinese_chars": False},
)
CUTS = ("words", "words-merged", "sentences", r"re:\S+", r"re:[a-z]+|中", r"re: ?[aeiou]")

FRAGMENTS = (
    *("the", "good", "Bad", "dog", "runs", "don't", "l’homme", "well-known", "3.14", "1,000", "10:30"),
    *("€", "€5", "50€", "¬bad", "@user", "#tag", "x@y.org"),
    *".,!?…。«»()[]-_/'’$+<>&%",
    *("café", unicodedata.normalize("NFD", "café"), "\u0301", "ü", "İ", "ǅ", "ﬁ", "ß", "각", "कि", "ไทย"),
    *("中", "文", "㐀", "\U00020000", "\U0002b820", "豈", "か\u3099", "〇", "々"),
    *("😀", "👍🏽", "👩\u200d🚀", "🇩🇪", "©", "™", "½"),
    *(" ", "  ", "\t", "\n", "\r\n", "\x0b", "\x0c", "\x1c", "\x1f", "\x85", "\xa0", "\u2003", "\u2028", "\u3000"),
    *("\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\xad", "\u180e", "\x00", "\x07", "\ufffd", "\ue000"),
    *("[SEP]", "[MASK]", "[MASK dog]", "[dog MASK]", "[PAD", "UNK]", "mask", "a" * 101, "new york", "new dog york"),
    *("\u2e4f", "\u061d", "\u037e", "\u1fef", "\u0300a"),
)
anything = st.one_of(
    st.sampled_from(FRAGMENTS), st.just(" "), st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
)
# Parted by blanks, most texts may be spliced.
texts = st.one_of(
    st.lists(anything, max_size=12).map("".join), st.lists(st.sampled_from(FRAGMENTS), max_size=8).map(" ".join)
)


def equal_rows(rows, expected):
    assert [rows.row(i) for i in range(len(rows))] == expected


@pytest.fixture(scope="module")
def splicers():
    """A splicer for each setting of the normalizer."""
    return [splicer(Reader(word_pieces(**options))) for options in NORMALIZERS]


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(
    texts=st.lists(texts, min_size=1, max_size=2),
    cut=st.sampled_from(CUTS),
    options=st.integers(0, len(NORMALIZERS) - 1),
)
def test_what_is_spliced_is_what_the_perturbed_texts_give(splicers, texts, cut, options):
    """Without the check on two rows: the condition alone must be enough."""
    made = splicers[options]
    units = cut_named(cut).of(tuple(texts))
    if made._are_separable(units):
        masks = some_masks(len(units))
        equal_rows(made._spliced(units, masks, typed=True), one_by_one(made.model, units, masks))


@pytest.mark.parametrize(
    "text",
    [
        "The good dog runs.",
        "  leading blanks,\tand trailing  ",
        "don't stop: it's 3.14 (or 1,000)!",
        unicodedata.normalize("NFD", "Café très déjà vu"),
        "İstanbul was good",
        "good 中文 film",
        "€ 5 is good, $5 not",
        f"the {'a' * 101} dog",
        "@user likes #tag",
        "the masks of a separate man",
    ],
)
def test_ordinary_texts_are_spliced(text):
    """Or all would be right only because nothing is: two texts an item are tokenized, whatever the masks."""
    reader = Reader(word_pieces())
    units = cut_named("words").of((text, "A woman sleeps."))
    masks = some_masks(len(units))
    expected = one_by_one(reader, units, masks)
    reader.encoded = 0
    rows = splicer(reader).rows(units, masks, len(masks) // 2)
    equal_rows(rows, expected)
    assert reader.encoded == 2


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("good\x0bbad film", "a blank to Python, nothing to the tokenizer"),
        ("the ¬bad film", "a sign that is no punctuation to BERT sticks to the word"),
        ("so 😀fine", "an emoji sticks to the word"),
        ("the [MASK dog] runs", "without the dog there is a mask token"),
        ("the [SEP] runs", "the text holds a special token"),
        ("good\u2e4fbad", "punctuation to Python, younger than the tokenizer's tables"),
        ("good\u200bbad", "a character that the tokenizer drops"),
    ],
)
def test_what_would_stick_together_goes_through_its_text(text, why):
    reader = Reader(word_pieces())
    units = cut_named("words").of((text,))
    masks = some_masks(len(units))
    assert not splicer(reader)._are_separable(units), why
    equal_rows(splicer(reader).rows(units, masks, 2), one_by_one(reader, units, masks))


def test_chinese_characters_are_words_only_to_a_tokenizer_that_makes_them_so():
    units = cut_named("words").of(("中文",))
    assert splicer(Reader(word_pieces()))._are_separable(units)
    assert not splicer(Reader(word_pieces(handle_chinese_chars=False)))._are_separable(units)


def test_what_goes_with_a_word_must_be_a_blank_to_the_tokenizer_too():
    """It keeps control characters where it does not clean its text; Python takes this one for a blank."""
    units = cut_named("words").of(("good \x1c bad film",))
    masks = some_masks(len(units))
    reader = Reader(word_pieces(clean_text=False))
    equal_rows(splicer(reader).rows(units, masks, 4), one_by_one(reader, units, masks))
    assert not splicer(reader)._are_separable(units)


def test_a_token_added_to_the_vocabulary_that_leaving_out_would_make_goes_through_its_text():
    from tokenizers import AddedToken

    for token in (AddedToken("New York", normalized=True), AddedToken("new york", normalized=False)):
        tokenizer = word_pieces()
        tokenizer.add_tokens([token])
        reader = Reader(tokenizer)
        units = cut_named("words").of(("the new good york",))
        masks = some_masks(len(units))
        expected = one_by_one(reader, units, masks)
        assert len({len(ids) for ids, _ in expected}) > 1
        assert not splicer(reader)._are_separable(units)
        equal_rows(splicer(reader).rows(units, masks, 3), expected)
        assert splicer(reader)._are_separable(cut_named("words").of(("the good film",)))


def test_a_model_without_segment_ids_is_spliced_too():
    """DistilBERT reads none, though its tokenizer makes them."""

    class Untyped(Reader):
        def encode(self, texts):
            rows = super().encode(texts)
            return type(rows)(rows.ids, np.zeros_like(rows.types), rows.starts)

    reader = Untyped(word_pieces())
    units = cut_named("words").of(("the good dog", "a bad film"))
    masks = some_masks(len(units))
    expected = one_by_one(reader, units, masks)
    reader.encoded = 0
    equal_rows(splicer(reader).rows(units, masks, 3), expected)
    assert reader.encoded == 2


@pytest.mark.parametrize("spoilt", ["the good dog", "the"])
def test_a_tokenizer_that_is_not_what_it_writes_is_not_spliced(spoilt):
    """The check on two rows, the whole text's and another, for wrappers that do more than the tokenizer inside."""

    class Wrapped(Reader):
        def encode(self, texts):
            return super().encode([("bad",) if row[0] == spoilt else row for row in texts])

    reader = Wrapped(word_pieces())
    units = cut_named("words").of(("the good dog",))
    masks = some_masks(len(units))
    equal_rows(splicer(reader).rows(units, masks, 2), one_by_one(reader, units, masks))


@pytest.mark.parametrize("pair", [False, True])
def test_an_item_too_long_for_the_model_is_cut_as_its_texts_are(pair):
    reader = Reader(word_pieces(), limit=8)
    given_texts = ("the good dog runs outside not very", "a bad film")[: 1 + pair]
    units = cut_named("words").of(given_texts)
    masks = some_masks(len(units))
    rows = splicer(reader).rows(units, masks, 5)
    assert rows.lengths.max() == 8
    equal_rows(rows, one_by_one(reader, units, masks))


@pytest.mark.parametrize("make", [byte_pairs, sentence_pieces])
def test_other_tokenizers_are_not_spliced_and_still_right(make):
    reader = Reader(make())
    assert not may_splice(json.loads(reader.tokenizer_json()))
    units = cut_named("words").of((" The good dog, the €5 film", "a good 中文"))
    masks = some_masks(len(units))
    equal_rows(splicer(reader).rows(units, masks, 3), one_by_one(reader, units, masks))


def test_berts_kind_is_told_from_others():
    assert may_splice(json.loads(word_pieces().to_str()))
    assert not may_splice({"normalizer": None, "pre_tokenizer": None, "model": {"type": "WordPiece"}})


def test_a_replacement_goes_through_the_text():
    reader = Reader(word_pieces())
    units = cut_named("words").of(("the good dog",))
    masks = some_masks(len(units))
    rows = splicer(reader, "[MASK]").rows(units, masks, 3)
    equal_rows(rows, one_by_one(reader, units, masks, "[MASK]"))
    assert rows.row(1)[0] == [2, 4, 4, 4, 3]


def test_a_model_without_a_tokenizer_of_the_library_goes_through_the_text():
    class Slow(Reader):
        def tokenizer_json(self):
            return None

    reader = Slow(word_pieces())
    units = cut_named("words").of(("the good dog",))
    equal_rows(splicer(reader).rows(units, some_masks(3), 3), one_by_one(reader, units, some_masks(3)))
