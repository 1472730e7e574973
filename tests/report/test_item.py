"""One item as two models see it."""

import io
import json
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from finished_runs import EVIL, explained, hostile, plain, protocol, unlabelled
from rich.console import Console

import trusteq
from trusteq.report.item import item_document, item_view
from trusteq.report.item_terminal import MOST_WORDS, legible, render, signed


def printed(view, width):
    out = io.StringIO()
    Console(file=out, width=width, highlight=False, color_system=None).print(render(view))
    return out.getvalue()


def test_it_holds_both_models_answers_to_the_item():
    view = plain().item("i7")
    row = list(plain().items.ids).index("i7")
    for prediction, model in zip((view.reference, view.candidate), plain().models, strict=True):
        p = model.predictions.probabilities[row]
        assert prediction.model == model.name
        assert list(prediction.probabilities.values()) == p.tolist()
        assert (prediction.answer, prediction.confidence) == (plain().labels[p.argmax()], p.max())
    assert view.gold == plain().labels[plain().gold[row]]
    assert view.columns == {"group": "odd"}


def test_what_the_change_of_answer_does_is_said():
    flips = {row["id"]: row["kind"] for row in plain()["small"].flips}
    assert flips
    for id_ in plain().items.ids[:40]:
        assert plain().item(id_).change == flips.get(id_, "same answer")
    changed = unlabelled()["small"].flips[0]["id"]
    assert unlabelled().item(changed).change == "other answer"
    assert unlabelled().item(changed).gold is None


def test_its_words_are_the_attributions_of_both_models():
    table = explained().attributions()
    for method in ("shapley", "lime"):
        view = item_view(explained().evidence, "review-3", "shortcut", method=method)
        for model, side in (("honest", "reference"), ("shortcut", "candidate")):
            rows = table[(table["id"] == "review-3") & (table["model"] == model)]
            assert [word.word for word in view.explained.words] == rows["word"].tolist()
            assert [getattr(word, side) for word in view.explained.words] == rows[method].tolist()
            assert [getattr(word, f"{side}_error") for word in view.explained.words] == rows[f"{method}_error"].tolist()
    for word in view.explained.words:
        assert view.segments[word.segment][word.start : word.end] == word.word


def test_the_weightiest_words_are_marked_and_no_others():
    words = explained().item("review-3", "shortcut").explained.words
    weight = sorted((abs(word.candidate) for word in words), reverse=True)
    marked = [word for word in words if word.candidate_top]
    assert len(marked) == 4
    assert min(abs(word.candidate) for word in marked) >= weight[3]
    assert {word.word for word in words if abs(word.candidate) >= weight[2]} == {"dora", "fine"}
    assert all(word.candidate_top for word in words if word.word == "dora")


def test_an_unknown_item_is_one_line_with_ids_that_look_alike():
    with pytest.raises(trusteq.RunError, match=r"no item 'review-33x'; did you mean 'review-33'") as caught:
        explained().item("review-33x", "nearly")
    assert "\n" not in str(caught.value)
    with pytest.raises(trusteq.RunError, match="no item 'review'; did you mean 'review-0'"):
        explained().item("review", "nearly")
    with pytest.raises(trusteq.RunError, match="no item 'ωωω'; ids look like 'review-0'"):
        explained().item("ωωω", "nearly")


def test_words_of_no_text_are_one_line():
    evidence = explained().evidence
    far = replace(
        evidence,
        table=lambda name: evidence.table(name).assign(segment=7) if name == "attributions" else evidence.table(name),
    )
    with pytest.raises(trusteq.RunError, match="damaged: words of item 'review-3' belong to none of its texts"):
        item_view(far, "review-3", "nearly")


def test_a_candidate_must_be_named_where_there_are_several():
    with pytest.raises(trusteq.RunError, match="several candidates; name one of nearly, shortcut"):
        explained().item("review-3")
    with pytest.raises(trusteq.RunError, match="no candidate 'small'; there are nearly, shortcut"):
        explained().item("review-3", "small")
    with pytest.raises(trusteq.RunError, match="no method 'shap'; choose from lime, shapley"):
        item_view(explained().evidence, "review-3", "nearly", method="shap")


def test_an_item_that_was_not_explained_says_so():
    named = set(explained().items.ids) - set(explained().attributions()["id"])
    assert "this item was not explained" in str(explained().item(min(named), "nearly"))
    assert "this item was not explained" in str(plain().item("i7"))


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
def test_bars_share_one_scale_and_fit_the_terminal(width):
    view = explained().item("review-3", "shortcut")
    out = printed(view, width)
    assert all(len(line.rstrip()) <= width for line in out.splitlines())
    longest = next(line for line in out.splitlines() if " dora" in line and "+" in line)
    other = next(line for line in out.splitlines() if " fine" in line and "+" in line)
    words = {word.word: word for word in view.explained.words}
    full, part = longest.count("█"), other.split("fine")[0].count("█")
    assert full == max(line.count("█") for line in out.splitlines() if "supports" not in line)
    assert full >= (min(width, 100) - 40) // 2  # the largest fills its side
    assert part == pytest.approx(full * words["fine"].reference / words["dora"].candidate, abs=1)


def unsure():
    """A word whose weight lies within two standard errors of zero in the candidate alone."""
    view = explained().item("review-3", "shortcut")
    word = replace(
        view.explained.words[0],
        reference=-0.3,
        candidate=0.3,
        reference_error=0.149,
        candidate_error=0.151,
        reference_top=True,
    )
    return word, replace(view, explained=replace(view.explained, words=(word,)))


