import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import choices as oracle

from trusteq import Items, ModelError, read_task_file
from trusteq.prompts.asked import Asked
from trusteq.prompts.probabilities import choice_rows
from trusteq.tasks.choices import Choices

SHARED = {"task": "choices", "prompt": "{{ text }}", "choices": {"yes": " yes", "no": " no"}}
LETTERS = {**SHARED, "prompt": "{{ text }}{{ choices|join }}", "score": "letters"}
CYCLIC = {**LETTERS, "orders": "cyclic"}
UNCONDITIONAL = {"minus_unconditional": True, "unconditional": "Answer:"}


def question(item=0, order=0, continuations=(" yes", " no")):
    return Asked("prompt", continuations, None, order, item)


def answers(task, asked, *logs, unconditional=None):
    return choice_rows(read_task_file(task), asked, [np.log(p) for p in logs], unconditional)


def test_the_sum_is_the_probability_itself_among_the_choices():
    rows = answers(SHARED, [question()], [0.03, 0.01])
    assert rows.values[:, 0] == pytest.approx([0.75, 0.25])
    assert rows.values[:, 1] == pytest.approx([0.03, 0.01])
    assert np.isnan(rows.values[:, 2]).all()
    assert rows.counts.tolist() == [2]


def test_per_byte_divides_by_bytes_not_characters():
    # 2 and 3 bytes, 2 characters each: p ** (1 / bytes) is 0.1 and 0.2.
    asked = [question(continuations=(" a", " é"))]
    rows = answers({**SHARED, "score": "per_byte"}, asked, [0.1**2, 0.2**3])
    assert rows.values[:, 0] == pytest.approx([1 / 3, 2 / 3])
    assert rows.values[:, 1] == pytest.approx([0.01, 0.008])


def test_the_unconditional_probability_is_divided_out_but_not_of_raw():
    rows = answers({**SHARED, **UNCONDITIONAL}, [question()], [0.03, 0.01], unconditional=[np.log([0.3, 0.02])])
    assert rows.values[:, 0] == pytest.approx([1 / 6, 5 / 6])
    assert rows.values[:, 1] == pytest.approx([0.03, 0.01])


def test_one_order_of_letters_answers_and_the_second_shows_only_how_much_it_matters():
    rows = answers(LETTERS, [question(order=0), question(order=1)], [0.09, 0.01], [0.05, 0.05])
    assert rows.values[:, 0] == pytest.approx([0.9, 0.1])
    assert rows.values[:, 1] == pytest.approx([0.09, 0.01])
    assert rows.values[:, 2] == pytest.approx([0.1, 0.1])  # half of .2, which is how far .9 and .5 are from .7
    assert len(rows) == 1


def test_cyclic_orders_are_averaged_as_log_probabilities():
    rows = answers(CYCLIC, [question(order=0), question(order=1)], [0.9, 0.1], [0.5, 0.5])
    assert rows.values[:, 0] == pytest.approx([0.75, 0.25])  # 3 to 1, the geometric mean of 9 and 1; not .7 to .3
    assert rows.values[:, 1] == pytest.approx([0.7, 0.3])


def test_orders_that_answer_alike_have_no_effect_and_opposite_ones_have_it_whole():
    same = answers(CYCLIC, [question(order=0), question(order=1)], [0.8, 0.2], [0.4, 0.1])
    assert same.values[:, 2] == pytest.approx([0, 0], abs=1e-15)
    sure = read_task_file(CYCLIC)
    opposite = choice_rows(sure, [question(order=0), question(order=1)], [np.array([0.0, -900]), np.array([-900.0, 0])])
    assert opposite.values[:, 2].sum() == 0.5  # from each order to the mean of both


