"""The command line as a user meets it: output, exit codes, one-line errors, nothing half-written."""

import io
import json
import os
import subprocess
import sys
from contextlib import chdir, nullcontext, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import click
import numpy as np
import pandas as pd
import pytest
from cases import LABELS, probabilities

from trusteq.cli.main import main
from trusteq.cli.model_names import names_and_locations
from trusteq.cli.model_options import refuse_unused
from trusteq.models.options import DOWNLOAD
from trusteq.models.prediction_file import PREDICTIONS
from trusteq.models.transformer import TRANSFORMERS


def trusteq(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """What the command prints and returns, run in this process: the same entry point, without its start-up time."""
    out, err = io.StringIO(), io.StringIO()
    code: Any = 0
    with chdir(cwd), redirect_stdout(out), redirect_stderr(err), patch("sys.argv", ["trusteq", *arguments]):
        try:
            main()
        except SystemExit as left:
            code = left.code
    return subprocess.CompletedProcess(arguments, int(code or 0), out.getvalue(), err.getvalue())


@pytest.mark.slow
@pytest.mark.parametrize("command", [[Path(sys.executable).with_name("trusteq")], [sys.executable, "-m", "trusteq"]])
def test_the_installed_command_is_this_one(command, tmp_path):
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.startswith("trusteq, version ")
    done = subprocess.run([*command, "gate", "nowhere"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: nowhere: not a run directory")


def write(folder: Path, name: str, table, **columns) -> Path:
    frame = pd.DataFrame(table, columns=list(LABELS)).assign(**columns)
    frame.insert(0, "id", [f"q{i}" for i in range(len(frame))])
    path = folder / name
    frame.to_csv(path, index=False)
    return path


@pytest.fixture
def files(tmp_path):
    reference, candidate, gold = probabilities(400, noise=0.05)
    names = [LABELS[code] for code in gold]
    write(tmp_path, "large.csv", reference, gold=names)
    write(tmp_path, "small.csv", candidate)
    write(tmp_path, "random.csv", candidate[::-1])
    write(tmp_path, "open.csv", probabilities(400, noise=0.9)[1])
    return tmp_path


QUICK = ("--label", "gold", "--resamples", "200", "--no-slices")


@pytest.mark.parametrize(
    ("candidate", "code", "verdict"),
    [("small.csv", 0, "EQUIVALENT"), ("random.csv", 1, "NOT EQUIVALENT"), ("open.csv", 3, "UNDECIDED")],
)
def test_the_exit_code_is_the_verdict(files, candidate, code, verdict):
    done = trusteq("audit", "large.csv", candidate, *QUICK, "--policy", policy(files), cwd=files)
    assert done.returncode == code, done.stderr
    assert verdict in done.stdout


def policy(folder: Path) -> str:
    """Margins wide enough that 400 items can decide."""
    (folder / "p.yaml").write_text(
        "name: wide\nrequired: [behaviour]\nrules: {behaviour: {disagreement: {at_most: 0.15}}}\n", "utf-8"
    )
    return "p.yaml"


@pytest.mark.slow
def test_the_worst_candidate_decides_the_exit_code(files):
    done = trusteq("audit", "large.csv", "small.csv", "open.csv", *QUICK, "--policy", policy(files), cwd=files)
    assert done.returncode == 3
    done = trusteq("audit", "large.csv", "random.csv", "open.csv", *QUICK, "--policy", policy(files), cwd=files)
    assert done.returncode == 1


def test_verdicts_come_before_numbers_before_advice(files):
    out = trusteq("audit", "large.csv", "random.csv", *QUICK, cwd=files).stdout
    assert out.index("NOT EQUIVALENT") < out.index("accuracy  ") < out.index("what to look at")


def test_progress_is_on_stderr_and_the_table_on_stdout(files):
    done = trusteq("audit", "large.csv", "small.csv", *QUICK, cwd=files)
    assert "predict large" in done.stderr
    assert "predict large" not in done.stdout


def test_json_prints_nothing_but_json(files):
    done = trusteq("audit", "large.csv", "small.csv", *QUICK, "--json", cwd=files)
    assert json.loads(done.stdout) == json.loads((files / "trusteq-run" / "audit.json").read_text("utf-8"))
    assert done.stderr == ""


def test_models_are_named_by_file_or_by_hand(files):
    out = trusteq("audit", "large.csv", "tiny=small.csv", *QUICK, cwd=files).stdout
    assert "May it replace large?" in out
    assert "tiny is" in out


def test_gate_judges_again_without_models(files):
    assert trusteq("audit", "large.csv", "open.csv", *QUICK, "--out", "run", cwd=files).returncode == 1
    for file in files.glob("*.csv"):
        file.unlink()
    done = trusteq("gate", "run", "--policy", policy(files), cwd=files)
    assert (done.returncode, done.stderr) == (3, "")
    assert "policy wide" in done.stdout


def test_gate_judges_one_candidate_of_several(files):
    audited = trusteq("audit", "large.csv", "small.csv", "open.csv", *QUICK, "--out", "run", cwd=files)
    assert audited.returncode == 1
    codes = {name: trusteq("gate", "run", "--candidate", name, "--json", cwd=files) for name in ("small", "open")}
    judged = {name: json.loads(done.stdout) for name, done in codes.items()}
    assert all(list(document["candidates"]) == [name] for name, document in judged.items())
    assert max(done.returncode == 1 for done in codes.values())
    shown = trusteq("gate", "run", "--candidate", "open", cwd=files).stdout
    assert "small" not in shown
    done = trusteq("gate", "run", "--candidate", "smal", cwd=files)
    assert done.returncode == 2
    assert done.stderr == "error: --candidate smal: run has no such candidate; choose from small, open\n"


def test_gate_without_a_policy_repeats_the_run_s_own_verdict(files):
    first = trusteq("audit", "large.csv", "open.csv", *QUICK, "--out", "run", "--policy", policy(files), cwd=files)
    again = trusteq("gate", "run", "--json", cwd=files)
    assert first.returncode == again.returncode == json.loads(again.stdout)["exit_code"] == 3


def test_gate_refuses_a_level_that_the_run_does_not_have(files):
    trusteq("audit", "large.csv", "small.csv", *QUICK, "--out", "run", cwd=files)
    (files / "p.yaml").write_text(Path(files / policy(files)).read_text("utf-8") + "level: 0.9\n", "utf-8")
    one_line(trusteq("gate", "run", "--policy", "p.yaml", cwd=files), "needs 0.9 intervals, but this run has 0.95")


def test_dimensions_say_what_is_required(files):
    done = trusteq("audit", "large.csv", "small.csv", *QUICK, "--dimensions", "behaviour,explanation", cwd=files)
    assert done.returncode == 3
    assert "explanation was not measured" in done.stdout
    one_line(trusteq("audit", "large.csv", "small.csv", "--dimensions", "beauty", cwd=files), "no dimension 'beauty'")


def one_line(done: subprocess.CompletedProcess[str], *says: str) -> None:
    """Exit code 2, nothing on stdout, and one error line with these words."""
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stdout == ""
    errors = [line for line in done.stderr.splitlines() if not line.startswith("trusteq: ")]
    assert len(errors) == 1, done.stderr
    assert errors[0].startswith("error: ")
    for words in says:
        assert words in errors[0]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("large.csv", "missing.csv"), "missing.csv"),
        (("missing.csv", "small.csv"), "missing.csv"),
        (("large.csv", "large.csv"), "--allow-same"),
        (("large.csv", "small.csv", "--label", "golden"), "gold"),
        (("large.csv", "small.csv", "--policy", "nope.yaml"), "nope.yaml"),
        (("large.csv", "small.csv", "--scores", "odds"), "'odds' is not one of probabilities, logits"),
        (("large.csv", "small.csv", "--labels", "tiny=a,b"), "no model named 'tiny'; choose from large, small"),
        (("large.csv", "small.csv", "--labels", "small=a,b,c"), "small.csv"),
        (("large.csv", "small.csv", "--text", "sentence"), "sentence"),
        (("large.csv", "small.csv", "--batch", "0"), "--batch"),
        (("large.csv",), "CANDIDATE"),
        (("large.csv", "small.csv", "--out", "large.csv"), "already exists"),
        (("large.csv", "empty.csv"), "empty.csv"),
        (("large.csv", "short.csv"), "short.csv"),
        (("large.csv", "nan.csv"), "line 5"),
        (("large.csv", "sums.csv"), "q3"),
        (("large.csv", "double.csv"), "q0"),
    ],
)
def test_a_mistake_is_one_line_exit_code_2_and_nothing_written(files, arguments, says):
    _, candidate, _ = probabilities(400)
    (files / "empty.csv").write_bytes(b"")
    write(files, "short.csv", candidate[:-1])
    candidate[3, 0] = float("nan")
    write(files, "nan.csv", candidate)
    candidate[3] = (0.5, 0.1, 0.1)
    write(files, "sums.csv", candidate)
    double = pd.read_csv(files / "small.csv")
    pd.concat([double, double.head(1)]).to_csv(files / "double.csv", index=False)
    before = sorted(files.rglob("*"))
    extra = () if "--label" in arguments else ("--label", "gold")
    one_line(trusteq("audit", *arguments, *extra, "--resamples", "200", cwd=files), says)
    assert sorted(files.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--id", "gold", "--by-row"), "--id gold matches rows by that column, --by-row by their number"),
        (("--tokenizer", "here"), "--tokenizer has no effect: no model here (large, small) takes it"),
        (("--device", "cuda"), "--device has no effect"),
        (("--output", "logits"), "--output has no effect"),
        (("--token-budget", "512"), "--token-budget has no effect"),
        (("--download",), "--download has no effect: no model here (large, small) takes it; remove it"),
        (("--skip-unreadable",), "--skip-unreadable has no effect: no pictures or sounds are read; name their column"),
        (("--batch", "8"), "--batch has no effect"),
        (("--ignore-label", "nosuch"), "no item has the label 'nosuch'"),
        (("--ignore-label", "nosuch"), "has {'maybe', 'no', 'yes'}"),
        (("--slice", "gold", "--no-slices"), "--slice gold and --no-slices exclude each other"),
        (("--scores", "logits"), "large.csv: line 2: item 'q0'"),
        (("--scores", "small=logits"), "small.csv: line 2: item 'q0'"),
        (("--scores", "small=logits", "--scores", "small=probabilities"), "given twice for small"),
        (("--labels", "a,b", "--labels", "c,d"), "given twice for all models: 'a,b' and 'c,d'"),
        (("--resamples", "1000001"), "100<=x<=100000"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(files, arguments, says):
    before = sorted(files.rglob("*"))
    one_line(trusteq("audit", "large.csv", "small.csv", "--label", "gold", *arguments, cwd=files), says)
    assert sorted(files.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ("audit", "a", "b", "--text", "one", "--text", "two"),
            "--text is given twice; give it once, with commas between columns",
        ),
        (("audit", "a", "b", "--seed", "1", "--seed", "1"), "--seed is given twice; give it once"),
        *(
            ((command, "run", "--out", "x", "--out", "y"), "--out is given twice; give it once")
            for command in ("train", "compress", "study", "figure")
        ),
    ],
)
def test_no_value_is_dropped_of_an_option_given_twice(tmp_path, arguments, says):
    one_line(trusteq(*arguments, cwd=tmp_path), says)