def test_what_may_be_nothing_is_marked_with_its_error():
    word, view = unsure()
    assert (word.reference_unsure, word.candidate_unsure) == (False, True)
    out = printed(view, 100)
    (line,) = [line for line in out.splitlines() if f" {word.word} " in line and "±" in line]
    left, right = line.split(f" {word.word} ")
    assert left.startswith("-0.300 ±0.149 ")
    assert right.endswith(" +0.300 ±0.151")
    assert ("▒" in left, "░" in left, "░" in right, "█" in right) == (True, False, True, False)
    assert "░ within two standard errors of 0" in out
    narrow = printed(view, 40)
    assert "±" not in narrow
    assert narrow.count("░") > 1


def test_in_a_notebook_what_may_be_nothing_is_faint_and_dotted():
    html = unsure()[1]._repr_html_()
    assert (
        'background:rgba(255,127,14,0.80);text-decoration:underline;font-weight:bold" title="-0.3000 ±0.1490"' in html
    )
    assert "background:rgba(31,119,180,0.20);text-decoration:underline dotted" in html
    assert "within two standard errors of 0" in html


def test_pairs_are_shown_as_pairs():
    out = printed(explained().item("review-3", "nearly"), 100)
    texts = explained().item("review-3", "nearly").segments
    assert f"first: {texts['first']}" in out
    assert f"second: {texts['second']}" in out
    lines = [line.strip() for line in out.splitlines()]
    assert lines.index("first") < lines.index("second")


def test_the_published_protocol_s_words_are_two_lists():
    table = protocol().evidence.table("top_words")
    id_ = table["id"].iloc[0]
    view = protocol().item(id_, "shortcut")
    lime, shap = view.top_words
    for top in (lime, shap):
        mine = table[(table["id"] == id_) & (table["method"] == top.method) & (table["run"] == 1)]
        for side, model in ((top.reference, "honest"), (top.candidate, "shortcut")):
            assert list(side) == list(mine[mine["model"] == model]["words"].iloc[0])
    out = str(view)
    assert "top words by LIME; * in both lists" in out
    assert "not explained" not in out


def test_a_long_text_shows_its_weightiest_words():
    view = explained().item("review-3", "shortcut")
    word = view.explained.words[0]
    many = tuple(replace(word, word=f"w{i}", reference=i / 300, candidate=-i / 300) for i in range(300))
    out = printed(replace(view, explained=replace(view.explained, words=many)), 100)
    assert f"and {300 - MOST_WORDS} words of less weight" in out
    assert " w299 " in out
    assert " w0 " not in out


def test_hostile_texts_ids_and_names_cannot_command_the_terminal():
    id_ = hostile().items.ids[3]
    for name in [c.name for c in hostile().comparisons]:
        for width in (60, 120):
            out = printed(hostile().item(id_, name), width)
            assert all(character == "\n" or character.isprintable() for character in out)


def test_an_id_with_control_characters_is_found_by_what_is_shown_of_it():
    from trusteq.data.clean import clean

    id_ = hostile().items.ids[3]
    assert hostile().item(clean(id_), " ").id == id_


def test_a_text_on_one_line_keeps_its_places():
    text = f"a\tb\n\n{EVIL}é"
    assert len(legible(text)) == len(text)
    assert legible(text).isprintable()


def test_what_rounds_to_nothing_has_no_sign():
    assert (signed(0.0004), signed(-0.0004), signed(-0.0006), signed(12.5)) == ("0.000", "0.000", "-0.001", "+12.500")


def test_as_json_it_holds_both_models_and_every_candidate():
    views = [explained().item("review-3", name) for name in ("nearly", "shortcut")]
    content = json.loads(json.dumps(item_document(views), allow_nan=False))
    assert content["id"] == "review-3"
    assert [c["model"] for c in content["candidates"]] == ["nearly", "shortcut"]
    assert content["reference"]["probabilities"].keys() == {"negative", "positive"}
    assert len(content["candidates"][0]["explained"]["words"]) == len(views[0].explained.words)


def tags_and_text(html):
    tags, attributes, text = set(), set(), []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            tags.add(tag)
            attributes.update(name for name, _ in attrs)

        def handle_data(self, data):
            text.append(data)

    Reader().feed(html)
    return tags, attributes, "".join(text)


def test_in_a_notebook_every_text_is_escaped():
    for name in [c.name for c in hostile().comparisons]:
        tags, attributes, _ = tags_and_text(hostile().item(hostile().items.ids[3], name)._repr_html_())
        assert tags <= {"div", "p", "b", "br", "span", "table", "thead", "tbody", "tr", "th", "td"}
        assert attributes <= {"class", "style", "title"}


def test_in_a_notebook_a_word_of_markup_is_escaped():
    view = hostile().item(hostile().items.ids[3], " ")
    segment = next(iter(view.segments))
    markup = replace(view.explained.words[0], segment=segment, start=0, end=25)
    html = replace(view, explained=replace(view.explained, words=(markup,)))._repr_html_()
    assert "script" not in tags_and_text(html)[0]
    assert "&lt;script&gt;" in html


def test_in_a_notebook_both_texts_are_whole_and_their_words_marked():
    view = explained().item("review-3", "shortcut")
    html = view._repr_html_()
    _, _, text = tags_and_text(html)
    for segment in view.segments.values():
        assert text.count(segment) == 2  # once a model
    dora = next(word for word in view.explained.words if word.word == "dora")
    assert f'title="{dora.candidate:+.4f} ±{dora.candidate_error:.4f}"' in html
    assert "rgba(31,119,180,0.80)" in html
    assert (
        "top words by SHAP"
        in protocol().item(protocol().evidence.table("top_words")["id"].iloc[0], "nearly")._repr_html_()
    )
