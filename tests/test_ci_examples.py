"""The examples for CI servers: their YAML, every command line in them, and what a job's result is."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from cases import LABELS, probabilities
from ci_stand_ins import commands, ran, serving
from command import trusteq

from trusteq.cli.audit import audit

EXAMPLES = Path(__file__).parents[1] / "examples" / "ci"


def gitlab():
    """Variables and script of the GitLab example."""
    job = yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text("utf-8"))["trust"]
    assert job["artifacts"]["when"] == "always"
    assert job["artifacts"]["reports"] == {"junit": "trust.xml"}
    return job["variables"], "\n".join([*job["before_script"], *job["script"]])


def test_the_github_example_gives_the_action_what_it_asks_for():
    content = yaml.safe_load((EXAMPLES / "github.yml").read_text("utf-8"))
    assert content[True] == "pull_request"  # YAML 1.1 reads "on" so; GitHub does not
    assert content["permissions"]["pull-requests"] == "write"
    (_, step) = content["jobs"]["audit"]["steps"]
    inputs = yaml.safe_load((EXAMPLES.parents[1] / "action.yml").read_text("utf-8"))["inputs"]
    assert set(step["with"]) <= set(inputs)
    words = shlex.split(step["with"]["arguments"])
    options = audit.make_context("audit", [*words, "--policy", step["with"]["policy"]]).params
    assert (options["reference"], options["candidates"]) == ("models/large", ("models/small",))
    assert (options["text"], options["label"]) == ("text", "label")


def job(folder, verdict, server=None):
    """The exit code of the GitLab job whose verdict is this, and the commands it ran."""
    variables, script = gitlab()
    bin_ = commands(folder, "trusteq", "pip")
    known = {"PATH": f"{bin_}:{os.environ['PATH']}", "LOG": str(folder / "log"), "VERDICT": str(verdict)}
    if server is not None:
        known |= {"TRUST_TOKEN": "secret", "CI_API_V4_URL": server.address}
        known |= {"CI_PROJECT_ID": "3", "CI_MERGE_REQUEST_IID": "4"}
    done = subprocess.run(["bash", "-e", "-c", script], cwd=folder, env={**variables, **known}, check=False)
    return done.returncode, ran(folder / "log")


@pytest.mark.parametrize("verdict", [0, 1, 3])
def test_the_job_s_result_is_the_verdict_and_everything_is_reported_before(verdict, tmp_path):
    code, words = job(tmp_path, verdict)
    assert code == verdict
    assert words[0] == ["pip", "install", "./trusteq[transformers,onnx]"]
    assert [line[1] for line in words[1:]] == ["audit", "report", "report", "report", "gate"]
    assert (tmp_path / "trust.xml").is_file()


def test_an_error_ends_the_job_at_once(tmp_path):
    code, words = job(tmp_path, 2)
    assert code != 0
    assert [line[1] for line in words[1:]] == ["audit"]


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_the_comment_is_updated_not_repeated(tmp_path):
    with serving() as server:
        server.add("<!-- trusteq -->\nsomebody else's", author={"id": 8})
        for verdict in (1, 0):
            (tmp_path / str(verdict)).mkdir()
            assert job(tmp_path / str(verdict), verdict, server)[0] == verdict
        _, ours = [comment["body"] for comment in server.comments]
        assert ours.strip() == "<!-- trusteq -->\nverdict 0"
        changed = [(method, path) for method, path in server.asked if method != "GET"]
        notes = "/projects/3/merge_requests/4/notes"
        assert changed == [("POST", notes), ("PUT", f"{notes}/2")]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ci")
    reference, candidate, gold = probabilities(400, noise=0.05)
    texts = {"text": [f"premise {i}" for i in range(400)]}
    frame = pd.DataFrame({"id": np.arange(400), **texts, "label": [LABELS[code] for code in gold]})
    frame.to_parquet(folder / "test.parquet")
    for name, table in (
        ("large", reference),
        ("same", candidate),
        ("other", candidate[::-1]),
        ("open", probabilities(400, noise=0.9)[1]),
    ):
        pd.DataFrame(table, columns=list(LABELS)).assign(id=np.arange(400)).to_csv(folder / f"{name}.csv", index=False)
    (folder / "policy.yaml").write_text(
        "name: wide\nrequired: [behaviour]\nrules: {behaviour: {disagreement: {at_most: 0.15}}}\n", "utf-8"
    )
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(("candidate", "verdict"), [("same", 0), ("other", 1), ("open", 3)])
def test_its_commands_are_real_ones_with_the_documented_exit_codes(candidate, verdict, files, tmp_path):
    variables, _ = gitlab()
    own = {"REFERENCE": "large.csv", "CANDIDATE": f"{candidate}.csv", "DATA": "test.parquet", "POLICY": "policy.yaml"}
    assert own.keys() <= variables.keys()
    for file in files.iterdir():
        (tmp_path / file.name).symlink_to(file)
    named = {value: own.get(name, value) for name, value in variables.items()}
    (tmp_path / "job").mkdir()
    _, words = job(tmp_path / "job", verdict)
    for line in (line[1:] for line in words if line[0] == "trusteq"):
        arguments = [named.get(word, word) for word in line]
        if arguments[0] == "audit":
            arguments += ["--no-slices", "--resamples", "100"]
        if arguments[:3] == ["report", "audit", "--out"]:
            continue  # the page has tests of its own
        done = trusteq(*arguments, cwd=tmp_path)
        assert done.returncode == (0 if arguments[0] == "report" else verdict), (arguments, done.stderr)
    assert (tmp_path / "trust.xml").read_text("utf-8").startswith("<?xml")


def test_the_guide_names_files_that_are_there():
    text = (EXAMPLES.parents[1] / "docs/how-to/ci.md").read_text("utf-8")
    for name in ("github.yml", "gitlab-ci.yml"):
        assert f"examples/ci/{name}" in text
        assert (EXAMPLES / name).is_file()


def test_the_hook_checks_the_files_that_it_names(tmp_path):
    (hook,) = yaml.safe_load((EXAMPLES.parents[1] / ".pre-commit-hooks.yaml").read_text("utf-8"))
    (tmp_path / "audit.yaml").write_text("models: {reference: large.csv, candidates: [small.csv]}\n", "utf-8")
    (tmp_path / "wide-policy.yml").write_text("name: wide\nrequired: [looks]\nrules: {}\n", "utf-8")
    names = ["audit.yaml", "wide-policy.yml", "sub/policy.yaml", "nightly_audit.yaml", "auditor.yaml", "policy.json"]
    chosen = [name for name in names if re.search(hook["files"], name)]
    assert chosen == names[:4]
    assert hook["language"] == "python"
    program, *words = hook["entry"].split()
    assert program == "trusteq"
    done = trusteq(*words, *chosen[:2], cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout.startswith("audit.yaml: ")
    (wrong,) = done.stderr.splitlines()
    assert wrong.startswith("error: wide-policy.yml: ")
