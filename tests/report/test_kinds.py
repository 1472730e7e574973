"""Items of other kinds than texts in every report: drawn, and called what they are."""

import io
import json
import re
from dataclasses import replace

import numpy as np
import pytest
from report.page import made_up, made_up_kinds
from rich.console import Console

from trusteq.record.evidence import evidence_of
from trusteq.report.item import item_document, item_view
from trusteq.report.item_terminal import render
from trusteq.report.latex import latex
from trusteq.report.markdown import markdown
from trusteq.report.model_card import model_card
from trusteq.report.page import drawings
from trusteq.report.page.items import browser
from trusteq.report.page.page import page
from trusteq.report.terminal import render_evidence

KINDS = ("pictures", "rows", "sounds", "features")
UNITS = {"pictures": "tile", "rows": "column", "sounds": "stretch", "features": "stretch"}


def explained(kind, at=0):
    audit = made_up_kinds.audit(kind)
    return audit.items.ids[audit.explanation.positions[at]]


def printed(what, width=100):
    console = Console(file=io.StringIO(), width=width, highlight=False, color_system=None)
    console.print(what)
    return console.file.getvalue()


def view_of(kind, at=0):
    return item_view(evidence_of(made_up_kinds.audit(kind)), explained(kind, at), "shortcut")


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_no_report_calls_its_units_words(kind):
    run = evidence_of(made_up_kinds.audit(kind))
    view = view_of(kind)
    seen = re.sub(r"<(script|style)\b.*?</\1>|<[^>]*>", "", page(run) + view._repr_html_(), flags=re.DOTALL)
    texts = (seen, latex(run), markdown(run), model_card(run), printed(render_evidence(run), 400), str(view))
    for text in texts:
        assert re.findall(r"[^\n]*\b[Ww]ords?\b[^\n]*", text) == []
    assert sum(UNITS[kind] in text for text in texts) >= 4


@pytest.mark.parametrize("kind", KINDS)
def test_all_its_weights_are_in_the_terminal(kind):
    view = view_of(kind)
    text = str(view)
    for word in view.explained.words:
        assert f"{word.reference:+.3f}" in text or abs(word.reference) < 0.0005
        assert f"{word.candidate:+.3f}" in text or abs(word.candidate) < 0.0005
    assert f"what each {UNITS[kind]} contributes to" in text


def test_a_row_in_the_terminal_has_its_values_beside_its_bars():
    text = str(view_of("rows"))
    assert re.search(r" age \d\d ", text)
    assert re.search(r" job '\w+' ", text)
    assert "request:" not in text  # the values are not printed twice


def test_a_map_in_the_terminal_has_the_weightiest_tile_in_its_place():
    view = view_of("pictures", 2)
    text = str(view)
    both = np.array([(word.reference, word.candidate) for word in view.explained.words]).T.reshape(2, 4, 4)
    weights = np.stack([*both, both[1] - both[0]])
    _, row, column = np.unravel_index(np.abs(weights).argmax(), weights.shape)
    which = int(np.abs(weights).reshape(3, -1).max(axis=1).argmax())
    lines = text[text.index("difference\n") :].split("\n")[1:]
    cell = lines[2 * row][which * 19 + 4 * column :][:4]
    sign = "+" if weights[which, row, column] > 0 else "-"
    assert cell == f"{sign}███"


@pytest.mark.parametrize("width", [40, 60, 140])
@pytest.mark.parametrize("kind", KINDS)
def test_it_fits_any_terminal(kind, width):
    assert max(map(len, printed(render(view_of(kind)), width).split("\n"))) <= width


@pytest.mark.parametrize("kind", KINDS)
def test_a_notebook_has_one_drawing_a_model_and_no_script(kind):
    view = view_of(kind)
    html = view._repr_html_()
    assert "<script" not in html
    assert not re.search(r"(src|href)=\"(?!data:image/)", html)
    if kind == "rows":
        assert html.count("linear-gradient") == 2 * len(view.explained.words)
    else:
        assert html.count("<svg") == 4  # itself, two models, their difference
        assert html.count("<title>") == 3 * len(view.explained.words)
        assert html.count('role="img"') == 4


