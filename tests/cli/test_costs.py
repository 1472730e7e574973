"""``--costs`` on the command line."""

import io
import json
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest

from trusteq import load_run
from trusteq.cli.main import main

onnx = pytest.importorskip("onnx", reason="needs onnx to build graphs")
pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")


def trusteq(*arguments, cwd):
    out, err, code = io.StringIO(), io.StringIO(), 0
    with chdir(cwd), redirect_stdout(out), redirect_stderr(err), patch("sys.argv", ["trusteq", *arguments]):
        try:
            main()
        except SystemExit as left:
            code = left.code
    return subprocess.CompletedProcess(arguments, int(code or 0), out.getvalue(), err.getvalue())


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Two graphs that read a table of texts' lengths and answer by it, a file of predictions, and the items."""
    folder = tmp_path_factory.mktemp("files")
    helper, kind = onnx.helper, onnx.TensorProto
    for name, scale in (("large", 1.0), ("small", 0.9)):
        weights = onnx.numpy_helper.from_array(np.array([[scale, -scale]] * 50, dtype=np.float32), "w")
        nodes = [
            helper.make_node("StringConcat", ["text", "text"], ["twice"]),
            helper.make_node("Equal", ["twice", "twice"], ["same"]),
            helper.make_node("Cast", ["same"], ["ones"], to=kind.FLOAT),
            helper.make_node("Reshape", ["ones", "column"], ["x"]),
            helper.make_node("Gather", ["w", "first"], ["row"], axis=0),
            helper.make_node("MatMul", ["x", "row"], ["logits"]),
        ]
        column = onnx.numpy_helper.from_array(np.array([-1, 1], dtype=np.int64), "column")
        first = onnx.numpy_helper.from_array(np.array([0], dtype=np.int64), "first")
        inputs = [helper.make_tensor_value_info("text", kind.STRING, ["rows"])]
        outputs = [helper.make_tensor_value_info("logits", kind.FLOAT, ["rows", 2])]
        graph = helper.make_graph(nodes, "g", inputs, outputs, [weights, column, first])
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=9)
        onnx.save(made, folder / f"{name}.onnx")
    texts = [f"text {i}" for i in range(60)]
    frame = pd.DataFrame({"id": range(60), "text": texts, "label": ["no", "yes"] * 30})
    frame.to_csv(folder / "items.csv", index=False)
    pd.DataFrame({"id": range(60), "no": 0.7, "yes": 0.3}).to_csv(folder / "file.csv", index=False)
    pd.DataFrame({"id": range(60), "no": 0.6, "yes": 0.4}).to_csv(folder / "other.csv", index=False)
    return folder


ASKED = ("--data", "items.csv", "--text", "text", "--label", "label", "--labels", "no,yes", "--resamples", "100")
ASKED += ("--no-slices", "--no-explain", "--quiet")


def audit(files, tmp_path, *more, models=("large.onnx", "small.onnx")):
    return trusteq("audit", *models, *ASKED, "--out", str(tmp_path / "run"), *more, cwd=files)


def test_size_and_speed_are_shown_and_kept_unless_told(files, tmp_path):
    done = audit(files, tmp_path)
    assert done.returncode in {0, 1, 3}, done.stderr
    assert done.stdout.index("is ") < done.stdout.index("size and speed")
    costs = load_run(tmp_path / "run").costs
    assert [model["parameters"] for model in costs["models"]] == [100, 100]
    assert [model["peak_bytes"] for model in costs["models"]] == [None, None]
    assert "memory" not in done.stdout


def test_none_measures_and_shows_nothing(files, tmp_path):
    done = audit(files, tmp_path, "--costs", "none")
    assert done.returncode in {0, 1, 3}, done.stderr
    assert "size and speed" not in done.stdout
    assert load_run(tmp_path / "run").costs is None


@pytest.mark.slow
def test_full_measures_memory_too(files, tmp_path):
    done = audit(files, tmp_path, "--costs", "full")
    assert done.returncode in {0, 1, 3}, done.stderr
    costs = load_run(tmp_path / "run").costs
    assert costs["notes"] == []
    if sys.platform.startswith("linux"):
        assert all(0 < model["peak_bytes"] < 50_000_000 for model in costs["models"])
        assert "memory" in done.stdout


