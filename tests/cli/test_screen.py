"""Progress where nobody looks at bars: few lines, with the time left, or JSON."""

import json

import pytest

from trusteq.cli import screen


@pytest.fixture
def clock(monkeypatch):
    """A clock that shows what it is set to."""
    at = [0.0]
    monkeypatch.setattr(screen.time, "monotonic", lambda: at[0])

    def pass_by(seconds):
        at[0] += seconds

    return pass_by


def test_a_stage_that_is_quick_has_one_line(clock, capsys):
    with screen.show_progress(quiet=False) as tell:
        for done in range(11):
            tell("predict large", done, 10)
            clock(1)
        tell("predict small", 0, 1_000)
    assert capsys.readouterr().err == "trusteq: predict large (10)\ntrusteq: predict small (1,000)\n"


def test_a_stage_that_is_long_tells_every_minute_how_long_it_still_takes(clock, capsys):
    with screen.show_progress(quiet=False) as tell:
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
    with screen.show_progress(quiet=False) as tell:
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
    with screen.show_progress(quiet=False, as_json=True) as tell:
        for done in range(101):
            tell("a\nb", done, 100)
            clock(0.1)
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert told[0] == {"stage": "a\nb", "done": 0, "total": 100, "seconds": 0}
    assert told[1]["left"] == pytest.approx(9, rel=0.05)
    assert told[-1] == {"stage": "a\nb", "done": 100, "total": 100, "seconds": pytest.approx(10), "left": 0}
    assert len(told) == 11


def test_quiet_is_quiet(capsys):
    with screen.show_progress(quiet=True, as_json=True) as tell:
        tell("a", 0, 1)
    assert capsys.readouterr().err == ""
