"""Value tables: what models answer to perturbations, and that it is the ordinary answer where nothing is left out."""

import copy
from dataclasses import replace

import numpy as np
import pytest

from trusteq import Items, ModelError, OptionError, from_callable
from trusteq.explain import value_tables as table_module
from trusteq.explain.plan import mask_plan
from trusteq.explain.splice import splicer
from trusteq.explain.value_tables import SMALLEST, Question, explainable, round_trip, value_tables
from trusteq.explain.words import words
from trusteq.models.base import Identity
from trusteq.models.token_rows import token_rows
from trusteq.models.traits import Traits

TEXTS = (
    ("The man is playing guitar outside.",),
    ("A woman sleeps.",),
    ("  the film was good, not very BAD; don't go! ",),
    ("Café 中文 😀 fine",),
    ("€5 for a dog",),
)
PAIRS = (
    ("The man is playing guitar outside.", "A woman sleeps."),
    ("the film was good", "not very bad"),
    ("dog", "the dog runs, it's 3.14"),
)


def question(texts, masks=32, seed=0):
    units = words(tuple(texts))
    return Question(units, mask_plan("|".join(texts), len(units), masks=masks, seed=seed).masks)


def items_of(texts):
    segments = {f"segment {i}": list(segment) for i, segment in enumerate(zip(*texts, strict=True))}
    return Items([str(i) for i in range(len(texts))], segments)


