"""The page opens by itself, offline, and is readable whatever it is seen on."""

import json

import pytest
from report.page import hostile, made_up

from trusteq.report.page.provenance import run_hash

pytest.importorskip("selenium", reason="browser tests need selenium: pip install --group dev")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def path(written):
    return written("made-up", made_up.html)


def requests(browser):
    """The addresses asked for since last asked."""
    events = [json.loads(entry["message"])["message"] for entry in browser.driver.get_log("performance")]
    return [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]


def test_it_opens_without_a_request_or_a_complaint(browser, path):
    browser.driver.get("about:blank")
    requests(browser)
    browser.driver.get_log("browser")
    browser.open(path)
    assert requests(browser) == [path.as_uri()]
    assert browser.driver.get_log("browser") == []
    assert browser.find("h1").text == "shortcut may not replace large; it is undecided whether int8 may."


def test_a_style_or_script_that_is_smuggled_in_has_no_effect(browser, path):
    """The policy in the file is in force, not only written there."""
    browser.open(path)
    browser.run(
        "const s = document.createElement('style'); s.textContent = 'h1 { color: rgb(1, 2, 3) !important }';"
        "document.head.append(s);"
        "document.querySelector('h1').setAttribute('style', 'color: rgb(1, 2, 3) !important')"
    )
    assert browser.run("return getComputedStyle(document.querySelector('h1')).color") != "rgb(1, 2, 3)"
    assert (
        browser.run(
            "try { document.querySelector('h1').innerHTML = '<b>x</b>'; return 'taken' } catch (e) { return e.name }"
        )
        == "TypeError"
    )
    complaints = browser.driver.get_log("browser")
    assert any("Content Security Policy" in entry["message"] for entry in complaints)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 768, 1280])
def test_nothing_is_wider_than_the_window(browser, path, width, dark):
    with browser.seen(width=width, height=844, dark=dark):
        browser.open(path, "#item=pair-003")
        browser.run("document.querySelectorAll('details').forEach((d) => { d.open = true })")
        assert browser.run("return document.documentElement.scrollWidth") <= width
        light, *_ = browser.run("return getComputedStyle(document.documentElement).backgroundColor.match(/\\d+/g)")
        assert (int(light) < 60) == dark


def test_on_a_phone_rules_and_items_are_told_without_scrolling_sideways(browser, path):
    visible = (
        "const r = arguments[0].getBoundingClientRect(); return r.left >= 0 && r.right <= innerWidth && r.height > 0"
    )
    with browser.seen(width=390, height=844):
        browser.open(path)
        assert all(browser.run(visible, link) for link in browser.all(".masthead a"))
        bars = browser.all("#dimensions .margin-bar[role=img]")
        assert bars
        assert all(browser.run(visible, bar) for bar in bars)
        drawings = [drawing for drawing in browser.all("figure > .drawing > svg") if drawing.is_displayed()]
        assert len(drawings) > 8
        assert all(browser.run(visible, drawing) for drawing in drawings)  # scaled, not cut
        outcomes = browser.all("#dimensions .outcome")
        assert len(outcomes) == sum(
            len(d.rules) for candidate in made_up.evidence().document.candidates for d in candidate.verdict.dimensions
        )
        assert all(browser.run(visible, outcome) for outcome in outcomes)
        said = "return getComputedStyle(arguments[0], '::before').content"
        row = browser.find("#rows tr").find_elements("css selector", "td")
        assert [browser.run(said, cell) for cell in row] == [
            f'"{name}"' for name in ("reference", "candidate", "cosine, Shapley")
        ]
        hints = browser.run(
            "return [...document.querySelectorAll('.scroll')].filter((e) => e.checkVisibility()).map((e) =>"
            "[e.scrollWidth > e.clientWidth + 1, getComputedStyle(e, '::before').content.includes('scroll')])"
        )
        assert any(wide for wide, _ in hints)
        assert all(wide == hint for wide, hint in hints)
    with browser.seen(width=1280):
        browser.open(path)
        assert browser.run("return document.querySelector('#dimensions .margin-bar').clientWidth") >= 200


