"""``trusteq view`` as a user meets it."""

import os
import re
import signal
import subprocess
import sys
import webbrowser

import pytest
from command import one_line, trusteq

from trusteq.view.server import Server


@pytest.fixture
def stopped(monkeypatch):
    """The addresses that a browser was started with; Ctrl-C is pressed as soon as the server waits."""
    opened = []

    def waits(server, *_):
        opened.append(server)
        raise KeyboardInterrupt

    monkeypatch.setattr(Server, "serve_forever", waits)
    return opened


def test_it_prints_the_address_and_ends_cleanly(tmp_path, stopped):
    done = trusteq("view", "--no-browser", cwd=tmp_path)
    assert done.returncode == 0
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{43}/\n", done.stdout)
    assert done.stderr == "trusteq: 0 runs in .; stop with Ctrl-C\n"
    assert stopped[0].socket.fileno() == -1


def test_the_browser_is_started_with_an_address_that_works_once(tmp_path, stopped, monkeypatch):
    opened = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    monkeypatch.setattr("trusteq.cli.view.Thread", Now)
    done = trusteq("view", tmp_path)
    assert opened == [stopped[0].once]
    assert stopped[0].token not in opened[0]
    assert stopped[0].once not in done.stdout


class Now:
    """A thread that does its work at once."""

    def __init__(self, *, target, args, daemon):
        assert daemon
        self.work = lambda: target(*args)

    def start(self):
        self.work()


def test_mistakes_are_one_line(tmp_path):
    one_line(trusteq("view", "nowhere", cwd=tmp_path), "nowhere: not a folder")
    one_line(trusteq("view", "--port", "0", cwd=tmp_path), "--port")


@pytest.mark.slow
def test_ctrl_c_ends_it(tmp_path):
    command = [sys.executable, "-m", "trusteq", "view", "--no-browser", str(tmp_path)]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout.readline().startswith("http://127.0.0.1:")
        assert "0 runs" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "Traceback" not in said
