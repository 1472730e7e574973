"""A real browser: Debian's chromium, without a screen and without a network."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SWITCHES = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
    "--window-size=1280,900",
)
AXE = "4.14.1"
READY = "return document.documentElement.dataset.ready === 'yes'"


@dataclass(frozen=True)
class Browser:
    """A running browser, with the few questions that tests ask."""

    driver: Any

    def open(self, path, fragment=""):
        """Load a page anew and wait until its script has done its work."""
        self.driver.get("about:blank")
        self.driver.get(path.as_uri() + fragment)
        self.wait(READY)

    def wait(self, condition, *arguments):
        from selenium.webdriver.support.ui import WebDriverWait

        return WebDriverWait(self.driver, 20, poll_frequency=0.05).until(
            lambda driver: driver.execute_script(condition, *arguments)
        )

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def find(self, css):
        from selenium.webdriver.common.by import By

        return self.driver.find_element(By.CSS_SELECTOR, css)

    def all(self, css):
        from selenium.webdriver.common.by import By

        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def texts(self, css):
        """What all elements say, in one question."""
        return self.run("return [...document.querySelectorAll(arguments[0])].map((e) => e.textContent.trim())", css)

    def click(self, element):
        """Click on an element (or the first that a selector finds), as a reader who has scrolled to it does."""
        element = self.find(element) if isinstance(element, str) else element
        self.run("arguments[0].scrollIntoView({ block: 'center' })", element)
        element.click()

    def choose(self, id_, value):
        from selenium.webdriver.support.ui import Select

        Select(self.find(f"#{id_}")).select_by_value(value)

    def press(self, *keys):
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    @contextmanager
    def seen(self, *, width=1280, height=900, dark=False, media=""):
        """A window of this size, in these colours, on this medium."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": [scheme]})
        try:
            yield
        finally:
            self.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
            self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "", "features": []})

    @contextmanager
    def without_script(self):
        """No JavaScript in pages loaded meanwhile."""
        self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        try:
            yield
        finally:
            self.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@contextmanager
def running(*more):
    """A browser that is closed at the end, whatever happens; the test is skipped where there is none.

    ``more`` are switches of the browser.
    """
    pytest.importorskip("selenium", reason="browser tests need selenium: pip install --group dev")
    binary = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    chromedriver = shutil.which("chromedriver")
    if binary is None or chromedriver is None:
        pytest.skip("browser tests need chromium and chromedriver: apt-get install chromium chromium-driver")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = binary
        for switch in (*SWITCHES, *more, f"--user-data-dir={profile}"):
            options.add_argument(switch)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        driver = webdriver.Chrome(options=options, service=Service(chromedriver))
        try:
            yield Browser(driver)
        finally:
            driver.quit()


@pytest.fixture(scope="module")
def browser():
    """One browser for all tests of a module."""
    with running() as opened:
        yield opened


@pytest.fixture(scope="session")
def written(tmp_path_factory):
    """A function that writes a page and says where."""
    folder = tmp_path_factory.mktemp("pages")

    def write(name, html):
        path = folder / f"{name}.html"
        if not path.exists():
            path.write_text(html(), "utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def axe(request):
    """The source of axe-core, fetched once from the npm registry."""
    folder = Path(request.config.cache.mkdir("axe"))
    packed = folder / f"axe-core-{AXE}.tgz"
    if not packed.is_file():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("accessibility is checked by axe-core, which npm fetches: install npm")
        fetched = subprocess.run(
            [npm, "pack", "--silent", f"axe-core@{AXE}"],
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if fetched.returncode or not packed.is_file():
            pytest.skip(f"axe-core {AXE} cannot be fetched from the npm registry: {fetched.stderr.strip()[:200]}")
    with tarfile.open(packed) as archive:
        return archive.extractfile("package/axe.min.js").read().decode()
