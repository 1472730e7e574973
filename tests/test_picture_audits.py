"""Real models of pictures, against the figures that were measured with them by other means.

The files are not part of the project: TRUSTEQ_TEST_DATA names the folder, by default ../shared/data by the checkout.
"""

import os
import warnings
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import trusteq
from trusteq.data.pictures import Pictures

DATA = Path(os.environ.get("TRUSTEQ_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"needs real models and data in {DATA}"),
]
Image = pytest.importorskip("PIL.Image", reason="needs the extra 'pictures'")
FAST = {"resamples": 200, "with_slices": False, "explain": False, "with_other_way": False}

NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
CIFAR = {"size": [32, 32], "resize": "none", "layout": "NHWC", "scores": "probabilities", "labels": NAMES}
PERSON = {
    "size": [96, 96], "resize": "bilinear", "layout": "NHWC", "scale": "1/255",
    "scores": "probabilities", "labels": ["no person", "person"],
}  # fmt: skip
IMAGENET = {
    "size": [224, 224], "resize": "bilinear", "layout": "NHWC", "scale": "1/127.5", "mean": 1,
    "scores": "probabilities", "labels": [f"class {i}" for i in range(1001)],
}  # fmt: skip
AS_IT_IS = {"scale": 1, "mean": 0, "dtype": "uint8"}


@cache
def cifar():
    stored = np.load(DATA / "images" / "cifar10_jpeg_test2000.npz")
    ids = [f"{i:04}" for i in range(2000)]
    pictures = Pictures.of_arrays(stored["x"])
    return trusteq.Items(ids, {"picture": pictures}, labels=stored["y"].astype(np.int64), label_names=NAMES)


@cache
def people():
    stored = np.load(DATA / "models" / "person_tflite" / "pictures96.npz")
    ids, labels = [f"{i:03}" for i in range(100)], stored["y"].astype(np.int64)
    return trusteq.Items(ids, {"picture": Pictures.of_arrays(stored["x"])}, labels=labels, label_names=PERSON["labels"])


@cache
def coco():
    """Fifty photographs in their own sizes."""
    files = sorted((DATA / "detection" / "coco50" / "images").glob("*.jpg"))
    return trusteq.Items(
        [file.stem for file in files],
        {"picture": Pictures.of_arrays([np.asarray(Image.open(file).convert("RGB")) for file in files])},
    )


def litert(folder, file, stated, name=None):
    pytest.importorskip("ai_edge_litert", reason="needs the extra 'litert'")
    path = DATA / "models" / folder / f"{file}.tflite"
    return trusteq.open_model(path, name=name or file, options={"preprocessing": stated})


def answers(model, items):
    return model.predict(items).argmax(axis=1)


def test_cifar_networks_answer_as_published():
    files = ("resnet8_float", "resnet8_int8", "resnet_large_float", "resnet_large_int8")
    given = {file: answers(litert("cifar10_tflite", file, CIFAR), cifar()) for file in files}
    right = {file: (given[file] == cifar().labels).mean() for file in files}
    assert right == pytest.approx(dict(zip(files, (0.771, 0.7745, 0.826, 0.826), strict=True)), abs=1e-9)
    for one, other, agree in (
        ("resnet8_float", "resnet8_int8", 0.95),
        ("resnet_large_float", "resnet_large_int8", 0.971),
        ("resnet_large_float", "resnet8_float", 0.7905),
    ):
        assert (given[one] == given[other]).mean() == pytest.approx(agree, abs=1e-9)


def test_person_detectors_answer_as_published():
    given = [answers(litert("person_tflite", f"vww_{kind}", PERSON), people()) for kind in ("float", "int8")]
    assert [(one == people().labels).mean() for one in given] == [0.83, 0.83]
    assert (given[0] == given[1]).mean() == 0.98


def test_resizing_changes_more_answers_than_quantization():
    """Published on 100 photographs, of which these are 50: bicubic .87, nearest .56, centre crop .49, quantized .71."""
    reference = answers(litert("imagenet_tflite", "mobilenet_v1_025_float", IMAGENET), coco())

    def agreement(file, **changes):
        return (answers(litert("imagenet_tflite", file, {**IMAGENET, **changes}), coco()) == reference).mean()

    quantized = agreement("mobilenet_v1_025_quant", **AS_IT_IS)
    by_rule = {rule: agreement("mobilenet_v1_025_float", resize=rule) for rule in ("bicubic", "nearest")}
    cropped = agreement("mobilenet_v1_025_float", crop="centre", shorter=256)
    assert 0.8 < by_rule["bicubic"] < 0.95
    assert max(by_rule["nearest"], cropped) < quantized < by_rule["bicubic"]
    assert by_rule["nearest"] == pytest.approx(0.56, abs=0.12)
    assert quantized == pytest.approx(0.71, abs=0.1)


def test_an_audit_of_the_int8_twin_says_what_was_measured(tmp_path):
    models = [litert("cifar10_tflite", f"resnet8_{kind}", CIFAR, kind) for kind in ("float", "int8")]
    result = trusteq.audit(*models, cifar(), **FAST)
    measured = result["int8"].measures["behaviour"]
    assert measured["agreement"].value == pytest.approx(0.95, abs=1e-9)
    assert measured["accuracy_difference"].value == pytest.approx(0.0035, abs=1e-9)
    assert [cost.parameters for cost in result.costs.models] == [77_706, 77_706]
    kinds = {finding.kind for finding in result["int8"].candidate.findings}
    assert "rounded probabilities" in kinds
    assert not kinds & {"other preprocessing", "batch-dependent", "not deterministic"}
    assert trusteq.load_run(result.save(tmp_path / "run")).manifest["models"][1]["kind"] == "litert"


def test_a_small_network_is_no_replacement_for_a_large_one():
    large, small = litert("cifar10_tflite", "resnet_large_int8", CIFAR), litert("cifar10_tflite", "resnet8_int8", CIFAR)
    result = trusteq.audit(large, small, cifar(), **FAST)
    assert result["resnet8_int8"].verdict.outcome is trusteq.Outcome.NOT_EQUIVALENT


def test_a_model_agrees_with_itself_on_everything():
    model = litert("cifar10_tflite", "resnet8_int8", CIFAR)
    measured = trusteq.audit(model, {"again": model}, cifar().take(range(0, 2000, 7)), allow_same=True, **FAST)[
        "again"
    ].measures
    assert measured["behaviour"]["agreement"].value == 1.0


def test_another_rule_and_a_crop_are_said_above_the_numbers():
    reference = litert("imagenet_tflite", "mobilenet_v1_025_float", IMAGENET, "float")
    nearest = litert("imagenet_tflite", "mobilenet_v1_025_float", {**IMAGENET, "resize": "nearest"}, "nearest")
    quantized = litert("imagenet_tflite", "mobilenet_v1_025_quant", {**IMAGENET, **AS_IT_IS}, "quantized")
    result = trusteq.audit(reference, {"nearest": nearest, "quantized": quantized}, coco(), costs="none", **FAST)
    (finding,) = [one for one in result["nearest"].candidate.findings if one.kind == "other preprocessing"]
    differing = (answers(reference, coco()) != answers(nearest, coco())).sum()
    assert f"that alone changes {differing} of its 50 answers" in finding.message
    assert "other preprocessing" not in {one.kind for one in result["quantized"].candidate.findings}


def test_the_int8_twin_looks_at_the_same_tiles():
    """Measured before, on 60 other pictures with 96 masks each: .988, with a standard error of .004."""
    models = [litert("cifar10_tflite", f"resnet8_{kind}", CIFAR, kind) for kind in ("float", "int8")]
    settings = {**FAST, "explain": trusteq.ExplainSettings(items=60, masks=128), "costs": "none"}
    items = cifar().take(range(0, 2000, 20))
    measured = trusteq.audit(*models, items, **settings)["int8"].measures["explanation"]
    for method in ("lime", "shapley"):
        assert measured[f"alignment_{method}"].value == pytest.approx(0.988, abs=0.01)
        assert measured[f"reliability_reference_{method}"].value > 0.4


def test_a_model_looks_at_the_same_tiles_as_itself():
    model = litert("cifar10_tflite", "resnet8_int8", CIFAR)
    settings = {**FAST, "explain": trusteq.ExplainSettings(items=30, masks=128), "costs": "none"}
    result = trusteq.audit(model, {"again": model}, cifar().take(range(0, 2000, 50)), allow_same=True, **settings)
    measured = result["again"].measures["explanation"]
    assert measured["alignment_lime"].value == measured["alignment_shapley"].value == pytest.approx(1, abs=1e-12)


def test_two_processes_give_the_same_bytes():
    models = [litert("cifar10_tflite", f"resnet8_{kind}", CIFAR, kind) for kind in ("float", "int8")]
    items = cifar().take(range(0, 2000, 7))
    settings = {**FAST, "explain": trusteq.ExplainSettings(items=20, masks=64), "costs": "none"}
    here = trusteq.audit(*models, items, **settings)
    with trusteq.executor(workers=2) as workers:
        there = trusteq.audit(*models, items, executor=workers, **settings)
    assert estimates(here) == estimates(there)
    assert [one.rows.values.tobytes() for one in responses(here)] == [
        one.rows.values.tobytes() for one in responses(there)
    ]


def estimates(result):
    return {name: str(value) for part in result["int8"].measures.values() for name, value in part.items()}


def responses(result):
    return [result.reference, *(comparison.candidate for comparison in result.comparisons)]


def cifar_resnet(depth):
    """The published network of this depth, with shortcuts without weights."""
    torch = pytest.importorskip("torch", reason="needs torch to export")
    from torch import nn
    from torch.nn import functional

    def layers(given, made, stride):
        return {
            "conv1": nn.Conv2d(given, made, 3, stride, 1, bias=False), "bn1": nn.BatchNorm2d(made),
        }  # fmt: skip

    class Block(nn.Module):
        def __init__(self, given, made, stride):
            super().__init__()
            for name, layer in layers(given, made, stride).items():
                setattr(self, name, layer)
            self.conv2, self.bn2 = nn.Conv2d(made, made, 3, 1, 1, bias=False), nn.BatchNorm2d(made)
            self.more = (made - given) // 2

        def forward(self, x):
            y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
            if self.more:
                x = functional.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.more, self.more))
            return functional.relu(y + x)

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            for name, layer in layers(3, 16, 1).items():
                setattr(self, name, layer)
            blocks = (depth - 2) // 6
            for number, (given, made) in enumerate([(16, 16), (16, 32), (32, 64)], 1):
                first = Block(given, made, 1 if given == made else 2)
                rest = [Block(made, made, 1) for _ in range(blocks - 1)]
                setattr(self, f"layer{number}", nn.Sequential(first, *rest))
            self.linear = nn.Linear(64, 10)

        def forward(self, x):
            x = functional.relu(self.bn1(self.conv1(x)))
            return self.linear(self.layer3(self.layer2(self.layer1(x))).mean((2, 3)))

    (file,) = (DATA / "models" / "resnet_cifar10").glob(f"resnet{depth}-*.th")
    network = Network()
    weights = torch.load(file, map_location="cpu", weights_only=True)["state_dict"]
    network.load_state_dict({name.removeprefix("module."): value for name, value in weights.items()})
    return network.eval()


