"""Maps as nodes of ONNX graphs: of logits and of probabilities, in 32 and in 64 bits, read as before."""

import json

import numpy as np
import pytest
from scipy import special

import trusteq
import trusteq.compress
from trusteq import Items, ModelError
from trusteq.compress.calibrate_maps import Isotonic, Line, Temperature, Vector
from trusteq.compress.candidate import RECIPE

onnx = pytest.importorskip("onnx", reason="needs onnx to build graphs")
pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

LABELS = ("cat", "dog", "hat")
MAPS = ("temperature", "vector", "isotonic")


@pytest.fixture(scope="module")
def rows():
    return Items([f"{i}" for i in range(300)], {"x": np.random.default_rng(0).normal(size=(300, 4))})


def write(folder, *, factor=1.0, shift=0.0, softmax=False, dtype=np.float32, opset=17, also=(), external=False):
    """A folder with a linear classifier; its logits times a factor, and those of "dog" with a shift.

    also: further nodes, whose outputs are further outputs.
    """
    folder.mkdir()
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    weight = np.random.default_rng(1).normal(size=(4, 3)) * factor
    bias = np.array([0.0, shift, 0.0])
    output = "probabilities" if softmax else "logits"
    nodes = [
        helper.make_node("MatMul", ["x", "weight"], ["m"]),
        helper.make_node("Add", ["m", "bias"], ["z" if softmax else output]),
        *([helper.make_node("Softmax", ["z"], [output], axis=1)] if softmax else []),
        *also,
    ]
    outputs = [helper.make_tensor_value_info(output, kind, ["n", 3])]
    outputs += [helper.make_tensor_value_info(node.output[0], TensorProto.INT64, ["n"]) for node in also]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", kind, ["n", 4])],
        outputs,
        [numpy_helper.from_array(v.astype(dtype), name) for name, v in (("weight", weight), ("bias", bias))],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    if external:
        onnx.save(model, folder / "model.onnx", save_as_external_data=True, location="big.data", size_threshold=0)
    else:
        onnx.save(model, folder / "model.onnx")
    (folder / "config.json").write_text(json.dumps({"id2label": dict(enumerate(LABELS))}), "utf-8")
    return folder


@pytest.fixture
def original(tmp_path):
    return write(tmp_path / "original")


def calibrated(candidate, original, rows, out, **options):
    options = {"audit": False} | options
    return trusteq.compress.make(candidate, method="calibrate", original=original, items=rows, out=out, **options)