# models that read tokens


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A model of each kind, opened from its folder."""
    pytest.importorskip("transformers", reason="needs the extra 'transformers'")
    from oracles import tiny_models

    from trusteq.models.transformer import open_transformer

    return {
        kind: open_transformer(str(tiny_models.save(kind, tmp_path_factory.mktemp(kind))), name=kind)
        for kind in ("bert", "roberta", "xlm-roberta")
    }


KINDS = ("bert", "roberta", "xlm-roberta")


@pytest.mark.parametrize("texts", [TEXTS, PAIRS], ids=["single", "pair"])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_left_out_gives_the_ordinary_tokens_and_segment_ids(opened, kind, texts):
    model = opened[kind]
    made = splicer(model)
    for given in texts:
        asked = question(given)
        row = made.rows(asked.units, asked.masks, 3).row(0)
        direct = model.tokenizer(*given)
        assert row == (direct["input_ids"], direct.get("token_type_ids", [0] * len(row[0])))
        assert (1 in row[1]) == (kind == "bert" and len(given) == 2)


@pytest.mark.parametrize("texts", [TEXTS, PAIRS], ids=["single", "pair"])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_left_out_gives_the_ordinary_probabilities_to_the_bit_when_asked_alone(opened, kind, texts):
    model = opened[kind]
    items = items_of(texts)
    together = value_tables(model, [question(t) for t in texts])
    alone = value_tables(model, [question(t) for t in texts], alone=True)
    for i, (one, other) in enumerate(zip(together, alone, strict=True)):
        np.testing.assert_array_equal(np.exp(other[0]), model.predict(items.take([i]))[0])
        np.testing.assert_allclose(np.exp(one[0]), model.predict(items)[i], atol=1e-5)
        np.testing.assert_allclose(np.exp(one).sum(axis=1), 1.0)
        assert np.ptp(np.exp(one), axis=0).max() > 0.01  # left-out words do move the answers


@pytest.mark.parametrize("kind", KINDS)
def test_perturbations_get_what_the_model_predicts_of_their_texts(opened, kind):
    model = opened[kind]
    for given in (*TEXTS, *PAIRS):
        asked = question(given)
        texts = asked.units.write_many(asked.masks)
        segments = {f"segment {i}": list(segment) for i, segment in enumerate(zip(*texts, strict=True))}
        written = Items([str(i) for i in range(len(texts))], segments, may_be_empty=True)
        (table,) = value_tables(model, [asked])
        np.testing.assert_allclose(np.exp(table), model.predict(written), atol=1e-5)


def test_the_same_call_gives_the_same_bits(opened):
    questions = [question(t) for t in TEXTS]
    for model in opened.values():
        for one, other in zip(value_tables(model, questions), value_tables(model, questions), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_company_budget_order_and_threads_do_not_matter(opened, kind, monkeypatch):
    torch = pytest.importorskip("torch")
    model = opened[kind]
    questions = [question(t) for t in TEXTS]
    expected = value_tables(model, questions)

    def check(tables):
        for one, other in zip(tables, expected, strict=True):
            np.testing.assert_allclose(np.exp(one), np.exp(other), atol=1e-5)

    check([value_tables(model, [q])[0] for q in questions])
    check(value_tables(model, questions[::-1])[::-1])
    check(value_tables(replace(model, budget=100), questions))
    monkeypatch.setattr(table_module, "ROWS", 40 / 1024)
    check(value_tables(model, questions))
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        check(value_tables(model, questions))
    finally:
        torch.set_num_threads(threads)


def test_the_side_of_the_padding_does_not_matter_to_a_decoder(opened, tmp_path):
    """With positions relative to one another; a model that counts them from the left may only be padded right."""
    from oracles import tiny_models

    from trusteq.models.transformer import open_transformer

    questions = [question(t) for t in TEXTS]
    right, left = (
        value_tables(open_transformer(str(tiny_models.save("llama", tmp_path / side, side=side)), name=side), questions)
        for side in ("right", "left")
    )
    for one, other in zip(right, left, strict=True):
        np.testing.assert_allclose(np.exp(one), np.exp(other), atol=1e-5)


def test_too_long_a_text_is_cut_as_predict_cuts_it(opened):
    texts = (("good " * 100,), ("the film",))
    for model in opened.values():
        tables = value_tables(model, [question(t) for t in texts])
        predicted = model.predict(items_of(texts))
        for table, expected in zip(tables, predicted, strict=True):
            np.testing.assert_allclose(np.exp(table[0]), expected, atol=1e-5)


def test_the_mask_token_is_the_tokenizers_own(opened):
    asked = question(("The film was good",))
    for kind, token in (("bert", "[MASK]"), ("roberta", "<mask>")):
        model = opened[kind]
        (masked,), (given,) = (value_tables(model, [asked], perturb=p) for p in ("mask", token))
        np.testing.assert_array_equal(masked, given)
        (removed,) = value_tables(model, [asked])
        np.testing.assert_allclose(np.exp(removed[0]), np.exp(masked[0]), atol=1e-5)
        assert not np.allclose(removed[1], masked[1])


def test_a_tokenizer_without_a_mask_token_cannot_mask(opened):
    model = replace(opened["roberta"], tokenizer=copy.deepcopy(opened["roberta"].tokenizer))
    model.tokenizer.mask_token = None
    with pytest.raises(OptionError, match="no mask token"):
        value_tables(model, [question(TEXTS[0])], perturb="mask")


# models that read texts


def likes_good(texts):
    """Sure by the number of letters and of "good"; texts are strings, or tuples where there are more."""
    joined = [" ".join(text) if isinstance(text, tuple) else text for text in texts]
    p = np.array([(1 + 3 * text.count("good") + len(text)) / (10 + 3 * len(text)) for text in joined])
    return np.stack([1 - p, p], axis=1)


@pytest.mark.parametrize("alone", [False, True])
@pytest.mark.parametrize("perturb", ["remove", "...", ""])
def test_a_function_is_asked_about_the_texts_themselves_and_empty_ones_too(perturb, alone):
    seen = []
    model = from_callable(lambda texts: (seen.extend(texts), likes_good(texts))[1], labels=["no", "yes"], name="m")
    asked = question(("good film",))
    (table,) = value_tables(model, [asked], perturb=perturb, alone=alone)
    expected = [text for (text,) in asked.units.write_many(asked.masks, None if perturb == "remove" else perturb)]
    assert seen == expected
    assert seen[:2] == {"remove": ["good film", ""], "...": ["good film", "... ..."], "": ["good film", " "]}[perturb]
    np.testing.assert_allclose(np.exp(table), likes_good(expected))


def test_one_segment_of_a_pair_may_be_empty():
    model = from_callable(likes_good, labels=["no", "yes"], name="m")
    asked = question(("good", "bad"))
    (table,) = value_tables(model, [asked])
    np.testing.assert_allclose(np.exp(table), likes_good([("good", "bad"), ("", ""), ("good", ""), ("", "bad")]))


class Custom:
    """A model of somebody's own; what it answers depends on how many rows are asked at once."""

    name, labels, identity = "custom", ("no", "yes"), Identity("own", "here", None)

    def __init__(self, answer):
        self.says, self.calls = answer, []

    def predict(self, items):
        self.calls.append(len(items))
        return self.says(items)

    def findings(self):
        return ()


def test_asked_alone_a_row_has_no_company():
    def crowded(items):
        return np.tile([1 / (1 + len(items)), len(items) / (1 + len(items))], (len(items), 1))

    asked = question(("good film",))
    model = Custom(crowded)
    (table,) = value_tables(model, [asked, asked], alone=True)[:1]
    assert set(model.calls) == {1}
    np.testing.assert_allclose(np.exp(table), 0.5)
    (together,) = value_tables(model, [asked])
    assert not np.allclose(np.exp(together), 0.5)