@pytest.mark.parametrize("by", [(), ("--by-row",)])
def test_a_candidates_own_gold_labels_must_be_the_references(files, by):
    large = pd.read_csv(files / "large.csv")
    small = pd.read_csv(files / "small.csv").assign(gold=large["gold"])
    small.to_csv(files / "small.csv", index=False)
    assert trusteq("audit", "large.csv", "small.csv", *QUICK, *by, cwd=files).returncode != 2
    small.assign(gold=np.roll(small["gold"], 1)).to_csv(files / "small.csv", index=False)
    done = trusteq("audit", "large.csv", "small.csv", *QUICK, *by, cwd=files)
    one_line(done, "small.csv: line ", "but the gold label is", "items conflict")


def test_ids_called_otherwise_are_not_passed_over(files):
    for name in ("large", "small"):
        table = pd.read_csv(files / f"{name}.csv").rename(columns={"id": "UID"})
        (table if name == "large" else table[::-1]).to_csv(files / f"{name}.csv", index=False)
    done = trusteq("audit", "large.csv", "small.csv", *QUICK, "--json", cwd=files)
    assert json.loads(done.stdout)["candidates"][0]["measures"]["behaviour"]["agreement"]["value"] > 0.9


def test_a_flag_may_stand_twice(files):
    done = trusteq("audit", "large.csv", "large.csv", "--allow-same", "--quiet", "--quiet", "--no-slices", cwd=files)
    assert done.returncode != 2, done.stderr