def test_what_was_not_measured_is_said_on_stderr(files, tmp_path):
    with patch("trusteq.models.cost_memory.CHILD", "trusteq.no_such_module"):
        done = audit(files, tmp_path, "--costs", "full")
    assert done.returncode in {0, 1, 3}
    assert done.stderr.startswith("trusteq: large: peak memory was not measured: its process failed with code 1: ")
    assert "no_such_module" in done.stderr
    assert load_run(tmp_path / "run").costs["models"][0]["latency"] is not None


def test_json_has_no_times(files, tmp_path):
    done = audit(files, tmp_path, "--json")
    assert json.loads(done.stdout) == json.loads((tmp_path / "run" / "audit.json").read_text("utf-8"))
    assert "latency" not in done.stdout
    assert (tmp_path / "run" / "costs.json").is_file()


def test_files_of_predictions_have_no_costs(files, tmp_path):
    few = [option for option in ASKED if option not in {"--no-explain", "--text", "text", "--labels", "no,yes"}]
    out = str(tmp_path / "run")
    done = trusteq("audit", "file.csv", "other.csv", *few, "--out", out, cwd=files)
    assert done.returncode in {0, 1, 3}, done.stderr
    assert "size and speed" not in done.stdout
    assert not (tmp_path / "run" / "costs.json").exists()
    done = trusteq("audit", "file.csv", "other.csv", *few, "--out", str(tmp_path / "2"), "--costs", "full", cwd=files)
    assert done.returncode == 2
    assert done.stderr.startswith("error: costs=full has no effect")
    assert not (tmp_path / "2").exists()


def test_gate_and_damaged_costs(files, tmp_path):
    audit(files, tmp_path)
    (tmp_path / "run" / "costs.json").write_text("{}", "utf-8")
    done = trusteq("gate", "run", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "costs.json: unknown schema version None" in done.stderr
    (tmp_path / "run" / "costs.json").unlink()
    done = trusteq("gate", "run", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "run: incomplete: no costs.json; copy the run again" in done.stderr


def test_before_models_run_it_says_what_no_label_will_cost(files, tmp_path):
    asked = [word for word in ASKED if word not in {"--label", "label", "--quiet"}]

    def said(*more):
        done = trusteq("audit", "large.onnx", "small.onnx", *asked, "--costs", "none", *more, cwd=files)
        return [line for line in done.stderr.splitlines() if "gold" in line or "predict large" in line]

    warning, predict = said("--out", str(tmp_path / "run"))
    assert predict.startswith("trusteq: predict large")
    assert warning == (
        "trusteq: no gold labels, which policy default needs for accuracy difference and smooth ECE difference, so no "
        "candidate can be EQUIVALENT; name their column with --label"
    )
    assert len(said("--out", str(tmp_path / "2"), "--label", "label")) == 1
    assert len(said("--out", str(tmp_path / "3"), "--dimensions", "explanation")) == 1
    assert said("--out", str(tmp_path / "4"), "--quiet") == []


def test_who_did_not_ask_for_many_explanations_is_told_once_how_to_have_fewer(files, tmp_path, monkeypatch):
    monkeypatch.setattr("trusteq.cli.audit.MANY_EXPLAINED", 60)
    asked = ["--costs", "none", "--masks", "16", *(w for w in ASKED if w not in {"--no-explain", "--quiet"})]

    def said(out, *more):
        done = trusteq("audit", "large.onnx", "small.onnx", *asked, "--out", str(tmp_path / out), *more, cwd=files)
        assert done.returncode in {0, 1, 3}, done.stderr
        return [line for line in done.stderr.splitlines() if "longest" in line or ": explain " in line]

    hint, *stages = said("run")
    assert hint == ("trusteq: explanations take longest; --explain-items 100 explains fewer items, --no-explain none")
    assert [line.split(" (")[0] for line in stages] == ["trusteq: explain large", "trusteq: explain small"]
    assert said("2", "--explain-items", "60")[0].startswith("trusteq: explain large")
    monkeypatch.setattr("trusteq.cli.audit.MANY_EXPLAINED", 61)
    assert said("3")[0].startswith("trusteq: explain large")
