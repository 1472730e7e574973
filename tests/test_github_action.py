"""The GitHub action: its steps run here one after the other, as a runner would run them."""

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from ci_stand_ins import commands, ran, serving
from finished_runs import equivalent, explained, plain
from test_ci_examples import files  # noqa: F401 - a fixture

import trusteq
from trusteq.report.badge import badge

ROOT = Path(__file__).parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))


@pytest.fixture
def server():
    with serving() as server:
        yield server


@dataclass
class Job:
    """What became of a job."""

    code: int = 0
    outputs: dict = field(default_factory=dict)
    used: list = field(default_factory=list)
    ran: list = field(default_factory=list)
    log: str = ""
    summary: str = ""


def value(expression, context):
    """An expression of GitHub's, as far as the action has any."""
    named = re.sub(r"[a-z]\w*(\.[\w-]+)+", lambda name: repr(looked_up(name[0], context)), expression)
    return eval(named.replace("||", " or ").replace("&&", " and "), {})  # noqa: S307 - our own file


def looked_up(name, context):
    for part in name.split("."):
        context = context[part]
    return context


def filled(text, context):
    return re.sub(r"\$\{\{(.*?)\}\}", lambda found: str(value(found[1], context)), str(text))


def run(folder, server, given, *, verdict=0, event=None, fake=("pip", "trusteq")):
    """The job whose only step is the action with these inputs."""
    context = {"github": {"action_path": str(ROOT), "token": "secret"}, "steps": {}}
    assert set(given) <= set(ACTION["inputs"])
    required = {name for name, described in ACTION["inputs"].items() if described.get("required")}
    assert required <= set(given)
    context["inputs"] = {
        name: given.get(name, filled(described.get("default", ""), context))
        for name, described in ACTION["inputs"].items()
    }
    bin_ = commands(folder / "tools", *fake)
    if "trusteq" not in fake:
        (bin_ / "trusteq").write_text(f'#!/bin/bash\nexec {sys.executable} -m trusteq "$@"\n', "utf-8")
        (bin_ / "trusteq").chmod(0o755)
    known = {
        **{name: setting for name, setting in os.environ.items() if not name.startswith("GITHUB_")},
        "PATH": f"{bin_}:{os.environ['PATH']}",
        "LOG": str(folder / "log"),
        "VERDICT": str(verdict),
        "RUNNER_TEMP": str(folder / "temp"),
        "GITHUB_ACTION_PATH": str(ROOT),
        "GITHUB_API_URL": server.address,
        "GITHUB_REPOSITORY": "us/models",
        "GITHUB_EVENT_PATH": str(folder / "event.json"),
        "GITHUB_STEP_SUMMARY": str(folder / "summary"),
        "GITHUB_OUTPUT": str(folder / "outputs"),
    }
    (folder / "event.json").write_text(json.dumps({"pull_request": {"number": 5}} if event is None else event), "utf-8")
    job = Job()
    for step in ACTION["runs"]["steps"]:
        assert ("uses" in step) != ("run" in step)
        if not value(step.get("if", "True"), context):
            continue
        if "uses" in step:
            job.used.append((step["uses"], {name: filled(text, context) for name, text in step["with"].items()}))
            continue
        assert step["shell"] == "bash"
        assert "${{" not in step["run"]  # what a caller writes never becomes part of a script
        own = {name: filled(text, context) for name, text in step.get("env", {}).items()}
        (folder / "outputs").write_text("", "utf-8")
        words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        done = subprocess.run(words, cwd=folder, env={**known, **own}, capture_output=True, text=True, check=False)
        job.log += done.stdout + done.stderr
        lines = (folder / "outputs").read_text("utf-8").splitlines()
        if "id" in step:
            context["steps"][step["id"]] = {"outputs": dict(line.split("=", 1) for line in lines)}
        job.code = done.returncode
        if job.code:
            break
    if context["steps"].get("audit", {}).get("outputs"):
        job.outputs = {name: filled(output["value"], context) for name, output in ACTION["outputs"].items()}
    job.ran = ran(folder / "log")
    job.summary = (folder / "summary").read_text("utf-8") if (folder / "summary").exists() else ""
    return job


def test_every_input_and_output_is_described():
    assert all(each["description"] for each in (*ACTION["inputs"].values(), *ACTION["outputs"].values()))


@pytest.mark.parametrize(("code", "verdict"), [(0, "EQUIVALENT"), (1, "NOT EQUIVALENT"), (3, "UNDECIDED")])
def test_the_job_s_result_is_the_verdict_and_everything_is_shown_before(code, verdict, server, tmp_path):
    job = run(tmp_path, server, {"arguments": "large small --data 'my items.csv'", "policy": "p.yaml"}, verdict=code)
    assert (job.code, job.outputs["verdict"], job.outputs["exit-code"]) == (code, verdict, str(code))
    folder = tmp_path / "temp/trusteq/trusteq"
    audit = ["trusteq", "audit", "large", "small", "--data", "my items.csv", "--policy", "p.yaml"]
    assert job.ran[1] == [*audit, "--out", str(folder / "run"), "--quiet"]
    assert [words[1] for words in job.ran if words[0] == "trusteq"] == ["audit", *["report"] * 4, "gate"]
    for name in ("report", "junit", "badge"):
        assert Path(job.outputs[name]).parent == folder
        assert Path(job.outputs[name]).is_file()
    assert job.summary == f"<!-- trusteq -->\nverdict {code}\n"
    assert job.used[1] == ("actions/upload-artifact@v4", {"name": "trusteq", "path": str(folder)})
    assert [comment["body"] for comment in server.comments] == [f"<!-- trusteq: trusteq -->\n{job.summary}"]