@pytest.mark.parametrize(
    ("backend", "data", "refused"),
    [(PREDICTIONS, "large.csv", True), (PREDICTIONS, "owner/name", False), (TRANSFORMERS, "large.csv", False)],
)
def test_downloads_may_be_allowed_wherever_there_can_be_one(files, monkeypatch, backend, data, refused):
    monkeypatch.chdir(files)
    with pytest.raises(click.UsageError, match="--download has no effect") if refused else nullcontext():
        refuse_unused({"download": True, "data": data}, {"download": DOWNLOAD}, {"m": backend})


def test_an_option_that_concerns_another_model_is_refused(files):
    (files / "m.onnx").write_bytes(b"")
    done = trusteq("audit", "large.csv", "m.onnx", "--label", "gold", "--device", "cuda", cwd=files)
    one_line(done, "--device has no effect: no model here (large, m) takes it")


def test_one_name_for_two_models_is_refused(files):
    one_line(trusteq("audit", "large.csv", "x=small.csv", "x=open.csv", *QUICK, cwd=files), "two models are named 'x'")


@pytest.mark.parametrize("option", [("--workers", "3"), ("--work", "kept"), ("--deadline", "9"), ("--ray",)])
def test_work_that_files_do_not_make_is_not_shared_out(files, option):
    done = trusteq("audit", "large.csv", "small.csv", *QUICK, *option, cwd=files)
    one_line(done, f"{option[0]} has no effect: all models here are files of predictions; remove it")
    assert not (files / "kept").exists()


