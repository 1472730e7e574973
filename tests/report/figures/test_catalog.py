"""Every figure by name."""

import re
from pathlib import Path

import pytest

from trusteq import OptionError
from trusteq.report.figures.catalog import FIGURES, make
from trusteq.report.figures.display import Display


def of(evidence, name):
    return make(evidence, name, evidence.models[1] if FIGURES[name].per_candidate else None)


def test_the_names_are_those_of_the_report():
    assert list(FIGURES) == [
        "intervals",
        "reliability",
        "confidence",
        "flips",
        "ladder",
        "alignment",
        "alignment-by-length",
        "words",
        "pareto",
        "pairs",
        "risk-coverage",
        "cascade",
    ]
    assert all(name == figure.name for name, figure in FIGURES.items())


def test_every_figure_has_a_row_in_the_guide():
    guide = (Path(__file__).parents[3] / "docs/how-to/figures.md").read_text("utf-8")
    for figure in FIGURES.values():
        assert f"| `{figure.name}` | {figure.of} |" in guide


@pytest.mark.parametrize("name", FIGURES)
def test_a_whole_run_has_every_figure_and_each_can_be_drawn(explained, name):
    display = of(explained, name)
    assert isinstance(display, Display)
    assert display.plot().figure_.axes


@pytest.mark.parametrize(
    ("run", "missing"),
    [
        ("wordless", {"ladder", "alignment", "alignment-by-length", "words"}),
        (
            "unlabelled",
            {"reliability", "flips", "ladder", "alignment", "alignment-by-length", "words", "risk-coverage"},
        ),
        ("published", {"alignment", "alignment-by-length", "words"}),
        ("clustered", set()),
    ],
)
def test_what_a_run_lacks_is_none_and_the_rest_can_be_drawn(request, run, missing):
    evidence = request.getfixturevalue(run)
    found = {name: of(evidence, name) for name in FIGURES if name != "pareto"}
    assert {name for name, display in found.items() if display is None} == missing
    for display in found.values():
        if display is not None:
            display.plot()


def test_the_only_candidate_need_not_be_named(wordless):
    assert make(wordless, "flips").names == ("large", "small")


def test_of_several_candidates_one_must_be_chosen(explained):
    with pytest.raises(OptionError, match="flips shows one candidate; choose from shortcut, poor"):
        make(explained, "flips")


@pytest.mark.parametrize(
    ("name", "candidate", "said"),
    [
        ("relibility", None, "no figure 'relibility'; did you mean reliability?"),
        ("zzz", None, "no figure 'zzz'; choose from intervals, reliability, "),
        ("flips", "por", "no candidate 'por'; did you mean poor?"),
        ("flips", "large", "no candidate 'large'; choose from shortcut, poor"),
        ("intervals", "zzz", "no candidate 'zzz'; choose from shortcut, poor"),
        ("pairs", "poor", "pairs shows all models; remove candidate 'poor'"),
    ],
)
def test_wrong_names_are_told_with_what_is_near(explained, name, candidate, said):
    with pytest.raises(OptionError, match=re.escape(said)):
        make(explained, name, candidate)
