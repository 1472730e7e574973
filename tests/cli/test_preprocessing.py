"""--preprocessing on the command line."""

import numpy as np
import pytest
from command import one_line, trusteq
from oracles import tiny_litert

pytest.importorskip("ai_edge_litert", reason="needs the extra 'litert'")
pytest.importorskip("PIL", reason="needs the extra 'pictures'")

GOOD = "size: [4, 4]\nresize: none\nlayout: NHWC\nlabels: [a, b, c]\nscores: probabilities\n"


@pytest.fixture
def folder(tmp_path):
    weights = np.random.default_rng(1).normal(0, 0.01, (3, 48))
    tiny_litert.write(tmp_path / "large.tflite", weights)
    tiny_litert.write(tmp_path / "small.tflite", weights, quantized=True)
    (tmp_path / "items.csv").write_text("id,t\n1,one\n2,two\n3,three\n")
    (tmp_path / "good.yaml").write_text(GOOD)
    (tmp_path / "bad.yaml").write_text(GOOD.replace("none", "cubic"))
    return tmp_path


def audit(folder, *options):
    return trusteq(
        "audit", "large.tflite", "small.tflite", "--data", "items.csv", "--text", "t", "--quiet", *options, cwd=folder
    )


def test_a_file_with_an_impossible_value_is_one_line(folder):
    one_line(
        audit(folder, "--preprocessing", "bad.yaml"),
        "model large: bad.yaml: resize: input should be 'nearest', 'bilinear',",
        "(found 'cubic')",
    )


def test_one_model_can_have_its_own(folder):
    (folder / "large.yaml").write_text(GOOD)
    one_line(audit(folder, "--preprocessing", "small=bad.yaml"), "model small: bad.yaml: resize: input should be")


def test_without_one_labels_are_missing(folder):
    one_line(audit(folder), "model large: large.tflite does not name its labels")


def test_texts_for_models_of_pictures_are_one_line(folder):
    one_line(
        audit(folder, "--preprocessing", "good.yaml"),
        "model large reads a picture, but the items have 't', a text; name its column with --picture",
    )


def test_it_has_no_effect_on_files_of_predictions(folder):
    (folder / "p.csv").write_text("id,a,b\n1,.5,.5\n2,.5,.5\n")
    done = trusteq("audit", "p.csv", "p.csv", "--preprocessing", "good.yaml", cwd=folder)
    one_line(done, "--preprocessing has no effect: no model here")


def test_help_says_what_it_is(folder):
    assert "What an ONNX or LiteRT model does to pictures" in " ".join(trusteq("audit", "--help").stdout.split())


def test_a_folder_of_pictures_is_audited_with_the_yaml_beside_each_model(folder):
    Image = pytest.importorskip("PIL.Image", reason="needs the extra 'pictures'")
    rng = np.random.default_rng(0)
    for label in "abc":
        (folder / "photos" / label).mkdir(parents=True)
        for i in range(20):
            pixels = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / "photos" / label / f"{i}.png")
    (folder / "large.yaml").write_text(GOOD.replace("none", "bilinear"))
    (folder / "small.yaml").write_text(GOOD.replace("none", "nearest"))
    done = trusteq(
        "audit", "large.tflite", "small.tflite", "--data", "photos", "--label", "label", "--quiet", "--no-explain",
        "--resamples", "100", "--costs", "none", cwd=folder,
    )  # fmt: skip
    assert done.returncode in (1, 3), done.stderr
    printed = " ".join(done.stdout.split())
    assert (
        "! small: resizes pictures by the rule nearest, where large resizes pictures by the rule bilinear; that"
        in printed
    )
    again = trusteq("verify", "trusteq-run", cwd=folder)
    assert again.returncode == 0, again.stdout + again.stderr
