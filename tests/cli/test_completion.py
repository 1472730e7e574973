"""What a shell is told when it asks for completions, as click answers it."""

from contextlib import chdir

import pytest
from click.shell_completion import ShellComplete
from command import one_line, trusteq

from trusteq.cli.main import cli
from trusteq.cli.purposes import COMMANDS


def completions(*words):
    """The completions of the last word, and whether the shell is to list files itself."""
    found = ShellComplete(cli, {}, "trusteq", "_TRUSTEQ_COMPLETE").get_completions(list(words[:-1]), words[-1])
    return [item.value for item in found if item.type == "plain"], any(item.type == "file" for item in found)


@pytest.fixture
def folder(tmp_path):
    """Two runs, a folder that is none, and a policy."""
    for name in ("run-a", "run-b"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "manifest.json").touch()
    (tmp_path / "runs" / "rumour").mkdir()
    (tmp_path / "runs" / "ours.yaml").touch()
    with chdir(tmp_path):
        yield tmp_path


def test_commands_are_completed_with_what_they_are_for():
    assert completions("a")[0] == ["audit"]
    every = [name for commands in COMMANDS.values() for name in commands]
    assert completions("")[0] == every


@pytest.mark.parametrize("command", ["gate", "show", "verify", "waive", "figure"])
def test_a_run_is_completed_to_run_directories(folder, command):
    assert completions(command, "runs/ru") == (["runs/run-a", "runs/run-b"], False)
    assert completions(command, f"{folder}/runs/run-b") == ([f"{folder}/runs/run-b"], False)
    assert completions(command, "nothing/ru") == ([], True)


@pytest.mark.parametrize("command", [("audit", "a", "b"), ("audit",)])
def test_a_policy_is_a_preset_or_a_file(folder, command):
    assert completions(*command, "--policy", "") == (["default", "generative", "paper"], False)
    assert completions(*command, "--policy", "runs/") == (["runs/ours.yaml"], False)
    assert completions(*command, "--policy", "ru") == ([], True)


def test_models_and_data_are_files_and_kinds_are_listed(folder):
    assert completions("audit", "") == ([], True)
    assert completions("audit", "a.csv", "b") == ([], True)
    assert completions("audit", "a.csv", "--data", "") == ([], True)
    assert completions("audit", "a.csv", "--protocol", "paper-v")[0] == ["paper-vit", "paper-vit-scripts"]
    assert completions("compress", "--method", "int8-o")[0] == ["int8-onnx"]
    assert completions("audit", "--explain-i")[0] == ["--explain-items", "--explain-ids"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_asks_trusteq(shell):
    done = trusteq("completion", shell)
    assert done.returncode == 0
    assert "_TRUSTEQ_COMPLETE" in done.stdout
    one_line(trusteq("completion", "tcsh"), "'tcsh' is not one of 'bash', 'zsh', 'fish'")