def test_at_1280_pixels_the_page_is_filled_to_its_right_edge(browser, path):
    right = (
        "return Math.max(...[...document.querySelectorAll(arguments[0])].map((e) => e.getBoundingClientRect().right))"
    )
    with browser.seen(width=1280):
        browser.open(path)
        edge = browser.run(right, "#evidence > h2")
        for css in (".standing aside", ".matrix", ".rules", ".twofold > :last-child", ".glossary", ".beside .scroll"):
            assert browser.run(right, css) > edge - 60, css
        # What is said of a drawing stands beside it.
        ladder = (
            "return [...document.querySelectorAll('#explanation figure > *')].map((e) => e.getBoundingClientRect())"
        )
        drawing, caption, *_ = browser.run(ladder)
        assert caption["left"] >= drawing["right"]


def test_what_is_collapsed_is_printed_with_page_numbers_and_the_run_s_hash(browser, path):
    browser.open(path)
    heights = (
        "return [...document.querySelectorAll('#evidence details:not([open]) table')].map((e) => e.checkVisibility())"
    )
    assert not any(browser.run(heights))
    with browser.seen(media="print"):
        assert len(browser.run(heights)) > 8
        assert all(browser.run(heights))
    margins = browser.run(
        "return [...document.styleSheets[0].cssRules].flatMap((rule) => [rule, ...(rule.media ? rule.cssRules : [])])"
        ".filter((rule) => rule instanceof CSSPageRule).flatMap((rule) => [...rule.cssRules].map((r) => r.cssText))"
    )
    text = " ".join(margins)
    assert "counter(page)" in text
    assert run_hash(made_up.evidence()) in text


def test_hostile_names_and_texts_are_no_wider_either(browser, written):
    path = written("hostile", hostile.html)
    for width in (390, 1280):
        with browser.seen(width=width):
            browser.open(path)
            browser.run("document.querySelectorAll('details').forEach((d) => { d.open = true })")
            assert browser.run("return document.documentElement.scrollWidth") <= width


def test_the_reader_chooses_the_colours_and_the_page_remembers(browser, path):
    def paper():
        return browser.run("return getComputedStyle(document.documentElement).getPropertyValue('--paper').trim()")

    with browser.seen(dark=False):
        browser.open(path)
        light = paper()
        button = browser.find("#theme")
        assert button.text == "Colours: auto"
        browser.click(button)
        browser.click(button)
        assert button.text == "Colours: dark"
        assert paper() != light
        browser.open(path)
        assert paper() != light
        browser.click("#theme")
        assert browser.find("#theme").text == "Colours: auto"
        assert paper() == light


def test_it_is_printed_whole_and_on_white(browser, path):
    browser.open(path)
    shown = "return [...document.querySelectorAll('.of-candidate')].map((e) => getComputedStyle(e).display !== 'none')"
    assert not all(browser.run(shown))
    with browser.seen(media="print", dark=True):
        assert all(browser.run(shown))
        for css in (".masthead", "#browser", "#switch"):
            assert browser.run("return getComputedStyle(document.querySelector(arguments[0])).display", css) == "none"
        ink = "return getComputedStyle(document.documentElement).getPropertyValue('--ink').trim()"
        assert browser.run(ink) == "#1c1e22"


def test_without_javascript_everything_but_the_browser_is_there(browser, path):
    with browser.without_script():
        browser.driver.get("about:blank")
        browser.driver.get(path.as_uri())
        assert browser.find("h1").is_displayed()
        drawings = browser.all("figure svg")
        assert len(drawings) > 15
        assert all(drawing.is_displayed() for drawing in drawings)
        assert browser.find(".without-script").is_displayed()
        assert not browser.find("#browser").is_displayed()
        assert not browser.find("#theme").is_displayed()
