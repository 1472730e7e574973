"""Names, labels, columns and texts that try to command the page."""

import json
from dataclasses import replace

import pandas as pd
import pytest
from report.page import hostile, made_up
from report.page.parsed import parse

from trusteq.report.page import page as module
from trusteq.report.page.page import page


@pytest.fixture(scope="module")
def html():
    return hostile.html()


@pytest.fixture(scope="module")
def parsed(html):
    return parse(html)


def test_no_text_becomes_an_element(parsed):
    scripts = parsed.all("script")
    assert [e.attributes.get("type") for e in scripts] == [None, "application/json", "application/json", "module"]
    assert not parsed.all("img")
    for element in parsed.elements:
        assert not {name for name in element.attributes if name.startswith("on") or name in {"style", "src"}}


def test_templates_and_entities_inside_texts_stay_texts(html):
    assert "{{ 7 * 7 }}" in html
    assert "49" not in parse(html).one("h1").text


def test_no_character_that_commands_a_terminal_or_turns_the_line_is_left_in_the_page_itself(parsed):
    for element in parsed.elements:
        if element.tag == "script":
            continue
        said = [*element.attributes.values(), *([] if element.tag in {"html", "body"} else [element.text])]
        for text in filter(None, said):
            assert not set(text) & set("\x00\x07\x1b\u202e\u2066\u2069\u2028\ud800"), (element.tag, text[:80])


def test_a_data_block_cannot_end_its_element(parsed):
    for name in ("data-items", "data-words"):
        content = parsed.one("script", id=name).text
        assert "<" not in content
        assert "\u2028" not in content
        json.loads(content)


def test_texts_in_the_data_are_exactly_the_items_own(parsed):
    data = json.loads(parsed.one("script", id="data-items").text)
    frame = hostile.evidence().items
    assert data["ids"] == list(frame["id"])
    assert data["texts"][0] == list(frame[f"segment {hostile.SCRIPT}premise"])


def test_half_characters_are_replaced(monkeypatch):
    monkeypatch.setattr(module, "drawer", lambda evidence: lambda name, candidate=None: None)
    made = made_up.evidence()

    def table(name):
        frame = made.table(name)
        if name == "items":
            frame = frame.assign(**{"segment premise": pd.Series(["a \ud800 half"] * len(frame), dtype=object)})
        return frame

    html = page(replace(made, table=table))
    html.encode()
    assert "a \ufffd half" in html
