"""Candidates of models of pictures: transformers classifiers with their processor, and ONNX graphs with their YAML."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

import trusteq
import trusteq.compress
from trusteq import DataError, Items, ModelError, OptionError
from trusteq.compress.candidate import RECIPE
from trusteq.compress.graph_source import open_graph_source
from trusteq.compress.methods import METHODS
from trusteq.data.arrays import Arrays
from trusteq.data.pictures import Pictures

onnx = pytest.importorskip("onnx", reason="needs onnx to build graphs")
pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
pytest.importorskip("PIL", reason="needs the extra 'pictures'")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

DATA = Path(os.environ.get("TRUSTEQ_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))
LABELS = ("cat", "dog", "hat")
STATED = "# as it was trained\nsize: [8, 8]\nresize: bilinear\nlayout: NCHW\nscale: 1/255\nlabels: [cat, dog, hat]\n"


@pytest.fixture(scope="session")
def photos():
    """Pictures of several sizes, without labels."""
    rng = np.random.default_rng(7)
    sizes = [(8 + i % 5, 8 + i % 3) for i in range(40)]
    pixels = [(rng.uniform(0, 255, 3) + rng.normal(0, 40, (*size, 3))).clip(0, 255).astype(np.uint8) for size in sizes]
    return Items([f"{i:02}" for i in range(40)], {"photo": Pictures.of_arrays(pixels)})


def write(path, *, opset=17, stated=STATED, sides=(8, 8)):
    """A graph of two convolutions and a linear map."""
    rng = np.random.default_rng(1)
    weights = {
        "first": rng.normal(size=(6, 3, 3, 3)), "first bias": rng.normal(size=6),
        "second": rng.normal(size=(8, 6, 3, 3)),
        "head": rng.normal(size=(8, 3)), "head bias": rng.normal(size=3),
    }  # fmt: skip
    nodes = [
        helper.make_node("Conv", ["x", "first", "first bias"], ["a"], name="one", pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["a"], ["b"], name="two"),
        helper.make_node("Conv", ["b", "second"], ["c"], name="three"),
        helper.make_node("GlobalAveragePool", ["c"], ["d"], name="four"),
        helper.make_node("Flatten", ["d"], ["e"], name="five"),
        helper.make_node("Gemm", ["e", "head", "head bias"], ["logits"], name="six"),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 3, *sides])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", 3])],
        [numpy_helper.from_array(values.astype(np.float32), name) for name, values in weights.items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8), path)
    if stated:
        path.with_suffix(".yaml").write_text(stated, "utf-8")
    return path


@pytest.fixture
def graph(tmp_path):
    return write(tmp_path / "resnet.onnx")


def static(source, out, photos, **options):
    return trusteq.compress.make(source, method="int8-static", out=out, items=photos, **options)


def weights_of(folder):
    model = onnx.load(folder / "model.onnx")
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


# ONNX graphs


@pytest.mark.parametrize("method", ["int8-onnx", "int8-static"])
def test_a_rounded_graph_answers_nearly_as_the_original_and_is_a_model_of_pictures(method, graph, tmp_path, photos):
    data = {"items": photos} if method == "int8-static" else {}
    made = trusteq.compress.make(graph, method=method, out=tmp_path / "int8", **data)
    model, original = trusteq.open_model(made.directory), trusteq.open_model(graph)
    assert model.labels == LABELS
    assert model.traits.reads == {"picture"}
    moved = np.abs(model.predict(photos) - original.predict(photos))
    assert 1e-5 < moved.max() < 0.1
    assert {file.name for file in made.directory.iterdir()} == {"model.onnx", "model.yaml", RECIPE}
    assert (made.directory / "model.yaml").read_text("utf-8") == STATED
    kept = [
        name for name, values in weights_of(made.directory).items() if values.dtype == np.float32 and values.size > 8
    ]
    assert kept == []


def test_the_scales_hold_what_the_graph_reads_of_the_calibration_pictures(graph, tmp_path, photos):
    made = static(graph, tmp_path / "int8", photos, calibrate=4)
    chosen = photos.take(np.array([0, 13, 26, 39]))  # evenly spaced
    seen = list(trusteq.models.picture_input.picture_inputs(chosen, trusteq.open_model(graph).preprocessing, name="m"))
    weights = weights_of(made.directory)
    assert weights["x_scale"] == pytest.approx(max(0, np.max(seen)) / 255, rel=1e-6)
    assert weights["x_zero_point"] == 0
    # Seven bits: 255 x 64 and as much again are less than 2^15, so no processor's sums of two products overflow.
    assert np.abs(weights["first_quantized"].astype(int)).max() <= 64
    assert made.recipe["calibration"]["items"] == 4
    assert made.recipe["calibration"]["content"] == chosen.content()


def test_the_note_counts_the_answers_that_stay_the_same(graph, tmp_path, photos):
    made = static(graph, tmp_path / "int8", photos)
    answers = [trusteq.open_model(where).predict(photos).argmax(axis=1) for where in (graph, made.directory)]
    same = (answers[0] == answers[1]).sum()
    assert made.notes == (
        f"calibrated on 40 of 40 items, and answers {same} of these as the original does; audit it on others",
    )


def test_a_graph_before_opset_13_has_one_scale_for_each_weight_and_the_note_says_so(tmp_path, photos):
    """With a scale a channel ONNX Runtime writes a graph that it then calls invalid."""
    old, new = (static(write(tmp_path / f"{n}.onnx", opset=n), tmp_path / f"out{n}", photos) for n in (12, 13))
    assert weights_of(old.directory)["second_scale"].shape == ()
    assert weights_of(new.directory)["second_scale"].shape == (8,)
    assert [made.recipe["scale per channel"] for made in (old, new)] == [False, True]
    assert "its opset is below 13" in old.notes[1]
    assert len(new.notes) == 1
    moved = trusteq.open_model(old.directory).predict(photos) - trusteq.open_model(tmp_path / "12.onnx").predict(photos)
    assert np.abs(moved).max() < 0.1


def test_scores_are_not_rounded_so_that_labels_do_not_tie(graph, tmp_path, photos):
    made = static(graph, tmp_path / "int8", photos)
    assert onnx.load(made.directory / "model.onnx").graph.node[-1].op_type != "DequantizeLinear"
    assert len({row.tobytes() for row in trusteq.open_model(made.directory).predict(photos)}) == 40


@pytest.mark.parametrize("method", ["int8-onnx", "int8-static"])
def test_the_same_again_gives_the_same_bytes_without_torch_or_a_word(
    method, graph, tmp_path, photos, capfd, monkeypatch
):
    data = {"items": photos} if method == "int8-static" else {}
    first = trusteq.compress.make(graph, method=method, out=tmp_path / "one", **data).directory
    for package in ("torch", "transformers"):
        monkeypatch.setitem(sys.modules, package, None)
    capfd.readouterr()
    second = trusteq.compress.make(graph, method=method, out=tmp_path / "two", **data).directory
    assert capfd.readouterr() == ("", "")
    for file in first.iterdir():
        assert file.read_bytes() == (second / file.name).read_bytes(), file.name
    versions = json.loads((first / RECIPE).read_text("utf-8"))["versions"]
    assert set(versions) == {"trusteq", "onnx", "onnxruntime"}


@pytest.mark.parametrize("method", ["int8-onnx", "int8-static"])
def test_a_graph_that_takes_pictures_of_any_size_is_asked_about_those_of_its_preprocessing(method, tmp_path, photos):
    file = write(tmp_path / "open.onnx", sides=("height", "width"))
    data = {"items": photos} if method == "int8-static" else {}
    made = trusteq.compress.make(file, method=method, out=tmp_path / "out", **data)
    assert open_graph_source(str(file), name="m").feed()["x"].shape == (1, 3, 8, 8)
    assert trusteq.open_model(made.directory).predict(photos).shape == (40, 3)


def test_weights_outside_of_the_graph_are_rounded_with_it(graph, tmp_path, photos):
    model = onnx.load(graph)
    (tmp_path / "apart").mkdir()
    apart = tmp_path / "apart" / "resnet.onnx"
    onnx.save(model, apart, save_as_external_data=True, location="weights.bin", size_threshold=0)
    apart.with_suffix(".yaml").write_text(STATED, "utf-8")
    for method, data in (("int8-onnx", {}), ("int8-static", {"items": photos})):
        made, whole = (
            trusteq.compress.make(file, method=method, out=tmp_path / f"{method} {number}", **data)
            for number, file in enumerate((apart, graph))
        )
        answers = [trusteq.open_model(one.directory).predict(photos) for one in (made, whole)]
        assert answers[0].tobytes() == answers[1].tobytes()
        assert not (made.directory / "weights.bin").exists()


def test_graphs_that_read_arrays_are_rounded_and_calibrated_on_arrays(tmp_path, photos):
    file = write(tmp_path / "plain.onnx", stated=None)
    (tmp_path / "config.json").write_text(json.dumps({"id2label": dict(enumerate(LABELS))}), "utf-8")
    values = np.random.default_rng(2).uniform(size=(30, 3, 8, 8)).astype(np.float32)
    items = Items([str(i) for i in range(30)], {"x": Arrays(values)})
    made = static(file, tmp_path / "out", items)
    moved = trusteq.open_model(made.directory).predict(items) - trusteq.open_model(file).predict(items)
    assert 0 < np.abs(moved).max() < 0.1


def test_what_cannot_be_rounded_is_one_line_and_leaves_nothing(graph, tmp_path, photos, one_line):
    def refused(error, source, method, *expected, **data):
        with pytest.raises(error) as caught:
            trusteq.compress.make(source, method=method, out=tmp_path / "out", **data)
        one_line(caught, *expected)
        assert not (tmp_path / "out").exists()
        assert not list(tmp_path.glob(".trusteq-*"))

    refused(OptionError, graph, "int8-static", "--data, a folder of pictures or a table with --picture")
    refused(OptionError, graph, "int8-onnx", "items has no effect", items=photos)
    refused(ModelError, graph, "fp16", "is not a transformers classifier", "but an ONNX model")
    texts = Items(["a"], {"text": ["a text"]})
    refused(DataError, graph, "int8-static", "model resnet reads a picture, but the items have 'text'", items=texts)
    rounded = static(graph, tmp_path / "int8", photos).directory
    refused(ModelError, rounded, "int8-onnx", "this ONNX graph: it is already quantized")
    old = write(tmp_path / "old.onnx", opset=10)
    refused(ModelError, old, "int8-static", "its opset is 10 and ONNX Runtime rounds graphs of 11", items=photos)
    bare = tmp_path / "bare.onnx"
    bare.write_bytes(graph.read_bytes())  # without the .yaml and the config.json that would name its labels
    refused(ModelError, bare, "int8-onnx", "no config.json with id2label beside bare.onnx; copy it there")
    (tmp_path / "other.tflite").write_bytes(b"....TFL3")
    refused(ModelError, tmp_path / "other.tflite", "int8-onnx", "but a LiteRT model", "or a .onnx file")


def test_a_graph_without_weights_is_one_line(tmp_path, one_line):
    nodes = [helper.make_node("GlobalAveragePool", ["x"], ["m"]), helper.make_node("Flatten", ["m"], ["logits"])]
    sides = (("x", ["n", 3, 8, 8]), ("logits", ["n", 3]))
    entries = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)] for name, shape in sides]
    model = helper.make_model(
        helper.make_graph(nodes, "g", *entries), opset_imports=[helper.make_opsetid("", 17)], ir_version=8
    )
    onnx.save(model, tmp_path / "mean.onnx")
    (tmp_path / "mean.yaml").write_text(STATED, "utf-8")
    with pytest.raises(ModelError) as caught:
        trusteq.compress.make(tmp_path / "mean.onnx", method="int8-onnx", out=tmp_path / "out")
    one_line(caught, "it has no weights that ONNX Runtime rounds")


# transformers models


@pytest.fixture(scope="session")
def networks(tmp_path_factory):
    """A function from a kind to the folder of a classifier of pictures with random weights."""
    torch = pytest.importorskip("torch", reason="needs the extra 'transformers'")
    transformers = pytest.importorskip("transformers", reason="needs the extra 'transformers'")
    names = {"id2label": dict(enumerate(LABELS)), "label2id": {label: i for i, label in enumerate(LABELS)}}
    found = {}

    def network(kind):
        if kind not in found:
            config = {
                "ViT": lambda: transformers.ViTConfig(
                    image_size=16, patch_size=4, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                    intermediate_size=64, **names,
                ),
                "ResNet": lambda: transformers.ResNetConfig(
                    embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", **names
                ),
                "Swin": lambda: transformers.SwinConfig(
                    image_size=16, patch_size=2, embed_dim=16, depths=[1, 1], num_heads=[2, 2], window_size=4, **names
                ),
            }[kind]()  # fmt: skip
            torch.manual_seed(0)
            model = getattr(transformers, f"{kind}ForImageClassification")(config)
            with torch.no_grad():
                for name, parameter in model.named_parameters():
                    parameter.normal_(std=3 if kind == "ResNet" and "classifier" in name else 0.3)
            found[kind] = tmp_path_factory.mktemp(kind)
            model.save_pretrained(found[kind])
            transformers.ViTImageProcessorPil(size={"height": 16, "width": 16}).save_pretrained(found[kind])
        return found[kind]

    return network


WORKING = [
    *(("ViT", method) for method in ("fp16", "int8-weights", "int4-weights", "prune-2of4", "prune-heads")),
    *(("ViT", method) for method in ("prune-weights", "prune-neurons", "drop-layers", "low-rank")),
    *(("ResNet", method) for method in ("bf16", "prune-weights")),
    ("Swin", "int8-dynamic"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "method"), WORKING)
def test_methods_of_torch_make_candidates_with_the_same_processor(kind, method, networks, tmp_path, photos):
    for package in METHODS[method].packages:
        pytest.importorskip(package.replace("-", "_"))
    source = networks(kind)
    made = trusteq.compress.make(source, method=method, out=tmp_path / "out")
    moved = trusteq.open_model(made.directory).predict(photos) - trusteq.open_model(source).predict(photos)
    assert np.abs(moved).max() > 1e-5
    if method in {"fp16", "bf16", "int8-weights", "int8-dynamic"}:
        assert np.abs(moved).mean() < 0.05
    processor = "preprocessor_config.json"
    assert (made.directory / processor).read_bytes() == (source / processor).read_bytes()
    assert ("same size" in METHODS[method].summary) == (made.after.disk_bytes == made.before.disk_bytes)


def test_pruning_takes_the_smallest_weights_of_convolutions_too(networks, tmp_path):
    from safetensors.numpy import load_file

    made = trusteq.compress.make(networks("ResNet"), method="prune-weights", out=tmp_path / "out", share=0.25)
    before, after = (load_file(folder / "model.safetensors") for folder in (networks("ResNet"), made.directory))
    convolutions = [name for name, values in before.items() if values.ndim == 4]
    assert len(convolutions) == made.recipe["linear_weights"] / sum(before[n].size for n in convolutions) * len(
        convolutions
    )
    for name, values in before.items():
        smallest = np.argsort(np.abs(values), axis=None)[: round(0.25 * values.size) if name in convolutions else 0]
        expected = values.flatten()
        expected[smallest] = 0
        assert np.array_equal(after[name].flatten(), expected), name
    assert "weights of linear maps and convolutions are 0" in made.notes[0]


@pytest.mark.parametrize("method", ["onnx", "int8-static"])
def test_a_network_becomes_a_graph_with_its_processor_as_yaml(method, networks, tmp_path, photos):
    source = networks("ViT")
    data = {"items": photos} if method == "int8-static" else {}
    made = trusteq.compress.make(source, method=method, out=tmp_path / "out", **data)
    assert {file.name for file in made.directory.iterdir()} == {"model.onnx", "model.yaml", RECIPE}
    model, original = trusteq.open_model(made.directory), trusteq.open_model(source)
    assert model.labels == LABELS
    how = original.traits.preprocessing
    assert model.traits.preprocessing.stated() == {**how.stated(), "labels": list(LABELS), "scores": "logits"}
    moved = np.abs(model.predict(photos) - original.predict(photos)).max()
    assert moved < (1e-4 if method == "onnx" else 0.3)


@pytest.mark.parametrize(
    ("kind", "method", "expected"),
    [
        ("ResNet", "int8-weights", "it has no torch.nn.Linear"),
        ("ResNet", "prune-heads", "has no num_attention_heads for all layers"),
        ("ResNet", "prune-neurons", "has no intermediate_size"),
        ("ResNet", "drop-layers", "its configuration has no num_hidden_layers"),
        ("Swin", "prune-heads", "has no num_attention_heads for all layers"),
        ("Swin", "drop-layers", "its layers come in stages"),
        ("ViT", "int4-gptq", "it is for classifiers and language models only"),
        ("ViT", "distil", "it is for classifiers only"),
    ],
)
def test_what_does_not_apply_to_a_network_is_one_line(kind, method, expected, networks, tmp_path, photos, one_line):
    for package in METHODS[method].packages:
        pytest.importorskip(package.replace("-", "_"))
    data = {"items": photos} if METHODS[method].learns or METHODS[method].calibrates else {}
    with pytest.raises(ModelError) as caught:
        trusteq.compress.make(networks(kind), method=method, out=tmp_path / "out", **data)
    one_line(caught, f"method {method} does not apply to this {kind}ForImageClassification", expected)


def test_what_a_graph_cannot_state_is_one_line(networks, tmp_path, one_line):
    folder = tmp_path / "unsized"
    folder.mkdir()
    for file in networks("ViT").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    settings = json.loads((folder / "preprocessor_config.json").read_text("utf-8"))
    (folder / "preprocessor_config.json").write_text(json.dumps({**settings, "do_resize": False}), "utf-8")
    with pytest.raises(ModelError) as caught:
        trusteq.compress.make(folder, method="onnx", out=tmp_path / "out")
    one_line(caught, "what ViTImageProcessorPil does to a picture cannot be stated")


@pytest.mark.slow
def test_rounded_weights_under_other_names_must_be_those_that_are_stored(networks, tmp_path):
    pytest.importorskip("torchao")
    from trusteq.models.checkpoint import weights
    from trusteq.models.loaded_whole import refuse_parameters_not_in_files

    made = trusteq.compress.make(networks("ViT"), method="int8-weights", out=tmp_path / "int8")
    loaded = trusteq.open_model(made.directory).loaded
    refuse_parameters_not_in_files(loaded.model, weights(loaded.files), unused=(), name="m")
    loaded.model.vit.layers[0].mlp.fc1.weight.data.qdata[0, 0] += 1
    with pytest.raises(
        ModelError, match=r"1 of its tensors differ from the checkpoint \(vit.layers.0.mlp.fc1.weight\)"
    ):
        refuse_parameters_not_in_files(loaded.model, weights(loaded.files), unused=(), name="m")


# real files


@pytest.fixture(scope="module")
def resnet20(tmp_path_factory):
    """A ResNet-20 of CIFAR-10 from its published weights, as a graph, and its pictures: 100 to calibrate on, 1,900."""
    torch = pytest.importorskip("torch", reason="needs torch to export the network")
    from oracles.resnet_cifar import resnet20

    folder = tmp_path_factory.mktemp("resnet20")
    stored = np.load(DATA / "images" / "cifar10_jpeg_test2000.npz")
    names = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
    state = torch.load(
        DATA / "models" / "resnet_cifar10" / "resnet20-12fca82f.th", map_location="cpu", weights_only=True
    )
    with pytest.warns():  # deprecated by torch, but the other exporter needs onnxscript
        torch.onnx.export(
            resnet20(state["state_dict"]), torch.zeros(2, 3, 32, 32), folder / "resnet20.onnx", input_names=["x"],
            output_names=["logits"], dynamic_axes={"x": {0: "n"}, "logits": {0: "n"}}, opset_version=17, dynamo=False,
        )  # fmt: skip
    (folder / "resnet20.yaml").write_text(
        "size: [32, 32]\nresize: none\nlayout: NCHW\nscale: 1/255\nmean: [0.485, 0.456, 0.406]\n"
        f"std: [0.229, 0.224, 0.225]\nlabels: [{', '.join(names)}]\n"
    )
    items = Items(
        [f"{i:04}" for i in range(2000)],
        {"picture": Pictures.of_arrays(stored["x"])},
        labels=stored["y"].astype(np.int64),
        label_names=names,
    )
    calibration = np.arange(0, 2000, 20)
    return folder / "resnet20.onnx", items.take(calibration), items.take(np.setdiff1d(np.arange(2000), calibration))


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason=f"needs real models and data in {DATA}")
def test_a_resnet20_rounded_for_100_pictures_stays_within_the_margins_of_behaviour(resnet20, tmp_path):
    file, calibration, others = resnet20
    made = static(file, tmp_path / "int8", calibration)
    assert made.after.disk_bytes < 0.31 * made.before.disk_bytes
    result = trusteq.audit(
        *(trusteq.open_model(path) for path in (file, made.directory)),
        others,
        resamples=500,
        explain=False,
        with_slices=False,
        costs="none",
    )
    measured = result["int8"].measures["behaviour"]
    assert measured["agreement"].value == pytest.approx(0.985, abs=0.01)
    assert abs(measured["accuracy_difference"].value) < 0.01
    outcomes = {one.dimension: one.outcome for one in result["int8"].verdict.dimensions}
    assert outcomes["behaviour"] is trusteq.Outcome.EQUIVALENT
