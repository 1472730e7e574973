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

from browser.conftest import Browser, running  # noqa: E402
from report.page import made_up, made_up_kinds  # noqa: E402

import trusteq  # noqa: E402
from trusteq.record.evidence import evidence_of  # noqa: E402
from trusteq.report.page.items import browser  # noqa: E402
from trusteq.report.page.page import page  # noqa: E402

ITEM = "#item={}&candidate=shortcut"
PICTURES = {
    # name: width, height, dark, what stands at the top, whether an item is open
    "report-verdict": (1280, 1085, False, None, False),
    "report-intervals": (1280, 760, False, "#dimensions-0", False),
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
                _save(chromium, folder / f"{name}.png")
        _kinds(folder, Path(scratch), chromium)


def _kinds(folder: Path, scratch: Path, chromium: Browser) -> None:
    """An item of pictures, and one of rows."""
    pictures = trusteq.audit(
        *_models(made_up_kinds.picture_models()),
        made_up_kinds.picture_items(120, size=(240, 160)),
        explain=trusteq.ExplainSettings(items=12, masks=100),
        resamples=500,
        costs="none",
    )
    rows = trusteq.audit(
        *_models(made_up_kinds.row_models()),
        made_up_kinds.row_items(300),
        explain=trusteq.ExplainSettings(items=60, masks=256),
        resamples=500,
        costs="none",
    )
    for name, audit, height in (("report-picture", pictures, 860), ("report-row", rows, 980)):
        path = scratch / f"{name}.html"
        path.write_text(page(audit.evidence), "utf-8")
        with chromium.seen(width=1280, height=height):
            chromium.open(path, f"#candidate={audit.comparisons[-1].name}")
            chromium.run("document.querySelector('.presets [data-sort=agreement]').click()")
            chromium.run("document.querySelector('.browse').scrollIntoView()")
            _save(chromium, folder / f"{name}.png")


def _models(models: dict[str, trusteq.Model]) -> tuple[trusteq.Model, list[trusteq.Model]]:
    reference, *candidates = models.values()
    return reference, candidates


def _save(chromium: Browser, path: Path) -> None:
    shot = chromium.driver.execute_cdp_cmd("Page.captureScreenshot", {"format": "png"})
    path.write_bytes(base64.b64decode(shot["data"]))


def _telling(evidence: Evidence) -> str:
    """The explained item that both models answer rightly, and on whose words they agree least."""
    answers = evidence.probabilities.argmax(axis=2)
    right = set(evidence.items["id"][(answers[0] == evidence.gold) & (answers[3] == evidence.gold)])
    items = browser(evidence).items
    scores = dict(zip(items["explained"], items["agreement"][0]["values"][2], strict=True))
    return str(min((score, items["ids"][at]) for at, score in scores.items() if items["ids"][at] in right)[1])


if __name__ == "__main__":
    main()
