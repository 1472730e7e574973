from contextlib import nullcontext

import numpy as np
import pandas as pd
import pytest

import trusteq
from trusteq import DataError, Items, LabelError, ModelError
from trusteq.models.base import Model
from trusteq.models.prediction_file import open_predictions
from trusteq.report.wording import URGENT


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "answers.csv"
    path.write_text("id,no,yes\na,0.1,0.9\nb,0.7,0.3\n")
    return path


def test_labels_are_known_before_any_item(file):
    model = open_predictions(str(file), name="m")
    assert model.labels == ("no", "yes")
    assert isinstance(model, Model)


def test_rows_are_matched_to_the_items(file):
    answers = open_predictions(str(file), name="m").predict(Items(ids=["b", "a"]))
    np.testing.assert_array_equal(answers, [[0.7, 0.3], [0.1, 0.9]])


def test_named_labels_choose_columns_and_their_order(file):
    model = open_predictions(str(file), name="m", labels=["yes", "no"])
    assert model.labels == ("yes", "no")
    np.testing.assert_array_equal(model.predict(Items(ids=["a"])), [[0.9, 0.1]])


def test_a_file_that_was_exchanged_after_it_was_opened_is_refused(file):
    """The run named the hash of another file than its answers came from."""
    model = open_predictions(str(file), name="m")
    model.predict(Items(ids=["a"]))
    file.write_text(file.read_text().replace("0.9", "0.90"))
    with pytest.raises(ModelError, match=r"answers\.csv changed while the audit ran; audit again"):
        model.predict(Items(ids=["a"]))


def test_an_item_without_a_row_is_refused(file):
    with pytest.raises(DataError, match="'c'"):
        open_predictions(str(file), name="m").predict(Items(ids=["c"]))


def test_the_content_is_that_of_the_file(file, tmp_path):
    first = open_predictions(str(file), name="m").identity
    (tmp_path / "copy.csv").write_bytes(file.read_bytes())
    assert open_predictions(str(tmp_path / "copy.csv"), name="m").identity.content == first.content
    file.write_text(file.read_text().replace("0.9", "0.90"))
    assert open_predictions(str(file), name="m").identity.content != first.content
    assert first.kind == "predictions"


def test_one_column_is_refused(tmp_path, one_line):
    (tmp_path / "one.csv").write_text("id,score\na,0.1\n")
    with pytest.raises(ModelError) as caught:
        open_predictions(str(tmp_path / "one.csv"), name="m")
    one_line(caught, "1 label", "both p and 1 - p")


def test_a_missing_file(tmp_path, one_line):
    with pytest.raises(ModelError) as caught:
        open_predictions(str(tmp_path / "absent.csv"), name="m")
    one_line(caught, "no such file", "absent.csv")


@pytest.mark.parametrize(("scores", "kind"), [("logits", "saturated logits"), ("probabilities", "saturated")])
def test_certainties_of_what_was_read_as_logits_are_told_first(scores, kind, tmp_path):
    """Percentages less fifty were read as logits: whatever the model was unsure of was then certain."""
    p = np.random.default_rng(0).dirichlet([0.5, 0.5], 200)
    for name, moved in (("a", 0), ("b", 1e-4)):
        rows = 100 * p - 50 + moved if scores == "logits" else p.round()
        frame = pd.DataFrame(rows, columns=["no", "yes"]).assign(id=[f"{name}{i}"[1:] for i in range(200)])
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    items = Items([str(i) for i in range(200)], labels=np.arange(200) % 2, label_names=("no", "yes"))
    models = [open_predictions(str(tmp_path / f"{name}.csv"), name=name, scores=scores) for name in "ab"]
    made = trusteq.audit(*models, items, allow_same=True, resamples=100, costs="none")
    assert [f.kind for f in made.reference.findings if f.kind.startswith("saturated")] == [kind]
    assert (kind in URGENT) == (scores == "logits")


@pytest.mark.parametrize("left_out", [{"ignored": 5}, {"unreadable": 5}])
@pytest.mark.parametrize("scores", ["logits", "probabilities"])
def test_a_column_of_numbers_is_no_label_because_some_items_are_left_out(left_out, scores, tmp_path):
    """It won every item, for the reference and for noise, and noise was EQUIVALENT."""
    rng, path = np.random.default_rng(0), tmp_path / "m.csv"
    p = rng.dirichlet([1, 1, 1], 60)
    frame = pd.DataFrame(p if scores == "probabilities" else np.log(p), columns=["no", "yes", "perhaps"])
    ids = [f"i{i}" for i in range(60)]
    frame.assign(id=ids, n_tokens=rng.integers(18, 60, 60)).to_csv(path, index=False)
    items = Items(ids, labels=np.arange(60) % 3, label_names=("no", "perhaps", "yes"), **left_out)
    with pytest.raises(LabelError, match="column 'n_tokens' would be read as a label, but no item has that label"):
        open_predictions(str(path), name="m", scores=scores).predict(items)
    frame.assign(id=ids).to_csv(path, index=False)
    fewer = Items(ids, labels=np.arange(60) % 2, label_names=("no", "yes"), **left_out)
    with pytest.raises(LabelError, match="column 'perhaps'") if scores == "logits" else nullcontext():
        open_predictions(str(path), name="m", scores=scores).predict(fewer)