def test_a_model_holds_no_items(files):
    (files / "m.onnx").write_bytes(b"")
    done = trusteq("audit", "m.onnx", "small.csv", "--label", "gold", cwd=files)
    one_line(done, "m is a model and contains no items; name an items file with --data")


def test_samples_are_named_after_the_folder_of_the_model():
    large, small = (f"out/org__{model}/samples_arc_2026-11-29T16-38-21.718373.jsonl" for model in ("8B", "8B-int4"))
    assert [name for name, _ in names_and_locations([large, small])] == ["org__8B", "org__8B-int4"]
    elsewhere = large.replace("out", "new")
    assert [name for name, _ in names_and_locations([large, elsewhere])] == ["out/org__8B", "new/org__8B"]
    again = large.replace("T16", "T17")
    assert names_and_locations([large, again]) == [("out/org__8B", large), ("out/org__8B-2", again)]
    assert [name for name, _ in names_and_locations(["a/samples_arc.jsonl"])] == ["samples_arc"]


def test_where_there_is_no_model_nobody_asks_for_items(files):
    done = trusteq("audit", "larg.csv", "small.csv", "--label", "gold", cwd=files)
    one_line(done, "larg.csv: no such file")
    done = trusteq("audit", "results/large", "small.csv", "--label", "gold", cwd=files)
    one_line(done, "results/large: no such file or folder; correct the path, or for a hub id name an items file")
    (files / "empty").mkdir()
    one_line(trusteq("audit", "empty", "small.csv", "--label", "gold", cwd=files), "empty is not a model folder")


def test_without_labels_the_option_for_them_is_named(files):
    done = trusteq("audit", "large.csv", "small.csv", "--dimensions", "behaviour", "--no-slices", cwd=files)
    assert "name the label column (--label)" in " ".join(done.stdout.split())


def test_names_given_by_hand_are_never_numbered():
    assert names_and_locations(["a.csv", "a.csv", "own=a.csv"]) == [
        ("a", "a.csv"),
        ("a-2", "a.csv"),
        ("own", "a.csv"),
    ]


