"""``trusteq compress``: what it prints, its exit codes, its one-line errors."""

import json

import command
import numpy as np
import pandas as pd
import pytest

pytest.importorskip("transformers", reason="needs the extra 'transformers'")

from oracles import language_models, tiny_models

import trusteq
from trusteq.compress.methods import METHODS, OPTIONS


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    return str(tiny_models.save("bert", tmp_path_factory.mktemp("large") / "large"))


@pytest.fixture
def lessons(tmp_path):
    texts = [
        f"the {word} was {good}" for word in ("man", "dog", "film") for good in ("good", "bad", "new", "very good")
    ]
    frame = pd.DataFrame({"text": texts, "gold": ["no", "yes", "maybe"] * 4})
    frame.to_csv(tmp_path / "lessons.csv", index=False)
    return str(tmp_path / "lessons.csv")


def run(*arguments):
    """The command's exit code, stdout and stderr."""
    done = command.trusteq("compress", *arguments)
    return done.returncode, done.stdout, done.stderr


def test_it_prints_what_was_made(large, tmp_path):
    code, out, err = run(large, "--method", "prune-weights", "--share", "0.25", "--out", str(tmp_path / "p"))
    assert code == 0
    head, _, disk, memory, parameters, *notes = out.splitlines()
    assert head == f"{tmp_path / 'p'}: prune-weights of {large}"
    assert disk.startswith("on disk")
    assert memory.split()[-1] == memory.split()[-3]
    assert parameters.split()[1] == parameters.split()[2]
    assert notes[0].startswith("note: 4,352 of 17,408 linear weights are 0")
    assert "trusteq: open the model" in err


def test_json_is_all_that_it_prints(large, tmp_path):
    code, out, err = run(large, "--method", "bf16", "--out", str(tmp_path / "b"), "--json")
    assert (code, err) == (0, "")
    made = json.loads(out)
    assert made["directory"] == str(tmp_path / "b")
    assert made["after"]["disk_bytes"] < made["before"]["disk_bytes"]
    assert made["recipe"] == json.loads((tmp_path / "b" / "trusteq-recipe.json").read_text("utf-8"))


def test_quiet_says_nothing_on_stderr(large, tmp_path):
    code, out, err = run(large, "--method", "drop-layers", "--out", str(tmp_path / "d"), "--quiet")
    assert (code, err) == (0, "")
    assert "keeps layers 1 of 2" in out


