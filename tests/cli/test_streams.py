"""What standard output and standard error are changes no verdict, no exit code and no byte of the run."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from cases import LABELS, probabilities
from command import one_line, trusteq

COMMAND = str(Path(sys.executable).with_name("trusteq"))
AUDIT = f"{COMMAND} audit large.csv small.csv --label label --dimensions behaviour,calibration --quiet --resamples 100"

needs_full = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("streams")
    reference, candidate, gold = probabilities(300, noise=0.9)
    labels = [LABELS[code] for code in gold]
    pd.DataFrame(reference, columns=list(LABELS)).assign(label=labels).to_csv(folder / "large.csv", index=False)
    pd.DataFrame(candidate, columns=list(LABELS)).to_csv(folder / "small.csv", index=False)
    done = ran(f"{AUDIT} --out plain", folder)
    assert done.returncode == 1
    assert "≠ NOT EQUIVALENT" in done.stdout
    return folder


def ran(command, folder):
    return subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, check=False)


def files(run):
    return {path.relative_to(run): path.read_bytes() for path in run.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("named", "where", "why"),
    [
        pytest.param("full", ">/dev/full", "No space left on device", marks=needs_full),
        pytest.param("full-json", "--json >/dev/full", "No space left on device", marks=needs_full),
        ("closed", ">&-", "Bad file descriptor"),
        ("left", "| true; exit ${PIPESTATUS[0]}", "Broken pipe"),
    ],
)
def test_a_result_that_cannot_be_printed_is_told_and_the_exit_code_is_the_verdicts(folder, named, where, why):
    done = ran(f"{AUDIT} --out {named} {where}", folder)
    assert done.returncode == 1
    told = f"trusteq: the result could not be printed ({why}); exit code 1, see {named}"
    # Whether the reader was already gone is a matter of time.
    assert told in done.stderr.splitlines() or named == "left"
    assert files(folder / named) == files(folder / "plain")
    assert ran(f"{COMMAND} gate {named} {where}", folder).returncode == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("named", "where"),
    [
        pytest.param("deaf", "2>/dev/full", marks=needs_full),
        ("mute", "2>&-"),
        ("neither", "<&- >&- 2>&-"),
    ],
)
def test_notes_that_cannot_be_written_end_no_audit(folder, named, where):
    done = ran(f"{AUDIT.replace('--quiet', '')} --out {named} {where}", folder)
    assert done.returncode == 1
    assert files(folder / named) == files(folder / "plain")
    assert named == "neither" or "≠ NOT EQUIVALENT" in done.stdout


@needs_full
@pytest.mark.parametrize(
    "command",
    [
        pytest.param("show plain", marks=pytest.mark.slow),
        pytest.param("report plain --as markdown", marks=pytest.mark.slow),
        "policy show default",
        "--help",
    ],
)
def test_what_only_prints_has_failed_when_it_could_not(folder, command):
    done = ran(f"{COMMAND} {command} >/dev/full", folder)
    assert (done.returncode, done.stderr) == (2, "error: output: No space left on device\n")


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (MemoryError("Unable to allocate 9.2 GiB"), "not enough memory (Unable to allocate 9.2 GiB); use fewer items"),
        (MemoryError(), "not enough memory; use fewer items"),
        (ImportError("libtorch_cpu.so: failed to map segment"), "there is not enough memory"),
    ],
)
def test_little_memory_is_one_line(folder, monkeypatch, error, says):
    def fails(_):
        raise error

    monkeypatch.setattr("trusteq.record.run.load_run", fails)
    one_line(trusteq("gate", "plain", cwd=folder), says)
