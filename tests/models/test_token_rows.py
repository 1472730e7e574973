"""Rows of tokens end to end, and the two kinds of model that answer them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trusteq import Items
from trusteq.explain.plan import mask_plan
from trusteq.explain.value_tables import Question, value_tables
from trusteq.explain.words import words
from trusteq.models.token_rows import TokenModel, joined, token_rows

lists = st.lists(st.lists(st.integers(1, 9), max_size=5), min_size=1, max_size=5)


@given(lists)
def test_rows_come_back_as_they_were_given(ids):
    types = [[token % 2 for token in row] for row in ids]
    rows = token_rows(ids, types)
    assert [rows.row(i) for i in range(len(rows))] == list(zip(ids, types, strict=True))
    assert rows.lengths.tolist() == [len(row) for row in ids]


def test_types_are_zero_unless_given():
    assert token_rows([[5, 6], [7]]).row(0) == ([5, 6], [0, 0])


@given(lists, lists)
def test_joined_rows_are_the_rows_of_all_parts(one, other):
    rows = joined([token_rows(one), token_rows(other), token_rows([[]])])
    assert [rows.row(i)[0] for i in range(len(rows))] == [*one, *other, []]


@given(ids=lists, left=st.booleans(), more=st.sampled_from([None, 0, 3]), data=st.data())
def test_padding_is_that_of_plain_lists(ids, left, more, data):
    at = data.draw(st.lists(st.integers(0, len(ids) - 1), min_size=1, max_size=4))
    types = [[1] * len(row) for row in ids]
    longest = max(len(ids[i]) for i in at)
    length = None if more is None else longest + more
    found = token_rows(ids, types).padded(np.array(at), pad_id=77, pad_type=3, left=left, length=length)

    def filled(rows, pad):
        gaps = [[pad] * ((longest if length is None else length) - len(row)) for row in rows]
        return [gap + row if left else row + gap for row, gap in zip(rows, gaps, strict=True)]

    assert found["input_ids"].tolist() == filled([ids[i] for i in at], 77)
    assert found["token_type_ids"].tolist() == filled([types[i] for i in at], 3)
    assert found["attention_mask"].tolist() == filled([[1] * len(ids[i]) for i in at], 0)
    assert {array.dtype for array in found.values()} == {np.dtype(np.int64)}


def questions(items):
    texts = list(zip(*items.texts(), strict=True))[:12]
    units = [words(text) for text in texts]
    return [Question(u, mask_plan(str(i), len(u), masks=32).masks) for i, u in enumerate(units)]


@pytest.mark.parametrize("segments", ["items", "pairs"])
def test_a_graph_answers_the_same_perturbations_as_the_model_it_was_exported_from(bert, onnx_bert, segments, request):
    from trusteq.models.onnx_session import open_onnx
    from trusteq.models.transformer import open_transformer

    graph, model = open_onnx(str(onnx_bert), name="graph"), open_transformer(str(bert), name="model")
    assert isinstance(graph, TokenModel)
    assert isinstance(model, TokenModel)
    asked = questions(request.getfixturevalue(segments))
    for perturb in ("remove", "mask"):
        for one, other in zip(
            value_tables(graph, asked, perturb=perturb), value_tables(model, asked, perturb=perturb), strict=True
        ):
            np.testing.assert_allclose(np.exp(one), np.exp(other), atol=1e-5)


def test_both_make_the_same_tokens_of_the_same_texts(bert, onnx_bert, pairs):
    from trusteq.models.onnx_session import open_onnx
    from trusteq.models.transformer import open_transformer

    texts = [*zip(*pairs.texts(), strict=True), ("a man " * 20, "good film")]
    one, other = (
        opened.encode(texts)
        for opened in (open_onnx(str(onnx_bert), name="graph"), open_transformer(str(bert), name="model"))
    )
    assert [one.row(i) for i in range(len(one))] == [other.row(i) for i in range(len(other))]
    assert one.lengths[-1] == 32  # the limit: cut


def test_a_graph_answers_the_whole_text_as_it_predicts_it(onnx_bert, items):
    from trusteq.models.onnx_session import open_onnx

    graph = open_onnx(str(onnx_bert), name="graph")
    predicted = graph.predict(items)
    for i, table in enumerate(value_tables(graph, questions(items))):
        np.testing.assert_allclose(np.exp(table[0]), predicted[i], atol=1e-5)
    for i, table in enumerate(value_tables(graph, questions(items)[:3], alone=True)):
        np.testing.assert_allclose(np.exp(table[0]), graph.predict(items.take([i]))[0], rtol=1e-12)


def test_a_model_without_padding_and_special_tokens_answers_each_row_by_itself(gpt2, items):
    """Nothing is left of the empty text, and a blank stands in for it."""
    from trusteq.models.transformer import open_transformer

    model = open_transformer(str(gpt2), name="gpt2")
    predicted = model.predict(items)
    for i, table in enumerate(value_tables(model, questions(items)[1:4]), 1):
        np.testing.assert_array_equal(np.exp(table[0]), predicted[i])
        blank = model.predict(Items(["i"], {"text": [" "]}, may_be_empty=True))[0]
        np.testing.assert_array_equal(np.exp(table[1]), blank)
