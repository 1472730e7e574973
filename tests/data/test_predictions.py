import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import softmax as oracle

from trusteq import LabelError, ModelError
from trusteq.data.predictions import Predictions, checked, softmax, unlike_logits


def check(values, labels=("no", "yes"), ids=("a", "b"), **more):
    return checked(np.array(values), labels=labels, ids=ids, model="small", **more)


def test_good_probabilities_pass_as_float64():
    values = np.array([[0.25, 0.75], [1, 0]], dtype=np.float32)
    result = check(values)
    assert result.labels == ("no", "yes")
    assert result.probabilities.dtype == np.float64
    np.testing.assert_array_equal(result.probabilities, values)


def test_rows_that_sum_nearly_to_one_are_divided_by_their_sum():
    result = check([[0.5, 0.5005], [0.2, 0.8]])
    np.testing.assert_allclose(result.probabilities.sum(axis=1), 1, rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ([0.5, 0.5], ["shape (2,)"]),
        ([[0.5, 0.5]], ["1 rows", "2 items"]),
        ([[1.0], [1.0]], ["only 1 label column"]),
        ([[0.2, 0.2, 0.6]] * 2, ["3 probabilities per item", "2 label names"]),
        ([[0.5, 0.5], [np.nan, 1]], ["item 'b'", "label 'no'", "nan"]),
        ([[0.5, 0.5], [0, np.inf]], ["item 'b'", "label 'yes'", "inf"]),
        ([[0.5, 0.5], [1.1, -0.1]], ["item 'b'", "label 'no'", "1.1", "--scores logits"]),
        ([[0.5, 0.5], [0.9, -0.1]], ["item 'b'", "label 'yes'", "-0.1", "--scores logits"]),
        ([[0.5, 0.5], [0.5, 0.4]], ["item 'b'", "{'no', 'yes'}", "0.9", "--labels"]),
        ([[0.5, 0.51], [0.5, 0.5]], ["item 'a'", "1.01", "rounded to two digits"]),
        (
            [[-0.511, -0.916], [-1.609, -0.223]],
            ["-0.511", "logarithms of probabilities", "--scores logits, which does"],
        ),
        ([[-0.737, -1.322], [-2.322, -0.322]], ["-0.737", "logarithms to base 2", "use 2 ** x"]),
        ([[0.511, 0.916], [1.609, 0.223]], ["1.609", "negative logarithms", "use exp(-x)"]),
        ([[40.0, 30.0], [60.0, 12.0]], ["40", "percentages", "divide them by 100"]),
        ([[12.0, 30.0], [4.0, 12.0]], ["12", "must lie between 0 and 1"]),
    ],
)
def test_bad_probabilities_are_refused_with_the_item_and_the_value(refused, values, parts):
    with refused("model small", *parts, error=ModelError):
        check(values)


def test_the_file_is_named_where_there_is_one(refused):
    with refused("p.csv: item 'b'", error=ModelError):
        check([[0.5, 0.5], [0, 0]], where="p.csv")


def test_a_label_given_twice_is_refused(refused):
    with refused("model small", "'no' appears twice", error=LabelError):
        check([[0.5, 0.5], [0.5, 0.5]], labels=("no", "no"))


def test_columns_are_reordered_by_name():
    predictions = Predictions(("no", "yes"), np.array([[0.1, 0.9]]))
    result = predictions.reordered(["yes", "no"], model="small", reference="large")
    assert result.labels == ("yes", "no")
    np.testing.assert_array_equal(result.probabilities, [[0.9, 0.1]])


def test_labels_that_differ_are_refused(refused):
    predictions = Predictions(("LABEL_0", "LABEL_1"), np.array([[0.1, 0.9]]))
    with refused(
        "only large has {'no', 'yes'}, only small has {'LABEL_0', 'LABEL_1'}; ",
        "--labels small=no,yes",
        error=LabelError,
    ):
        predictions.reordered(["no", "yes"], model="small", reference="large")


@pytest.mark.parametrize(
    "values", [[[0.5, 0.4]] * 2, [[40.0, 60.0]] * 2, [[2.0, 3.0]] * 2, [[0.5, 0.5]] * 20 + [[1.5, -0.5]]]
)
def test_logits_are_not_suggested_where_they_would_be_refused(values):
    with pytest.raises(ModelError) as caught:
        check(values, ids=[str(i) for i in range(len(values))])
    assert "--scores logits" not in str(caught.value)


