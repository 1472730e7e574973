"""Progress where nobody looks at bars: few lines, with the time left, or JSON."""

import json
import sys

import pytest

from trusteq import progress
from trusteq.cli.screen import show_progress


@pytest.fixture
def clock(monkeypatch):
    """A clock that shows what it is set to."""
    at = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: at[0])

    def pass_by(seconds):
        at[0] += seconds

    return pass_by


def test_a_stage_that_is_quick_has_one_line(clock, capsys):
    with show_progress(quiet=False) as tell:
        for done in range(11):
            tell("predict large", done, 10)
            clock(1)
        tell("predict small", 0, 1_000)
    assert capsys.readouterr().err == "trusteq: predict large (10)\ntrusteq: predict small (1,000)\n"


def test_a_stage_that_is_long_tells_every_minute_how_long_it_still_takes(clock, capsys):
    with show_progress(quiet=False) as tell:
        for done in range(0, 1_001, 10):
            tell("explain", done, 1_000)
            clock(30)
    lines = capsys.readouterr().err.splitlines()
    assert lines[:3] == [
        "trusteq: explain (1,000)",
        "trusteq: explain: 20 of 1,000, about 49 min left",
        "trusteq: explain: 40 of 1,000, about 48 min left",
    ]
    assert lines[-1] == "trusteq: explain: 980 of 1,000, about 60 s left"
    assert len(lines) == 50


def test_what_was_done_before_makes_nobody_hope(clock, capsys):
    with show_progress(quiet=False) as tell:
        tell("explain", 0, 1_000)
        tell("explain", 900, 1_000)
        for done in (910, 920, 930):
            clock(60)
            tell("explain", done, 1_000)
    assert capsys.readouterr().err.splitlines()[-2:] == [
        "trusteq: explain: 920 of 1,000, about 8 min left",
        "trusteq: explain: 930 of 1,000, about 7 min left",
    ]


def test_json_lines_hold_the_end_of_every_stage(clock, capsys):
    with show_progress(quiet=False, as_json=True) as tell:
        for done in range(101):
            tell("a\nb", done, 100)
            clock(0.1)
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert told[0] == {"stage": "a\nb", "done": 0, "total": 100, "seconds": 0}
    assert told[1]["left"] == pytest.approx(9, rel=0.05)
    assert told[-1] == {"stage": "a\nb", "done": 100, "total": 100, "seconds": pytest.approx(10), "left": 0}
    assert len(told) == 11


def test_quiet_is_quiet(capsys):
    with show_progress(quiet=True, as_json=True) as tell:
        tell("a", 0, 1)
    assert capsys.readouterr().err == ""


def test_a_function_of_the_callers_own_is_called():
    heard = []
    with progress.told(lambda *told: heard.append(told)) as tell:
        tell("predict large", 3, 10)
    assert heard == [("predict large", 3, 10)]


@pytest.mark.parametrize("asked", [None, False])
def test_nobody_is_told_where_nobody_looks(asked, monkeypatch, capsys):
    monkeypatch.delenv("CI", raising=False)
    with progress.told(asked) as tell:
        tell("predict large", 3, 10)
    assert capsys.readouterr().err == ""


def test_who_asks_for_progress_gets_lines_without_a_terminal(capsys):
    with progress.told(True) as tell:
        tell("predict large", 3, 10)
    assert capsys.readouterr().err == "trusteq: predict large (10)\n"


def test_a_notebook_is_told_of_stages_that_take_a_while(clock, monkeypatch, capsys):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setitem(sys.modules, "ipykernel", progress)
    with progress.told(None) as tell:
        tell("predict large", 0, 1)
        clock(2)
        tell("predict large", 1, 1)
        for done in range(0, 301, 2):
            tell("explain large", done, 300)
            clock(1)
    assert capsys.readouterr().err.splitlines() == [
        "trusteq: explain large (300)",
        "trusteq: explain large: 126 of 300, about 87 s left",
        "trusteq: explain large: 246 of 300, about 27 s left",
    ]
    with progress.told(False) as tell:
        tell("explain large", 0, 300)
    assert capsys.readouterr().err == ""


def test_a_terminal_shows_bars(monkeypatch, capsys):
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with progress.told(None) as tell:
        tell("predict large", 3, 10)
    shown = capsys.readouterr().err
    assert "predict large" in shown
    assert "3/10" in shown