def test_only_the_same_file_is_numbered_and_never_by_a_name_that_is_taken():
    assert names_and_locations(["a.csv", "a.csv", "c.csv"]) == [("a", "a.csv"), ("a-2", "a.csv"), ("c", "c.csv")]
    names = [name for name, _ in names_and_locations(["a.csv", "a.csv", "a-2=c.csv", "a.csv"])]
    assert names == ["a", "a-3", "a-2", "a-4"]


@pytest.mark.parametrize("models", [("large.csv", "large=small.csv", "open.csv"), ("large.csv", "large=small.csv")])
def test_a_candidate_never_takes_the_name_of_the_reference_s_file(files, models):
    """It would take its place, and the random candidate be the reference."""
    says = "two models are named 'large': large.csv after its file, small.csv by NAME=LOCATION; choose another name"
    one_line(trusteq("audit", *models, *QUICK, cwd=files), says)


def test_a_model_here_is_called_by_its_folder(tmp_path, monkeypatch):
    (tmp_path / "tiny" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "tiny" / "deep")
    assert [name for name, _ in names_and_locations([".", "..", "x.csv"])] == ["deep", "tiny", "x"]


def test_a_file_whose_name_is_not_utf8_is_audited(files):
    strange = os.fsdecode(b"caf\xe9.csv")
    (files / "small.csv").rename(files / strange)
    done = trusteq("audit", "large.csv", strange, *QUICK, "--data", "large.csv", cwd=files)
    assert done.returncode in {0, 1, 3}, done.stderr
    assert "caf\ufffd is" in done.stdout
    assert json.loads((files / "trusteq-run" / "manifest.json").read_text("utf-8"))["models"][1]["name"] == "caf\ufffd"
    assert trusteq("gate", "trusteq-run", cwd=files).returncode == done.returncode


@pytest.mark.parametrize("out", ["link", "/proc/run"])
def test_a_place_where_no_run_can_be_is_refused_before_any_model_runs(files, monkeypatch, out):
    (files / "link").symlink_to(files / "nowhere")
    monkeypatch.setattr("trusteq.models.open.open_model", lambda *_, **__: pytest.fail("a model was opened"))
    one_line(trusteq("audit", "large.csv", "small.csv", *QUICK, "--out", out, cwd=files), out)


def test_no_line_ends_in_blanks_where_stdout_is_no_terminal(files):
    out = trusteq("audit", "large.csv", "open.csv", *QUICK, cwd=files).stdout
    out += trusteq("gate", "trusteq-run", cwd=files).stdout
    assert [line for line in out.splitlines() if line != line.rstrip()] == []


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["cut", "missing", "level", "version"])
def test_gate_on_a_damaged_run_is_one_line(files, damage):
    trusteq("audit", "large.csv", "small.csv", *QUICK, "--out", "run", cwd=files)
    audit, items = files / "run" / "audit.json", files / "run" / "items.parquet"
    text = audit.read_text("utf-8")
    if damage == "cut":
        items.write_bytes(items.read_bytes()[:-9])
    elif damage == "missing":
        items.unlink()
    else:
        old, new = {"level": ('"level": 0.95', '"level": 1.95'), "version": ('version": 3', 'version": 0')}[damage]
        audit.write_text(text.replace(old, new), "utf-8")
    one_line(trusteq("gate", "run", cwd=files), "run")


def test_gate_on_something_else_is_one_line(files):
    one_line(trusteq("gate", "large.csv", cwd=files), "large.csv")
    one_line(trusteq("gate", "nowhere", cwd=files), "not a run directory")


def test_policy_show_prints_a_policy_that_can_be_used(files):
    done = trusteq("policy", "show", cwd=files)
    (files / "copy.yaml").write_text(done.stdout, "utf-8")
    assert trusteq("policy", "show", "copy.yaml", cwd=files).stdout == done.stdout


def test_policy_measures_lists_what_rules_can_name(files):
    lines = [" ".join(line.split()) for line in trusteq("policy", "measures", cwd=files).stdout.splitlines()]
    assert "behaviour:" in lines
    assert "smooth_ece_difference smooth ECE difference: -1 to 1" in lines
    assert "disagreement disagreement: 0 to 1" in lines
    assert "nll_difference negative log likelihood difference: any number" in lines or any(
        line.endswith(": any number") for line in lines
    )
    assert any(line.endswith(": 0 or more") for line in lines)