def test_an_error_ends_the_job_at_once_with_its_code(server, tmp_path):
    job = run(tmp_path, server, {"arguments": "large small"}, verdict=2)
    assert job.code == 2
    assert [words[1] for words in job.ran if words[0] == "trusteq"] == ["audit"]
    assert (server.comments, job.summary) == ([], "")


def test_nothing_in_the_arguments_is_run(server, tmp_path):
    job = run(tmp_path, server, {"arguments": "large small --out '$(touch a)' `touch b`; touch c"})
    assert job.ran[1][2:9] == ["large", "small", "--out", "$(touch a)", "`touch", "b`;", "touch"]
    assert not {"a", "b", "c"} & {path.name for path in tmp_path.iterdir()}


def test_it_installs_its_own_checkout_or_what_it_is_told_to(server, tmp_path):
    def installed(name, **given):
        (tmp_path / name).mkdir()
        return run(tmp_path / name, server, {"arguments": "a b", **given}, event={}).ran[0]

    assert installed("own") == ["pip", "install", str(ROOT)]
    assert installed("extras", extras="onnx,sound")[-1] == f"{ROOT}[onnx,sound]"
    assert installed("wheel", package="./trusteq.whl")[-1] == "./trusteq.whl"
    assert installed("version", package="trusteq>=0.2,<1", extras="onnx")[-1] == "trusteq[onnx]>=0.2,<1"


def test_a_comment_is_updated_not_repeated_and_others_are_left_alone(server, tmp_path):
    for body in ("first!", "<!-- trusteq: other -->\nanother audit's"):
        server.add(body)
    server.add("<!-- trusteq: trusteq -->\nforged", user={"type": "User"})
    server.add("chatter", user=None)  # of an account that was deleted
    for _ in range(119):
        server.add("chatter", user={"type": "User"})
    for verdict in (1, 0):
        (tmp_path / str(verdict)).mkdir()
        run(tmp_path / str(verdict), server, {"arguments": "large small"}, verdict=verdict)
    bodies = [comment["body"] for comment in server.comments if comment["body"] != "chatter"]
    assert bodies[:2] == ["first!", "<!-- trusteq: other -->\nanother audit's"]
    assert bodies[2:] == [
        "<!-- trusteq: trusteq -->\nforged",
        "<!-- trusteq: trusteq -->\n<!-- trusteq -->\nverdict 0\n",
    ]
    assert [method for method, _ in server.asked if method != "GET"] == ["POST", "PATCH"]
    assert {path.partition("?")[0] for _, path in server.asked} == {
        "/repos/us/models/issues/5/comments",
        "/repos/us/models/issues/comments/124",
    }


def test_a_token_that_may_not_comment_is_a_warning_and_the_verdict_still_counts(server, tmp_path):
    server.refuses = 403
    job = run(tmp_path, server, {"arguments": "large small"}, verdict=3)
    assert job.code == 3
    assert "::warning::no comment: the server answers 403 Forbidden" in job.log


def test_a_server_that_cannot_be_reached_is_a_warning_and_the_verdict_still_counts(server, tmp_path):
    class Gone:
        address = "http://127.0.0.1:9"

    job = run(tmp_path, Gone, {"arguments": "large small"}, verdict=3)
    assert job.code == 3
    assert "::warning::no comment: the server cannot be reached" in job.log


def test_without_a_pull_request_or_the_wish_nobody_comments(server, tmp_path):
    for name, given, event in (("push", {}, {"ref": "refs/heads/main"}), ("unwanted", {"comment": "false"}, None)):
        (tmp_path / name).mkdir()
        assert run(tmp_path / name, server, {"arguments": "large small", **given}, event=event).code == 0
    assert server.asked == []


@pytest.mark.slow
def test_its_commands_are_real_ones(files, server, tmp_path):  # noqa: F811
    for file in files.iterdir():
        (tmp_path / file.name).symlink_to(file)
    options = "--data test.parquet --label label --no-slices --resamples 100"
    given = {"arguments": f"large.csv other.csv {options}", "policy": "policy.yaml", "name": "mine"}
    job = run(tmp_path, server, given, fake=("pip",))
    assert job.code == 1, job.log
    assert trusteq.load_run(job.outputs["run"])["other"].verdict.outcome == job.outputs["verdict"] == "NOT EQUIVALENT"
    assert json.loads(Path(job.outputs["badge"]).read_text("utf-8"))["message"] == "NOT EQUIVALENT"
    assert Path(job.outputs["report"]).read_text("utf-8").startswith("<!doctype html>")
    (comment,) = server.comments
    assert "other may not replace large" in comment["body"]


def test_the_badge_is_what_shields_io_asks_for():
    alone = json.loads(badge(plain().evidence))
    outcome = plain()["small"].verdict.outcome
    assert alone == {"schemaVersion": 1, "label": "trusteq", "message": outcome, "color": alone["color"]}
    assert json.loads(badge(equivalent().evidence))["color"] == "brightgreen"
    assert json.loads(badge(explained().evidence)) == {**alone, "message": "0 of 2 EQUIVALENT", "color": "red"}
