"""The examples for CI servers: their YAML, every command line in them, and what a job's result is."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from cases import LABELS, probabilities
from command import trusteq

EXAMPLES = Path(__file__).parents[1] / "examples" / "ci"


def github():
    """Environment and scripts of the GitHub example, step by step."""
    content = yaml.safe_load((EXAMPLES / "github.yml").read_text("utf-8"))
    assert content[True] == "pull_request"  # YAML 1.1 reads "on" so; GitHub does not
    steps = content["jobs"]["audit"]["steps"]
    assert all(("uses" in step) != ("run" in step) for step in steps)
    return content["env"], [step["run"] for step in steps if "run" in step]


def gitlab():
    """The same of the GitLab example."""
    job = yaml.safe_load((EXAMPLES / "gitlab-ci.yml").read_text("utf-8"))["trust"]
    assert job["artifacts"]["when"] == "always"
    assert job["artifacts"]["reports"] == {"junit": "trust.xml"}
    return job["variables"], ["\n".join([*job["before_script"], *job["script"]])]


SERVERS = {"github": github, "gitlab": gitlab}
FAKE = """#!/bin/bash
printf '%s\\n' "$(basename "$0")" "$@" '' >> "$LOG"
if [ "$(basename "$0")" = trusteq ]; then
  case $1 in
    report) while [ $# -gt 1 ]; do if [ "$1" = --out ]; then mkdir -p "$(dirname "$2")"; echo > "$2"; fi; shift; done ;;
    *) exit "$VERDICT" ;;
  esac
fi
"""


def job(server, folder, verdict):
    """The exit code of a job whose verdict is this, and the commands it ran."""
    variables, scripts = SERVERS[server]()
    bin_ = folder / "bin"
    bin_.mkdir()
    for name in ("trusteq", "pip", "gh", "curl"):
        (bin_ / name).write_text(FAKE, "utf-8")
        (bin_ / name).chmod(0o755)
    known = {"PATH": f"{bin_}:{os.environ['PATH']}", "LOG": str(folder / "log"), "VERDICT": str(verdict)}
    known |= {"GITHUB_STEP_SUMMARY": str(folder / "summary"), "TRUST_TOKEN": "t"}
    code = 0
    for script in scripts:
        plain = script.replace("${{ github.event.pull_request.number }}", "7")
        assert "${{" not in plain
        done = subprocess.run(["bash", "-e", "-c", plain], cwd=folder, env={**variables, **known}, check=False)
        code = done.returncode
        if code:
            break
    said = (folder / "log").read_text("utf-8").strip("\n").split("\n\n")
    return code, [line.split("\n") for line in said]


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("verdict", [0, 1, 3])
def test_the_job_s_result_is_the_verdict_and_everything_is_reported_before(server, verdict, tmp_path):
    code, ran = job(server, tmp_path, verdict)
    assert code == verdict
    assert [words[1] for words in ran if words[0] == "trusteq"] == ["audit", "report", "report", "report", "gate"]
    assert {"pip", "gh" if server == "github" else "curl"} <= {words[0] for words in ran}
    assert (tmp_path / "trust.xml").is_file()


@pytest.mark.parametrize("server", SERVERS)
def test_an_error_ends_the_job_at_once(server, tmp_path):
    code, ran = job(server, tmp_path, 2)
    assert code != 0
    assert [words[1] for words in ran if words[0] == "trusteq"] == ["audit"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ci")
    reference, candidate, gold = probabilities(400, noise=0.05)
    texts = {"premise": [f"premise {i}" for i in range(400)], "hypothesis": [f"so {i}" for i in range(400)]}
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
@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize(("candidate", "verdict"), [("same", 0), ("other", 1), ("open", 3)])
def test_its_commands_are_real_ones_with_the_documented_exit_codes(server, candidate, verdict, files, tmp_path):
    variables, _ = SERVERS[server]()
    own = {"REFERENCE": "large.csv", "CANDIDATE": f"{candidate}.csv", "DATA": "test.parquet", "POLICY": "policy.yaml"}
    assert own.keys() == variables.keys()
    for file in files.iterdir():
        (tmp_path / file.name).symlink_to(file)
    named = {value: own[name] for name, value in variables.items()}
    (tmp_path / "job").mkdir()
    _, ran = job(server, tmp_path / "job", verdict)
    for words in (words[1:] for words in ran if words[0] == "trusteq"):
        arguments = [named.get(word, word) for word in words]
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
