"""What a file of predictions says of its items beside the predictions."""

import numpy as np
import pandas as pd
import pytest

from trusteq import DataError, read_items
from trusteq.data.contradictions import same_name
from trusteq.data.prediction_file import read_predictions

LABELS = ("no", "maybe", "yes")
N = 60


@pytest.fixture
def gold():
    return np.random.default_rng(0).integers(0, 3, N)


@pytest.fixture
def items(tmp_path, gold):
    pd.DataFrame(
        {"uid": [f"u{i}" for i in range(N)], "label": [LABELS[g] for g in gold], "t": [f"text {i}" for i in range(N)]}
    ).to_csv(tmp_path / "items.csv", index=False)
    return read_items(tmp_path / "items.csv", text="t", label="label")


@pytest.fixture
def said(tmp_path, items, gold):
    """A function that reads predictions, right in two of three items, beside other columns."""
    p = np.full((N, 3), 0.2)
    p[np.arange(N), np.where(np.arange(N) % 3, gold, (gold + 1) % 3)] = 0.6

    def read(order=None, *, items=items, by_row=False, **columns):
        frame = pd.DataFrame(p, columns=list(LABELS)).assign(**({} if by_row else {"uid": items.ids}), **columns)
        frame.iloc[order if order is not None else np.arange(N)].to_csv(tmp_path / "p.csv", index=False)
        own = tuple(columns)
        return read_predictions(tmp_path / "p.csv", items, name="small", not_labels=own, by_row=by_row).probabilities

    read.answers = p.argmax(axis=1)
    read.probabilities = p
    return read


def names(codes):
    return [LABELS[code] for code in codes]


def test_gold_labels_that_agree_pass_whatever_the_order_of_rows(said, gold):
    order = np.random.default_rng(1).permutation(N)
    np.testing.assert_allclose(said(order, label=names(gold)), said.probabilities)


def test_the_first_item_whose_gold_label_differs_is_named_and_all_are_counted(said, gold, refused):
    other = names(gold)
    other[6], other[9] = LABELS[(gold[6] + 1) % 3], LABELS[(gold[9] + 1) % 3]
    parts = (
        f"line 8: item 'u6': column 'label' says {other[6]!r}, but the gold label is {LABELS[gold[6]]!r}",
        "2 of 60",
    )
    with refused("p.csv", *parts, "--id", "--label-names", error=DataError):
        said(label=other)


@pytest.mark.parametrize("column", ["label", "Label", " LABEL "])
def test_the_column_is_found_in_any_case(said, gold, refused, column):
    with refused("p.csv", f"column {column!r}", error=DataError):
        said(**{column: names(np.roll(gold, 1))})


@pytest.mark.parametrize(
    "write",
    [
        lambda gold: gold,
        lambda gold: gold + 1.0,
        lambda gold: [("N", "M", "Y")[g] for g in gold],
        lambda gold: [f" {LABELS[g].upper()}" for g in gold],
        lambda gold: [LABELS[g] if i % 5 else "" for i, g in enumerate(gold)],
    ],
    ids=["codes", "codes from 1", "letters", "capitals", "gaps"],
)
def test_gold_labels_may_be_written_otherwise(said, gold, write, refused):
    np.testing.assert_allclose(said(label=write(gold)), said.probabilities)
    with refused("but the gold label is", error=DataError):
        said(label=write(np.roll(gold, 1)))


def test_a_column_of_the_models_own_answers_is_no_gold_label(said):
    np.testing.assert_allclose(said(label=names(said.answers)), said.probabilities)
    np.testing.assert_allclose(said(label=said.answers), said.probabilities)


def test_texts_of_other_items_show_that_rows_are_shifted(said, items, refused):
    texts = list(items.segments["t"])
    np.testing.assert_allclose(said(t=texts), said.probabilities)
    with refused("line 2: item 'u0': column 't' holds the text of item 'u59'", "60 of 60", error=DataError):
        said(by_row=True, t=np.roll(texts, 1))


def test_a_text_that_is_no_items_is_another_way_to_write_it(said, items):
    np.testing.assert_allclose(said(t=[text.upper() for text in items.segments["t"]]), said.probabilities)
    np.testing.assert_allclose(said(t=[f" {text} " for text in items.segments["t"]]), said.probabilities)


def test_items_that_were_not_read_from_a_column_are_not_compared(said, items, gold):
    import dataclasses

    bare = dataclasses.replace(items, label_column=None)
    np.testing.assert_allclose(said(items=bare, label=names(np.roll(gold, 1))), said.probabilities)


def test_names_are_alike_but_for_case_and_spaces():
    assert same_name("Label", ["id", " label"]) == " label"
    assert same_name("label", ["Label", "label"]) == "label"
    assert same_name("label", ["labels"]) is None
    assert same_name(None, ["label"]) is None
