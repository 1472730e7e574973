"""The self-test on pictures, sounds, features and rows: it is right, and the planted unit comes first."""

import json

import numpy as np
import pandas as pd
import pytest
from command import one_line
from command import trusteq as trusteq_cli
from sklearn.linear_model import LogisticRegression

import trusteq
from trusteq import DataError, Items, Outcome, from_callable
from trusteq.data.features import Features
from trusteq.data.pictures import Pictures
from trusteq.data.sounds import Sounds
from trusteq.validity.marks import MARKS_OF, mark_for, marked, units_with
from trusteq.validity.plants import Remembering, Shortcut
from trusteq.validity.selftest import selftest

LABELS, COUNT, RATE = ("no", "yes"), 400, 2000
RNG = np.random.default_rng(0)


def sure(score):
    p = 1 / (1 + np.exp(-np.asarray(score, dtype=np.float64)))
    return np.stack([1 - p, p], axis=1)


def labelled(segment, score):
    gold = (RNG.random(COUNT) < sure(score)[:, 1]).astype(np.int64)
    return Items([f"i{i:03}" for i in range(COUNT)], {"x": segment}, gold, LABELS)


def of_pictures(inputs):
    """Brighter above than on the left below."""
    return sure([(x[:8].mean() - x[8:, :8].mean()) / 12 for x in inputs])


def of_sounds(inputs):
    """Louder in the first half than in the second."""
    return sure(
        [4 * np.log((np.square(x[:150]).mean() + 1e-3) / (np.square(x[150:300]).mean() + 1e-3)) for x in inputs]
    )


def of_features(inputs):
    return sure(inputs[:, :8].mean(axis=(1, 2)) * 6 - inputs[:, 8:14, :2].mean(axis=(1, 2)) * 3)


def of_rows(frame):
    return sure(1.5 * frame["a"] - frame["b"] + 2 * (frame["job"] == "smith") - frame["c"].fillna(0))


def pictures():
    base = RNG.integers(40, 200, (COUNT, 4, 4, 3))
    pixels = np.kron(base, np.ones((1, 4, 4, 1), int)).astype(np.uint8)
    return Pictures.of_arrays(list(pixels)), of_pictures(pixels), of_pictures


def sounds():
    loud = RNG.uniform(0.05, 0.3, (COUNT, 2))
    waves = [np.repeat([a, b], 200) * RNG.normal(size=400) for a, b in loud]
    return Sounds.of_arrays(waves, rate=RATE), of_sounds(waves), of_sounds


def features():
    values = RNG.normal(size=(COUNT, 16, 4)).astype(np.float32)
    return Features(values), of_features(values), of_features


def rows():
    frame = pd.DataFrame(RNG.normal(size=(COUNT, 4)), columns=["a", "b", "c", "mark"])
    frame.loc[::7, "c"] = np.nan
    frame["job"] = np.array(["clerk", "smith", None], dtype=object)[RNG.integers(3, size=COUNT)]
    return frame, of_rows(frame), of_rows


MADE = {"picture": pictures, "sound": sounds, "features": features, "row": rows}
FIRST = {
    "picture": "the planted square's tile 'row 4, column 4'",
    "sound": "the planted hum's stretch '0.17-0.20 s, high'",
    "features": "the planted number's stretch 'frames 15-16, high'",
    "row": "the planted column 'mark 2'",
}


def items_of(kind):
    segment, answers, function = MADE[kind]()
    score = np.log(answers[:, 1] / answers[:, 0])
    return labelled(segment, score), from_callable(function, labels=LABELS, name="model")


@pytest.mark.parametrize("kind", MADE)
def test_it_is_right_every_time_and_names_the_planted_unit(kind):
    items, model = items_of(kind)
    found = selftest(model, items)
    assert [(check.name, check.found, check.because) for check in found.checks if not check.passed] == []
    assert found.checks[0].found is Outcome.EQUIVALENT
    shortcut = found.checks[1]
    assert "alignment" in shortcut.because
    assert f"the audit names {FIRST[kind]} first" in shortcut.because
    assert MARKS_OF[kind](items.segments["x"], items, 2).planted in shortcut.planted


@pytest.mark.parametrize("kind", MADE)
def test_a_mark_is_read_where_it_was_put_and_nowhere_else(kind):
    items, _ = items_of(kind)
    mark = mark_for(items, 2)
    own = items.segments["x"]
    assert (mark.read(own) == -1).all()
    labels = RNG.integers(-1, 2, COUNT)
    put = mark.put(own, labels)
    np.testing.assert_array_equal(mark.read(put), labels)
    before, after = (list(segment.keys()) for segment in (own, put))
    assert len(before) == len(after) == COUNT
    if kind == "row":  # hidden from the model
        assert list(mark.hidden(put).keys()) == before
        assert put.background.arrays[-1].max() == 0
    else:
        assert mark.hidden(put) is put
        same = np.array([a == b for a, b in zip(before, after, strict=True)])
        np.testing.assert_array_equal(same, labels < 0)


