"""An in-toto statement about a run: its subject is the manifest, its result the exit code's."""

import hashlib
import json
import shutil
import subprocess

import pytest
from cases import Table, case
from command import trusteq
from finished_runs import FAST, KINDS, equivalent, explained, hostile, plain
from rehashed import rehashed

from trusteq import RunError, load_run
from trusteq import audit as trusteq_audit
from trusteq.record.evidence import evidence
from trusteq.report.in_toto import in_toto
from trusteq.report.wording import urgent


def statement(audit, folder):
    run = audit.save(folder / "run")
    return run, json.loads(in_toto(evidence(load_run(run))))


def test_its_subject_is_the_manifest_and_its_configuration_what_was_compared_by_which_policy(tmp_path):
    run, made = statement(explained(), tmp_path)
    assert made["_type"] == "https://in-toto.io/Statement/v1"
    assert made["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    sha256 = {name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in ("manifest.json", "policy.yaml")}
    assert made["subject"] == [{"name": "manifest.json", "digest": {"sha256": sha256["manifest.json"]}}]
    policy, items, *models = made["predicate"]["configuration"]
    assert policy == {"name": "policy.yaml", "digest": {"sha256": sha256["policy.yaml"]}}
    assert items["digest"]["trusteqContent"] == explained().items.content()
    assert [model["name"] for model in models] == ["reference honest", "candidate nearly", "candidate shortcut"]
    assert [model["digest"]["trusteqContent"] for model in models] == [m.identity.content for m in explained().models]


@pytest.mark.parametrize("kind", KINDS)
def test_its_result_is_that_of_the_exit_code_and_undecided_is_no_pass(kind, tmp_path):
    audit = KINDS[kind]()
    _, made = statement(audit, tmp_path)
    result = made["predicate"]
    warned = urgent(audit.evidence.findings)
    assert result["result"] == ("FAILED" if audit.exit_code else "WARNED" if warned else "PASSED")
    assert (result["failedTests"] == []) == (audit.exit_code == 0)
    required = sum(d.required for c in audit.comparisons for d in c.verdict.dimensions) + len(audit)
    assert len(result["passedTests"]) + len(result["failedTests"]) == required
    assert len(result["warnedTests"]) == len(warned)


def test_a_pass_of_which_something_must_be_read_first_is_a_warning(tmp_path):
    result = statement(equivalent(), tmp_path)[1]["predicate"]
    assert result["result"] == "WARNED"
    policy, repeats = result["warnedTests"]
    assert policy.startswith("policy wide: is more permissive than trusteq's default policy")
    assert repeats.startswith("items: 10 of 120 repeat the text of another item")


def test_candidates_whose_names_look_alike_are_both_there(tmp_path):
    """They are written alike, and one took the other's place."""
    large, small, items = case(120, noise=1.5)
    wide = {"name": "w", "required": ["behaviour"], "rules": {"behaviour": {"disagreement": {"at_most": 0.15}}}}
    twins = {"m\u200b": small, "m\u200c": Table("twin", dict(large.answers))}
    result = statement(trusteq_audit(large, twins, items, policy=wide, **FAST), tmp_path)[1]["predicate"]
    assert result["passedTests"] == ["m\ufffd: overall", "m\ufffd: behaviour"] == result["failedTests"]


def test_a_pass_and_a_failure(tmp_path):
    assert statement(equivalent(), tmp_path / "a")[1]["predicate"]["passedTests"] == [
        "twin: overall",
        "twin: behaviour",
    ]
    failed = statement(plain(), tmp_path / "b")[1]["predicate"]["failedTests"]
    assert {"small: overall", "small: explanation"} <= set(failed)


def test_no_name_commands_what_shows_it(tmp_path):
    _, made = statement(hostile(), tmp_path)
    assert json.dumps(made).isascii()
    assert not any(character in json.dumps(made) for character in ("\\u202e", "\\u001b"))


def test_an_audit_in_memory_has_no_files_to_vouch_for():
    with pytest.raises(RunError, match="save the audit first"):
        in_toto(plain().evidence)


def test_the_command(tmp_path):
    run = plain().save(tmp_path / "run")
    done = trusteq("report", run, "--as", "in-toto")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["subject"][0]["name"] == "manifest.json"


def signed(tool, run, folder):
    """Sign a run's manifest; the command that verifies it, and what it reads."""
    if tool == "minisign":
        keys = folder / "minisign.pub", folder / "minisign.key"
        subprocess.run([tool, "-G", "-W", "-p", keys[0], "-s", keys[1]], check=True, capture_output=True)
        subprocess.run([tool, "-S", "-m", run / "manifest.json", "-s", keys[1]], check=True, capture_output=True)
        return [tool, "-V", "-m", run / "manifest.json", "-p", keys[0]], None
    key = folder / "key"
    subprocess.run([tool, "-q", "-t", "ed25519", "-N", "", "-f", key], check=True, capture_output=True)
    subprocess.run(
        [tool, "-Y", "sign", "-f", key, "-n", "trusteq", run / "manifest.json"], check=True, capture_output=True
    )
    (folder / "signers").write_text(f"somebody {(folder / 'key.pub').read_text()}")
    words = [tool, "-Y", "verify", "-f", folder / "signers", "-I", "somebody", "-n", "trusteq"]
    return [*words, "-s", run / "manifest.json.sig"], run / "manifest.json"


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["minisign", "ssh-keygen"])
def test_a_signature_over_the_manifest_covers_the_whole_run(tool, tmp_path):
    """Made and verified offline by tools that release engineers have; trusteq itself signs nothing."""
    if shutil.which(tool) is None:
        pytest.skip(f"needs {tool}")
    run = plain().save(tmp_path / "run")
    words, given = signed(tool, run, tmp_path)

    def vouched():
        done = subprocess.run(words, input=None if given is None else given.read_bytes(), capture_output=True)
        return done.returncode == 0 and trusteq("verify", run, "--quiet").returncode == 0

    assert vouched()
    page = run / "predictions" / "00-large.parquet"
    before = page.read_bytes()
    page.write_bytes(before + b" ")
    assert not vouched()
    # Whoever writes the hashes anew breaks the signature.
    rehashed(run)
    assert not vouched()
