"""Markdown for a pull request and for a model card, read by a real Markdown parser."""

import re
from dataclasses import replace

import pytest
import yaml
from finished_runs import EVIL, KINDS, costs_of, equivalent, explained, hostile, plain, protocol, tampered, unlabelled
from markdown_it import MarkdownIt

from trusteq.report.markdown import LARGEST, MARKER, markdown
from trusteq.report.markdown_text import escaped
from trusteq.report.model_card import model_card
from trusteq.report.model_index import front_matter
from trusteq.report.narrowed import narrowed

PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def tokens(text):
    """Every token, those inside lines as well."""
    found = []
    for token in PARSER.parse(text):
        found += [token, *(token.children or [])]
    return found


def kinds(text):
    return {token.type.removesuffix("_open").removesuffix("_close") for token in tokens(text)}


def html(text):
    return {token.content.strip() for token in tokens(text) if token.type in {"html_inline", "html_block"}}


def shown(text):
    """What a reader sees of a paragraph."""
    return "".join(token.content for token in tokens(text) if token.type in {"text", "text_special"}).replace(
        "\u200b", ""
    )


@pytest.mark.parametrize("evidence", [lambda: hostile().evidence, tampered])
@pytest.mark.parametrize("form", [markdown, model_card])
def test_hostile_names_labels_and_texts_are_shown_and_do_nothing(form, evidence):
    text = form(evidence())
    assert kinds(text) <= {
        "heading", "inline", "text", "text_special", "paragraph", "table", "thead", "tbody", "tr", "th", "td",
        "strong", "bullet_list", "list_item", "html_block", "html_inline", "code_inline", "blockquote", "softbreak",
    }  # fmt: skip
    assert not {token.type for token in tokens(text)} & {"link_open", "image", "em_open", "fence", "hr"}
    for tag in html(text):
        for part in re.findall(r"<[^>]*>", tag):
            assert part in {"<details>", "</details>", "<summary>", "</summary>", "<sub>", "</sub>", MARKER}
    assert all(character == "\n" or character.isprintable() for character in text)
    assert not re.search(r"[@#!]\w", re.sub(r"<[^>]*>|&#8203;", "\u200b", text))


@pytest.mark.parametrize(
    "text",
    [EVIL, "- a", "1. a", "1) a", "+ a", "# a", "---", "> a", "===", "a|b", "`a`", "*a*", "_a_", "~~a~~", "[a](b)"],
)
def test_an_escaped_text_is_one_line_of_plain_text(text):
    for around in (f"- {escaped(text)}", escaped(text), f"| a |\n| --- |\n| {escaped(text)} |"):
        plain = {"inline", "text", "text_special", "paragraph", "bullet_list", "list_item"}
        assert kinds(around) <= plain | {"table", "thead", "tbody", "tr", "th", "td"}, around


def test_an_escaped_text_reads_as_it_was():
    for text in ("a_b*c|d`e", "1. first", "<b> & \\", "x [1](2)", "@bob #12 a@b.c"):
        assert shown(escaped(text)) == text


def test_nobody_is_called():
    for text in ("@bob", "org#12", "GH-3", "see http://evil.example", "www.evil.example", "!7", "mail a@b.example"):
        assert "&#8203;" in escaped(text), text


def test_a_long_text_is_cut():
    assert len(escaped("x" * 10_000)) == 600


def tables(text):
    """The cells of every table, row by row."""
    found, row = [], []
    for token in PARSER.parse(text):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            row = []
        elif token.type == "inline":
            row.append("".join(child.content for child in token.children or [] if "text" in child.type))
        elif token.type == "tr_close" and found:
            found[-1].append(row)
    return found


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"hostile"}))
def test_the_verdicts_come_first_and_every_rule_is_in_a_table(kind):
    result = KINDS[kind]()
    text = markdown(result.evidence)
    assert text.startswith(MARKER)
    assert text.index("may") < text.index("| candidate | verdict |") < text.index("<details>")
    first, *rest = tables(text)
    assert [row[:2] for row in first[1:]] == [
        [c.name, {"EQUIVALENT": "= ", "NOT EQUIVALENT": "≠ ", "UNDECIDED": "? "}[c.verdict.outcome] + c.verdict.outcome]
        for c in result.comparisons
    ]
    for rules, comparison in zip(rest, result.comparisons, strict=True):
        assert len(rules) - 1 == sum(len(d.rules) for d in comparison.verdict.dimensions)


@pytest.mark.parametrize(
    ("result", "said"),
    [
        (equivalent, "twin may replace large"),
        (plain, "small may not replace large"),
        (unlabelled, "small may not replace large"),
        (explained, "0 of 2 candidates may replace honest"),
    ],
)
def test_the_headline_is_the_answer(result, said):
    assert f"### {said}\n" in markdown(result().evidence)


