"""Calibrated candidates: the saved model answers as the map says, and nothing else of it has changed."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from oracles import tiny_models

import trusteq
import trusteq.compress
from trusteq import DataError, Items, ModelError, OptionError
from trusteq.compress.calibrate import SAME
from trusteq.compress.calibrate_maps import Isotonic, Line, Temperature, Vector
from trusteq.compress.candidate import RECIPE

torch = pytest.importorskip("torch")
from safetensors.torch import load_file, save_file  # noqa: E402


@pytest.fixture(scope="session")
def phrases(texts):
    """Texts without labels."""
    return Items(ids=[f"p{i}" for i in range(200)], segments={"text": texts(200, 9)})


def edited(source, folder, change):
    """A copy of a checkpoint whose head's tensors were changed: a function from name and tensor to a tensor."""
    shutil.copytree(source, folder)
    tensors = load_file(folder / "model.safetensors")
    head = {name: change(name, tensor) for name, tensor in tensors.items() if name.startswith(("classifier", "score"))}
    save_file(tensors | head, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="session")
def sharp(large, tmp_path_factory):
    """The large model with twice its logits."""
    return edited(large, tmp_path_factory.mktemp("sharp") / "sharp", lambda _, tensor: 2 * tensor)


@pytest.fixture(scope="session")
def shifted(large, tmp_path_factory):
    """The large model with other biases of its labels."""
    shift = torch.tensor([1.0, -1.0, 0.5])
    folder = tmp_path_factory.mktemp("shifted") / "shifted"
    return edited(large, folder, lambda name, tensor: tensor + shift if "bias" in name else tensor)


def calibrated(candidate, original, items, out, **options):
    options = {"audit": False} | options
    return trusteq.compress.make(candidate, method="calibrate", original=original, items=items, out=out, **options)


def by_hand(recipe, p):
    """The map in a recipe, applied to probabilities [items, labels]."""
    made = recipe["calibration"]
    parameters = made["parameters"]
    if made["map"] in ("temperature", "matched"):
        fitted = Temperature(parameters["temperature"])
    elif made["map"] == "vector":
        fitted = Vector(np.array(parameters["scale"]), np.array(parameters["bias"]))
    else:
        points = zip(parameters["at"], parameters["becomes"], strict=True)
        fitted = Isotonic(tuple(Line(np.array(at), np.array(becomes)) for at, becomes in points))
    return fitted.of(np.log(p))


def agrees(made, candidate, items):
    """Whether the saved model answers as its recipe's map of the candidate's answers."""
    expected = by_hand(made.recipe, trusteq.open_model(candidate).predict(items))
    return np.abs(trusteq.open_model(made.directory).predict(items) - expected).max() <= SAME


# transformers classifiers


def test_twice_the_logits_become_the_original_again(sharp, large, phrases, tmp_path):
    made = calibrated(sharp, large, phrases, tmp_path / "out")
    facts = made.recipe["calibration"]
    assert facts["map"] == "temperature"
    assert facts["parameters"]["temperature"] == pytest.approx(2, rel=1e-5)
    assert facts["in"] == "classifier"
    assert facts["changed answers"] == 0
    kl = facts["held out"]
    assert kl["none"]["kl"] > 0.01
    assert kl["temperature"]["kl"] < 1e-9
    assert kl["temperature"]["gain"] == pytest.approx(kl["none"]["kl"], rel=1e-6)
    assert facts["mean confidence"]["after"] == pytest.approx(facts["mean confidence"]["original"], abs=1e-6)
    model, original = trusteq.open_model(made.directory), trusteq.open_model(large)
    np.testing.assert_allclose(model.predict(phrases), original.predict(phrases), rtol=0, atol=1e-6)
    assert made.notes[0].startswith("temperature 2: KL from the original on held-out items ")
    assert made.notes[1] == "a temperature changes no answer"
    assert made.notes[2].startswith("mean confidence on held-out items 0.8")
    assert "isotonic was not tried: a linear layer cannot hold one" in made.notes[3]


def test_shifted_labels_become_the_original_again(shifted, large, phrases, tmp_path):
    made = calibrated(shifted, large, phrases, tmp_path / "out")
    assert made.recipe["calibration"]["map"] == "vector"
    answers = [trusteq.open_model(folder).predict(phrases) for folder in (shifted, made.directory, large)]
    np.testing.assert_allclose(answers[1], answers[2], rtol=0, atol=0.01)
    assert np.abs(answers[0] - answers[2]).max() > 0.1
    changed = (answers[0].argmax(axis=1) != answers[1].argmax(axis=1)).sum()
    assert changed > 0
    assert made.notes[1] == f"{changed} of 200 answers change"
    assert agrees(made, shifted, phrases)


@pytest.mark.parametrize("map_", ["temperature", "vector"])
def test_only_the_head_s_tensors_change(map_, sharp, large, phrases, tmp_path):
    made = calibrated(sharp, large, phrases, tmp_path / "out", map=map_)
    for file in sharp.iterdir():
        same = file.read_bytes() == (made.directory / file.name).read_bytes()
        assert same == (file.name != "model.safetensors"), file.name
    before, after = (load_file(folder / "model.safetensors") for folder in (sharp, made.directory))
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    # The bias is 0 before, and so after a temperature.
    assert changed == {"classifier.weight"} | ({"classifier.bias"} if map_ == "vector" else set())


