"""Experiment trackers: what they are told, what they then hold, and what is said where one is missing."""

import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest
from command import one_line, trusteq
from finished_runs import explained, hostile, plain

from trusteq.errors import MissingExtraError, OptionError, RunError
from trusteq.record.evidence import evidence
from trusteq.record.run import load_run
from trusteq.report.trackers import log as logging
from trusteq.report.trackers.log import log
from trusteq.report.trackers.told import LONGEST, told


@pytest.fixture(autouse=True)
def plain_page(monkeypatch):
    """A page that takes no time to draw, and says what it was asked for."""
    monkeypatch.setattr("trusteq.report.trackers.told.page", lambda evidence, images: f"{evidence.models} {images}")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return plain().save(tmp_path_factory.mktemp("trackers") / "run")


def test_each_candidate_is_told_alone():
    nearly, shortcut = told(explained().evidence)
    assert (nearly.name, shortcut.name) == ("nearly for honest", "shortcut for honest")
    assert nearly.files["report.html"] == "('honest', 'nearly') True"
    assert [c["name"] for c in json.loads(shortcut.files["audit.json"])["candidates"]] == ["shortcut"]
    assert shortcut.verdicts["trusteq.verdict"] == shortcut.verdicts["trusteq.explanation"] == "NOT EQUIVALENT"
    assert shortcut.verdicts["trusteq.reason"] == explained()["shortcut"].verdict.reason


def test_every_judged_estimate_is_a_number_with_its_interval_and_n():
    (small,) = told(plain().evidence)
    judged = [
        (d.dimension, rule)
        for d in plain()["small"].verdict.dimensions
        for rule in d.rules
        if rule.estimate is not None
    ]
    assert len(judged) == 4
    for dimension, rule in judged:
        stem, e = f"{dimension}/{rule.measure}", rule.estimate
        ends = {"": e.value, "_low": e.low, "_high": e.high, "_n": e.n}
        assert {end: small.numbers[f"{stem}{end}"] for end in ends} == ends
        assert small.settings[f"margin.{rule.measure}"] == str(rule.rule)
    assert len(small.numbers) == 4 * len(judged)
    assert small.settings["items"] == "120"


def test_the_document_of_an_only_candidate_is_the_run_s_own_file(run):
    (small,) = told(evidence(load_run(run)))
    assert small.files["audit.json"] == (run / "audit.json").read_text("utf-8")


def test_names_of_any_kind_are_printable_and_not_too_long():
    for one in told(hostile().evidence):
        for text in (one.name, *one.verdicts.values(), *one.settings.values()):
            assert len(text) <= LONGEST
            assert "\x1b" not in text


def test_numbers_that_could_not_be_computed_are_left_out():
    def unknown(rule):
        return rule if rule.estimate is None else replace(rule, estimate=replace(rule.estimate, high=float("nan")))

    document = plain().evidence.document
    (one,) = document.candidates
    verdict = replace(
        one.verdict,
        dimensions=tuple(replace(d, rules=tuple(map(unknown, d.rules))) for d in one.verdict.dimensions),
    )
    from trusteq.report.trackers.told import _numbers

    names = _numbers(replace(one, verdict=verdict))
    assert "behaviour/disagreement" in names
    assert not any(name.endswith("_high") for name in names)


@pytest.mark.parametrize("tracker", logging.TRACKERS)
def test_a_missing_tracker_is_one_line_with_the_extra_s_name(tracker, monkeypatch, tmp_path, one_line):
    for module in [name for name in sys.modules if name.split(".")[0] == tracker] + [tracker]:
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(MissingExtraError) as caught:
        log(plain().evidence, tracker)
    one_line(caught, f"pip install 'trusteq[{tracker}]'")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("tracker", "name", "off"),
    [("mlflow", "MLFLOW_DISABLE_TELEMETRY", "true"), ("wandb", "WANDB_ERROR_REPORTING", "false")],
)
def test_what_a_tracker_would_report_to_its_makers_is_off_before_it_is_loaded(tracker, name, off, monkeypatch):
    monkeypatch.setitem(sys.modules, tracker, None)
    monkeypatch.setenv(name, "unset")
    monkeypatch.delenv(name)
    with pytest.raises(MissingExtraError):
        log(plain().evidence, tracker)
    assert os.environ[name] == off


def test_what_a_tracker_s_library_raises_is_one_line(monkeypatch, one_line):
    def fail(told, folder):
        raise ConnectionError("refused\nby http://127.0.0.1:1")

    monkeypatch.setattr(logging, "entry", lambda _: fail)
    with pytest.raises(RunError) as caught:
        log(plain().evidence, "mlflow")
    one_line(caught, "mlflow: refused by http://127.0.0.1:1; check its settings")


def test_an_audit_is_logged_from_python(monkeypatch):
    monkeypatch.setattr(logging, "entry", lambda place: lambda told, folder: f"{place} {told.name}")
    assert plain().log_to("wandb") == (f"{logging.TRACKERS['wandb']} small for large",)
    with pytest.raises(OptionError, match="no tracker 'neptune'; choose from mlflow, wandb, tensorboard"):
        plain().log_to("neptune")


def test_options_that_have_no_effect_are_refused(run):
    one_line(trusteq("report", run, "--to", "mlflow", "--as", "junit"), "--as and --to exclude each other")
    one_line(trusteq("report", run, "--to", "wandb", "--out", "x"), "--out has no effect with --to wandb")