def test_no_command_prints_help(files):
    done = trusteq(cwd=files)
    assert "audit" in done.stdout + done.stderr


def test_every_option_of_audit_is_explained(files):
    out = trusteq("audit", "--help", cwd=files).stdout
    for code in ("0 EQUIVALENT", "1 NOT EQUIVALENT", "3 UNDECIDED", "2 error"):
        assert code in " ".join(out.split())


def test_rows_matched_by_number_follow_the_file_not_the_ids(files):
    reference, candidate, gold = probabilities(400, noise=0.05)
    # Sorted, these ids would pass for row numbers.
    shuffled = [int(i) + 1 for i in np.random.default_rng(0).permutation(400)]
    write(files, "ref.csv", reference, gold=[LABELS[code] for code in gold]).write_text(
        pd.read_csv(files / "ref.csv").assign(id=shuffled).to_csv(index=False), "utf-8"
    )
    pd.DataFrame(candidate, columns=list(LABELS)).to_csv(files / "cand.csv", index=False)
    one_line(trusteq("audit", "ref.csv", "cand.csv", *QUICK, cwd=files), "--by-row")
    done = trusteq("audit", "ref.csv", "cand.csv", *QUICK, "--by-row", "--json", cwd=files)
    agreement = json.loads(done.stdout)["candidates"][0]["measures"]["behaviour"]["agreement"]["value"]
    assert agreement == (reference.argmax(axis=1) == candidate.argmax(axis=1)).mean()


def test_a_numeric_column_that_is_no_label_is_refused(files):
    _, candidate, _ = probabilities(400)
    write(files, "extra.csv", candidate, length=0.0)
    one_line(trusteq("audit", "large.csv", "extra.csv", *QUICK, cwd=files), "extra.csv", "'length'", "--labels extra=")
    done = trusteq("audit", "large.csv", "extra.csv", *QUICK, "--labels", "extra=no,maybe,yes", cwd=files)
    assert done.returncode in {0, 1, 3}


def test_ignored_items_are_told(files):
    out = trusteq("audit", "large.csv", "small.csv", *QUICK, "--ignore-label", "maybe", cwd=files).stdout
    assert "excluded by label" in out


@pytest.mark.slow
def test_a_reader_that_leaves_early_is_no_verdict(files):
    trusteq("audit", "large.csv", "small.csv", *QUICK, "--out", "run", cwd=files)
    command = f"{Path(sys.executable).with_name('trusteq')} gate run --json | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], cwd=files, capture_output=True, text=True, check=False)
    assert done.returncode in {0, 3, 141}


def test_a_defect_of_ours_is_no_verdict_either(files, monkeypatch):
    monkeypatch.setattr("trusteq.record.run.load_run", lambda _: 1 / 0)
    done = trusteq("gate", "run", cwd=files)
    assert done.returncode == 2
    assert "ZeroDivisionError" in done.stderr
    assert "please report" in done.stderr


def test_a_damaged_run_is_one_line(files):
    trusteq("audit", "large.csv", "small.csv", *QUICK, "--out", "run", cwd=files)
    (files / "run" / "audit.json").write_text('{"schema_version": 1}', "utf-8")
    one_line(trusteq("gate", "run", cwd=files), "audit.json", "damaged")


def test_a_repeated_rule_in_a_policy_is_refused(files):
    (files / "p.yaml").write_text("name: a\nname: b\n", "utf-8")
    one_line(trusteq("policy", "show", "p.yaml", cwd=files), "key 'name' appears twice")


def test_no_terminal_is_too_narrow_for_the_measures(files, monkeypatch):
    monkeypatch.setattr("trusteq.cli.screen.PIPE_WIDTH", 80)
    out = trusteq("audit", "large.csv", "small.csv", *QUICK, cwd=files).stdout
    for words in ("accuracy", "disagreement", "smooth ECE", "confidence"):
        assert words in out
    assert "…" not in out