def test_distil_tells_its_epochs(large, lessons, tmp_path):
    out = tmp_path / "s"
    code, shown, err = run(
        *(large, "--method", "distil", "--out", str(out), "--data", lessons, "--text", "text", "--label", "gold"),
        *("--dev", lessons, "--layers", "1", "--epochs", "2"),
    )
    assert code == 0
    assert "trusteq: the student starts from the original's layers 1 of 2\n" in err
    assert "trusteq: epoch 2 of 2: loss " in err
    assert "of 12 dev items as the original does" in shown
    recipe = json.loads((out / "trusteq-recipe.json").read_text("utf-8"))
    assert recipe["items"]["source"] == recipe["dev"]["source"] == lessons
    assert trusteq.open_model(out).labels == tiny_models.LABELS


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--method", "int9"], "'int9' is not one of"),
        (["--method", "prune-weights", "--share", "1.5"], "share must be a number between 0 and 1, found 1.5"),
        (["--method", "prune-weights", "--share", "half"], "'half' is not a valid float"),
        (["--method", "fp16", "--share", "0.5"], "share has no effect on method fp16"),
        (["--method", "fp16", "--data", "x.csv"], "--data has no effect on method fp16"),
        (["--method", "fp16", "--skip-unreadable"], "--skip-unreadable has no effect on method fp16"),
        (["--method", "fp16", "--ignore-label", "x"], "--ignore-label has no effect on method fp16"),
        (["--method", "distil"], "learns from items: name them with --data and --text"),
        (["--method", "distil", "--data", "nowhere.csv"], "nowhere.csv"),
        (["--method", "low-rank", "--rank", "32"], "more than 32 wide"),
        (["--method", "calibrate"], "brings a candidate nearer to a model: name it with --original"),
        (["--method", "calibrate", "--dev", "x.csv"], "--dev has no effect on method calibrate"),
        ([], "Missing option '--method'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(arguments, expected, large, tmp_path):
    code, out, err = run(large, "--out", str(tmp_path / "out"), "--quiet", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert expected in err
    assert not (tmp_path / "out").exists()


def test_help_lists_every_method_in_one_line():
    code, out, _ = run("--help")
    assert code == 0
    lines = [line.strip() for line in out.splitlines()]
    for name, method in METHODS.items():
        assert f"{name:<13}  {method.summary}" in lines
        assert len(method.summary) < 62
    for name in OPTIONS:
        assert any(line.startswith(f"--{name} ") for line in lines), name


@pytest.fixture(scope="module")
def language(tmp_path_factory):
    return str(language_models.save(tmp_path_factory.mktemp("language") / "language", "tied"))


def test_a_language_model_needs_no_task(language, tmp_path):
    pytest.importorskip("compressed_tensors", reason="needs compressed-tensors")
    code, out, err = run(language, "--method", "int4-weights", "--group", "32", "--out", str(tmp_path / "q"), "--quiet")
    assert (code, err) == (0, "")
    assert out.startswith(f"{tmp_path / 'q'}: int4-weights of {language}\n")
    assert json.loads((tmp_path / "q" / "trusteq-recipe.json").read_text("utf-8"))["group"] == 32


def test_gptq_reads_the_texts_of_data(language, lessons, tmp_path):
    pytest.importorskip("compressed_tensors", reason="needs compressed-tensors")
    data = ("--data", lessons, "--text", "text")
    code, out, err = run(language, "--method", "int4-gptq", "--out", str(tmp_path / "g"), *data)
    assert code == 0
    assert "tokens of 12 texts; audit it on others" in out
    assert "trusteq: round the layers" in err


def test_calibrate_reads_the_texts_of_data_and_the_original(large, tmp_path):
    words = [f"the {a} {b} {c}" for a in ("man", "dog", "film", "new") for b in ("was", "good", "bad")
             for c in ("seen", "not", "very", "the")]  # fmt: skip
    pd.DataFrame({"text": words, "group": range(48)}).to_csv(tmp_path / "dev.csv", index=False)
    code, shown, err = run(
        *(large, "--method", "calibrate", "--original", str(tiny_models.save("bert", tmp_path / "other", seed=2))),
        *("--map", "temperature", "--data", str(tmp_path / "dev.csv"), "--text", "text", "--cluster", "group"),
        *("--out", str(tmp_path / "c")),
    )
    assert code == 0, err
    assert f"{tmp_path / 'c'}: calibrate of {large}" in shown
    assert "note: temperature " in shown
    assert "trusteq: ask the original" in err
    assert "original" in json.loads((tmp_path / "c" / "trusteq-recipe.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--method", "int4-gptq"], "rounds for the texts of items: name them with --data and --text"),
        (["--method", "int4-gptq", "--data", "x.csv", "--label", "gold"], "--label has no effect on method int4-gptq"),
        (["--method", "onnx"], "it is for classifiers, models of pictures and models of sounds only"),
        (["--method", "int4-weights", "--group", "4"], "group must be a whole number from 8 to 4,096, found 4"),
        (["--method", "int4-weights", "--outliers", "1"], "outliers must be a number between 0 and 1, found 1.0"),
        (["--method", "int8-weights", "--group", "32"], "group has no effect on method int8-weights"),
    ],
)
def test_a_mistake_about_a_language_model_is_one_line(arguments, expected, language, tmp_path):
    code, out, err = run(language, "--out", str(tmp_path / "out"), "--quiet", *arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert expected in err
    assert not (tmp_path / "out").exists()


def test_help_says_what_is_for_one_kind_of_model_only():
    out = " ".join(run("--help")[1].split())
    assert out.count("for classifiers only") == 1
    assert out.count("for classifiers and language models only") == 1
    assert out.count("not for language models") == 3
    assert out.count("for ONNX graphs too, not for language models") == 2
    assert out.count("for models of pictures and ONNX graphs only") == 1


@pytest.fixture
def photos(tmp_path):
    """A folder of pictures with a subfolder for each label, and a graph of one convolution with its YAML."""
    onnx = pytest.importorskip("onnx", reason="needs onnx to build a graph")
    pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
    image = pytest.importorskip("PIL.Image", reason="needs the extra 'pictures'")
    rng = np.random.default_rng(0)
    for i in range(20):
        file = tmp_path / "photos" / ("cat", "dog")[i % 2] / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)).save(file)
    nodes = [
        onnx.helper.make_node("Conv", ["x", "weights"], ["a"], name="one"),
        onnx.helper.make_node("Flatten", ["a"], ["logits"], name="two"),
    ]
    entries = [
        [onnx.helper.make_tensor_value_info(name, 1, shape)]
        for name, shape in (("x", ["n", 3, 8, 8]), ("logits", ["n", 2]))
    ]
    weights = [onnx.numpy_helper.from_array(rng.normal(size=(2, 3, 8, 8)).astype(np.float32), "weights")]
    graph = onnx.helper.make_graph(nodes, "g", *entries, weights)
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "small.onnx")
    stated = "size: [8, 8]\nresize: bilinear\nlayout: NCHW\nscale: 1/255\nlabels: [cat, dog]\n"
    (tmp_path / "small.yaml").write_text(stated, "utf-8")
    return tmp_path