@pytest.mark.slow
@pytest.mark.parametrize("method", ["int4-weights", "int8-weights"])
def test_what_is_rounded_stays_as_it_is(method, made, large, phrases, tmp_path):
    candidate = made(method).directory
    out = calibrated(candidate, large, phrases, tmp_path / "out", map="vector")
    assert agrees(out, candidate, phrases)
    before, after = (load_file(folder / "model.safetensors") for folder in (candidate, out.directory))
    changed = {
        name for name in before if before[name].dtype != after[name].dtype or not torch.equal(before[name], after[name])
    }
    assert changed == {"classifier.weight", "classifier.bias"}
    for name in ("config.json", "tokenizer.json"):
        assert (candidate / name).read_bytes() == (out.directory / name).read_bytes()
    assert out.before.disk_bytes == out.after.disk_bytes


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "where"), [("roberta", "classifier.out_proj"), ("llama", "score")])
def test_the_last_layer_of_other_architectures(kind, where, phrases, tmp_path, one_line):
    side = "left" if kind == "llama" else "right"
    large = tiny_models.save(kind, tmp_path / kind, side=side)
    candidate = edited(large, tmp_path / "sharp", lambda name, tensor: 3 * tensor if where in name else tensor)
    made = calibrated(candidate, large, phrases, tmp_path / "out")
    assert made.recipe["calibration"]["in"] == where
    assert made.recipe["calibration"]["parameters"]["temperature"] == pytest.approx(3, rel=1e-4)
    assert agrees(made, candidate, phrases)
    if kind == "llama":
        assert any("vector was not tried: its last layer, score, has no bias" in note for note in made.notes)
        with pytest.raises(ModelError) as caught:
            calibrated(candidate, large, phrases, tmp_path / "no", map="vector")
        one_line(caught, "--map vector: its last layer, score, has no bias", "use --map temperature")


def test_a_network_of_pictures(tmp_path, one_line):
    pytest.importorskip("PIL")
    import transformers

    from trusteq.data.pictures import Pictures

    rng = np.random.default_rng(7)
    photos = Items(
        [str(i) for i in range(60)],
        {"photo": Pictures.of_arrays([rng.integers(0, 256, (16, 16, 3), dtype=np.uint8) for _ in range(60)])},
    )
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, image_size=16, patch_size=8,
        id2label={0: "cat", 1: "dog", 2: "hat"}, label2id={"cat": 0, "dog": 1, "hat": 2},
    )  # fmt: skip
    torch.manual_seed(0)
    model = transformers.ViTForImageClassification(config)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=0.3)
    model.save_pretrained(tmp_path / "vit")
    transformers.ViTImageProcessorPil(size={"height": 16, "width": 16}).save_pretrained(tmp_path / "vit")
    sharp = edited(tmp_path / "vit", tmp_path / "sharp", lambda _, tensor: 2 * tensor)
    made = calibrated(sharp, tmp_path / "vit", photos, tmp_path / "out")
    assert made.recipe["calibration"]["parameters"]["temperature"] == pytest.approx(2, rel=1e-4)
    assert agrees(made, sharp, photos)


@pytest.mark.slow
def test_the_same_again_gives_the_same_bytes(shifted, large, phrases, tmp_path):
    one, two = (calibrated(shifted, large, phrases, tmp_path / name).directory for name in ("one", "two"))
    for file in one.iterdir():
        assert file.read_bytes() == (two / file.name).read_bytes(), file.name


# ONNX graphs of texts


@pytest.mark.parametrize("map_", ["temperature", "vector", "isotonic"])
@pytest.mark.parametrize("method", ["onnx", "int8-onnx"])
def test_a_graph_answers_as_its_map_says(method, map_, made, large, phrases, tmp_path):
    candidate = made(method).directory
    out = calibrated(candidate, large, phrases, tmp_path / "out", map=map_)
    assert agrees(out, candidate, phrases)
    assert out.recipe["calibration"]["in"] == "logits"
    assert {file.name for file in out.directory.iterdir()} == {file.name for file in candidate.iterdir()}
    for file in candidate.iterdir():
        if file.name not in ("model.onnx", RECIPE):
            assert file.read_bytes() == (out.directory / file.name).read_bytes()


@pytest.mark.slow
def test_a_calibrated_graph_can_be_calibrated_again(made, sharp, large, phrases, tmp_path):
    pytest.importorskip("onnx")
    graph = trusteq.compress.make(sharp, method="onnx", out=tmp_path / "graph").directory
    once = calibrated(graph, large, phrases, tmp_path / "once", map="isotonic").directory
    twice = calibrated(once, large, phrases, tmp_path / "twice", map="temperature")
    assert agrees(twice, once, phrases)


