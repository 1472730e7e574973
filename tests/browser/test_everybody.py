"""For those who use no mouse, and those who do not see: keyboard, and axe-core's rules."""

import pytest
from report.page import made_up

pytest.importorskip("selenium", reason="browser tests need selenium: pip install --group dev")

from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.slow

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def path(written):
    return written("made-up", made_up.html)


def focused(browser):
    """What has the focus: its id, else its text."""
    return browser.run("const e = document.activeElement; return e.id || e.textContent.trim() || e.value")


def tab_to(browser, wanted, *, at_most=80):
    for _ in range(at_most):
        browser.press(Keys.TAB)
        if focused(browser) == wanted:
            return
    raise AssertionError(f"Tab does not lead to {wanted!r}; it leads to {focused(browser)!r}")


def test_all_can_be_done_with_the_keyboard(browser, path):
    browser.open(path)
    browser.press(Keys.TAB)
    assert focused(browser) == "Skip to the verdict"
    assert browser.run("return document.activeElement.getBoundingClientRect().top") >= 0
    browser.press(Keys.ENTER)
    assert browser.driver.current_url.endswith("#verdict")
    # Radio buttons are one stop; arrows choose.
    browser.run("document.getElementById('evidence').scrollIntoView()")
    tab_to(browser, "0")
    browser.press(Keys.ARROW_RIGHT)
    assert browser.find("#candidate").get_attribute("value") == "1"
    browser.run("document.querySelector('.presets button').focus()")
    browser.press(Keys.TAB, Keys.ENTER)
    assert focused(browser) == "Changed answers"
    changed = int(browser.find("#count").text.split()[0])
    assert 0 < changed < 110
    tab_to(browser, "search")
    browser.press("a")
    tab_to(browser, "sort")
    first = browser.texts("#rows a")[0]
    tab_to(browser, first)
    browser.press(Keys.ENTER)
    browser.wait("return document.activeElement.id === 'item-title'")
    assert browser.find("#item-title").text == f"Item {first}"


def test_from_an_items_title_tab_leads_to_its_neighbours_and_keys_to_the_items_themselves(browser, path):
    ids = list(made_up.evidence().items["id"])
    browser.open(path, f"#item={ids[4]}")
    browser.press(Keys.TAB)
    assert focused(browser) == "← previous"
    browser.press(Keys.TAB)
    assert focused(browser) == "next →"
    title = "return document.getElementById('item-title').textContent === arguments[0]"
    for key, at in (("n", 5), ("n", 6), ("p", 5)):
        browser.press(key)
        browser.wait(title, f"Item {ids[at]}")
        assert focused(browser) == "item-title"
    # Outside of the item the keys mean nothing.
    browser.run("document.querySelector('.presets button').focus()")
    browser.press("n")
    assert browser.find("#item-title").text == f"Item {ids[5]}"


def test_what_has_the_focus_is_seen(browser, path):
    browser.open(path)
    for css in (".masthead a", "#theme", "#search", "#show", ".presets button", "summary", "#rows a"):
        outline = "const e = [...document.querySelectorAll(arguments[0])].find((x) => x.offsetParent); e.focus();"
        outline += "return getComputedStyle(e).outlineStyle"
        browser.press(Keys.TAB)  # the keyboard was used last
        assert browser.run(outline, css) != "none", css


def test_only_what_scrolls_is_a_stop_of_the_tab_key(browser, path):
    for width in (1280, 390):
        with browser.seen(width=width):
            browser.open(path)
            stops = browser.run(
                "return [...document.querySelectorAll('.scroll')].filter((e) => e.offsetParent)"
                ".map((e) => [e.scrollWidth > e.clientWidth + 1, e.tabIndex === 0])"
            )
            assert stops
            assert all(scrolls == stop for scrolls, stop in stops)


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)], ids=["light", "dark and narrow"])
def test_axe_finds_nothing(browser, path, axe, width, dark):
    id_ = made_up.evidence().attributions["id"].iloc[0]
    with browser.seen(width=width, height=844, dark=dark):
        browser.open(path, f"#item={id_}&candidate=shortcut")
        browser.run("document.querySelectorAll('details').forEach((d) => { d.open = true })")
        browser.run(axe)
        browser.driver.set_script_timeout(60)
        found = browser.driver.execute_async_script(
            "const [rules, done] = arguments; axe.run(document, { runOnly: rules, resultTypes: ['violations'] })"
            ".then((r) => done(r.violations.map((v) => [v.id, v.nodes.length, v.nodes[0].target.join(' ')])),"
            " (e) => done([String(e)]))",
            RULES,
        )
    assert found == []
