"""``trusteq audit`` of models of sounds."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from command import one_line, trusteq
from oracles.linear_graph import write_graph
from recordings import RATE, wav

from trusteq import load_run
from trusteq.record.stored_responses import read_items

QUICKLY = ("--resamples", "100", "--costs", "none", "--explain-items", "10", "--quiet")


@pytest.fixture
def folder(tmp_path):
    """Two models of sounds of 0.1 s, and a file with such sounds and features of them."""
    pytest.importorskip("onnx", reason="needs onnx to build graphs")
    pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(800, 2)).astype(np.float32)
    for name, factor in (("large", 1.0), ("small", 1.1)):
        write_graph(tmp_path / f"{name}.onnx", (factor * weights).astype(np.float32), ("n", 800))
        how = {"rate": RATE, "length": 800, "labels": ["low", "high"]}
        (tmp_path / f"{name}.yaml").write_text(json.dumps(how), "utf-8")
        write_graph(tmp_path / f"{name}-features.onnx", (factor * weights[:60]).astype(np.float32), ("n", 20, 3))
    waves = rng.normal(0, 0.1, (60, 800))
    stereo = [wav(np.stack([wave, wave], axis=1)) for wave in waves]
    columns = {
        "clip": pa.array([{"bytes": wav(wave), "path": f"{i}.wav"} for i, wave in enumerate(waves)]),
        "stereo": stereo,
        "fast": [wav(np.repeat(wave, 2), rate=2 * RATE) for wave in waves],
        "mfcc": pa.array(rng.normal(size=(60, 20, 3)).tolist()),
        "label": ["low", "high"] * 30,
    }
    pq.write_table(pa.table(columns), tmp_path / "data.parquet")
    return tmp_path


def test_models_of_sounds_are_audited_and_explained(folder):
    done = trusteq(
        *("audit", "large.onnx", "small.onnx", "--data", "data.parquet", "--sound", "clip", "--label", "label"),
        *(*QUICKLY, "--out", "run"),
        cwd=folder,
    )
    assert done.returncode in {0, 1, 3}, done.stderr
    run = load_run(folder / "run")
    assert run["small"].measures["explanation"]["alignment_shapley"].value > 0.99
    assert read_items(run).segments["clip"].kind == "sound"
    assert "0.00-0.02 s, low" in set(run.table("attributions")["word"])


def test_features_are_explained_by_frames(folder):
    done = trusteq(
        *("audit", "large-features.onnx", "small-features.onnx", "--data", "data.parquet", "--features", "mfcc"),
        *("--labels", "low,high", *QUICKLY, "--out", "run"),
        cwd=folder,
    )
    assert done.returncode in {0, 1, 3}, done.stderr
    run = load_run(folder / "run")
    assert run["small-features"].measures["explanation"]["alignment_shapley"].value > 0.99
    assert run.audit["settings"]["explain"]["units"] == "frame-stretches"


def test_channels_and_rate_are_stated_or_refused(folder):
    audit = ("audit", "large.onnx", "small.onnx", "--data", "data.parquet", *QUICKLY)
    one_line(trusteq(*audit, "--sound", "stereo", cwd=folder), "row 1", "2 channels", "--channels mean")
    one_line(trusteq(*audit, "--sound", "fast", cwd=folder), "it hears sounds of 8,000 Hz", "--rate 8000")
    assert not (folder / "trusteq-run").exists()
    for name, options in (("stereo", ("--channels", "mean")), ("fast", ("--rate", "8000"))):
        done = trusteq(*audit, "--sound", name, *options, "--out", name, cwd=folder)
        assert done.returncode in {0, 1, 3}, done.stderr
        about = load_run(folder / name).other_segments()[name].about()
        assert about == {
            "kind": "sound",
            "rate": 8000,
            "stated": name == "fast",
            "channels": "mean" if name == "stereo" else "one",
        }


def test_a_graph_of_sounds_is_calibrated_on_recordings(folder):
    """Those of another rate are resampled; the small model's logits are 1.1 times the large one's."""
    done = trusteq(
        *("compress", "small.onnx", "--method", "calibrate", "--original", "large.onnx", "--map", "temperature"),
        *("--data", "data.parquet", "--sound", "fast", "--resample", RATE, "--no-audit", "--out", "out", "--json"),
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    made = json.loads(done.stdout)["recipe"]["calibration"]
    assert made["parameters"]["temperature"] == pytest.approx(1.1, rel=1e-4)
    assert made["items"]["items"] == 60
    assert (folder / "out" / "model.yaml").read_bytes() == (folder / "small.yaml").read_bytes()