def test_extreme_log_probabilities_are_still_numbers():
    logs = [np.array([-1000.0, -2000.0])]
    rows = choice_rows(read_task_file(SHARED), [question()], logs)
    assert rows.values[:, :2].tolist() == [[1, 0], [0, 0]]
    logs = [np.array([-1000.0, -1000.0]), np.array([-5000.0, -1.0])]
    rows = choice_rows(read_task_file(CYCLIC), [question(order=0), question(order=1)], logs)
    assert np.isfinite(rows.values).all()
    assert rows.values[:, 0].sum() == 1


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_names_its_item(value):
    asked = [question(0), question(1)]
    with pytest.raises(ModelError, match=f"item 2 has the log-probability {value}"):
        choice_rows(read_task_file(SHARED), asked, [np.array([-1.0, -2.0]), np.array([-1.0, value])])


def test_a_question_without_its_log_probabilities_is_a_defect_of_ours():
    with pytest.raises(ValueError, match="one log-probability for each continuation"):
        choice_rows(read_task_file(SHARED), [question()], [np.array([-1.0])])
    with pytest.raises(ValueError, match="one log-probability for each continuation"):
        choice_rows(read_task_file({**SHARED, **UNCONDITIONAL}), [question()], [np.array([-1.0, -2.0])])


def test_the_task_of_choices_takes_the_answers():
    items = Items(ids=["a"], segments={"text": ["x"]}, labels=np.array([0]), label_names=("yes", "no"))
    task = Choices()
    for orders, names in ((SHARED, {"mass"}), (LETTERS, {"mass", "order-effect"})):
        asked = [question(order=order) for order in range(2 if names > {"mass"} else 1)]
        rows = answers(orders, asked, *[[0.3, 0.1]] * len(asked))
        outcomes = task.outcomes(task.checked(rows, items=items, labels=("yes", "no"), model="m"), items.labels)
        assert set(outcomes.numbers) == names
        assert outcomes.numbers["mass"] == pytest.approx([0.4])
        assert outcomes.confidence == pytest.approx([0.75])


TEXTS = (" a", " bé", " çç", " wörld and so on")


@st.composite
def all_questions(draw):
    """A rule, and log-probabilities of all questions about one to four items."""
    score = draw(st.sampled_from(["sum", "per_byte", "letters"]))
    orders = draw(st.sampled_from(["one", "cyclic"])) if score == "letters" else "one"
    subtract = draw(st.booleans()) if score != "letters" else False
    asked = []
    for item in range(draw(st.integers(1, 4))):
        k = draw(st.integers(2, 4))
        count = {"letters": k if orders == "cyclic" else 2}.get(score, 1)
        asked += [question(item, order, TEXTS[:k]) for order in range(count)]
    number = st.floats(-1000, 0)
    logs, before = (
        [np.array(draw(st.lists(number, min_size=k, max_size=k))) for q in asked for k in [len(q.continuations)]]
        for _ in range(2)
    )
    return score, orders, subtract, asked, logs, before


@given(all_questions())
def test_it_is_what_the_definitions_say(drawn):
    score, orders, subtract, asked, logs, before = drawn
    task = {"task": "choices", "prompt": "{{ q }}{{ choices|join }}" if score == "letters" else "{{ q }}",
            "options": "o", "score": score, "orders": orders, **(UNCONDITIONAL if subtract else {})}  # fmt: skip
    rows = choice_rows(read_task_file(task), asked, logs, before)
    expected = oracle.rows(score, orders, subtract, asked, logs, before)
    assert rows.counts.tolist() == [len(item) for item in expected]
    np.testing.assert_allclose(rows.values, np.concatenate(expected), rtol=1e-9, atol=1e-12)


@given(all_questions())
def test_the_order_of_the_questions_does_not_matter(drawn):
    _, orders, _, asked, logs, _ = drawn
    task = read_task_file({**(CYCLIC if orders == "cyclic" else LETTERS)})
    asked = [Asked(q.prompt, q.continuations, None, q.order, q.item) for q in asked]
    back = range(len(asked))[::-1]
    here = choice_rows(task, asked, logs)
    there = choice_rows(task, [asked[i] for i in back], [logs[i] for i in back])
    np.testing.assert_allclose(here.values, there.values, rtol=1e-9, atol=1e-12)
