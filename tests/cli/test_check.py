"""Files that people write are recognised by their keys and checked, all of them, without models or data."""

from pathlib import Path

import pytest
import yaml
from command import trusteq

import trusteq as package

SOURCE = Path(package.__file__).parent
SHIPPED = {
    **dict.fromkeys(sorted((SOURCE / "study" / "shipped").glob("*.yaml")), "a study"),
    **dict.fromkeys(sorted((SOURCE / "policies").glob("*.yaml")), "a policy"),
}
AUDIT = "models: {reference: a, candidates: [b]}\n"
TASK = "task: choices\nprompt: 'Is {{ text }} good?'\nchoices: {good: ' yes', bad: ' no'}\n"
POLICY = "name: ours\nrequired: [behaviour]\nrules: {behaviour: {disagreement: {at_most: 0.1}}}\n"
OURS = f"a policy, ours ({package.read_policy(yaml.safe_load(POLICY)).content()[:12]})"


def test_what_comes_with_trusteq_is_right():
    done = trusteq("check", *SHIPPED)
    said = [line.partition(", ")[0] for line in done.stdout.splitlines()]
    assert said == [f"{path}: {kind}" for path, kind in SHIPPED.items()]
    assert (done.returncode, done.stderr) == (0, "")


def test_an_audit_file_is_checked_with_what_it_names_but_not_its_models(tmp_path):
    (tmp_path / "audit.yaml").write_text(AUDIT + "policy: p.yaml\ntask: t.yaml\ndimensions: behaviour\n", "utf-8")
    (tmp_path / "p.yaml").write_text(POLICY, "utf-8")
    (tmp_path / "t.yaml").write_text(TASK, "utf-8")
    done = trusteq("check", "audit.yaml", "p.yaml", "t.yaml", cwd=tmp_path)
    assert done.stdout == f"audit.yaml: an audit file\np.yaml: {OURS}\nt.yaml: a task file\n"
    assert done.returncode == 0, done.stderr


WRONG = {
    "no.yaml": (None, "no.yaml: no such file"),
    "list.yaml": (
        "- 1",
        "a policy, a task file or a study; it has no keys at its top",
    ),
    "empty.yaml": ("# nothing\n", "empty.yaml: is empty; trusteq init writes an audit file"),
    "other.yaml": ("on: push\njobs: {}", "neither an audit file nor a policy"),
    "audit.yaml": (AUDIT + "data: {lable: x}", "audit.yaml: data has no key 'lable'; did you mean 'label'?"),
    "modls.yaml": ("modls: {}\npolicy: default", "audit file has no key 'modls'; did you mean 'models'?"),
    "names.yaml": (AUDIT + "policy: gone.yaml", "gone.yaml: no such policy file"),
    "asks.yaml": (AUDIT + "task: gone.yaml", "gone.yaml: no such task file"),
    "requires.yaml": (AUDIT + "policy: default\ndimensions: beauty", "no dimension 'beauty'"),
    "policy.yaml": (POLICY + "levle: 0.9", "policy has no key 'levle'; did you mean 'level'?"),
    "task.yaml": (TASK + "shot: []", "task file has no key 'shot'; did you mean 'shots'?"),
    "study.yaml": ("name: s\naudit: {reference: a}", "study.yaml: "),
    "broken.yaml": ("a: [", "broken.yaml: not YAML"),
}


def test_every_wrong_file_is_one_line_and_right_ones_are_still_named(tmp_path):
    for name, (text, _) in WRONG.items():
        if text is not None:
            (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "right.yaml").write_text(POLICY, "utf-8")
    done = trusteq("check", *WRONG, "right.yaml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, f"right.yaml: {OURS}\n")
    for line, (_, says) in zip(done.stderr.splitlines(), WRONG.values(), strict=True):
        assert line.startswith("error: ")
        assert says in line


@pytest.mark.parametrize("text", [POLICY, TASK, AUDIT])
def test_an_example_is_right_by_itself(tmp_path, text):
    (tmp_path / "a.yaml").write_text(text, "utf-8")
    assert trusteq("check", "a.yaml", cwd=tmp_path).returncode == 0
