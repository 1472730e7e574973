"""Prompts as tokens: always those of whole texts, and refused where a continuation is none."""

import pytest
from oracles import tiny_language_models as tiny

from trusteq.errors import ModelError
from trusteq.models.causal.tokenized import Reader, tokenized


def reader(**settings):
    return Reader(tiny.tokenizer(**settings), "m")


def words(read, tokens):
    return read.tokenizer.convert_ids_to_tokens(list(tokens))


def test_a_prompt_and_its_continuations_are_tokenized_together():
    read = reader()
    (prompt,) = tokenized(read, [("It is", (" good", " bad", " goo"))], ["a"], limit=None)
    assert words(read, prompt.tokens) == ["I", "t", "Ġ", "i", "s"]
    assert [words(read, one) for one in prompt.continuations] == [["Ġgood"], ["Ġbad"], ["Ġgoo"]]


def test_a_prompt_that_ends_with_a_blank_is_refused():
    """The blank becomes part of the word: the probability would be that of another text."""
    with pytest.raises(ModelError, match=r"item 'b'.*'good' do not continue.*'It is '.*without a blank"):
        tokenized(reader(), [("a", (" good",)), ("It is ", ("good", "bad"))], ["a", "b"], limit=None)


def test_two_line_ends_that_become_one_token_are_refused():
    with pytest.raises(ModelError, match="do not continue"):
        tokenized(reader(), [("a\n", ("\n\nb",))], ["a"], limit=None)


def test_an_empty_continuation_is_refused():
    with pytest.raises(ModelError, match="item 'a'"):
        tokenized(reader(), [("x", ("",))], ["a"], limit=None)


def test_the_beginning_of_every_text_is_written_once():
    """A chat template may have written it already."""
    read = reader(begins=True)
    texts = ["abc", "<s>abc"]
    assert read.tokens(texts)[0] == read.tokens(texts)[1]
    assert words(read, read.tokens(["abc"])[0]) == ["<s>", "a", "b", "c"]


def test_an_empty_prompt_is_read_as_the_beginning_of_a_text():
    (prompt,) = tokenized(reader(), [("", (" good",))], ["a"], limit=None)
    assert prompt.tokens == (0,)


def test_an_empty_prompt_without_such_a_token_is_refused():
    read = reader()
    read.tokenizer.bos_token = read.tokenizer.eos_token = None
    with pytest.raises(ModelError, match="item 'a': the prompt is empty"):
        tokenized(read, [("", (" good",))], ["a"], limit=None)


def test_prompts_longer_than_the_context_are_counted_and_named():
    asked = [("abcdef", (" good",)), ("abc", (" good",)), ("abcdefg", (" good", "xyz"))]
    with pytest.raises(ModelError, match=r"2 of 3 items .* 5 tokens \(item 'a', …; the longest has 9\)"):
        tokenized(reader(), asked, ["a", "b", "c"], limit=5)
    with pytest.raises(ModelError, match=r"of 1 item do not fit .*item 'c'; the longest has 9\)"):
        tokenized(reader(), asked, ["a", "b", "c"], limit=6)


def test_the_last_token_of_a_continuation_needs_no_place():
    (prompt,) = tokenized(reader(), [("abc", (" good", "xy"))], ["a"], limit=4)
    assert prompt.length == 4
