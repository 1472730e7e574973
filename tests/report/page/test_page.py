"""The page as a whole: what it holds, that it needs nothing else, and runs that lack parts."""

import base64
import hashlib
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from cases import case
from report.page import made_up
from report.page.parsed import parse

import trusteq
from trusteq import load_run
from trusteq.record.evidence import evidence, evidence_of
from trusteq.record.plain import plain
from trusteq.report.page import page as module
from trusteq.report.page.page import page
from trusteq.report.page.provenance import run_hash


@pytest.fixture(scope="module")
def html():
    return made_up.html()


@pytest.fixture(scope="module")
def parsed(html):
    return parse(html)


@pytest.fixture
def undrawn(monkeypatch):
    """Pages without figures, which take seconds to draw."""
    monkeypatch.setattr(module, "drawer", lambda evidence: lambda name, candidate=None: None)


def headings(parsed):
    return [e.text.strip() for e in parsed.elements if e.tag in {"h1", "h2", "h3"}]


# one file


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes():
    made = evidence_of(trusteq.audit(*case(100), resamples=100, with_slices=False, costs="none"))
    assert page(made) == page(replace(made))


def test_a_run_read_back_gives_the_page_of_the_audit_in_memory(tmp_path, undrawn):
    made = made_up.audit(60, explained=20, candidates=("int8",), with_slices=False)
    assert page(evidence(load_run(made.save(tmp_path / "run")))) == page(evidence_of(made))


def test_it_can_be_written_as_utf_8_and_says_so(html, parsed):
    html.encode()
    assert parsed.one("meta", charset="utf-8")
    assert html.startswith("<!doctype html>\n")
    assert parsed.one("html").attributes["lang"] == "en"


def test_no_break_spaces_and_joined_emoji_are_shown_as_they_are(html, undrawn):
    assert "\ufffd" not in html  # the page has such spaces of its own
    family, french = "\U0001f468\u200d\U0001f469\u200d\U0001f467", "tr\u00e8s\u00a0bon\u202f!"
    labels = (french, f"{family} mauvais")
    large, small = (
        trusteq.from_callable(lambda texts, p=p: np.tile([p, 1 - p], (len(texts), 1)), labels=labels, name=name)
        for p, name in ((0.7, "grand\u00a0mod\u00e8le"), (0.4, f"petit\u00a0{family}"))
    )
    items = trusteq.Items(
        [f"n\u00b0\u00a0{i}" for i in range(40)],
        {"texte\u00a0brut": [f"{family} a {i}" for i in range(40)]},
        labels=np.arange(40) % 2,
        label_names=labels,
        columns={"langue\u00a0cible": [french] * 40},
    )
    asked = {"resamples": 100, "explain": False, "costs": "none"}
    made = page(evidence_of(trusteq.audit(large, {f"petit\u00a0{family}": small}, items, **asked)))
    assert "\ufffd" not in made
    found = parse(made)
    assert f"petit\u00a0{family} may not replace grand\u00a0mod\u00e8le" in found.one("h1").text
    assert json.loads(found.one("script", id="data-items").text)["labels"] == list(labels)


def test_it_asks_for_nothing_outside_the_file(html, parsed):
    assert not re.search(r"(?:https?:)?//[\w.-]+\.\w", html.replace("\\/", "/"))
    assert not re.findall(r"@import|@font-face|url\((?!#)", html)
    for element in parsed.elements:
        assert element.tag not in {"link", "img", "iframe", "object", "embed", "base", "image"}
        assert "src" not in element.attributes
        href = element.attributes.get("href")
        assert href is None or href.startswith("#"), element