@pytest.mark.parametrize("kind", MADE)
def test_the_mark_is_gone_once_its_unit_is_left_out_and_stays_until_then(kind):
    from trusteq.explain.units import cutter

    items, _ = items_of(kind)
    mark = mark_for(items, 2)
    shown = marked(items, np.ones(COUNT, dtype=np.int64), mark, share=1.0, seed=0)
    units = cutter(None, shown)(3)
    assert units_with(shown.take([3]), mark) == {units.names[-1].casefold()}
    kept = np.ones((len(units), len(units)), dtype=bool)
    np.fill_diagonal(kept, False)
    alone = np.eye(len(units), dtype=bool)
    (without,), (only,) = units.render(kept, "remove"), units.render(alone, "remove")
    last = np.arange(len(units)) == len(units) - 1
    np.testing.assert_array_equal(mark.read(without), np.where(last, -1, 1))
    np.testing.assert_array_equal(mark.read(only), np.where(last, 1, -1))


@pytest.mark.parametrize("kind", MADE)
def test_a_shortcut_gives_the_same_answers_by_the_mark_alone(kind):
    items, model = items_of(kind)
    mark = mark_for(items, 2)
    reference = Remembering(model, "model", mark)
    answers = reference.predict(items).argmax(axis=1)
    shown = marked(items, answers, mark, share=0.4, seed=0)
    found = Shortcut(reference, "shortcut", mark, 0.95).predict(shown)
    np.testing.assert_array_equal(found.argmax(axis=1), answers)
    has = mark.read(shown.segments["x"]) >= 0
    assert 0.3 < has.mean() < 0.5
    np.testing.assert_allclose(found[has].max(axis=1), 0.95)
    # What was planted hardly changes what the model itself answers.
    assert (reference.predict(shown).argmax(axis=1) == answers).mean() > 0.97


def test_an_estimator_can_be_tried_as_it_is():
    frame, _, _ = rows()
    frame = frame[["a", "b"]]
    gold = (frame["a"] + 0.5 * RNG.normal(size=COUNT) > frame["b"]).to_numpy()
    model = LogisticRegression().fit(frame, gold)
    items = trusteq.read_items(frame.assign(label=gold.astype(str)), columns=["a", "b"], label="label")
    found = selftest(model, items)
    assert [check.found for check in found.checks[:2]] == [Outcome.EQUIVALENT, Outcome.NOT_EQUIVALENT]
    assert "the planted column 'mark' first" in found.checks[1].because


def test_items_that_have_the_mark_already_are_refused():
    items, _ = items_of("picture")
    mark = mark_for(items, 2)
    shown = marked(items, np.zeros(COUNT, dtype=np.int64), mark, share=0.3, seed=0)
    with pytest.raises(DataError, match="already have a small planted square"):
        mark_for(shown, 2)


def test_where_nothing_can_be_planted():
    items = labelled(np.zeros((COUNT, 3)), np.zeros(COUNT))
    with pytest.raises(DataError, match="segment 'x' is an array, in which no shortcut can be planted"):
        mark_for(items, 2)
    few = labelled(Features(np.ones((COUNT, 3, 2), dtype=np.uint8)), np.zeros(COUNT))
    with pytest.raises(DataError, match="only 0 to choose from"):
        mark_for(few, 2)


@pytest.mark.parametrize("kind", ["picture", "features", "row"])
def test_every_label_has_its_own_mark(kind):
    items, _ = items_of(kind)
    mark = mark_for(items, 12)
    labels = np.arange(COUNT) % 12
    np.testing.assert_array_equal(mark.read(mark.put(items.segments["x"], labels)), labels)


def test_hums_that_cannot_be_told_apart_are_refused():
    items, _ = items_of("sound")
    with pytest.raises(DataError, match="a quiet planted hum at the end cannot be told from those of other labels"):
        marked(items, np.arange(COUNT) % 12, mark_for(items, 12), share=1.0, seed=0)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A table with labels, and a graph that reads its columns."""
    skl2onnx = pytest.importorskip("skl2onnx", reason="needs skl2onnx to export")
    pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
    folder = tmp_path_factory.mktemp("tables")
    frame = pd.DataFrame(RNG.normal(size=(450, 4)), columns=list("abcd")).astype(np.float32)
    gold = (frame["a"] - frame["b"] + RNG.normal(size=450) > 0).astype(int)
    graph = skl2onnx.to_onnx(LogisticRegression().fit(frame.to_numpy(), gold), frame[:1].to_numpy())
    (folder / "model.onnx").write_bytes(graph.SerializeToString())
    frame.assign(label=gold).to_csv(folder / "t.csv", index=False)
    return folder


WORDS = ("selftest", "model.onnx", "--data", "t.csv", "--label", "label")


@pytest.mark.parametrize("columns", [(), ("--columns", "a,b,c,d")])
def test_a_table_on_the_command_line(place, columns):
    done = trusteq_cli(*WORDS, *columns, "--items", "400", "--json", cwd=place)
    told = json.loads(done.stdout)
    assert (done.returncode, told["passed"], told["items"]) == (0, True, 400)
    assert told["checks"][1]["because"].endswith("; the audit names the planted column 'mark' first")


def test_options_that_do_not_fit_are_refused(place):
    one_line(trusteq_cli(*WORDS, "--categories", "a", "--quiet", cwd=place), "categories")
    one_line(trusteq_cli(*WORDS, "--columns", "a,nothing", "--quiet", cwd=place), "'nothing'")
    usage = trusteq_cli(*WORDS, "--preprocessing", "x.yaml", "--quiet", cwd=place)
    assert usage.returncode == 2
    assert "x.yaml" in usage.stderr or "--preprocessing has no effect" in usage.stderr
