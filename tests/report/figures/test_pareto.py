"""Size and latency against trust."""

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import pytest
from matplotlib.text import Text

from trusteq import Estimate, Outcome
from trusteq.policy import Rule
from trusteq.report.figures.pareto import ParetoDisplay, worst_rule
from trusteq.verdict import DimensionVerdict, RuleVerdict, Verdict


def costs(**models):
    rows = []
    for name, (disk, median) in models.items():
        latency = None if median is None else {"median": median, "low": median / 2, "high": median * 2, "n": 9}
        rows.append({"name": name, "parameters": None, "disk_bytes": disk, "weights_bytes": None, "latency": latency})
    return {"schema_version": 1, "models": rows}


def rule(measure, value, outcome, **margins):
    estimate = Estimate(value, value - 0.01, value + 0.01, 9, "m")
    return RuleVerdict(measure, Rule(**margins), Outcome(outcome), "", estimate)


def judged(*rules, required=True):
    dimension = DimensionVerdict("behaviour", Outcome.UNDECIDED, required, rules)
    return SimpleNamespace(name="small", verdict=Verdict(Outcome.UNDECIDED, (dimension,), ""))


def test_points_are_the_measured_size_and_latency(explained):
    measured = replace(explained, costs=costs(large=(4e6, 0.02), shortcut=(1e6, 0.005), poor=(2e6, None)))
    display = ParetoDisplay.from_evidence(measured)
    size, latency = display.points.values()
    assert list(display.points) == ["size, MB on disk", "latency, ms per item, quartiles"]
    assert [(p.name, p.price) for p in size] == [("large", (4, 4, 4)), ("shortcut", (1, 1, 1)), ("poor", (2, 2, 2))]
    assert [p.name for p in latency] == ["large", "shortcut"]
    assert latency[1].price == pytest.approx((2.5, 5, 10))
    assert size[0].distance is None
    assert size[1].outcome is Outcome.NOT_EQUIVALENT
    display.plot()


def test_the_distance_is_that_of_the_worst_rule():
    good = rule("disagreement", 0.01, "EQUIVALENT", at_most=0.05)
    open_ = rule("accuracy_difference", -0.02, "UNDECIDED", at_least=-0.01)
    bad = rule("alignment_lime", 0.8, "NOT EQUIVALENT", at_least=0.9)
    assert worst_rule(judged(good))[1] == "disagreement"
    assert worst_rule(judged(good, open_)) == (pytest.approx((1, 2, 3)), "accuracy_difference")
    assert worst_rule(judged(bad, good, open_)) == (pytest.approx((1.9, 2, 2.1)), "alignment_lime")
    farther = rule("accuracy_difference", -0.03, "UNDECIDED", at_least=-0.01)
    for rules in ((open_, farther), (farther, open_)):
        assert worst_rule(judged(*rules))[0] == pytest.approx((2, 3, 4))
    assert worst_rule(judged(bad, required=False)) is None


def test_a_margin_on_the_other_side_counts_as_far():
    two = rule("ece_difference", -0.04, "NOT EQUIVALENT", at_least=-0.02, at_most=0.02)
    assert worst_rule(judged(two))[0] == pytest.approx((1.5, 2, 2.5))


def test_parameters_stand_in_for_what_was_not_measured(explained):
    models = [
        {**model, "details": {"parameters": n}}
        for model, n in zip(explained.manifest["models"], (20_000_000, 5_000_000, None), strict=True)
    ]
    told = replace(explained, manifest={**explained.manifest, "models": models}, costs=None)
    (points,) = ParetoDisplay.from_evidence(told).points.values()
    assert [(p.name, p.price[1]) for p in points] == [("large", 20), ("shortcut", 5)]


def test_without_size_and_latency_of_a_candidate_there_is_none(explained):
    assert ParetoDisplay.from_evidence(replace(explained, costs=None)) is None
    assert ParetoDisplay.from_evidence(replace(explained, costs=costs(large=(1e6, 0.1)))) is None


def test_names_of_many_models_at_one_place_do_not_cover_each_other(explained):
    display = ParetoDisplay.from_evidence(replace(explained, costs=costs(large=(4e6, None), poor=(1e6, None))))
    (points,) = display.points.values()
    many = tuple(points[1]._replace(name=f"model {i}") for i in range(14))
    ax = ParetoDisplay({"size": (points[0], *many)}).plot().ax_
    heights = sorted(text.get_position()[1] for text in ax.texts)
    assert heights[0] >= 0
    assert heights[-1] <= 1
    assert min(b - a for a, b in pairwise(heights)) > 0.055


def test_no_name_lies_on_a_panel_where_the_markers_are(explained):
    priced = costs(large=(4e6, 0.1), poor=(1e6, 0.2))
    display = ParetoDisplay.from_evidence(replace(explained, costs=priced))
    long = {
        title: tuple(p._replace(name="a name of 20 letters") for p in points)
        for title, points in display.points.items()
    }
    axes = ParetoDisplay(long).plot().ax_
    figure = axes[0].figure
    figure.draw_without_rendering()
    panels = [ax.get_window_extent() for ax in axes]
    names = [Text.get_window_extent(name) for ax in axes for name in ax.texts]  # without the line to the marker
    assert len(names) == 4
    assert not [name for name in names for panel in panels if name.x0 < panel.x1 - 1 and name.x1 > panel.x0 + 1]
