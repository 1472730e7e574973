"""LiteRT files: their numbers, how they are opened again, and what is refused."""

import numpy as np
import pytest
from oracles import tiny_litert
from recipes import TRAININGS, mark

import trusteq
from trusteq import Items, LabelError, ModelError
from trusteq.errors import DataError
from trusteq.models.traits import traits_of

pytest.importorskip("ai_edge_litert", reason="needs the extra 'litert'")
pytest.importorskip("PIL", reason="needs the extra 'pictures'")


from trusteq.data.pictures import Pictures

LABELS = ("cat", "dog", "hat")
STATED = {"size": [4, 4], "resize": "none", "layout": "NHWC", "labels": list(LABELS), "scores": "probabilities"}
WEIGHTS = np.random.default_rng(1).normal(0, 0.01, (3, 48))
PIXELS = np.random.default_rng(0).integers(0, 256, (50, 4, 4, 3), dtype=np.uint8)


@pytest.fixture
def items():
    return Items([f"{i:02}" for i in range(len(PIXELS))], {"photo": Pictures.of_arrays(PIXELS)})


def open_tiny(tmp_path, stated=STATED, *, name="tiny", weights=WEIGHTS, options=None, **settings):
    file = tiny_litert.write(tmp_path / f"{name}.tflite", weights, **settings)
    return trusteq.open_model(file, options={"preprocessing": stated, **(options or {})} if stated else options)


def expected(numbers, weights=WEIGHTS):
    """The softmax of numbers [items, ...] times weights, by hand."""
    scores = np.exp(numbers.reshape(len(numbers), -1).astype(np.float64) @ weights.T)
    return scores / scores.sum(axis=1, keepdims=True)


def test_a_float_graph_answers_what_its_weights_say(tmp_path, items):
    answers = open_tiny(tmp_path).predict(items)
    assert np.abs(answers - expected(PIXELS)).max() < 1e-5


def test_probabilities_and_logits_are_the_same_answers(tmp_path, items):
    logits = open_tiny(tmp_path, {**STATED, "scores": "logits"}, softmax=False).predict(items)
    assert np.abs(logits - expected(PIXELS)).max() < 1e-5


def test_a_quantized_graph_is_read_by_the_scale_and_zero_point_in_its_file(tmp_path, items):
    tenths = {**STATED, "scale": 0.1}
    model = open_tiny(tmp_path, tenths, weights=10 * WEIGHTS, quantized=True, step=0.1)
    answers = model.predict(items)
    rounded = np.abs(answers - expected(PIXELS)).max()
    assert 1e-4 < rounded < 0.125  # logits go in steps of a quarter
    assert np.abs(answers.sum(axis=1) - 1).max() < 1e-12
    # By hand: what is stored, from the pixels; and whole steps of 1/256 in what comes back.
    stored = model.session.input.stored(np.array([0.0, 0.1, 12.8, 25.5], dtype=np.float32))
    assert stored.tolist() == [-128, -127, 0, 127]
    raw = model.session.answer(PIXELS[0].astype(np.float32) * np.float32(0.1))
    assert np.array_equal(raw * 256, np.round(raw * 256))
    assert [finding.kind for finding in model.findings()] == ["rounded probabilities"]


def test_whole_numbers_of_the_graphs_own_type_are_not_converted_again(tmp_path, items):
    as_real = open_tiny(tmp_path, STATED, quantized=True)
    as_whole = open_tiny(tmp_path, {**STATED, "mean": 128, "dtype": "int8"}, quantized=True)
    assert np.array_equal(as_real.predict(items), as_whole.predict(items))
    assert as_real.identity.content != as_whole.identity.content


def test_rounded_rows_that_cannot_be_probabilities_are_refused(tmp_path, items):
    model = open_tiny(tmp_path, quantized=True, softmax=False)
    with pytest.raises(ModelError, match=r"a row sums to .* which rounding to multiples of 0\.25 does not explain"):
        model.predict(items)