def test_the_security_policy_names_the_hashes_of_what_the_page_runs(parsed):
    policy = the_policy(parsed).attributes["content"]
    said = dict(part.split(" ", 1) for part in policy.split("; "))
    assert said["default-src"] == said["base-uri"] == said["form-action"] == "'none'"
    scripts = [e for e in parsed.all("script") if e.attributes.get("type") in {None, "module"}]
    assert said["script-src"].split() == [digest(e.text) for e in scripts]
    assert said["style-src"].split() == [digest(e.text) for e in parsed.all("style")]
    first = [e.tag for e in parsed.elements].index
    assert parsed.elements.index(the_policy(parsed)) < first("style")


def the_policy(parsed):
    return parsed.one("meta", **{"http-equiv": "Content-Security-Policy"})


def digest(text):
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def test_no_attribute_holds_style_or_script(parsed):
    for element in parsed.elements:
        for name in element.attributes:
            assert name != "style", element
            assert not name.startswith("on"), element


def test_ids_are_unique_and_links_inside_the_page_lead_somewhere(parsed):
    ids = [e.attributes["id"] for e in parsed.elements if e.attributes.get("id")]
    assert len(ids) == len(set(ids))
    for element in parsed.all("a"):
        href = element.attributes["href"]
        assert href.startswith("#item=") or href[1:] in ids, href
    for element in parsed.elements:
        named = element.attributes.get("aria-labelledby")
        # The item's own title is made by the script, which shows the item.
        assert named is None or named in ids or element.attributes.get("id") == "item"


# the reader's order


def test_the_order_is_the_readers(parsed):
    assert [e.attributes["id"] for e in parsed.all("section") if e.within[-1] == "main"] == [
        "verdict",
        "dimensions",
        "do",
        "evidence",
        "items",
        "together",
        "provenance",
    ]


def test_the_verdict_stands_first_in_one_sentence(parsed):
    said = parsed.one("h1").text
    outcomes = {c.name: c.verdict.outcome for c in made_up.evidence().document.candidates}
    assert outcomes == {"int8": "UNDECIDED", "shortcut": "NOT EQUIVALENT"}
    assert said == "shortcut may not replace large; it is undecided whether int8 may."
    assert parsed.one("title").text == f"{said} · trusteq"


def test_every_rule_stands_with_its_interval_and_its_margin(html):
    from trusteq.report.wording import interval, margin

    for candidate in made_up.evidence().document.candidates:
        for dimension in candidate.verdict.dimensions:
            for rule in dimension.rules:
                assert interval(rule.estimate) in html
                assert margin(rule) in html.replace("&#34;", '"')


def test_every_sentence_of_advice_is_there(parsed):
    text = parsed.one("section", id="do").text
    advice = [a.sentence for c in made_up.evidence().document.candidates for a in c.advice]
    assert advice
    for sentence in advice:
        for part in sentence.replace(" -> ", " → ").split("the most confident: "):
            assert part in text


def test_advice_leads_to_its_candidates_evidence_and_to_the_item_it_names(parsed):
    advice = parsed.elements[[e.attributes.get("id") for e in parsed.elements].index("do") :]
    links = [e.attributes["href"] for e in advice[: [e.tag for e in advice].index("svg")] if e.tag == "a"]
    for index, candidate in enumerate(made_up.evidence().document.candidates):
        flips = made_up.evidence().flips.query("candidate == @candidate.name")
        wrong = flips[flips["kind"] == "right to wrong"]
        if len(flips):
            assert f"#behaviour-{index}" in links
            first = (wrong if len(wrong) else flips)["id"].iloc[0]
            last = max(at for at, link in enumerate(links) if link == f"#behaviour-{index}")
            assert links[last + 1] == f"#item={first}&candidate={candidate.name}"
    assert "#behaviour-1" in links
    assert all(link.startswith("#item=") or link[-2:] in {"-0", "-1"} for link in links)


def test_every_estimate_is_there_with_its_method(parsed):
    text = parsed.one("section", id="estimates").text
    for candidate in made_up.evidence().document.candidates:
        assert all(e.method in text for e in candidate.flat.values())


