import pytest

from trusteq import LabelError, ModelError
from trusteq.models.labels import configured_labels, label_names


def test_given_names_replace_the_models_own():
    assert label_names(["LABEL_0", "LABEL_1"], ["no", "yes"], name="m") == ("no", "yes")


def test_its_own_names_are_used_when_none_are_given():
    assert label_names(["no", "yes"], None, name="m") == ("no", "yes")


def test_a_wrong_number_of_names_is_refused():
    with pytest.raises(LabelError, match=r"model m: --labels names 3 labels \{'a', 'b', 'c'\}, but the model has 2"):
        label_names(["no", "yes"], ["a", "b", "c"], name="m")


@pytest.mark.parametrize(
    ("given", "said"),
    [("ab", "must be a list of names"), ([0, 1], "label 0 is not valid text"), (["a", "\ud800"], "not valid text")],
)
def test_names_that_are_no_texts_are_refused(given, said):
    with pytest.raises(LabelError, match=f"model m: .*{said}"):
        label_names((), given, name="m")


def test_a_repeated_name_is_refused():
    with pytest.raises(LabelError, match="label 'a' appears twice"):
        label_names((), ["a", "b", "a"], name="m")


def test_names_that_look_the_same_are_refused():
    with pytest.raises(LabelError, match="model m: labels 'a' and 'a ' differ only in spaces; give each label its own"):
        label_names((), ["a", "b", "a "], name="m")


def test_one_label_is_refused():
    with pytest.raises(ModelError, match="1 label; trusteq needs"):
        label_names(["LABEL_0"], None, name="m")


def test_names_are_in_the_order_of_their_codes_not_of_the_file():
    names = "abcdefghijk"
    by_code = {str(code): names[code] for code in reversed(range(11))}
    assert configured_labels({"id2label": by_code}, name="m") == tuple(names)


def test_codes_with_a_gap_are_refused():
    with pytest.raises(LabelError, match=r"codes \[0, 2\]"):
        configured_labels({"id2label": {"0": "a", "2": "b"}}, name="m")