def test_a_comment_is_never_too_long():
    evidence = hostile().evidence
    many = tuple(replace(evidence.document.candidates[i % 3], name=f"{i}" + "x" * 3000) for i in range(150))
    text = markdown(replace(evidence, document=replace(evidence.document, candidates=many)))
    assert len(text) <= LARGEST < 65_536
    assert "Too long for a comment" in text
    assert text.rstrip().endswith("</sub>")


@pytest.mark.parametrize("form", [markdown, model_card])
def test_costs_are_told_where_they_were_measured(form):
    evidence = explained().evidence
    assert "latency" not in form(evidence)
    text = form(replace(evidence, costs=costs_of(evidence.models)))
    assert "| honest | 22.7 M | 90.0 MB | 250.0 MB | 12.3 ms [11.9, 13.1] | 812 items/s [790, 830] |" in text
    assert "| shortcut | - | - | - | - | - |" in text


def test_a_card_tells_what_was_compared_on_what_how_and_the_limits():
    text = model_card(explained().evidence)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    wanted = ["Trust-equivalence audit", "What was compared", "How", "Results", "nearly", "shortcut", "Limits"]
    assert headings == wanted
    assert not text.startswith("---")  # no YAML: a card has its own
    assert "40 items of reviews.csv in 20 clusters, with gold labels; 2 labels: negative, positive" in text
    for name in ("honest", "nearly", "shortcut"):
        assert f"| {name} | words | `" in text


def alone(evidence, number=0):
    """The same of one candidate."""
    return narrowed(evidence, [evidence.document.candidates[number].name])


CARDS = {
    "plain": lambda: plain().evidence,
    "explained": lambda: alone(explained().evidence, 1),
    "hostile": lambda: alone(hostile().evidence),
    "tampered": lambda: alone(tampered()),
}


@pytest.mark.parametrize("card", CARDS)
def test_a_card_s_metadata_are_those_that_the_hub_reads(card):
    hub = pytest.importorskip("huggingface_hub")
    from huggingface_hub.repocard_data import eval_results_to_model_index, model_index_to_eval_results

    evidence = CARDS[card]()
    (candidate,) = evidence.document.candidates
    front = model_card(evidence).split("---\n")[1]
    assert re.fullmatch(r'[\w .,:;()+/%={}\\\n"-]+', front)  # nothing that Markdown or HTML would act on
    content = hub.ModelCard(model_card(evidence), ignore_metadata_errors=False).content
    index = yaml.safe_load(content.split("---\n")[1])["model-index"]
    name, results = model_index_to_eval_results(index)
    assert eval_results_to_model_index(name, results) == index
    assert index == yaml.safe_load(model_card(evidence).split("---\n")[1])["model-index"]
    values = {result.metric_type: result.metric_value for result in results}
    judged = {r.measure: r.estimate for d in candidate.verdict.dimensions for r in d.rules if r.estimate is not None}
    assert values.pop("trust-equivalence") == candidate.verdict.outcome
    expected = {measure: estimate.value for measure, estimate in judged.items()}
    assert values == pytest.approx({"accuracy": candidate.flat["accuracy_candidate"].value, **expected}, rel=1e-5)


def test_a_card_of_several_candidates_has_no_metadata_which_are_of_one_model():
    assert model_card(explained().evidence).startswith("## Trust-equivalence audit")


def test_a_card_s_metadata_name_task_and_items_as_the_hub_does():
    (entry,) = yaml.safe_load(model_card(alone(explained().evidence)).split("---\n")[1])["model-index"]
    (result,) = entry["results"]
    assert entry["name"] == "nearly"
    assert result["task"] == {"type": "text-classification"}
    assert (result["dataset"]["name"], result["dataset"]["args"]["items"]) == ("reviews.csv", 40)
    (bare,) = yaml.safe_load(model_card(plain().evidence).split("---\n")[1])["model-index"]
    assert bare["results"][0]["task"] == {"type": "other"}
    margin = next(m["name"] for m in bare["results"][0]["metrics"] if m["type"] == "disagreement")
    assert margin.endswith(", n = 120, at most 0.05 is asked)")


def test_a_name_of_any_kind_reads_as_it_was():
    wild = replace(plain().evidence.document.candidates[0], name="l\u00e9a \U0001f600 <b>@x")
    document = replace(plain().evidence.document, candidates=(wild,))
    (entry,) = yaml.safe_load(front_matter(replace(plain().evidence, document=document))[4:-4])["model-index"]
    assert entry["name"] == "l\u00e9a \U0001f600 <b>@x"


def test_a_card_does_not_tell_where_files_lie():
    text = model_card(hostile().evidence) + model_card(explained().evidence)
    assert "secret" not in text
    assert "some/where" not in text


def test_a_card_says_what_was_not_measured():
    text = model_card(unlabelled().evidence)
    assert "- Without gold labels, neither accuracy nor calibration error was measured." in text
    assert "- Explanation was not measured (it needs explained items)." in text
    assert "protocol paper on 4 items" in model_card(protocol().evidence)