def test_an_export_to_onnx_answers_as_the_network_it_came_from(tmp_path):
    torch = pytest.importorskip("torch", reason="needs torch to export")
    pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
    network, file = cifar_resnet(20), tmp_path / "resnet20.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that needs no further package is deprecated
        torch.onnx.export(
            network, torch.zeros(1, 3, 32, 32), file, dynamo=False, input_names=["x"], output_names=["logits"],
            dynamic_axes={"x": {0: "n"}, "logits": {0: "n"}},
        )  # fmt: skip
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    (tmp_path / "resnet20.yaml").write_text(
        f"size: [32, 32]\nresize: none\nlayout: NCHW\nscale: 1/255\nmean: {mean}\nstd: {std}\nlabels: {NAMES}\n"
    )
    model, items = trusteq.open_model(file), cifar().take(range(0, 2000, 4))
    pixels = torch.from_numpy(np.stack(items.segments["picture"].inputs()).astype(np.float32) / 255)
    with torch.inference_mode():
        own = torch.softmax(
            network(((pixels - torch.tensor(mean)) / torch.tensor(std)).permute(0, 3, 1, 2)).double(), 1
        )
    exported = model.predict(items)
    assert np.abs(exported - own.numpy()).max() < 1e-4
    assert 0.78 < (exported.argmax(axis=1) == items.labels).mean() < 0.88
    # A network in eight bits, of another family and runtime, can be its candidate.
    small = litert("cifar10_tflite", "resnet8_int8", CIFAR)
    measured = trusteq.audit(model, small, items, costs="none", **FAST)["resnet8_int8"]
    assert 0.7 < measured.measures["behaviour"]["agreement"].value < 0.85
    assert "other preprocessing" not in {one.kind for one in measured.candidate.findings}


def test_memory_is_measured_in_a_process_that_opens_the_same_model():
    models = [litert("cifar10_tflite", f"resnet8_{kind}", CIFAR, kind) for kind in ("float", "int8")]
    result = trusteq.audit(*models, cifar().take(range(0, 2000, 40)), costs="full", **FAST)
    assert [0 < cost.peak_bytes < 2**28 for cost in result.costs.models] == [True, True]
    assert result.costs.notes == ()
    assert (result.costs.machine.device, result.costs.machine.threads) == ("cpu", 1)