def test_the_saved_model_is_refused_where_it_does_not_answer_as_the_map(made, large, phrases, tmp_path, one_line):
    """Numbers of 16 bits cannot hold a scaled head."""
    half = made("bf16").directory
    with pytest.raises(ModelError) as caught:
        calibrated(half, large, phrases, tmp_path / "out", map="temperature")
    one_line(caught, "its saved probabilities would be off by up to 0.0", "--method fp32")
    assert [path.name for path in tmp_path.iterdir()] == []


def test_matched_gives_the_original_s_mean_confidence(made, large, phrases, tmp_path):
    candidate = made("prune-weights").directory
    out = calibrated(candidate, large, phrases, tmp_path / "out", map="matched")
    assert agrees(out, candidate, phrases)
    sure = [trusteq.open_model(folder).predict(phrases).max(axis=1).mean() for folder in (out.directory, large)]
    assert sure[0] == pytest.approx(sure[1], abs=1e-6)
    assert out.notes[1] == "a temperature changes no answer"


def test_by_default_a_candidate_that_disagrees_is_not_made_to_doubt(made, large, phrases, tmp_path, one_line):
    """The lowest KL of such a candidate lies where it is less sure than the original is."""
    candidate = made("prune-weights").directory
    with pytest.raises(ModelError) as caught:
        calibrated(candidate, large, phrases, tmp_path / "out")
    one_line(caught, "lowers KL from ", "only with confidence less like the original's", "with --map matched")
    out = calibrated(candidate, large, phrases, tmp_path / "out", map="temperature")
    facts = out.recipe["calibration"]["held out"]
    assert facts["temperature"]["gain"] > facts["temperature"]["standard error"]
    assert facts["temperature"]["profile distance"] > facts["none"]["profile distance"] + 0.01
    assert any("cut-offs on confidence now act less as the original's" in note for note in out.notes)


# refused


def test_where_no_map_helps_nothing_is_made(large, phrases, tmp_path, one_line):
    copy = shutil.copytree(large, tmp_path / "copy")
    with pytest.raises(ModelError) as caught:
        calibrated(copy, large, phrases, tmp_path / "out")
    one_line(caught, "no map brings it nearer to the original: KL is ", "gains", "keep it as it is")
    assert not (tmp_path / "out").exists()


def test_a_map_that_was_named_is_made_and_its_loss_is_said(made, large, phrases, tmp_path):
    candidate = made("int8-weights").directory
    out = calibrated(candidate, large, phrases, tmp_path / "out", map="temperature")
    gain = out.recipe["calibration"]["held out"]["temperature"]["gain"]
    assert gain < 0
    assert ", which is no gain)" in out.notes[0]


@pytest.mark.parametrize(
    ("change", "options", "error", "expected"),
    [
        ({}, {"map": "isotonic"}, ModelError, ["--map isotonic: a linear layer cannot hold one", "--method onnx"]),
        (
            {},
            {"map": "platt"},
            OptionError,
            ["map must be auto or temperature or vector or isotonic or matched, found 'platt'"],
        ),
        ({"few": 29}, {}, DataError, ["29 items are too few to calibrate on; give 30 or more"]),
        ({"few": 90}, {"map": "vector"}, DataError, ["--map vector does not fit 90 items, and it needs 120"]),
        ({"clusters": 29}, {}, DataError, ["clusters are too few to calibrate on; give 30 or more"]),
    ],
)
def test_what_is_refused_is_one_line(change, options, error, expected, sharp, large, phrases, tmp_path, one_line):
    items = phrases.take(np.arange(change.get("few", 200)))
    if "clusters" in change:
        items = replace(items, clusters=[str(i % change["clusters"]) for i in range(200)])
    with pytest.raises(error) as caught:
        calibrated(sharp, large, items, tmp_path / "out", **options)
    one_line(caught, *expected)
    assert not (tmp_path / "out").exists()


def test_without_items_it_says_how_to_name_them(sharp, large, tmp_path, one_line):
    with pytest.raises(OptionError) as caught:
        trusteq.compress.make(sharp, method="calibrate", original=large, out=tmp_path / "out")
    one_line(
        caught,
        "method calibrate is calibrated on items: name them with --data and --text, --picture, --sound or --columns",
    )


def test_a_head_whose_stored_tensor_is_another_is_refused(sharp, large, phrases, tmp_path, one_line, monkeypatch):
    """As it would be if a model computed its weight from what is stored."""
    from trusteq.compress.stored_tensors import StoredTensors

    honest = StoredTensors.__getitem__
    monkeypatch.setattr(StoredTensors, "__getitem__", lambda self, name: honest(self, name) + 1)
    with pytest.raises(ModelError) as caught:
        calibrated(sharp, large, phrases, tmp_path / "out")
    one_line(caught, "classifier.weight in its files is not what the model computes with", "--method onnx")


def test_logits_that_no_linear_layer_gives_are_refused(large, phrases, one_line):
    from trusteq.compress.calibrate_head import head_of

    model = trusteq.open_model(large)
    model.model.classifier = torch.nn.Sequential(model.model.classifier, torch.nn.Tanh())
    with pytest.raises(ModelError) as caught:
        head_of(model, phrases)
    one_line(caught, "its logits are not the output of a plain linear layer")
    assert not model.model._forward_hooks
