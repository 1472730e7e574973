"""20,000 items and five candidates."""

import pytest
from browser import large

pytest.importorskip("selenium", reason="browser tests need selenium: pip install --group dev")

pytestmark = pytest.mark.slow

SECONDS, MEGABYTES, TRIES = 2.0, 15, 3


@pytest.fixture(scope="module")
def path(written):
    return written("large", large.html)


def test_it_is_small(path):
    assert path.stat().st_size < MEGABYTES * 1e6


def test_it_opens_at_once(browser, path):
    """The best of a few tries: what else the machine does is not the page's doing."""
    took = []
    for _ in range(TRIES):
        browser.open(path)
        took.append(browser.run("return performance.getEntriesByName('ready')[0].startTime") / 1000)
        if took[-1] < SECONDS:
            break
    assert min(took) < SECONDS, took
    assert browser.find("#count").text.endswith(" of 20,000 items")


def test_it_finds_at_once(browser, path):
    browser.open(path)
    took = browser.run(
        "const start = performance.now(); const search = document.getElementById('search'); search.value = 'item-1234';"
        "search.dispatchEvent(new Event('input')); return performance.now() - start"
    )
    assert took < 1_000
    assert browser.find("#count").text == "10 of 20,000 items"
    browser.click("#rows a")
    browser.wait("return document.getElementById('item-title').textContent === 'Item item-12340'")


def test_explained_items_show_their_words(browser, path):
    browser.open(path)
    browser.choose("candidate", "4")
    browser.choose("show", "explained")
    assert browser.find("#count").text == f"{large.EXPLAINED} of 20,000 items"
    browser.click("#rows a")
    browser.wait("return document.querySelectorAll('#item .reading .unit').length > 0")
    assert len(browser.all("#item .reading .unit")) == 2 * large.WORDS
