"""Reliability diagrams, histograms of confidence, risk and coverage, against loops over the items."""

from dataclasses import replace

import numpy as np
import pytest

from trusteq.report.figures.confidence import ConfidenceDisplay
from trusteq.report.figures.reliability import Curve, ReliabilityDisplay
from trusteq.report.figures.risk_coverage import RiskCoverageDisplay
from trusteq.stats.proportions import wilson


@pytest.fixture(scope="module")
def items(wordless):
    """Each model's (confidence, right) of every item, by a loop."""
    rows = wordless.probabilities.tolist()
    return [
        [(max(p), p.index(max(p)) == gold) for p, gold in zip(model, wordless.gold.tolist(), strict=True)]
        for model in rows
    ]


def bins(items):
    found = {}
    for confidence, right in items:
        found.setdefault(min(int(confidence * 10), 9), []).append((confidence, right))
    return found


def test_a_point_is_a_bin_s_mean_confidence_and_share_right_with_wilson_s_interval(wordless, items):
    display = ReliabilityDisplay.from_evidence(wordless, candidate="small")
    assert display.names == ("large", "small")
    for curve, model in zip(display.curves, items, strict=True):
        slow = [rows for _, rows in sorted(bins(model).items())]
        assert curve.count.tolist() == [len(rows) for rows in slow]
        assert curve.confidence == pytest.approx([np.mean([c for c, _ in rows]) for rows in slow])
        assert curve.accuracy == pytest.approx([np.mean([r for _, r in rows]) for rows in slow])
        ends = [wilson(np.mean([r for _, r in rows]), len(rows), level=0.95) for rows in slow]
        assert np.stack([curve.low, curve.high], axis=1) == pytest.approx(np.array(ends))


def test_the_error_in_its_legend_is_the_mean_gap(wordless, items):
    display = ReliabilityDisplay.from_evidence(wordless, candidate="small")
    slow = [sum(abs(sum(c - r for c, r in rows)) for rows in bins(model).values()) / len(model) for model in items]
    assert display.calibration_error == pytest.approx(slow)
    said = [text.get_text() for text in display.plot().ax_.get_legend().get_texts()]
    assert f"small (ECE {slow[1]:.3f})" in said


def test_a_bar_is_the_share_of_items_in_a_bin(wordless, items):
    display = ConfidenceDisplay.from_evidence(wordless, candidate="small")
    assert display.edges == pytest.approx(np.arange(11) / 10)
    for share, low, high, model in zip(display.share, display.low, display.high, items, strict=True):
        slow = [len(bins(model).get(b, [])) / len(model) for b in range(10)]
        assert share == pytest.approx(slow)
        assert np.stack([low, high], axis=1) == pytest.approx(np.array([wilson(s, 200, level=0.95) for s in slow]))
    assert display.mean == pytest.approx([np.mean([c for c, _ in model]) for model in items])


def test_risk_is_the_share_wrong_among_the_surest(wordless, items):
    display = RiskCoverageDisplay.from_evidence(wordless, candidate="small")
    for curve, area, model in zip(display.curves, display.area, items, strict=True):
        surest = sorted(model, key=lambda item: -item[0])
        slow = [sum(not r for _, r in surest[:n]) / n for n in range(1, len(surest) + 1)]
        assert curve.coverage == pytest.approx(np.arange(1, 201) / 200)
        assert curve.risk == pytest.approx(slow)
        assert area.value == pytest.approx(np.mean(slow))


def test_a_curve_of_many_items_is_drawn_with_few_points_and_ends_where_it_does(wordless):
    display = RiskCoverageDisplay.from_evidence(wordless, candidate="small")
    n = 20_000
    long = type(display.curves[0])(np.arange(1, n + 1) / n, np.linspace(0, 0.3, n))
    display = RiskCoverageDisplay(display.names, (long, long), display.area)
    (line, end, *_) = display.plot().ax_.lines
    assert len(line.get_xdata()) <= 400
    assert (line.get_xdata()[-1], line.get_ydata()[-1]) == (end.get_xdata()[0], end.get_ydata()[0]) == (1, 0.3)


def test_without_labels_confidence_is_left(unlabelled):
    assert ReliabilityDisplay.from_evidence(unlabelled, candidate="small") is None
    assert RiskCoverageDisplay.from_evidence(unlabelled, candidate="small") is None
    assert ConfidenceDisplay.from_evidence(unlabelled, candidate="small").share.sum(axis=1) == pytest.approx([1, 1])


def test_a_curve_of_one_bin_says_so(wordless):
    display = ReliabilityDisplay.from_evidence(wordless, candidate="small")
    one = Curve(*(np.array([value]) for value in (400, 0.93, 0.9, 0.87, 0.92)))
    shown = replace(display, curves=(one, display.curves[1])).plot().ax_.get_legend().get_texts()
    said = [text.get_text() for text in shown if text.get_text() != "perfect calibration"]
    assert [text.endswith("; all 400 in one bin)") for text in said] == [True, False]
