import numpy as np
import pandas as pd
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

import trusteq
from trusteq import DataError, Items, LabelError, ModelError, from_callable, from_estimator
from trusteq.data.pictures import Pictures
from trusteq.data.predictions import checked
from trusteq.models import function
from trusteq.models.base import Model
from trusteq.models.in_hand import as_model

TEXTS = Items(ids=["a", "b"], segments={"text": ("good film", "bad film")})
PAIRS = Items(ids=["a", "b"], segments={"one": ["x", "y"], "two": ["z", "w"]})
TABLE = Items(ids=["a", "b"], segments={"row": np.array([[0.0, 1.0], [1.0, 0.0]])})


def given(items):
    """What a function is called with."""
    seen = []

    def function(inputs):
        seen.append(inputs)
        return [[0.25, 0.75]] * len(inputs)

    from_callable(function, labels=["no", "yes"], name="f").predict(items)
    return seen[0]


def test_one_text_segment_is_given_as_a_list_of_texts():
    assert given(TEXTS) == ["good film", "bad film"]


def test_one_array_segment_is_given_as_it_is():
    assert given(TABLE) is TABLE.segments["row"].values


def test_pictures_are_given_as_arrays_of_pixels():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 5, 4, 3), dtype=np.uint8)
    inputs = given(Items(["a", "b", "c"], {"photo": Pictures.of_arrays(pixels)}))
    assert isinstance(inputs, list)
    assert [(one.shape, one.dtype) for one in inputs] == [((5, 4, 3), np.uint8)] * 3
    assert np.array_equal(np.stack(inputs), pixels)


def test_only_so_many_pictures_are_decoded_at_a_time(monkeypatch):
    pixels = np.random.default_rng(0).integers(0, 256, (10, 5, 4, 3), dtype=np.uint8)
    items = Items([str(i) for i in range(10)], {"photo": Pictures.of_arrays(pixels)})
    calls = []

    def answers(inputs):
        calls.append(len(inputs))
        p = np.array([one.mean() / 255 for one in inputs])
        return np.stack([p, 1 - p], axis=1)

    model = from_callable(answers, labels=["no", "yes"], name="f")
    together = model.predict(items)
    monkeypatch.setattr(function, "MOST_NUMBERS", 60)
    in_parts = model.predict(items)
    assert calls == [10, 3, 3, 3, 1]
    assert np.array_equal(together, in_parts)
    ragged = from_callable(lambda inputs: np.ones((1, len(inputs))), labels=["no", "yes"], name="ragged")
    with pytest.raises(
        ModelError, match=r"returned tables of shape \[1, 3\] and \[1, 1\]; return one \[items, labels\]"
    ):
        ragged.predict(items)


def test_several_segments_are_given_as_one_tuple_an_item():
    assert given(PAIRS) == [("x", "z"), ("y", "w")]


def test_items_without_segments_are_refused():
    with pytest.raises(DataError, match='model f has no input; name what it reads: columns="all" for'):
        given(Items(ids=["a"]))


def test_the_answer_becomes_an_array():
    model = from_callable(lambda texts: [[0.25, 0.75]] * len(texts), labels=["no", "yes"], name="f")
    np.testing.assert_array_equal(model.predict(TEXTS), [[0.25, 0.75]] * 2)
    assert model.identity.kind == "callable"
    assert model.identity.content is None
    assert isinstance(model, Model)


def frame(*columns):
    return pd.DataFrame([[0.25, 0.75]] * 2, columns=list(columns))


def test_a_data_frame_is_matched_by_the_names_of_its_columns():
    model = from_callable(lambda texts: frame("yes", "no"), labels=["no", "yes"], name="f")
    np.testing.assert_array_equal(model.predict(TEXTS), [[0.75, 0.25]] * 2)


@pytest.mark.parametrize("columns", [(0, 1), ("no", "maybe"), ("no", "no")])
def test_a_data_frame_of_other_columns_is_refused(columns, one_line):
    model = from_callable(lambda texts: frame(*columns), labels=["no", "yes"], name="f")
    with pytest.raises(ModelError) as caught:
        model.predict(TEXTS)
    one_line(caught, "model f", repr(str(columns[1])), "{'no', 'yes'}", ".to_numpy()")


