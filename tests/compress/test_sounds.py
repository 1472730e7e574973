"""Models of sounds as graphs of samples, and calibrated."""

import numpy as np
import pytest
import yaml

import trusteq
import trusteq.compress
from trusteq import Items, ModelError
from trusteq.auditing.models import Models
from trusteq.auditing.preprocessing import different_preprocessing
from trusteq.compress.asked import asked_of
from trusteq.compress.candidate import RECIPE
from trusteq.compress.source import opened
from trusteq.data.sounds import Sounds

torch = pytest.importorskip("torch", reason="needs the extra 'transformers'")
pytest.importorskip("transformers", reason="needs the extra 'transformers'")
onnx = pytest.importorskip("onnx", reason="needs onnx to build graphs")
pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")

from oracles.tiny_sounds import LABELS, RATE, clips, save  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    """A function from a kind to the folder of a classifier, made once."""
    found = {}

    def network(kind):
        if kind not in found:
            varied = {} if kind in ("AST", "Wav2Vec2") else {"std": None, "head": 20}
            found[kind] = save(kind, tmp_path_factory.mktemp(kind), **varied)
        return found[kind]

    return network


@pytest.fixture(scope="module")
def noises():
    """Sounds of as many lengths as there are, odd ones among them, from loud to nearly silent."""
    rng = np.random.default_rng(5)
    samples = [10.0 ** -(i % 7) * rng.normal(0.01, 0.2, rng.integers(1000, 9000)) for i in range(30)]
    return Items([str(i) for i in range(30)], {"clip": Sounds.of_arrays(samples, rate=RATE)})


def export(source, out, method="onnx"):
    return trusteq.compress.make(source, method=method, out=out)


@pytest.fixture(scope="module")
def graph(networks, tmp_path_factory):
    """What the Wav2Vec2 becomes."""
    return export(networks("Wav2Vec2"), tmp_path_factory.mktemp("graphs") / "graph").directory


def predictions(items, *folders):
    return [trusteq.open_model(folder).predict(items) for folder in folders]


# graphs


def test_a_graph_answers_as_the_model_whatever_the_length_and_however_quiet(graph, networks, noises):
    assert {file.name for file in graph.iterdir()} == {"model.onnx", "model.yaml", RECIPE}
    assert yaml.safe_load((graph / "model.yaml").read_text("utf-8")) == {
        "rate": RATE,
        "resample": False,
        "normalise": "deviation",
        "scale": 1.0,
        "dtype": "float32",
        "labels": list(LABELS),
        "scores": "logits",
    }
    before, after = predictions(noises, networks("Wav2Vec2"), graph)
    assert np.ptp(before[:, 0]) > 0.01
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-5)
    onnx.checker.check_model(onnx.load(graph / "model.onnx"), full_check=True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["Hubert", "WavLM", "SEW"])
def test_so_do_those_of_other_architectures(kind, networks, noises, tmp_path):
    """SEW, for example, pads what it has squeezed and stretched again if the number of frames is not even."""
    before, after = predictions(noises, networks(kind), export(networks(kind), tmp_path / "graph").directory)
    assert np.ptp(before[:, 0]) > 0.01
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_a_graph_that_lacks_what_only_some_lengths_need_is_refused(tmp_path, one_line):
    """A second has 40 frames here and half of one has 20, so the export sees no padding of an odd number."""
    shape = {"squeeze_factor": 2, "conv_kernel": (10, 10), "conv_stride": (5, 40)}
    source = save("SEW", tmp_path / "sew", shape=shape, std=None, head=100)
    with pytest.raises(ModelError) as caught:
        export(source, tmp_path / "graph")
    one_line(caught, "the saved model's probabilities differ from those before saving by up to 0.")


def test_candidates_are_asked_about_sounds_of_different_lengths_loud_and_quiet(networks):
    with opened(str(networks("AST")), "fp16", "cpu", download=False) as source:
        sounds = [sound.samples() for sound in asked_of(source).items.segments["sound"]]
    assert len({len(sound) for sound in sounds}) == len(sounds) == 8
    peaks = [np.abs(sound).max() for sound in sounds]
    np.testing.assert_allclose(peaks, [0.5, 1e-4] * 4, rtol=0.01)


@pytest.mark.slow
def test_the_same_model_gives_the_same_graph(graph, networks, tmp_path):
    again = export(networks("Wav2Vec2"), tmp_path / "again").directory
    for file in graph.iterdir():
        assert file.read_bytes() == (again / file.name).read_bytes(), file.name


