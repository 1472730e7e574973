"""What the terminal shows."""

import io
from dataclasses import replace

import pytest
from cases import case
from rich.console import Console

import trusteq
from trusteq.report.clean import clean
from trusteq.report.terminal import render
from trusteq.report.wording import number, title


def shown(result) -> str:
    out = io.StringIO()
    Console(file=out, width=120, highlight=False).print(render(result))
    return out.getvalue()


def test_names_and_labels_cannot_command_the_terminal():
    large, small, items = case(200, noise=1.0)
    hostile = "\x1b[31mred\x1b]0;title\x07[bold]\r\n"
    labels = ("no\x1b[2J", "maybe", "yes")
    result = trusteq.audit(
        replace(large, labels=labels),
        replace(small, name=hostile, labels=labels),
        replace(items, label_names=labels),
        resamples=200,
    )
    out = shown(result)
    assert "\x1b" not in out
    assert "\x07" not in out
    assert "[bold]" in out


def test_every_rule_shows_value_interval_margin_and_outcome():
    large, small, items = case(400, noise=0.1)
    line = next(
        line for line in shown(trusteq.audit(large, small, items, resamples=200)).splitlines() if "disagreement" in line
    )
    assert "[" in line
    assert "≤ 0.05" in line
    assert "within margin" in line


def test_what_was_not_measured_is_said():
    large, small, items = case(200)
    out = shown(trusteq.audit(large, small, replace(items, labels=None, label_names=()), resamples=200))
    assert "not measured" in out
    assert "accuracy_difference was not measured" in " ".join(out.split())


@pytest.mark.parametrize(
    ("value", "said"), [(0, "0.0000"), (0.25, "0.2500"), (-0.00093, "-9.3e-04"), (12.5, "12.5000")]
)
def test_small_numbers_keep_two_digits(value, said):
    assert number(value) == said


def test_measures_are_named_in_words():
    assert title("smooth_ece_difference") == "smooth ECE"
    assert title("confidence_profile_distance") == "confidence profile distance"


def test_clean_keeps_letters_of_every_script():
    assert clean("größer 世界 ≥\x00\x1b\n") == "größer 世界 ≥���"