P = np.random.default_rng(0).dirichlet([0.6, 0.4, 0.5], 200)
SOFT = P**0.25 / (P**0.25).sum(axis=1, keepdims=True)
HONEST = np.random.default_rng(1).normal(0, 3, (200, 3))


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (P, "probabilities"),
        (SOFT.round(2), "scores between 0 and 1"),
        (SOFT[:, :2], "scores between 0 and 1"),
        (1 / (1 + np.exp(-HONEST)), "scores between 0 and 1"),
        (P - 1e-9, "probabilities"),
        (np.concatenate([P, HONEST[:10]]), "probabilities"),
        (100 * SOFT, "percentages"),
        ((100 * SOFT).round(), "percentages"),
        (100 * P[:, :2], "percentages"),
        (100 * P[:2], "percentages"),
        ((100 * np.random.default_rng(2).dirichlet(np.ones(40), 300)).round(), "percentages"),
        (np.random.default_rng(3).multinomial(500, [0.2, 0.3, 0.5], 200), "shares of 500"),
        (255 * SOFT, "shares of 255"),
        (-np.log(P), "negative logarithms"),
        (-np.log([[0.2, 0.8]]), "negative logarithms"),
        (np.log2(P), "logarithms to base 2"),
        (np.log10(SOFT), "logarithms to base 10"),
        (-np.log2(SOFT), "negative logarithms to base 2"),
        (-np.log10(SOFT), "negative logarithms to base 10"),
        (100 * SOFT - 50, "shares with a constant subtracted (rows sum to -50)"),
        (100 * (SOFT - 1), "shares with a constant subtracted (rows sum to -200)"),
        (2 * SOFT - 1, "shares with a constant subtracted (rows sum to -1)"),
    ],
)
def test_what_is_no_logits_is_told_by_its_values(values, what):
    assert unlike_logits(np.asarray(values, np.float64))[0].startswith(what)


@pytest.mark.parametrize(
    "values",
    [
        HONEST,
        HONEST[:2],
        np.log(P),
        np.maximum(HONEST, 0),
        HONEST + 20,
        np.stack([HONEST[:, 0], -HONEST[:, 0]], axis=1),
        HONEST - HONEST.mean(axis=1, keepdims=True),
        np.stack([np.zeros(200), HONEST[:, 0]], axis=1),
        np.maximum(np.random.default_rng(4).normal(1, 2, (200, 1000)), 0),
        np.array([[0.0, 17.0]] * 3),
        np.array([[-40.0, 0.0]] * 3),
        np.array([[1.7e308, -1.7e308], [1.7e308, 1.7e308]]),
        P - P.max(axis=1, keepdims=True),
    ],
    ids=[
        "usual",
        "two rows",
        "logarithms",
        "after a ReLU",
        "above 0",
        "symmetric",
        "centred",
        "one of two",
        "a thousand labels",
        "certain",
        "certain of the other",
        "huge",
        "the way on",
    ],
)
def test_logits_of_every_kind_are_read(values):
    assert unlike_logits(values) is None


@pytest.mark.parametrize("whole", [False, True])
def test_percentages_are_called_so_and_not_logits(refused, whole):
    values = np.array([[33.3, 66.7], [20.0, 80.0]])
    with refused("label 'no': 33.3 is not" if not whole else "33 is not", "percentages; divide them by 100"):
        check(values.round(0 if whole else 1))


def test_the_place_of_a_row_is_named_where_it_is_known(refused):
    with refused("p.csv: line 8: item 'b', label 'yes': probability is inf"):
        check([[0.5, 0.5], [0, np.inf]], where="p.csv", place=lambda item: f"line {item + 7}")


@given(arrays(np.float64, (3, 4), elements=st.floats(-1e300, 1e300)))
def test_softmax_agrees_with_scipy(logits):
    np.testing.assert_allclose(softmax(logits), oracle(logits, axis=1), rtol=1e-12, atol=1e-300)


def test_softmax_of_half_precision_logits_does_not_saturate():
    low = softmax(np.array([[0, -17]], dtype=np.float16))[0, 1]
    np.testing.assert_allclose(low, 1 / (1 + np.exp(17)), rtol=1e-12)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_logits_that_are_not_finite_do_not_pass(refused, bad):
    with refused("item 'b'", "nan", error=ModelError):
        check(softmax(np.array([[0, 1], [bad, 0]])))
