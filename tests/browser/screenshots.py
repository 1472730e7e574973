"""The pictures of docs/images, from a made-up run: ``python tests/browser/screenshots.py``."""

from __future__ import annotations

import base64
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trusteq.record.evidence import Evidence

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from browser.conftest import running  # noqa: E402
from report.page import made_up  # noqa: E402

from trusteq.record.evidence import evidence_of  # noqa: E402
from trusteq.report.page.items import browser  # noqa: E402
from trusteq.report.page.page import page  # noqa: E402

ITEM = "#item={}&candidate=shortcut"
PICTURES = {
    # name: width, height, dark, what stands at the top, whether an item is open
    "report-verdict": (1280, 1085, False, None, False),
    "report-intervals": (1280, 760, False, "#dimensions figure", False),
    "report-item": (1280, 900, False, ".browse", True),
    "report-dark": (1280, 900, True, ".browse", True),
    "report-phone": (390, 844, False, None, False),
    "report-phone-item": (390, 900, False, "#item", True),
}


def main() -> None:
    """Write all pictures."""
    made = made_up.audit(1_200, explained=120, how={"masks": 64}, resamples=1_000)
    evidence = replace(evidence_of(made), costs=made_up.COSTS)
    telling = _telling(evidence)
    folder = ROOT / "docs/images"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, running("--hide-scrollbars") as chromium:
        path = Path(scratch) / "report.html"
        path.write_text(page(evidence), "utf-8")
        for name, (width, height, dark, top, opened) in PICTURES.items():
            with chromium.seen(width=width, height=height, dark=dark):
                chromium.open(path, ITEM.format(telling) if opened else "")
                if opened:
                    chromium.run("document.querySelector('.presets [data-sort=agreement]').click()")
                if top:
                    chromium.run("document.querySelector(arguments[0]).scrollIntoView()", top)
                shot = chromium.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
                (folder / f"{name}.png").write_bytes(base64.b64decode(shot["data"]))


def _telling(evidence: Evidence) -> str:
    """The explained item that both models answer rightly, and on whose words they agree least."""
    answers = evidence.probabilities.argmax(axis=2)
    right = set(evidence.items["id"][(answers[0] == evidence.gold) & (answers[3] == evidence.gold)])
    items = browser(evidence).items
    scores = dict(zip(items["explained"], items["agreement"][0]["values"][2], strict=True))
    return str(min((score, items["ids"][at]) for at, score in scores.items() if items["ids"][at] in right)[1])


if __name__ == "__main__":
    main()