def test_arrays_are_read_as_they_are(tmp_path):
    rows = np.random.default_rng(2).normal(size=(20, 4, 4, 3)).astype(np.float32)
    options = {"labels": LABELS, "scores": "probabilities"}
    model = open_tiny(tmp_path, None, options=options, weights=10 * WEIGHTS)
    assert (
        np.abs(model.predict(Items(list(map(str, range(20))), {"x": rows})) - expected(rows, 10 * WEIGHTS)).max() < 1e-5
    )
    # A channel's axis of length 1 may be left out.
    flat = open_tiny(tmp_path, None, options=options, shape=(4, 12, 1), name="flat", weights=10 * WEIGHTS)
    answers = flat.predict(Items(list(map(str, range(20))), {"x": rows.reshape(20, 4, 12)}))
    assert np.abs(answers - expected(rows, 10 * WEIGHTS)).max() < 1e-5
    assert traits_of(model).reads == {"array", "features"}


@pytest.mark.parametrize("shape", [(3, 4, 4), (48,), (4, 12), (2, 2, 4, 3), (4, 4, 2)])
def test_arrays_of_another_shape_are_one_line(tmp_path, shape):
    model = open_tiny(tmp_path, None, options={"labels": LABELS, "scores": "probabilities"})
    with pytest.raises(
        ModelError, match=r"^model .*: failed while answering item 'a': its values have shape \["
    ) as raised:
        model.predict(Items(["a"], {"x": np.zeros((1, *shape), np.float32)}))
    assert f"{list(shape)}, but the graph reads [4, 4, 3]" in str(raised.value)


def test_an_answer_depends_neither_on_the_batch_nor_on_the_threads(tmp_path, items, monkeypatch):
    together = open_tiny(tmp_path).predict(items)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    model = open_tiny(tmp_path)
    alone = np.concatenate([model.predict(items.take([i])) for i in range(len(items))])
    assert together.tobytes() == alone.tobytes()
    assert model.traits.threads() == 2


def test_another_process_opens_the_same_model(tmp_path, items):
    (tmp_path / "tiny.yaml").write_text("size: [4, 4]\nresize: none\nlayout: NHWC\nscores: probabilities\n")
    file = tiny_litert.write(tmp_path / "tiny.tflite", WEIGHTS)
    model = trusteq.open_model(file, options={"labels": LABELS})
    opening = model.traits.opening()
    again = opening.open()
    assert again.identity == model.identity
    assert np.array_equal(again.predict(items), model.predict(items))
    assert (again.identity.details["pillow"], model.labels) == (model.identity.details["pillow"], LABELS)


def test_what_is_done_to_pictures_is_part_of_what_the_model_is(tmp_path):
    contents = {
        open_tiny(tmp_path, {**STATED, **change}).identity.content
        for change in (
            {},
            {"resize": "box"},
            {"scale": 0.5},
            {"colour": "BGR"},
            {"crop": "centre", "shorter": 4, "resize": "box"},
        )
    }
    assert len(contents) == 5
    # How outputs are called is not.
    assert (
        open_tiny(tmp_path).identity.content
        == open_tiny(tmp_path, {**STATED, "labels": ["a", "b", "c"]}).identity.content
    )


def test_its_weights_are_counted(tmp_path):
    size = open_tiny(tmp_path).traits.size()
    assert (size.parameters, size.weights_bytes) == (3 * 48 + 3, 4 * (3 * 48 + 3))
    assert size.disk_bytes == (tmp_path / "tiny.tflite").stat().st_size
    assert open_tiny(tmp_path, quantized=True).traits.size().weights_bytes == 3 * 48 + 4 * 3


@pytest.mark.parametrize(
    ("stated", "settings", "says"),
    [
        ({"size": [5, 4]}, {}, "input 'pixels' has [4, 4, 3] numbers an item, but the preprocessing gives [5, 4, 3]"),
        ({"layout": "NCHW"}, {}, "the preprocessing gives [3, 4, 4] (NCHW, RGB); correct size, layout or colour"),
        ({"colour": "grey"}, {}, "the preprocessing gives [4, 4, 1] (NHWC, grey)"),
        ({"dtype": "uint8"}, {}, "input 'pixels' is float32, but the preprocessing says dtype: uint8"),
        ({"dtype": "uint8"}, {"quantized": True}, "input 'pixels' is int8, but the preprocessing says dtype: uint8"),
        (
            {},
            {"outputs": 2},
            "the graph has several outputs; choose one of these with --output: logits: [1, 3], scores:",
        ),
    ],
)
def test_what_does_not_fit_the_graph_is_one_line(tmp_path, stated, settings, says):
    with pytest.raises(ModelError) as raised:
        open_tiny(tmp_path, {**STATED, **stated}, **settings)
    assert says in str(raised.value)


