"""What changed items have in common, on the page: a table whose rows lead to the items."""

from dataclasses import replace

import marked
import numpy as np
import pytest
from report.page.parsed import parse

from trusteq.record.evidence import evidence_of
from trusteq.report.page import items as items_module
from trusteq.report.page import page as module
from trusteq.report.page.in_common import in_common, matching_items
from trusteq.report.page.items import browser
from trusteq.report.page.page import page


@pytest.fixture(scope="module")
def made():
    return evidence_of(marked.audit())


def test_each_condition_is_a_row_that_leads_to_its_items(made):
    small = made.candidate("small")
    table = in_common(small)
    assert len(table.rows) == len(small.in_common) > 0
    first = dict(zip(table.heads, table.rows[0], strict=True))
    assert first["items that"] == "contain 'cf'"
    assert first["items"] == "25"
    assert first["what happens"] == "25 of 400 answers change"
    assert first["of them such items"] == "25"
    assert first["share of others"].startswith("0.0% [0.0%, ")
    assert table.links[0] == "#common=0&candidate=small"


def test_a_p_value_is_never_printed_as_zero(made):
    tiny = replace(made.candidate("small").in_common[0], p_value=0.0)
    table = in_common(replace(made.candidate("small"), in_common=(tiny,)))
    assert table.rows[0][-1] == "< 1e-16"


def test_a_candidate_that_changes_nothing_has_no_table(made):
    assert in_common(made.candidate("same")) is None


def test_the_browser_has_the_matching_items_of_every_candidate(made):
    small, tiny, same = browser(made).items["common"]
    texts = made.items["segment text"]
    assert small[0]["words"] == "contain 'cf'"
    assert small[0]["items"] == [i for i, text in enumerate(texts) if text.endswith("cf")]
    assert tiny[0]["words"] in {"contain 'on'", "begin with 'on'"}
    assert tiny[0]["items"] == [i for i, text in enumerate(texts) if text.startswith("on")]
    assert same == []


def test_of_a_page_with_some_of_the_items_only_these_match(made, monkeypatch):
    assert matching_items(made, np.array([3, 16, 40, 48]))[0][0]["items"] == [1, 3]
    monkeypatch.setattr(items_module, "MOST_ITEMS", 60)
    held = browser(made).items
    chosen = [held["ids"][at] for at in held["common"][0][0]["items"]]
    assert chosen == [id_ for id_ in made.items["id"][::16] if id_ in held["ids"]]


def test_the_page_says_what_they_have_in_common_or_that_nothing_is_shown(made, monkeypatch):
    monkeypatch.setattr(module, "drawer", lambda evidence: lambda name, candidate=None: None)
    parsed = parse(page(made))
    (section,) = [e for e in parsed.elements if e.attributes.get("id") == "common"]
    assert "contain 'cf'" in section.text
    assert "No condition is shown to tell them apart" in section.text
    assert "In common" in next(e for e in parsed.elements if e.attributes.get("id") == "do").text


def test_what_was_not_looked_for_has_no_section(monkeypatch):
    from cases import case

    import trusteq

    monkeypatch.setattr(module, "drawer", lambda evidence: lambda name, candidate=None: None)
    made = evidence_of(trusteq.audit(*case(60), resamples=100, with_slices=False, costs="none"))
    assert 'id="common"' not in page(made)
