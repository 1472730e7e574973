"""The notebook view."""

import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from finished_runs import EVIL, FAST, explained, hostile, plain

import trusteq
from trusteq.report.notebook import html

TEXT = {"div", "p", "b", "table", "thead", "tbody", "tr", "th", "td", "ul", "li"}


def tags(text):
    found = set()

    class Tags(HTMLParser):
        def handle_starttag(self, tag, attrs):
            found.add(tag)
            assert not [name for name, _ in attrs if name.startswith("on") or name == "src"]

    Tags().feed(text)
    return found


@pytest.fixture
def no_matplotlib(monkeypatch):
    monkeypatch.delitem(sys.modules, "matplotlib.figure", raising=False)


def test_every_text_is_escaped(no_matplotlib):
    text = hostile()._repr_html_()
    assert tags(text) <= TEXT
    assert "&lt;script&gt;" in text
    assert all(character.isprintable() for character in text)


def test_it_shows_verdict_rules_and_advice(no_matplotlib):
    text = plain()._repr_html_()
    assert str(plain()["small"].verdict.outcome) in text
    assert "disagreement" in text
    assert "answers change" in text


def test_what_numbers_are_worth_stands_above_them(no_matplotlib):
    from cases import case

    large, _, items = case(60)
    stuck = replace(large, name="stuck", answers={i: [0.1, 0.8, 0.1] for i in items.ids})
    text = trusteq.audit(large, stuck, items, **FAST)._repr_html_()
    assert text.index("! stuck") < text.index("disagreement")


def test_a_figure_is_shown_where_matplotlib_is_loaded_and_none_is_loaded_for_it(no_matplotlib):
    assert "<svg" not in html(explained())
    assert "matplotlib.figure" not in sys.modules
    import matplotlib.figure

    sys.modules["matplotlib.figure"] = matplotlib.figure
    text = html(explained())
    assert text.count("<svg") == 1
    assert "script" not in tags(text)
    assert len(text) < 100_000


def test_figures_of_hostile_runs_hold_no_script():
    import matplotlib.figure  # noqa: F401

    text = html(hostile())
    assert {"svg"} <= tags(text)
    assert not tags(text) & {"script", "iframe", "image", "foreignobject", "style", "a"}
    assert EVIL not in text