def test_tensorboard_reads_back_what_was_logged(run, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    done = trusteq("report", run, "--to", "tensorboard", "--out", tmp_path, "--no-pictures")
    folder = tmp_path / "small-for-large"
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"tensorboard: {folder}\n")
    (file,) = folder.glob("events.*")
    values = [value for event in EventFileLoader(str(file)).Load() for value in event.summary.value]
    read = {value.tag: value.tensor.float_val[0] for value in values if value.tag != "trusteq"}
    (small,) = told(evidence(load_run(run)))
    assert read == pytest.approx(small.numbers, rel=1e-6)
    (words,) = (value.tensor.string_val[0].decode() for value in values if value.tag == "trusteq")
    assert f"| {small.verdicts['trusteq.verdict']} |" in words
    assert (folder / "report.html").read_text("utf-8") == "('large', 'small') False"
    assert (folder / "audit.json").read_text("utf-8") == (run / "audit.json").read_text("utf-8")
    one_line(trusteq("report", run, "--to", "tensorboard", "--out", tmp_path), f"{folder}: already exists")


def log_records(file):
    """The records of a log in LevelDB's format, which wandb writes: in blocks, some of them in several pieces."""
    data, at, record = file.read_bytes(), 7, b""
    while at + 7 <= len(data):
        if (left := 2**15 - at % 2**15) < 7:
            at += left
            continue
        length, piece = struct.unpack("<HB", data[at + 4 : at + 7])
        record += data[at + 7 : at + 7 + length]
        at += 7 + length
        if piece in (1, 4):  # whole, or the last piece
            yield record
            record = b""


@pytest.mark.slow
@pytest.mark.skipif(find_spec("wandb") is None, reason="needs wandb")
def test_wandb_works_offline(run, tmp_path):
    code = "from trusteq.cli.main import main; main()"
    offline = {**os.environ, "WANDB_MODE": "offline"}
    words = [sys.executable, "-c", code, "report", str(run), "--to", "wandb"]
    done = subprocess.run(words, cwd=tmp_path, env=offline, capture_output=True, text=True, check=True)
    (place,) = re.findall(r"^wandb: (.*)$", done.stderr, re.MULTILINE)
    (file,) = Path(place).glob("run-*.wandb")
    from wandb.proto.wandb_internal_pb2 import Record

    records = [Record.FromString(data) for data in log_records(file)]
    (small,) = told(evidence(load_run(run)))
    logged = {
        "/".join(item.nested_key) or item.key: json.loads(item.value_json)
        for record in records
        for item in record.summary.update
    }
    assert {name: logged.get(name) for name in small.numbers} == pytest.approx(small.numbers)
    assert [record.artifact.type for record in records if record.artifact.name] == ["audit"]


SERVER = Path(sys.prefix) / "mlflow-server"
"""What only MLflow's server needs may lie here, apart from everything else."""


@pytest.fixture
def mlflow_server(tmp_path):
    """The address of an MLflow server of its own, which ends with the test."""
    if find_spec("mlflow") is None or not (SERVER.is_dir() or find_spec("flask")):
        pytest.skip("needs MLflow's server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    paths = [str(SERVER)] * SERVER.is_dir() + [os.environ.get("PYTHONPATH", "")]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    words = ["server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    words += ["--backend-store-uri", f"sqlite:///{tmp_path}/store.db", "--artifacts-destination", f"{tmp_path}/kept"]
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", *words],
        env={**os.environ, **quiet, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said = []
        for line in process.stdout:
            said.append(line)
            if "startup complete" in line:
                break
        else:
            pytest.fail("".join(said))
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.slow
def test_mlflow_s_server_has_the_verdicts_the_numbers_and_the_files(run, mlflow_server, tmp_path):
    (tmp_path / "there").mkdir()
    code = "from trusteq.cli.main import main; main()"
    settings = {"MLFLOW_TRACKING_URI": mlflow_server, "MLFLOW_EXPERIMENT_NAME": "audits"}
    done = subprocess.run(
        [sys.executable, "-c", code, "report", str(run), "--to", "mlflow"],
        cwd=tmp_path / "there",
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        check=True,
    )
    (address,) = re.findall(r"^mlflow: (.*)$", done.stderr, re.MULTILINE)
    assert list((tmp_path / "there").iterdir()) == []
    from mlflow import MlflowClient

    client = MlflowClient(mlflow_server)
    found = client.get_run(address.rpartition("/")[2])
    assert address.startswith(f"{mlflow_server}/#/experiments/{found.info.experiment_id}/runs/")
    assert client.get_experiment(found.info.experiment_id).name == "audits"
    (small,) = told(evidence(load_run(run)))
    assert found.info.run_name == small.name
    assert found.info.status == "FINISHED"
    assert found.data.metrics == pytest.approx(small.numbers)
    assert found.data.params == small.settings
    assert {name: found.data.tags.get(name) for name in small.verdicts} == small.verdicts
    kept = tmp_path / f"kept/{found.info.experiment_id}/{found.info.run_id}/artifacts"
    assert (kept / "report.html").read_text("utf-8").startswith("<!doctype html>")
    assert (kept / "audit.json").read_text("utf-8") == (run / "audit.json").read_text("utf-8")