def test_no_more_perturbations_are_put_together_than_four_for_each_token_of_the_models_budget():
    model, asked = Custom(lambda items: np.full((len(items), 2), 0.5)), question(TEXTS[0])
    model.traits, rows = Traits(budget=15), len(asked.masks)
    assert 60 // 3 < rows <= 60 // 2
    assert [len(table) for table in value_tables(model, [asked] * 5)] == [rows] * 5
    assert sum(model.calls) == 5 * rows
    assert max(model.calls) == 2 * rows


def test_a_model_finds_the_texts_under_their_own_names():
    model = Custom(lambda items: likes_good(list(zip(items.segments["premise"], items.segments["claim"], strict=True))))
    asked = question(("good", "bad"))
    (table,) = value_tables(model, [asked], segments=("premise", "claim"))
    np.testing.assert_allclose(np.exp(table[0]), likes_good([("good", "bad")])[0])


def test_a_probability_of_nothing_stays_finite_and_touches_no_other_row():
    def sure(items):
        full = np.array([text == "good film" for text in items.segments["segment 0"]])
        return np.where(full[:, None], [0.0, 1.0], [1e-9, 1 - 1e-9])

    (table,) = value_tables(Custom(sure), [question(("good film",))])
    np.testing.assert_allclose(table[0], [np.log(SMALLEST), 0.0])
    np.testing.assert_allclose(table[1:, 0], np.log(1e-9))


def test_a_log_probability_of_minus_infinity_counts_as_the_smallest_in_its_row_alone():
    """As a graph of probabilities answers; the row beside it keeps values below that."""

    answers = np.array([[-np.inf, 0.0], [-80.0, 0.0], [np.log(0.5)] * 2, [np.log(0.5)] * 2])

    class Tokens(Custom):
        limit = mask_token = None

        def encode(self, texts):
            return token_rows([[1]] * len(texts))

        def answer(self, rows, *, alone=False):
            return answers

        def tokenizer_json(self):
            return None

    model = Tokens(None)
    (table,) = value_tables(model, [question(("good film",))])
    np.testing.assert_allclose(table, [[np.log(SMALLEST), 0.0], *answers[1:]])
    answers[2] = np.nan
    with pytest.raises(ModelError, match=r"custom: its answer to the changed text .* is not a number"):
        value_tables(model, [question(("good film",))])


@pytest.mark.parametrize("answer", [[[np.nan, 1.0]], [[-0.5, 1.5]], [[0.2, 0.2]], [[1.0]], [[0.2, 0.3, 0.5]]])
def test_what_is_no_prediction_is_refused(answer):
    model = Custom(lambda items: np.repeat(answer, len(items), axis=0))
    with pytest.raises(ModelError, match="custom"):
        value_tables(model, [question(("good film",))])


def test_a_missing_row_is_refused():
    with pytest.raises(ModelError, match="3 rows of predictions for 4 items"):
        value_tables(Custom(lambda items: np.full((len(items) - 1, 2), 0.5)), [question(("good film",))])


def test_progress_counts_items(monkeypatch):
    monkeypatch.setattr(table_module, "ROWS", 40 / 1024)
    told = []
    model = from_callable(likes_good, labels=["no", "yes"], name="m")
    value_tables(model, [question(t) for t in TEXTS], advance=told.append)
    assert sum(told) == len(TEXTS)
    assert len(told) > 1


def test_a_function_has_no_mask_token():
    with pytest.raises(OptionError, match="no tokenizer"):
        value_tables(from_callable(likes_good, labels=["no", "yes"], name="m"), [question(TEXTS[0])], perturb="mask")


def test_a_predictions_file_cannot_be_asked():
    model = Custom(None)
    model.traits = Traits(runs=False, changeable=False)
    assert not explainable(model)
    with pytest.raises(ModelError, match="--no-explain"):
        value_tables(model, [question(TEXTS[0])])


# the round trip


def test_another_answer_to_the_whole_text_is_an_error():
    model, predicted = Custom(None), np.array([0.3, 0.7])
    round_trip(model, np.log([[0.3005, 0.6995]]), predicted, "i1")
    with pytest.raises(ModelError, match="'i1': with no unit left out, the answer differs"):
        round_trip(model, np.log([[0.31, 0.69]]), predicted, "i1")