def test_labels_must_be_given_and_be_as_many_as_the_outputs(tmp_path):
    file = tiny_litert.write(tmp_path / "tiny.tflite", WEIGHTS)
    with pytest.raises(
        LabelError, match=r"does not name its labels; .* --labels tiny=first,second, or as labels in tiny\.yaml"
    ):
        trusteq.open_model(file)
    with pytest.raises(LabelError, match="has 3 numbers an item but there are 2 label names"):
        trusteq.open_model(file, options={"labels": ("a", "b")})


def test_another_output_can_be_chosen(tmp_path, items):
    model = open_tiny(tmp_path, {**STATED, "scores": "logits"}, options={"output": "logits"}, outputs=2)
    assert np.abs(model.predict(items) - expected(PIXELS)).max() < 1e-5
    with pytest.raises(ModelError, match="has no output 'x'; choose one of these"):
        open_tiny(tmp_path, options={"output": "x"}, outputs=2)


def test_probabilities_that_were_called_logits_are_refused(tmp_path, items):
    model = open_tiny(tmp_path, {**STATED, "scores": "logits"})
    with pytest.raises(
        ModelError, match="output 'scores' looks like probabilities, not logits; give --scores tiny=prob"
    ):
        model.predict(items)


@pytest.mark.parametrize("content", [b"", b"no model", None])
def test_a_file_that_is_no_model_is_one_line(tmp_path, content, capfd):
    file = tiny_litert.write(tmp_path / "tiny.tflite", WEIGHTS)
    file.write_bytes(file.read_bytes()[:200] if content is None else content)
    with pytest.raises(ModelError, match=r"model tiny: LiteRT cannot load .*tiny\.tflite: "):
        trusteq.open_model(file, options={"labels": LABELS})
    assert capfd.readouterr() == ("", "")


def test_the_runtime_prints_nothing(tmp_path, items, capfd):
    open_tiny(tmp_path).predict(items)
    assert capfd.readouterr() == ("", "")


def test_items_without_a_picture_are_one_line(tmp_path):
    texts = Items(["a", "b"], {"note": ["one", "two"]})
    says = "model tiny reads a picture, but the items have 'note', a text; name its column with --picture"
    with pytest.raises(DataError, match=says):
        open_tiny(tmp_path).predict(texts)


def test_pictures_for_a_graph_that_reads_arrays_are_one_line(tmp_path, items):
    model = open_tiny(tmp_path, None, options={"labels": LABELS})
    says = r"reads an array or .*, but the items have 'photo', a picture; say what happens to pictures in a \.yaml file"
    with pytest.raises(DataError, match=says):
        model.predict(items)


def test_one_of_two_pictures_must_be_named(tmp_path, items):
    both = Items(items.ids, {"left": items.segments["photo"], "right": items.segments["photo"]})
    with pytest.raises(DataError, match=r"reads a picture an item, but the items have 2 \(left, right\); name one"):
        open_tiny(tmp_path).predict(both)


def test_a_picture_that_cannot_be_read_without_a_rule_is_named(tmp_path):
    pictures = Pictures.of_arrays([PIXELS[0], np.zeros((5, 4, 3), np.uint8)])
    with pytest.raises(ModelError, match="model tiny: item 'b': its picture has 5 x 4 pixels"):
        open_tiny(tmp_path).predict(Items(["a", "b"], {"photo": pictures}))


def test_the_recipe_beside_it_says_what_it_was_trained_on(tmp_path):
    model = open_tiny(tmp_path)
    assert model.traits.trained_on() == ()
    mark(tmp_path)
    assert model.traits.trained_on() == TRAININGS