def test_a_figure_has_a_name_for_those_who_cannot_see_it_and_a_caption(parsed):
    drawings = [svg for svg in parsed.all("svg") if svg.attributes.get("aria-hidden") != "true"]
    for drawing in drawings:
        assert drawing.attributes["role"] == "img"
        assert len(drawing.attributes["aria-label"]) > 20
    figures = [drawing for drawing in drawings if "figure" in drawing.within]
    assert len(figures) >= 2 * 8 + 2
    assert len(parsed.all("figcaption")) == len(figures)


def test_every_measured_rule_is_drawn_in_its_row_and_nowhere_else(parsed):
    rules = [
        rule
        for candidate in made_up.evidence().document.candidates
        for dimension in candidate.verdict.dimensions
        for rule in dimension.rules
    ]
    bars = [svg for svg in parsed.all("svg") if svg.attributes.get("class", "").startswith("margin-bar ")]
    assert len(bars) == sum(rule.estimate is not None for rule in rules) > 8
    assert all("td" in bar.within for bar in bars)
    assert "Estimates against their margins" not in parsed.one("section", id="dimensions").text


def test_what_was_not_measured_is_linked_below_the_verdict_to_where_it_says_why(parsed):
    aside = parsed.elements[[e.tag for e in parsed.elements].index("aside") :]
    links = [e for e in aside if e.tag == "a" and e.attributes["href"].startswith("#gap-")]
    reasons = {e.attributes["id"]: e.text for e in parsed.all("li") if e.attributes.get("id", "").startswith("gap-")}
    assert len(links) == len(reasons) > 4
    for link in links:
        reason = reasons[link.attributes["href"][1:]]
        assert reason.startswith(link.text)
        assert len(link.text) < len(reason)


def test_the_run_s_hash_stands_on_every_printed_page_and_in_the_provenance(parsed):
    run = made_up.evidence()
    text = json.dumps(plain(run.document), indent=1, ensure_ascii=False) + "\n"
    content = hashlib.sha256(text.encode()).hexdigest()
    style = parsed.one("style").text
    assert f'@bottom-left {{ content: "trusteq, audit.json {content}"; }}' in style
    assert 'counter(page) " of " counter(pages)' in style
    assert content in parsed.one("section", id="provenance").text


def test_that_hash_is_the_saved_file_s(tmp_path):
    made = trusteq.audit(*case(60), resamples=100, with_slices=False, costs="none")
    saved = load_run(made.save(tmp_path / "run"))
    content = hashlib.sha256((tmp_path / "run" / "audit.json").read_bytes()).hexdigest()
    assert run_hash(evidence_of(made)) == run_hash(evidence(saved)) == content


def test_tables_tell_what_they_show_and_what_their_cells_are_about(parsed):
    captions = [e for e in parsed.all("caption") if e.text.strip()]
    assert len(captions) == len(parsed.all("table"))
    for cell in parsed.all("th"):
        assert cell.attributes["scope"] in {"row", "col"}


def test_hashes_versions_settings_and_the_glossary_are_there(parsed):
    text = parsed.one("section", id="provenance").text
    manifest = made_up.evidence().manifest
    for value in (
        manifest["data"]["content"],
        manifest["data"]["ids"],
        manifest["plan"],
        *manifest["versions"].values(),
    ):
        assert value in text
    for said in ("seed", "resamples", "explain: masks", "What was not measured", "alignment", "Other data."):
        assert said in text


def test_what_was_measured_of_costs_is_a_table(parsed):
    text = parsed.one("section", id="together").text
    assert "21 ms [18.9, 25.2]" in text
    assert "440.0 MB" in text
    assert "64 items on a processor (2 cores, 1 threads; cpu)" in text


# the data


def test_the_items_block_holds_every_item_and_the_words_block_every_explained_one(parsed):
    items = json.loads(parsed.one("script", id="data-items").text)
    words = json.loads(parsed.one("script", id="data-words").text)
    assert len(items["ids"]) == 110
    assert len(items["explained"]) == len(words["spans"]) == 43
    assert items["segments"] == ["premise", "hypothesis"]