def test_a_model_and_its_graph_hear_sounds_in_the_same_form(graph, networks, noises):
    models = Models(trusteq.open_model(networks("Wav2Vec2")), (trusteq.open_model(graph),))
    assert different_preprocessing(models, noises, seed=0) == []


@pytest.mark.slow
def test_a_mask_that_leaves_nothing_out_is_left_out(noises, tmp_path):
    source = save(
        "Wav2Vec2", tmp_path / "masked", shape={"feat_extract_norm": "layer"}, std=None, head=20,
        return_attention_mask=True, do_normalize=False,
    )  # fmt: skip
    made = export(source, tmp_path / "graph")
    assert [entry.name for entry in onnx.load(made.directory / "model.onnx").graph.input] == ["input_values"]
    assert yaml.safe_load((made.directory / "model.yaml").read_text("utf-8"))["normalise"] == "none"
    before, after = predictions(noises, source, made.directory)
    assert np.ptp(before[:, 0]) > 0.01
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_a_healed_model_in_4_bits_becomes_a_graph_in_4_bits(networks, noises, tmp_path):
    pytest.importorskip("compressed_tensors")
    original = networks("Wav2Vec2")
    rounded = trusteq.compress.make(original, method="int4-weights", out=tmp_path / "int4")
    assert rounded.recipe["linear_maps"] == 12
    assert rounded.notes[1].startswith("wav2vec2.feature_projection.projection stays as it is")
    healed = trusteq.compress.make(
        rounded.directory, method="heal", original=original, items=clips(64, 1), dev=clips(20, 2), rows=320, rate=1e-3,
        move="scales", audit=False, out=tmp_path / "healed",
    )  # fmt: skip
    assert healed.recipe["moved"]
    made = export(healed.directory, tmp_path / "graph")
    assert made.recipe["rounded_weights"] == {"4 bits": 12}
    nodes = [node.op_type for node in onnx.load(made.directory / "model.onnx").graph.node]
    assert nodes.count("MatMulNBits") == 12
    before, after = predictions(noises, healed.directory, made.directory)
    np.testing.assert_allclose(after, before, rtol=0, atol=1e-4)


@pytest.mark.slow
def test_a_graph_in_8_bits_answers_nearly_as_the_model(networks, tmp_path):
    made = export(networks("Wav2Vec2"), tmp_path / "int8", "int8-onnx")
    before, after = predictions(clips(40, 1), networks("Wav2Vec2"), made.directory)
    assert 1e-6 < np.abs(after - before).mean() < 0.05


@pytest.mark.parametrize("method", ["onnx", "int8-onnx"])
def test_features_cannot_be_stated_beside_a_graph(method, networks, tmp_path, one_line):
    with pytest.raises(ModelError) as caught:
        export(networks("AST"), tmp_path / "out", method)
    one_line(
        caught,
        f"method {method} does not apply to this ASTForAudioClassification: what ASTFeatureExtractor does to a sound "
        "cannot be stated in a preprocessing file",
    )
    assert list(tmp_path.iterdir()) == []


# calibrated


@pytest.mark.parametrize(
    ("kind", "head"), [pytest.param("Wav2Vec2", "classifier", marks=pytest.mark.slow), ("AST", "classifier.dense")]
)
def test_twice_the_logits_become_the_original_again(kind, head, networks, tmp_path):
    original, candidate = networks(kind), tmp_path / "sharp"
    candidate.mkdir()
    for file in original.iterdir():
        (candidate / file.name).write_bytes(file.read_bytes())
    tensors = load_file(original / "model.safetensors")
    twice = {name: 2 * tensors[name] for name in (f"{head}.weight", f"{head}.bias")}
    save_file(tensors | twice, candidate / "model.safetensors", metadata={"format": "pt"})

    lessons = clips(60, 1, (0.3, 0.21))
    made = trusteq.compress.make(
        candidate, method="calibrate", original=original, items=lessons, out=tmp_path / "out", map="temperature",
        audit=False,
    )  # fmt: skip
    assert made.recipe["calibration"]["parameters"]["temperature"] == pytest.approx(2, rel=1e-3)
    assert made.recipe["calibration"]["in"] == head
    before, after, expected = predictions(clips(40, 2), candidate, made.directory, original)
    np.testing.assert_allclose(after, expected, rtol=0, atol=1e-4)
    assert np.abs(before - expected).max() > 0.01
    stored, changed = (load_file(folder / "model.safetensors") for folder in (candidate, made.directory))
    moved = {name for name in stored if not torch.equal(stored[name], changed[name])}
    assert moved <= {f"{head}.weight", f"{head}.bias"}
