import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import tiny_causal

from trusteq.errors import ModelError
from trusteq.models.causal.chunks import added_bytes, chunks, first_of_every_text

PLAIN, BEGINNING = tiny_causal.tokenizer(), tiny_causal.tokenizer(begins=True)


@given(st.text(min_size=1, max_size=60))
def test_the_tokens_of_a_text_add_all_of_its_bytes(text):
    offsets = PLAIN(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    assert added_bytes(text, offsets).sum() == len(text.encode())


def test_the_tokens_of_one_character_add_it_with_the_last():
    offsets = PLAIN("a😀 b", add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
    assert added_bytes("a😀 b", offsets).tolist() == [1, 0, 0, 0, 4, 1, 1]


def test_what_belongs_to_no_token_is_added_by_the_next_or_the_last():
    assert added_bytes("  ab c ", [(2, 4), (5, 6)]).tolist() == [4, 3]


def test_chunks_do_not_overlap_and_leave_out_nothing():
    text = "the good film was very good " * 10
    ids = PLAIN(text, add_special_tokens=False)["input_ids"]
    found = chunks([text, "b"], PLAIN, 64, name="m")
    assert [token for chunk in found for token in chunk.ids.tolist()] == ids
    assert {len(chunk.ids) for chunk in found[:-1]} == {64}
    assert {chunk.document for chunk in found} == {0}  # nothing is predicted of a single token


def test_all_is_predicted_where_a_text_begins_with_a_token_of_its_own():
    text = "the good film was very good " * 10
    found = chunks([text, "b"], BEGINNING, 64, name="m")
    assert sum(chunk.length.sum() for chunk in found) == len(text) + 1
    assert {chunk.ids[0] for chunk in found} == {BEGINNING.bos_token_id}
    assert [chunk.document for chunk in found][-1] == 1


def test_the_first_token_of_a_chunk_is_not_counted():
    found = chunks(["good" * 40], PLAIN, 20, name="m")
    first = [len(PLAIN.decode(chunk.ids[0])) for chunk in found]
    assert [len(chunk.length) for chunk in found] == [len(chunk.ids) - 1 for chunk in found]
    assert sum(chunk.length.sum() for chunk in found) == 160 - sum(first)


def test_which_token_every_text_begins_with():
    assert first_of_every_text(PLAIN) == []
    assert first_of_every_text(BEGINNING) == [BEGINNING.bos_token_id]


def test_a_tokenizer_without_places_in_the_text_is_refused():
    with pytest.raises(ModelError, match="model m: its tokenizer does not say which part of a text"):
        chunks(["a"], object(), 64, name="m")