def test_complex_answers_are_refused(one_line):
    model = from_callable(lambda texts: np.full((2, 2), 0.5 + 0j), labels=["no", "yes"], name="f")
    with pytest.raises(ModelError) as caught:
        model.predict(TEXTS)
    one_line(caught, "model f", "complex numbers")


class Growing:
    """Like a torch tensor that still wants its gradient."""

    def __array__(self, *_args, **_kwargs):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad.")


@pytest.mark.parametrize("answer", [None, [[0.5, 0.5], [1.0]], "text", {"a": 1}, Growing()])
def test_an_answer_that_is_no_table_is_refused(answer, one_line):
    model = from_callable(lambda texts: answer, labels=["no", "yes"], name="f")
    with pytest.raises(ModelError) as caught:
        checked(model.predict(TEXTS), labels=model.labels, ids=TEXTS.ids, model="f")
    one_line(caught, "model f")


def test_repeated_labels_are_refused_at_once():
    with pytest.raises(LabelError, match="appears twice"):
        from_callable(len, labels=["a", "a"], name="f")


def test_an_estimator_answers_with_its_probabilities_and_classes():
    estimator = make_pipeline(CountVectorizer(), LogisticRegression()).fit(["good", "bad"], [1, 0])
    for model in (from_estimator(estimator, name="s"), as_model(estimator, name="s")):
        assert model.labels == ("0", "1")
        assert model.identity.kind == "scikit-learn"
        np.testing.assert_array_equal(model.predict(TEXTS), estimator.predict_proba(["good film", "bad film"]))
    assert from_estimator(estimator, name="s", labels=["bad", "good"]).labels == ("bad", "good")


def test_an_estimator_reads_arrays():
    estimator = LogisticRegression().fit([[0, 1], [1, 0]], ["p", "q"])
    assert from_estimator(estimator, name="s").predict(TABLE).argmax(axis=1).tolist() == [0, 1]


def test_an_estimator_without_probabilities_is_refused(one_line):
    estimator = LinearSVC().fit([[0, 1], [1, 0]], ["p", "q"])
    for make in (from_estimator, as_model):
        with pytest.raises(ModelError) as caught:
            make(estimator, name="s")
        one_line(caught, "LinearSVC has no predict_proba", "CalibratedClassifierCV")


def test_an_estimator_that_was_not_fitted_is_refused(one_line):
    with pytest.raises(ModelError) as caught:
        from_estimator(LogisticRegression(), name="s")
    one_line(caught, "LogisticRegression has no classes_; fit it first")


def test_a_model_is_passed_through():
    model = from_callable(len, labels=["a", "b"], name="f")
    assert as_model(model, name="other") is model


@pytest.mark.parametrize("thing", [len, object()])
def test_anything_else_is_explained(thing, one_line):
    with pytest.raises(ModelError) as caught:
        as_model(thing, name="m")
    one_line(caught, type(thing).__name__, "from_callable")


@pytest.mark.parametrize("columns", [{"columns": "all"}, {"columns": "review"}, {}])
def test_a_pipeline_of_texts_says_how_to_name_them(columns, python_words):
    frame = pd.DataFrame({"review": ["good film", "bad film"] * 20, "label": ["yes", "no"] * 20})
    large, small = (make_pipeline(CountVectorizer(), LogisticRegression(C=c)) for c in (1.0, 0.1))
    for one in (large, small):
        one.fit(frame["review"], frame["label"])
    with pytest.raises(
        (ModelError, DataError), match="begins with CountVectorizer, which reads texts; name their column with text="
    ):
        trusteq.audit(large, {"small": small}, frame, label="label", explain=False, **columns)
    for wrong, meant in (("slice", "slices"), ("lable", "label")):
        with pytest.raises(TypeError, match=f"unexpected keyword argument '{wrong}'; did you mean '{meant}'"):
            trusteq.audit(large, {"small": small}, frame, text="review", **{wrong: "label"})