def by_hand(recipe, p):
    """The map in a recipe, written anew: by logits and loops."""
    made = recipe["calibration"]
    parameters = made["parameters"]
    z = np.log(np.maximum(p, 1e-12))
    if made["map"] == "temperature":
        return special.softmax(z / parameters["temperature"], axis=1)
    if made["map"] == "vector":
        z = z - z.mean(axis=1, keepdims=True)
        return special.softmax(z * parameters["scale"] + parameters["bias"], axis=1)
    q = np.empty_like(p)
    for i, row in enumerate(p):
        for k in range(len(row)):
            x = np.log(row[k] / np.delete(row, k).sum())
            at, becomes = parameters["at"][k], parameters["becomes"][k]
            if x < at[0]:
                y = becomes[0] - (at[0] - x)
            elif x >= at[-1]:
                y = becomes[-1] + (x - at[-1])
            else:
                j = max(j for j in range(len(at)) if at[j] <= x)
                y = becomes[j] + (x - at[j]) / (at[j + 1] - at[j]) * (becomes[j + 1] - becomes[j])
            q[i, k] = 1 / (1 + np.exp(-y))
    return q / q.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("map_", MAPS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("softmax", [False, True])
def test_the_graph_computes_the_map(softmax, dtype, map_, original, rows, tmp_path):
    candidate = write(tmp_path / "candidate", factor=1.5, shift=1, softmax=softmax, dtype=dtype)
    made = calibrated(candidate, original, rows, tmp_path / "out", map=map_)
    model, before = trusteq.open_model(made.directory), trusteq.open_model(candidate)
    tolerance = 3e-6 if dtype == np.float32 else 1e-9
    np.testing.assert_allclose(model.predict(rows), by_hand(made.recipe, before.predict(rows)), rtol=0, atol=tolerance)
    for key in ("output", "output type", "scores"):
        assert model.identity.details[key] == before.identity.details[key]
    assert {file.name for file in made.directory.iterdir()} == {"model.onnx", "config.json", RECIPE}
    onnx.checker.check_model(onnx.load(made.directory / "model.onnx"), full_check=True)


@pytest.mark.parametrize("softmax", [False, True])
@pytest.mark.parametrize(
    "fitted",
    [
        Temperature(0.05),
        Vector(np.array([3.0, 0.2, 1.0]), np.array([5.0, -2.0, -3.0])),
        Isotonic(
            (
                Line(np.array([-20.0, -1.0, 0.0, 9.0]), np.array([-9.0, -9.0, 5.0, 5.0])),
                Line(np.array([0.5]), np.array([-2.0])),
                Line(np.array([-3.0, 3.0]), np.array([-1.0, 1.0])),
            )
        ),
    ],
    ids=MAPS,
)
def test_extreme_scores_are_mapped_as_in_64_bits(fitted, softmax, rows, tmp_path):
    """Probabilities that are 0 in 32 bits, and lines of unequal length."""
    from trusteq.compress.calibrate_graph import scores_of
    from trusteq.compress.graph_source import open_graph_source

    candidate = write(tmp_path / "candidate", factor=30, softmax=softmax)
    place = scores_of(open_graph_source(str(candidate), name="candidate"))
    (tmp_path / "out").mkdir()
    place.write(tmp_path / "out", fitted)
    p = trusteq.open_model(candidate).predict(rows)
    assert p.min() < 1e-30
    expected = fitted.of(np.log(np.maximum(p, place.floor)))
    np.testing.assert_allclose(trusteq.open_model(tmp_path / "out").predict(rows), expected, rtol=0, atol=1e-5)


def test_a_graph_with_twice_the_logits_becomes_the_original_again(original, rows, tmp_path):
    candidate = write(tmp_path / "candidate", factor=2)
    made = calibrated(candidate, original, rows, tmp_path / "out")
    assert made.recipe["calibration"]["map"] == "temperature"
    assert made.recipe["calibration"]["parameters"]["temperature"] == pytest.approx(2, rel=1e-5)
    answers = [trusteq.open_model(folder).predict(rows) for folder in (made.directory, original)]
    np.testing.assert_allclose(answers[0], answers[1], rtol=0, atol=1e-6)
    assert len(made.notes) == 3  # a graph can hold every map


def test_a_label_that_the_graph_chooses_is_chosen_after_the_map(original, rows, tmp_path):
    choose = helper.make_node("ArgMax", ["logits"], ["label"], axis=1, keepdims=0)
    candidate = write(tmp_path / "candidate", shift=2, also=[choose])
    made = calibrated(candidate, original, rows, tmp_path / "out", map="vector")
    session = trusteq.open_model(made.directory).session
    x = np.asarray(rows.segments["x"], np.float32)
    logits, label = session.run(["logits", "label"], {"x": x})
    assert (label == logits.argmax(axis=1)).all()
    assert (label != trusteq.open_model(candidate).predict(rows).argmax(axis=1)).any()


def test_weights_beside_the_graph_come_along(original, rows, tmp_path):
    candidate = write(tmp_path / "candidate", factor=2, external=True)
    made = calibrated(candidate, original, rows, tmp_path / "out")
    assert (made.directory / "big.data").read_bytes() == (candidate / "big.data").read_bytes()
    weights = onnx.load(made.directory / "model.onnx", load_external_data=False).graph.initializer
    assert [w.name for w in weights if w.data_location == TensorProto.EXTERNAL] == ["weight", "bias"]


def test_a_graph_needs_no_torch(original, rows, tmp_path, monkeypatch):
    import sys

    for package in ("torch", "transformers"):
        monkeypatch.setitem(sys.modules, package, None)
    candidate = write(tmp_path / "candidate", factor=2)
    assert calibrated(candidate, original, rows, tmp_path / "out").directory.is_dir()


def test_labels_in_another_order_are_matched_by_name(original, rows, tmp_path):
    turned = write(tmp_path / "turned", factor=2)
    graph = onnx.load(turned / "model.onnx")
    for tensor in graph.graph.initializer:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor)[..., ::-1].copy(), tensor.name))
    onnx.save(graph, turned / "model.onnx")
    (turned / "config.json").write_text(json.dumps({"id2label": dict(enumerate(LABELS[::-1]))}), "utf-8")
    made = calibrated(turned, original, rows, tmp_path / "out")
    assert made.recipe["calibration"]["parameters"]["temperature"] == pytest.approx(2, rel=1e-5)
    assert made.recipe["calibration"]["labels"] == list(LABELS[::-1])


@pytest.mark.slow
def test_trees_of_scikit_learn_have_probabilities_that_are_mapped(rows, tmp_path, one_line):
    skl2onnx = pytest.importorskip("skl2onnx")
    from sklearn.ensemble import RandomForestClassifier

    x = np.asarray(rows.segments["x"], np.float32)
    y = np.array(LABELS)[np.digitize(x[:, 0] + 0.3 * x[:, 1], [-0.5, 0.5])]
    folders = {}
    for name, trees, plain in (("original", 60, True), ("small", 3, True), ("maps", 3, False)):
        forest = RandomForestClassifier(trees, random_state=0, max_depth=4).fit(x, y)
        kind = [("x", skl2onnx.common.data_types.FloatTensorType([None, 4]))]
        made = skl2onnx.convert_sklearn(forest, initial_types=kind, options={"zipmap": not plain}, target_opset=17)
        folders[name] = tmp_path / name
        folders[name].mkdir()
        onnx.save(made, folders[name] / "model.onnx")
        (folders[name] / "config.json").write_text(json.dumps({"id2label": dict(enumerate(LABELS))}), "utf-8")
    out = calibrated(folders["small"], folders["original"], rows, tmp_path / "out", map="isotonic")
    p, q = (trusteq.open_model(folder).predict(rows) for folder in (folders["small"], out.directory))
    assert (p == 0).any()
    assert q.min() > 0
    np.testing.assert_allclose(q.sum(axis=1), 1, atol=1e-6)
    with pytest.raises(ModelError) as caught:
        calibrated(folders["maps"], folders["original"], rows, tmp_path / "no")
    one_line(caught, "its scores come as a map from label to probability; export it with zipmap=False")


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ({"opset": 7}, "its opset is 7, and a map needs 8 or later; export it anew"),
        ({"dtype": np.float16}, "its scores are tensor(float16), too coarse for a map"),
    ],
)
def test_graphs_that_cannot_hold_a_map(how, expected, original, rows, tmp_path, one_line):
    candidate = write(tmp_path / "candidate", factor=2, **how)
    with pytest.raises(ModelError) as caught:
        calibrated(candidate, original, rows, tmp_path / "out")
    one_line(caught, "method calibrate does not apply to this ONNX graph", expected)
    assert not (tmp_path / "out").exists()
