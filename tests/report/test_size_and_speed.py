"""Size and speed in the terminal."""

import io
from dataclasses import replace
from types import SimpleNamespace

import pytest
from rich.console import Console

from trusteq.models.cost import Costs, ModelCost
from trusteq.models.cost_machine import Machine
from trusteq.models.cost_speed import Spread
from trusteq.report.cost_words import cost_words
from trusteq.report.size_and_speed import size_and_speed, times

LARGE = ModelCost(
    "large", 110_000_000, 440_000_000, 440_000_000, 900_000_000, Spread(0.02, 0.018, 0.03, 30), Spread(80, 70, 90, 5)
)
SMALL = replace(
    LARGE,
    name="small",
    parameters=110_000_000,
    disk_bytes=110_000_000,
    peak_bytes=300_000_000,
    latency=Spread(0.005, 0.004, 0.006, 30),
    throughput=Spread(1000, 900, 1100, 5),
)
COSTS = Costs(Machine("A Processor", 4, 2, "Linux", "cpu"), 30, (LARGE, SMALL))


def shown(costs, width=120):
    out = io.StringIO()
    Console(file=out, width=width, highlight=False).print(size_and_speed(costs.document()))
    return out.getvalue()


def line(costs, name):
    return next(row for row in shown(costs).splitlines() if row.split()[:1] == [name])


def test_each_figure_stands_with_its_spread_and_what_it_is_of_the_reference_s():
    small = " ".join(line(COSTS, "small").split())
    for said in ("1.00x", "110.0 MB 0.25x", "300.0 MB 0.33x", "5 ms [4, 6] 0.25x", "1e+03 items/s", "12x"):
        assert said in small or said.replace("1e+03", "1,000") in small
    assert "x" not in line(COSTS, "large").removeprefix("  large")


def test_a_model_that_was_held_to_one_size_of_batch_is_said_to_be():
    held = [SimpleNamespace(name="large", batch=None), SimpleNamespace(name="small", batch=1)]
    large, small = (words.throughput for words in cost_words(COSTS.document(), held))
    assert small == "1e+03 items/s [900, 1.1e+03] (in batches of 1)"
    assert "batches" not in large


def test_the_machine_and_the_number_of_items_are_named():
    assert "30 items on A Processor (4 cores, 2 threads; cpu)" in shown(COSTS)


def test_what_was_measured_of_no_model_has_no_column():
    bare = replace(COSTS, models=tuple(replace(m, peak_bytes=None, parameters=None) for m in COSTS.models))
    assert "memory" in shown(COSTS)
    assert "memory" not in shown(bare)
    assert "parameters" not in shown(bare)


def test_what_was_not_measured_of_one_model_is_not_compared():
    half = replace(COSTS, models=(ModelCost("large"), SMALL))
    assert "x" not in line(half, "small")
    assert line(replace(COSTS, models=(LARGE, ModelCost("small"))), "small").split()[1:] == ["-"] * 5


def test_where_nothing_was_measured_there_is_no_table():
    bare = replace(COSTS, models=(ModelCost("large"), ModelCost("small")))
    assert "small" not in shown(bare)


def test_names_cannot_command_the_terminal():
    hostile = replace(COSTS, models=(replace(LARGE, name="\x1b[31m[bold]\nred\x07"), SMALL))
    out = shown(replace(hostile, machine=replace(COSTS.machine, processor="\x1b[2J\x07")))
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "[bold]" in out


@pytest.mark.parametrize(
    ("mine", "its", "said"),
    [(1, 4, "0.25x"), (30, 2, "15x"), (3000, 1, "3,000x"), (0, 4, ""), (4, 0, ""), (None, 4, ""), (4, None, "")],
)
def test_a_ratio_has_two_digits_or_is_not_there(mine, its, said):
    assert times(mine, its) == said
