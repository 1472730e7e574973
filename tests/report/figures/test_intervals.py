"""Every rule's estimate against its margin."""

from dataclasses import replace

import numpy as np
import pytest
from edited import edited

from trusteq.record.plain import plain
from trusteq.report.figures.intervals import LEFT, RIGHT, IntervalsDisplay
from trusteq.report.figures.palette import OUTCOMES


def test_every_rule_of_every_candidate_has_a_row_on_the_margin_s_scale(explained):
    display = IntervalsDisplay.from_evidence(explained)
    rows = iter(zip(display.rules, display.low, display.value, display.high, strict=True))
    for candidate in plain(explained.document)["candidates"]:
        for dimension in candidate["verdict"]["dimensions"]:
            for rule in dimension["rules"]:
                row, low, value, high = next(rows)
                assert (row.candidate, row.verdict.measure) == (candidate["name"], rule["measure"])
                assert row.verdict.outcome == rule["outcome"]
                e, at_least, at_most = rule["estimate"], rule["rule"]["at_least"], rule["rule"]["at_most"]
                best = 1.0 if rule["measure"].startswith("alignment") else 0.0
                margin = at_least if at_most is None else at_most
                slow = sorted((e[end] - best) / (margin - best) for end in ("low", "value", "high"))
                assert (low, value, high) == pytest.approx(tuple(slow))
    assert next(rows, None) is None
    assert set(display.outcomes) == {"shortcut", "poor"}


def test_one_candidate_alone(explained):
    display = IntervalsDisplay.from_evidence(explained, candidate="poor")
    assert {rule.candidate for rule in display.rules} == {"poor"}


def test_what_was_not_measured_has_a_row_without_numbers(unlabelled):
    display = IntervalsDisplay.from_evidence(unlabelled)
    missing = [rule.verdict.estimate is None for rule in display.rules]
    assert any(missing)
    np.testing.assert_array_equal(np.isnan(display.value), missing)
    said = [text.get_text() for text in display.plot().figure_.axes[0].texts]
    assert said.count("- not measured") == sum(missing)


def test_outcomes_are_told_in_words_and_by_different_marks(explained):
    display = IntervalsDisplay.from_evidence(explained)
    said = [text.get_text() for text in display.plot().ax_.texts]
    assert {"shortcut  ≠ NOT EQUIVALENT", "≠ beyond margin", "? undecided"} <= set(said)
    assert len({mark.marker for mark in OUTCOMES.values()}) == len(OUTCOMES)
    inside = replace(display, **dict.fromkeys(("low", "value", "high"), np.full(len(display.rules), 0.5)))
    drawn = {y: line.get_marker() for line in inside.plot().ax_.lines for y in line.get_ydata()}
    assert [drawn[y] for y in sorted(drawn)] == [OUTCOMES[rule.verdict.outcome].marker for rule in display.rules]


def test_values_are_told_as_in_the_tables(explained):
    def change(document):
        rules = document["candidates"][0]["verdict"]["dimensions"][0]["rules"]
        rules[0]["estimate"] |= {"value": 0.99996, "low": 0.999, "high": 1.0}
        rules[1]["estimate"] |= {"value": 0.1195}

    display = IntervalsDisplay.from_evidence(edited(explained, change))
    said = [text.get_text().partition(" (")[0] for text in display.plot().ax_.texts]
    assert {"0.99996", "0.1195"} <= set(said)


def test_what_lies_beyond_the_picture_is_an_arrow_with_its_distance(explained):
    display = IntervalsDisplay.from_evidence(explained, candidate="shortcut")
    ax = display.plot().ax_
    beyond = display.low > RIGHT
    assert beyond.any()
    arrows = [x for line in ax.lines if line.get_marker() == ">" for x in line.get_xdata()]
    assert len(arrows) == (display.high > RIGHT).sum()
    bars = [x for group in ax.collections for path in group.get_paths() for x in path.vertices[:, 0]]
    for x in [*arrows, *bars, *(x for line in ax.lines for x in line.get_xdata())]:
        assert LEFT <= x <= RIGHT
    said = [text.get_text() for text in ax.texts]
    assert all(f"{value:.2g}×" in said for value in display.value[beyond])


def test_a_margin_on_either_side_is_named_so(explained):
    def change(document):
        rule = document["candidates"][0]["verdict"]["dimensions"][0]["rules"][0]["rule"]
        rule |= {"at_least": -0.05, "at_most": 0.05}

    display = IntervalsDisplay.from_evidence(edited(explained, change), candidate="shortcut")
    assert display.acceptable[0].tolist() == [-1, 1]
    assert "−margin" in [tick.get_text() for tick in display.plot().ax_.get_xticklabels()]


def test_the_paper_s_rules_have_places_too(published):
    display = IntervalsDisplay.from_evidence(published)
    assert np.isfinite(display.value).all()
    by_measure = {rule.verdict.measure: i for i, rule in enumerate(display.rules)}
    assert display.acceptable[by_measure["ece_difference"]].tolist() == [0, 0]
    assert display.acceptable[by_measure["jaccard_lime"]].tolist() == [-np.inf, 1]
    assert "better" in [tick.get_text() for tick in display.plot().ax_.get_xticklabels()]