def test_the_difference_is_left_out_where_models_explain_other_labels():
    view = view_of("pictures")
    other = replace(view, explained=replace(view.explained, candidate_label="another"))
    assert other._repr_html_().count("<svg") == 3
    assert "difference" not in str(other)


def test_an_item_that_was_not_explained_is_shown_all_the_same():
    audit = made_up_kinds.audit("pictures")
    at = next(i for i in range(len(audit.items)) if i not in audit.explanation.positions)
    view = audit.item(audit.items.ids[at], "int8")
    assert view._repr_html_().count("<svg") == 1
    assert "this item was not explained" in str(view)


@pytest.mark.parametrize("kind", KINDS)
def test_the_json_of_an_item_is_plain(kind):
    view = view_of(kind)
    document = json.dumps(item_document([view]))
    assert "data:image" not in document
    assert len(json.loads(document)["candidates"][0]["explained"]["words"]) == len(view.explained.words)


# The page ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_holds_every_unit_of_every_explained_item(kind):
    run = evidence_of(made_up_kinds.audit(kind))
    made = browser(run)
    (drawing,) = made.items["drawings"]
    table = run.attributions[run.attributions["model"] == run.models[0]]
    for at, item in enumerate(made.items["explained"]):
        names = table[table["id"] == made.items["ids"][item]]["word"].tolist()
        assert drawing["names"][drawing["name"][at]] == names
        assert len(made.words["spans"][at]) == 3 * len(names)
        if kind == "rows":
            assert len(drawing["values"][at]) == len(names)
        else:
            assert len(drawing["areas"][drawing["area"][at]]["boxes"]) == len(names)


def test_a_page_of_texts_allows_no_images():
    made = made_up.html()
    assert "img-src" not in made
    assert "drawings" not in browser(made_up.evidence()).items


def test_pictures_are_shown_of_changed_answers_first(monkeypatch):
    monkeypatch.setattr(drawings, "MOST_IMAGES", 10)
    run = evidence_of(made_up_kinds.audit("pictures"))
    made = browser(run)
    (drawing,) = made.items["drawings"]
    answers = np.array(made.items["answers"])
    changed = set(np.flatnonzero((answers[1:] != answers[0]).any(axis=0)))
    shown = set(drawing["images"])
    assert len(shown) == 10
    assert len(changed & shown) >= min(5, len(changed))
    assert len((shown - changed) & set(made.items["explained"])) >= 10 - max(5, len(changed & shown))
    assert made.left_out[0].startswith("This page shows the pictures of 10 of 90 items: some whose answer changes")


def test_no_picture_is_decoded_that_is_not_shown(monkeypatch):
    monkeypatch.setattr(drawings, "MOST_IMAGES", 10)
    audit = made_up_kinds.audit("pictures")
    run = evidence_of(audit)
    decoded = []
    assert len(run.items) == 90  # in memory, the table of items holds the files of all pictures
    whole = type(audit.items.segments["photo"][0]).pixels
    monkeypatch.setattr(
        "trusteq.data.picture.Picture.pixels", lambda picture: decoded.append(picture.name) or whole(picture)
    )
    browser(run)
    assert len(decoded) == 10


def test_ways_to_cut_areas_are_limited(monkeypatch):
    monkeypatch.setattr(drawings, "MOST_SHAPES", 3)
    (drawing,) = browser(evidence_of(made_up_kinds.audit("pictures", "superpixels"))).items["drawings"]
    assert len(drawing["areas"]) == 3
    assert drawing["area"].count(-1) == len(drawing["area"]) - 3 > 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_run_gives_the_same_page(kind):
    run = evidence_of(made_up_kinds.audit(kind))
    assert page(run) == page(evidence_of(made_up_kinds.audit(kind)))
