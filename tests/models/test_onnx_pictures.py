"""ONNX graphs that read pictures: their numbers, batches, how they are opened again, and what is refused."""

import numpy as np
import pytest
from recipes import TRAININGS, mark

import trusteq
from trusteq import Items, LabelError, ModelError, OptionError
from trusteq.data.pictures import Pictures

onnx = pytest.importorskip("onnx", reason="needs onnx to build graphs")
pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
pytest.importorskip("PIL", reason="needs the extra 'pictures'")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

LABELS = ("cat", "dog", "hat")
STATED = {"size": [4, 4], "resize": "none", "layout": "NCHW", "labels": list(LABELS), "scale": "1/255"}
WEIGHTS = np.random.default_rng(1).normal(size=(48, 3)).astype(np.float32)
PIXELS = np.random.default_rng(0).integers(0, 256, (70, 4, 4, 3), dtype=np.uint8)


@pytest.fixture
def items():
    return Items([f"{i:02}" for i in range(len(PIXELS))], {"photo": Pictures.of_arrays(PIXELS)})


def write(path, *, shape=("n", 3, 4, 4), kind=TensorProto.FLOAT, rows=-1, output="logits"):
    """A graph that multiplies a picture's numbers with weights; ``rows`` is how many pictures its reshape takes."""
    nodes = [
        helper.make_node("Cast", ["x"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Reshape", ["numbers", "flat"], ["flattened"]),
        helper.make_node("MatMul", ["flattened", "weights"], [output]),
    ]
    made = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", kind, list(shape))],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, [shape[0], 3])],
        [numpy_helper.from_array(WEIGHTS, "weights"), numpy_helper.from_array(np.array([rows, 48]), "flat")],
    )
    onnx.save(helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def open_tiny(tmp_path, stated=STATED, *, options=None, **settings):
    file = write(tmp_path / "tiny.onnx", **settings)
    return trusteq.open_model(file, options={"preprocessing": stated, **(options or {})})


def expected(pixels=PIXELS):
    scores = np.exp((np.moveaxis(pixels, -1, 1) / 255).reshape(len(pixels), 48) @ WEIGHTS.astype(np.float64))
    return scores / scores.sum(axis=1, keepdims=True)


def test_a_graph_answers_what_its_weights_say(tmp_path, items):
    model = open_tiny(tmp_path)
    assert np.abs(model.predict(items) - expected()).max() < 1e-5
    assert model.traits.reads == {"picture"}
    assert model.traits.size().parameters == 3 * 48


@pytest.mark.parametrize("settings", [{"shape": (32, 3, 4, 4)}, {"shape": (1, 3, 4, 4)}, {"rows": 1}])
def test_a_graph_of_a_fixed_number_of_pictures_gives_the_same_answers(tmp_path, items, settings):
    model = open_tiny(tmp_path, **settings)
    assert np.abs(model.predict(items) - expected()).max() < 1e-5
    assert model.alone == ("rows" in settings)


def test_whole_numbers_go_in_as_they_are(tmp_path, items):
    stated = {**STATED, "scale": 1, "dtype": "uint8", "layout": "NHWC"}
    model = open_tiny(tmp_path, stated, kind=TensorProto.UINT8, shape=("n", 4, 4, 3))
    scores = PIXELS.reshape(len(PIXELS), 48) @ WEIGHTS.astype(np.float64)
    assert np.array_equal(model.predict(items).argmax(axis=1), scores.argmax(axis=1))


def test_the_yaml_beside_the_file_makes_it_a_model_of_pictures(tmp_path, items):
    (tmp_path / "tiny.yaml").write_text("size: [4, 4]\nresize: none\nlayout: NCHW\nscale: 1/255\nlabels: [a, b, c]\n")
    model = trusteq.open_model(write(tmp_path / "tiny.onnx"))
    assert model.labels == ("a", "b", "c")
    assert np.abs(model.predict(items) - expected()).max() < 1e-5


def test_another_process_opens_the_same_model(tmp_path, items):
    model = open_tiny(tmp_path)
    again = model.traits.opening().open()
    assert again.identity == model.identity
    assert np.array_equal(again.predict(items), model.predict(items))


def test_what_is_done_to_pictures_is_part_of_what_the_model_is(tmp_path):
    one, other = (open_tiny(tmp_path, {**STATED, "resize": rule}).identity for rule in ("box", "bilinear"))
    assert one.content != other.content
    assert one.details["preprocessing"]["resize"] == "box"


@pytest.mark.parametrize(
    ("stated", "settings", "says"),
    [
        ({"size": [5, 4]}, {}, "input 'x' has [3, 4, 4] numbers an item, but the preprocessing gives [3, 5, 4]"),
        ({"layout": "NHWC"}, {}, "but the preprocessing gives [4, 4, 3] (NHWC, RGB)"),
        ({"dtype": "uint8"}, {}, "input 'x' is tensor(float), but the preprocessing says dtype: uint8"),
        ({}, {"shape": ("n", 48)}, "input 'x' has shape ['n', 48]; pictures need 4 axes"),
    ],
)
def test_what_does_not_fit_the_graph_is_one_line(tmp_path, stated, settings, says):
    with pytest.raises(ModelError) as raised:
        open_tiny(tmp_path, {**STATED, **stated}, **settings)
    assert says in str(raised.value)


def test_labels_must_be_given_and_be_as_many_as_the_outputs(tmp_path):
    nameless = {key: value for key, value in STATED.items() if key != "labels"}
    with pytest.raises(LabelError, match=r"does not name its labels; .* or as labels in its preprocessing"):
        open_tiny(tmp_path, nameless)
    with pytest.raises(LabelError, match="has 3 columns but there are 2 label names"):
        open_tiny(tmp_path, {**STATED, "labels": ["a", "b"]})


def test_a_graph_reads_texts_or_pictures(tmp_path):
    with pytest.raises(OptionError, match=r"reads texts \(tokenizer\) or others \(preprocessing\); give one"):
        open_tiny(tmp_path, options={"tokenizer": str(tmp_path)})


def test_pictures_for_a_graph_without_a_preprocessing_are_one_line(tmp_path, items):
    model = trusteq.open_model(write(tmp_path / "tiny.onnx"), options={"labels": LABELS})
    says = r"graph input 'x': .*; pictures and sounds need a preprocessing \(--preprocessing\)"
    with pytest.raises(ModelError, match=says):
        model.predict(items)


def test_the_recipe_beside_it_says_what_it_was_trained_on(tmp_path):
    model = open_tiny(tmp_path)
    assert model.traits.trained_on() == ()
    mark(tmp_path)
    assert model.traits.trained_on() == TRAININGS
