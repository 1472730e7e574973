"""The viewer in a real browser: what a reader clicks, and what another site may not."""

import shutil

import made_up_releases
import pytest
from browser.conftest import READY, running
from browser.test_everybody import RULES
from browser.test_opens import requests
from served_runs import served

pytest.importorskip("selenium", reason="browser tests need selenium: pip install --group dev")

pytestmark = pytest.mark.slow

RESOLVER = "--host-resolver-rules=MAP evil.example 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
"""A name of somebody else's that leads here, and no other."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("viewed")
    made_up_releases.audited(folder / "1.0", noise=1.5)
    made_up_releases.audited(folder / "1.1", noise=0.01)
    shutil.copytree(folder / "1.0", folder / "damaged")
    (folder / "damaged/flips.parquet").unlink()
    return folder


@pytest.fixture(scope="module")
def browser():
    with running(RESOLVER) as opened:
        yield opened


@pytest.fixture(scope="module")
def server(folder):
    with served(folder) as asked:
        yield asked.server


def complaints(browser):
    """What the browser's console says but for the icon that no page has."""
    return [entry for entry in browser.driver.get_log("browser") if "favicon" not in entry["message"]]


def arrive(browser, part):
    """Wait until a page is there whose address has this part."""
    browser.wait("return location.href.includes(arguments[0]) && document.readyState === 'complete'", part)


def choose_all(browser):
    """Choose every run that can be chosen."""
    for box in browser.all("input:enabled"):
        if not box.is_selected():
            browser.click(box)


def test_a_reader_opens_a_report_compares_two_runs_and_sees_their_history(browser, server):
    browser.driver.get("about:blank")
    requests(browser)
    browser.driver.get(server.once)
    assert browser.driver.current_url == server.address
    assert browser.find("h1").text == "3 runs"
    complaints(browser)
    names = browser.texts("tbody a")
    assert sorted(names) == ["1.0", "1.1"]
    browser.click(browser.all("tbody a")[names.index("1.1")])
    arrive(browser, "/run/")
    browser.wait(READY)
    assert browser.find("h1").text.startswith("small may replace large")
    browser.driver.get(server.address)
    choose_all(browser)
    browser.click("button[value=compare]")
    arrive(browser, "show=compare")
    assert browser.find("h1").text == "No verdict got worse; better: small."
    assert browser.find(".masthead a").get_attribute("href") == server.address
    browser.driver.get(server.address)
    choose_all(browser)
    browser.click("button[value=history]")
    arrive(browser, "show=history")
    assert browser.find("h1").text == "small: EQUIVALENT in 1.1, was NOT EQUIVALENT in 1.0: better."
    beside = browser.run(
        "return [...document.querySelectorAll('figure')].filter((figure) => figure.querySelector('svg')"
        ".getBoundingClientRect().top < figure.querySelector('figcaption').getBoundingClientRect().bottom).length"
    )
    assert (len(browser.all("figure svg")), beside) == (2, 0)
    assert complaints(browser) == []
    own = f"http://127.0.0.1:{server.server_port}/"
    assert [url for url in requests(browser) if not url.startswith(own)] == []
    browser.driver.get(server.once)
    assert "403" in browser.find("body").text


@pytest.fixture(scope="module")
def paths(browser, server):
    """The addresses of the viewer's own pages below the token."""
    browser.driver.get(server.address)
    keys = "&".join(f"run={box.get_attribute('value')}" for box in browser.all("input:enabled"))
    return ("", f"chosen?{keys}&show=compare", f"chosen?{keys}&show=history", "nowhere")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_is_wider_than_the_window(browser, server, paths, width, dark):
    with browser.seen(width=width, height=844, dark=dark):
        for path in paths:
            browser.driver.get(server.address + path)
            browser.run("document.querySelectorAll('details').forEach((d) => { d.open = true })")
            assert browser.run("return document.documentElement.scrollWidth") <= width, path


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)], ids=["light", "dark and narrow"])
def test_axe_finds_nothing(browser, server, paths, axe, width, dark):
    browser.driver.set_script_timeout(60)
    with browser.seen(width=width, height=844, dark=dark):
        for path in paths:
            browser.driver.get(server.address + path)
            browser.run("document.querySelectorAll('details').forEach((d) => { d.open = true })")
            browser.run(axe)
            found = browser.driver.execute_async_script(
                "const [rules, done] = arguments; axe.run(document, { runOnly: rules, resultTypes: ['violations'] })"
                ".then((r) => done(r.violations.map((v) => [v.id, v.nodes.length, v.nodes[0].target.join(' ')])),"
                " (e) => done([String(e)]))",
                RULES,
            )
            assert found == [], path


def test_a_name_of_somebody_else_s_that_leads_here_is_refused(browser, server):
    """DNS rebinding: the other site's scripts would count as this one's own."""
    browser.driver.get(server.address.replace("127.0.0.1", "evil.example"))
    assert browser.find("body").text == "403 Forbidden"


def test_another_page_can_neither_read_nor_frame_it_even_if_it_knows_the_address(browser, server, tmp_path):
    page = tmp_path / "evil.html"
    page.write_text("<!doctype html><title>evil</title><iframe></iframe>", "utf-8")
    browser.driver.get(page.as_uri())
    read = (
        "const done = arguments[1], refused = () => done('refused');"
        "fetch(arguments[0]).then((r) => r.text()).then(done, refused)"
    )
    assert browser.driver.execute_async_script(read, server.address) == "refused"
    framed = (
        "const done = arguments[1], frame = document.querySelector('iframe');"
        "frame.onload = () => done('loaded'); frame.src = arguments[0]"
    )
    browser.driver.execute_async_script(framed, server.address)
    browser.driver.switch_to.frame(0)
    try:
        assert "runs" not in browser.run("return document.body ? document.body.textContent : ''")
    finally:
        browser.driver.switch_to.default_content()
