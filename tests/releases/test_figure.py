"""One measure over time, as it is drawn."""

from dataclasses import replace

import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from trusteq.releases.figure import MeasureDisplay
from trusteq.report.figures.palette import BAD, GOOD, INK, MUTED, UNSURE


@pytest.fixture
def line(track):
    (found,) = (line for line in track.lines if line.measure == "disagreement")
    return found


def drawn(line, names=("1.0", "1.2", "1.9", "1.10", "2.0"), marks=None):
    ax = Figure().subplots()
    MeasureDisplay.of(line, names, marks or {}).plot(ax)
    return ax


def test_each_run_has_its_interval_in_the_colour_of_its_verdict(line):
    lines = [one for one in drawn(line).collections if isinstance(one, LineCollection)]
    upright = [
        (one, *one.get_segments()) for one in lines if one.get_segments()[0][0][0] == one.get_segments()[0][1][0]
    ]
    bars = [(to_hex(one.get_color()[0]), segment) for one, segment in upright]
    assert [colour for colour, _ in bars] == [BAD, GOOD, GOOD, UNSURE, UNSURE]
    for place, ((_, segment), point) in enumerate(zip(bars, line.points, strict=True)):
        assert [tuple(end) for end in segment] == [(place, point.estimate.low), (place, point.estimate.high)]


def test_values_are_joined_only_where_they_measure_the_same(line):
    joined = [
        tuple(one.get_xdata())
        for one in drawn(line).lines
        if to_hex(one.get_color()) == MUTED and one.get_linewidth() == 0.7
    ]
    assert joined == [(0, 1), (2, 3)]


def test_the_margin_is_that_of_each_run(line):
    lines = [one for one in drawn(line).collections if isinstance(one, LineCollection)]
    dashed = [one.get_segments()[0] for one in lines if to_hex(one.get_color()[0]) == INK]
    assert [segment[0][1] for segment in dashed] == [0.1, 0.1, 0.1, 0.01, 0.01]
    assert [(segment[0][0], segment[1][0]) for segment in dashed] == [(at - 0.5, at + 0.5) for at in range(5)]


def test_what_changed_is_written_where_it_did(line):
    ax = drawn(line, marks={2: "items", 4: "reference, policy"})
    assert [(text.get_text(), text.xy[0]) for text in ax.texts] == [("items", 1.5), ("reference, policy", 3.5)]


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (("1.0", "1.2", "1.9", "1.10", "2.0"), ["1.0", "1.2", "1.9", "1.10", "2.0"]),
        (("a/rather/long/name", "b", "c", "d", "e"), ["1", "2", "3", "4", "5"]),
        (tuple(map(str, range(30))), ["1", "4", "7", "10", "13", "16", "19", "22", "25", "28"]),
    ],
)
def test_many_or_long_names_become_numbers(line, names, shown):
    assert [label.get_text() for label in drawn(line, names).get_xticklabels()] == shown


def test_a_run_that_did_not_measure_what_a_rule_is_about_is_marked(line):
    points = [replace(line.points[0], estimate=None), *line.points[1:]]
    ax = drawn(replace(line, points=tuple(points)))
    assert "s" in [one.get_marker() for one in ax.lines]
    nothing = tuple(replace(point, estimate=None) for point in line.points)
    assert MeasureDisplay.of(replace(line, points=nothing), ("a",) * 5, {}) is None