# runs that lack parts


def test_without_labels(undrawn):
    made = parse(page(evidence_of(made_up.audit(60, explained=20, labelled=False, with_slices=False))))
    assert "no labels" in made.one("section", id="provenance").text
    values = [e.attributes.get("value") for e in made.all("option")]
    assert "changed" in values
    assert "wrong" not in values
    assert "right-wrong" not in values


def test_without_explanations(undrawn):
    made = parse(page(evidence_of(made_up.audit(60, explained=None, candidates=("int8",)))))
    assert "Nothing was explained" in made.one("section", id="explanation").text
    assert made.one("div", id="explanation-0")
    assert json.loads(made.one("script", id="data-items").text)["unexplained"] == "Nothing was explained in this run."
    assert "nothing was explained" in made.one("section", id="provenance").text
    assert not made.all("script", id="data-words")
    assert "explained" not in [e.attributes.get("value") for e in made.all("option")]


def test_with_predictions_only(undrawn):
    large, small, items = case(150)
    made = parse(page(evidence_of(trusteq.audit(large, small, items, resamples=100, with_slices=False, costs="none"))))
    assert made.one("h1").text.startswith("It is undecided whether small may replace large: ")
    assert json.loads(made.one("script", id="data-items").text)["segments"] == []


def test_one_candidate_needs_no_choice(undrawn):
    made = parse(page(evidence_of(made_up.audit(60, explained=None, candidates=("int8",), with_slices=False))))
    assert not made.all("fieldset", id="switch")
    assert not made.all("select", id="candidate")
    assert not made.all("section", id="together")
    assert "All candidates compared" not in headings(made)


@pytest.mark.slow
def test_five_candidates(undrawn):
    reference = made_up.model("large")
    five = {f"copy-{i}": made_up.model(f"copy-{i}", noise=0.2 * i) for i in range(1, 6)}
    made = trusteq.audit(
        reference, five, made_up.items(60), resamples=100, explain=False, with_slices=False, costs="none"
    )
    found = parse(page(evidence_of(made)))
    assert len([e for e in found.all("option") if e.text.startswith("copy-")]) == 5
    assert len([e for e in found.all("input") if e.attributes.get("name") == "shown"]) == 6


@pytest.mark.slow
def test_under_the_published_protocol(undrawn):
    made = trusteq.audit(
        made_up.model("large"),
        {"int8": made_up.model("int8", grid=0.05), "shortcut": made_up.model("shortcut", names=2.0)},
        made_up.items(30),
        resamples=100,
        with_slices=False,
        costs="none",
        policy="paper",
        explain=trusteq.ExplainSettings(items=6),
    )
    found = parse(page(evidence_of(made)))
    words = json.loads(found.one("script", id="data-words").text)
    assert words["kind"] == "tops"
    assert words["methods"] == ["lime", "shap"]
    assert len(words["tops"][0]) == 3
    assert len(words["tops"][0][0]) == 6
    assert "Jaccard of the top 10 words, protocol paper" in found.one("section", id="together").text


def test_of_very_many_candidates_the_first_have_figures(monkeypatch):
    from trusteq.report.page import figures

    monkeypatch.setattr(figures, "MOST_DRAWN", 1)
    draw = figures.drawer(made_up.evidence())
    assert draw("confidence", "int8") is not None
    assert draw("confidence", "shortcut") is None
    assert draw("pairs") is not None


def test_attributions_that_were_cut_off_are_refused():
    made = made_up.evidence()
    short = made.attributions.iloc[:-1]
    with pytest.raises(trusteq.TrusteqError, match="attributions are incomplete"):
        page(replace(made, table=lambda name: short if name == "attributions" else made.table(name)))


def test_no_template_shows_its_own_syntax(html):
    assert "{{" not in html
    assert "{%" not in html