def test_a_graph_is_calibrated_on_a_folder_of_pictures(photos):
    data = ("--data", str(photos / "photos"), "--calibrate", "7")
    code, out, err = run(str(photos / "small.onnx"), "--method", "int8-static", *data, "--out", str(photos / "int8"))
    assert code == 0, err
    assert "note: calibrated on 7 of 20 items" in out
    assert "trusteq: calibrate" in err
    assert (photos / "int8" / "model.yaml").read_bytes() == (photos / "small.yaml").read_bytes()


def test_pictures_that_cannot_be_decoded_are_left_out_if_so_said(photos):
    (photos / "photos" / "cat" / "bad.png").write_bytes(b"no picture")
    arguments = (str(photos / "small.onnx"), "--method", "int8-static", "--data", str(photos / "photos"))
    code, _, err = run(*arguments, "--out", str(photos / "int8"), "--quiet")
    assert (code, err.count("\n")) == (2, 1)
    assert "to leave such items out, say so (--skip-unreadable)" in err
    code, _, err = run(*arguments, "--out", str(photos / "int8"), "--skip-unreadable")
    assert code == 0, err
    assert f"trusteq: {photos / 'photos'}: 1 of 21 items left out, whose files cannot be decoded\n" in err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--method", "int8-static"], "is calibrated on items: name them with --data, a folder of pictures"),
        (["--method", "int8-static", "--data", "photos", "--text", "x"], "--text has no effect on method int8-static"),
        (
            ["--method", "int8-static", "--data", "photos", "--label", "x"],
            "--label has no effect on method int8-static",
        ),
        (["--method", "int8-onnx", "--picture", "x"], "--picture has no effect on method int8-onnx"),
        (
            ["--method", "distil", "--data", "photos", "--picture", "x"],
            "method distil, which learns from texts; remove",
        ),
        (["--method", "int8-onnx", "--calibrate", "7"], "calibrate has no effect on method int8-onnx"),
        (["--method", "int8-static", "--data", "photos", "--calibrate", "0"], "from 1 to 100,000, found 0"),
        (["--method", "int8-static", "--data", "none"], "none"),
    ],
)
def test_a_mistake_about_a_graph_is_one_line(arguments, expected, photos, monkeypatch):
    monkeypatch.chdir(photos)
    code, out, err = run("small.onnx", "--out", "out", "--quiet", *arguments)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].lower().startswith("error: ")
    assert expected in err
    assert not (photos / "out").exists()
