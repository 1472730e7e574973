"""What the terminal shows."""

import io
from dataclasses import replace

import pytest
from cases import case
from rich.console import Console

import trusteq
from trusteq import read_policy
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
    assert "accuracy difference was not measured" in " ".join(out.split())


def test_what_numbers_are_worth_stands_above_them():
    large, _, items = case(60)
    stuck = replace(large, name="stuck", answers={i: [0.1, 0.8, 0.1] for i in items.ids})
    out = shown(trusteq.audit(large, stuck, replace(items, segments={"t": ["same"] * 60}), resamples=200))
    for said in ("! stuck: gives the answer 'maybe' to all 60 items", "! items: 59 of 60 repeat the text"):
        assert out.index("verdict") < out.index(said) < out.index("stuck is")


def test_one_is_not_said_in_the_plural():
    large, _, items = case(60)
    copy = replace(large, name="copy", answers=dict(large.answers))
    copy.answers["i7"] = large.answers["i7"][::-1]
    assert "1 answer changes" in shown(trusteq.audit(large, copy, items, resamples=200))


@pytest.mark.slow
@pytest.mark.parametrize(("level", "said"), [(0.95, "95%"), (0.57, "57%"), (0.995, "99.5%"), (0.9975, "99.75%")])
def test_a_level_keeps_its_digits(level, said):
    large, small, items = case(60)
    rules = {**read_policy("default").model_dump(), "level": level, "name": "mine"}
    result = trusteq.audit(large, small, items, policy=rules, resamples=800)
    assert f"{said} intervals" in shown(result)
    assert f"[{said}]" in shown(result)
    assert f"[{said}]" in result._repr_html_()


def test_the_reason_names_measures_as_the_table_does():
    large, small, items = case(400, noise=1.0)
    out = shown(trusteq.audit(large, small, items, resamples=200))
    assert "confidence profile distance" in out
    assert "confidence_profile_distance" not in out


@pytest.mark.parametrize(
    ("value", "said"), [(0, "0.0000"), (0.25, "0.2500"), (-0.00093, "-9.3e-04"), (12.5, "12.5000")]
)
def test_small_numbers_keep_two_digits(value, said):
    assert number(value) == said


def test_measures_are_named_in_words():
    assert title("smooth_ece_difference") == "smooth ECE"
    assert title("confidence_profile_distance") == "confidence profile distance"
