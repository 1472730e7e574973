"""Pictures, sounds, features and rows in the item browser."""

import pytest
from browser import large_pictures
from report.page import made_up_kinds

from trusteq.record.evidence import evidence_of
from trusteq.report.page.page import page as page_of

pytest.importorskip("selenium", reason="browser tests need selenium: pip install --group dev")

pytestmark = pytest.mark.slow

AREAS = ("pictures", "sounds", "features")
UNITS = 16
SECONDS, MEGABYTES, TRIES = 2.0, 15, 3


@pytest.fixture(params=[*AREAS, "rows"])
def kind(request):
    return request.param


of_areas = pytest.mark.parametrize("kind", AREAS, indirect=True)
of_rows = pytest.mark.parametrize("kind", ["rows"], indirect=True)


@pytest.fixture
def page(browser, written, kind):
    """The page of a kind with an explained item of the candidate with the shortcut."""
    path = written(f"kind-{kind}", lambda: page_of(evidence_of(made_up_kinds.audit(kind))))
    browser.open(path)
    browser.choose("candidate", "1")
    browser.click(".presets [data-show=explained]")
    return browser


def complaints(browser):
    return [entry["message"] for entry in browser.driver.get_log("browser") if entry["level"] != "INFO"]


def test_nothing_is_refused_or_fetched(page):
    assert complaints(page) == []
    assert page.run("return performance.getEntriesByType('resource').filter((e) => !e.name.startsWith('data:'))") == []


def test_images_are_loaded(page, kind):
    broken = page.run("return [...document.images].filter((i) => !(i.complete && i.naturalWidth)).length")
    assert broken == 0
    assert len(page.all("#rows img")) == (0 if kind == "rows" else 25)


@of_areas
def test_an_area_is_drawn_as_it_is_for_both_models_and_their_difference(page):
    assert len(page.all("#item .areas svg")) == 4
    assert len(page.all("#item .areas svg image")) == 4
    assert len(page.all("#item .areas g")) == 3 * UNITS
    captions = page.texts("#item figcaption")
    assert captions[1:] == ["large", "shortcut", "candidate − reference"]
    assert page.find("#item .ramp").is_displayed()
    # Four drawings beside each other, or two by two; none overflows.
    widths = page.run(
        "return [...document.querySelectorAll('#item .areas svg')].map((s) => s.getBoundingClientRect().width)"
    )
    assert min(widths) > 100
    assert page.run("return document.getElementById('item').scrollWidth <= document.getElementById('item').clientWidth")


@of_areas
def test_the_strongest_unit_of_all_drawings_has_the_strongest_colour(page):
    strengths = page.run(
        "return [...document.querySelectorAll('#item .areas g')].map((g) => g.style.getPropertyValue('--strength'))"
    )
    assert max(map(float, strengths)) == 1.0


@of_areas
def test_ranks_are_those_of_the_table(page):
    top = page.run(
        "return [...document.querySelectorAll('#item .areas svg')].slice(1, 3).map((svg) => Object.fromEntries("
        "[...svg.querySelectorAll('g.top')].map((g) => [g.querySelector('title').textContent.split(': ')[0],"
        " g.querySelector('text').textContent])))"
    )
    rows = page.run(
        "return [...document.querySelectorAll('#item details tbody tr')]"
        ".map((r) => [...r.cells].map((c) => c.textContent))"
    )
    for side, column in ((0, 2), (1, 4)):
        assert top[side] == {row[0]: row[column] for row in rows if int(row[column]) <= len(top[side])}
        assert len(top[side]) >= 2


@of_rows
def test_a_row_is_bars_with_values(page):
    table = page.run(
        "return [...document.querySelectorAll('#item .bars tbody tr')].map((r) => [...r.cells].map((c) => c.innerText))"
    )
    assert len(table) == 7
    names = {row[0].split("\n")[0] for row in table}
    assert {"income + income after tax", "debt", "job"} <= names
    assert all(len(row[0].split("\n")) == 2 for row in table)
    sides = page.run(
        "return [...document.querySelectorAll('#item .bars .weight')].map((w) => {"
        " const [bar, track] = [w, w.parentElement].map((e) => e.getBoundingClientRect());"
        " const middle = (track.left + track.right) / 2;"
        " return [w.classList.contains('for'), bar.left >= middle - 1, bar.right <= middle + 1]; })"
    )
    assert len(sides) == 14
    for supports, right, left in sides:
        assert right if supports else left


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_is_accessible_and_fits(page, axe, dark, width):
    with page.seen(width=width, dark=dark):
        page.run(axe)
        found = page.driver.execute_async_script(
            "const done = arguments[arguments.length - 1]; const only = { resultTypes: ['violations'] };"
            "axe.run('#items', only).then((r) => done(r.violations.map((v) => [v.id, v.nodes.map((n) => n.html)])))"
        )
        assert found == []
        assert page.run("return document.documentElement.scrollWidth <= innerWidth")


def test_a_page_without_pictures_has_the_weights_without_them(browser, written):
    path = written("kind-none", lambda: page_of(evidence_of(made_up_kinds.audit("pictures")), images=False))
    browser.open(path)
    browser.click(".presets [data-show=explained]")
    assert browser.all("#items img, #items image") == []
    assert len(browser.all("#item .areas svg")) == 3
    assert "The picture is not on this page." in browser.find("#item").text
    assert complaints(browser) == []


@pytest.fixture(scope="module")
def large(written):
    return written("large-pictures", large_pictures.html)


def test_a_page_of_many_pictures_is_small(large):
    assert large.stat().st_size < MEGABYTES * 1e6


def test_a_page_of_many_pictures_opens_at_once(browser, large):
    took = []
    for _ in range(TRIES):
        browser.open(large)
        took.append(browser.run("return performance.getEntriesByName('ready')[0].startTime") / 1000)
        if took[-1] < SECONDS:
            break
    assert min(took) < SECONDS, took
    assert browser.find("#count").text.endswith(" of 20,000 items")
    assert "the pictures of 60 of 20,000 items" in browser.find("#items").text
