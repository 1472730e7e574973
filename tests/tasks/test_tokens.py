import math

import numpy as np
import pytest
from scipy import special

from trusteq import Items, ModelError
from trusteq.tasks.tokens import TOKEN_COLUMNS, Tokens, divergence, token_rows

AT = {name: i for i, name in enumerate(TOKEN_COLUMNS)}
ITEMS = Items(["a", "b"], {"text": ["one", "two"]})


def rows(tokens=3, seed=0, vocabulary=7):
    rng = np.random.default_rng(seed)
    p, q = (special.log_softmax(rng.normal(size=(tokens, vocabulary)), axis=1) for _ in range(2))
    own = rng.integers(0, vocabulary, tokens)
    return token_rows(own, np.full(tokens, 4), np.arange(1, tokens + 1), p, q)


def test_divergence_of_a_coin():
    p, q = np.log([[0.5, 0.5]]), np.log([[0.25, 0.75]])
    assert divergence(p, q)[0] == pytest.approx(0.5 * math.log(2) + 0.5 * math.log(2 / 3))
    assert divergence(q, p)[0] == pytest.approx(0.25 * math.log(0.5) + 0.75 * math.log(1.5))


def test_what_is_impossible_for_the_first_adds_nothing_and_for_the_second_everything():
    certain, coin = np.array([[0.0, -np.inf]]), np.log([[0.5, 0.5]])
    assert divergence(certain, coin)[0] == pytest.approx(math.log(2))
    assert divergence(coin, certain)[0] == math.inf


def test_outcomes_are_tokens_and_their_texts_say_which_are_right():
    answers = Tokens().checked([rows(3), rows(2, seed=1)], items=ITEMS, labels=(), model="m")
    outcomes = Tokens().outcomes(answers, None)
    assert outcomes.item.tolist() == [0, 0, 0, 1, 1]
    assert outcomes.right.tolist() == (answers.values[:, AT["own"]] == answers.values[:, AT["token"]]).tolist()
    assert outcomes.numbers["own-probability"] == pytest.approx(np.exp(answers.values[:, AT["log_probability"]]))
    assert len(outcomes.take(np.array([0, 4])).numbers["bytes"]) == 2


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("log_probability", 0.1, "log_probability of a token is 0.1, which is not the logarithm of a probability"),
        ("confidence", 1.5, "confidence of a token is 1.5, which is not a share"),
        ("kl_from_reference", -1.0, "kl_from_reference of a token is -1, which is not a number of 0 or more"),
        ("kl_to_reference", np.nan, "kl_to_reference of a token is nan, which is not a number of 0 or more"),
        ("tail", 2.0, "tail of a token is 2, which is not a share"),
    ],
)
def test_a_number_that_cannot_be_what_it_is_called_is_one_line(column, value, message):
    wrong = rows(2)
    wrong[1, AT[column]] = value
    with pytest.raises(ModelError, match=f"^model m: item 'b': {message}$"):
        Tokens().checked([rows(3), wrong], items=ITEMS, labels=(), model="m")


def test_answers_to_other_items_are_refused():
    with pytest.raises(ModelError, match=r"^model m: answers 1 of 2 items$"):
        Tokens().checked([rows(3)], items=ITEMS, labels=(), model="m")


def test_a_document_may_have_no_token_to_predict():
    answers = Tokens().checked([rows(3), np.empty((0, len(TOKEN_COLUMNS)))], items=ITEMS, labels=(), model="m")
    assert answers.counts.tolist() == [3, 0]
