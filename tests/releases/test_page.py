"""The page and the Markdown: complete, self-contained, and nothing that a name could smuggle in."""

from dataclasses import replace

import pytest
from finished_runs import EVIL
from report.page.parsed import parse

from trusteq.releases.history import history
from trusteq.releases.markdown import markdown
from trusteq.releases.page import page, reports_from


@pytest.fixture(scope="module")
def html(through):
    return page(through)


@pytest.fixture(scope="module")
def hostile(releases):
    """Every name is an attack."""

    def evil(release):
        document = release.run.document
        candidates = tuple(replace(one, name=f"{EVIL}{one.name}") for one in document.candidates)
        models = [{**model, "name": f"{EVIL}{model['name']}"} for model in release.run.manifest["models"]]
        manifest = {**release.run.manifest, "models": models, "trusteq": EVIL}
        policy = document.policy.model_copy(update={"name": EVIL})
        run = replace(release.run, document=replace(document, candidates=candidates, policy=policy), manifest=manifest)
        return replace(release, name=f"{EVIL}{release.name}", run=run)

    return history([evil(release) for release in releases[-2:]], left_out=[EVIL])


def test_the_page_has_every_measure_and_every_run(html, through):
    parsed = parse(html)
    assert len(parsed.all("svg")) == sum(len(track.lines) for track in through.tracks)
    said = parsed.one("main").text
    for release in through.releases:
        assert release.name in said
    assert "UNDECIDED in 2.0, as in 1.10 (against another reference)" in said
    assert "other items: 120 → 160" in said
    assert "another policy: first" in said
    assert "disagreement: 0.1583 [" in said


def test_it_needs_nothing_else(html):
    parsed = parse(html)
    assert not parsed.all("script")
    assert not parsed.all("img")
    assert not parsed.all("link")
    for element in parsed.elements:
        assert not {name for name in element.attributes if name.startswith("on") or name in {"style", "src"}}
        assert (element.attributes.get("href") or "#").startswith("#")
    policy = next(e for e in parsed.all("meta") if e.attributes.get("http-equiv")).attributes["content"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy


def test_the_same_runs_give_the_same_bytes(html, through):
    assert page(through) == html


def test_names_are_only_texts(hostile):
    parsed = parse(page(hostile))
    assert not parsed.all("script")
    assert "<script>alert('x')</script>" in parsed.one("main").text
    for element in parsed.elements:
        said = [*element.attributes.values(), *([] if element.tag in {"html", "body"} else [element.text])]
        for text in filter(None, said):
            assert not set(text) & set("\x00\x07\x1b\u202e"), (element.tag, text[:80])


def test_names_format_nothing_in_markdown_either(hostile):
    text = markdown(hostile)
    assert "<script" not in text
    assert "@team" not in text
    assert "\x1b" not in text
    for line in text.splitlines():
        if line.startswith("| ") and "left out" not in line:
            assert line.replace("\\|", "").count("|") in {5, 8}, line


def test_markdown_has_the_last_change_first_and_every_point(through):
    text = markdown(through)
    assert text.startswith("### Through 5 runs\n\nEach judged by its own policy (2 different ones;")
    assert text.index("**small**: UNDECIDED in 2.0") < text.index("| 1.0 |")
    assert "**1.9 → 1.10**: = EQUIVALENT → ? UNDECIDED" in text
    assert text.count(" ‡ |") == 2 * 2


def test_what_must_be_read_of_earlier_runs_is_told_once_for_all_of_them(releases, html):
    """The first three runs are judged by margins that are wider than the default policy's."""
    line = "1.0, 1.2 and 1.9, policy first: is more permissive than trusteq's default policy"
    assert line in parse(html).one("main").text
    assert f"- {line}" in markdown(history(releases))


def test_steps_without_any_change_are_counted_not_listed(releases):
    through = history([releases[0], releases[1], replace(releases[1], name="again")])
    text = parse(page(through)).one("main").text
    assert "1.0 → 1.2" in text
    assert "1.2 → again" not in text
    assert "1 step without any change is left out" in text
    assert "1.2 → again" not in markdown(through)


def test_a_viewer_s_page_leads_back_to_its_list(through):
    assert '<a href="./">All runs</a>' in page(through, back="./")


def test_reports_are_linked_from_where_the_page_is(through, tmp_path):
    run = through.releases[0].run.directory
    page_file = run / "report.html"
    page_file.write_text("<p>", "utf-8")
    try:
        links = reports_from(through, run.parent)
        assert links == {0: "./1.0/report.html"}
        assert 'href="./1.0/report.html"' in page(through, links)
        assert reports_from(through, run.parent / "docs")[0] == "./../1.0/report.html"
    finally:
        page_file.unlink()
