"""The pages of all demos, and what the terminal shows of them: ``python ci/gallery.py site/gallery``.

Names of demos after the folder make only these: ``python ci/gallery.py site/gallery digits table``.
"""

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console
from rich.text import Text

DEMOS = {
    "sentences": ((), "a Transformer fine-tuned on rated sentences, in 8 bits, pruned, of low rank"),
    "table": (("--table",), "a table of tumours: a boosted model, its export, smaller models"),
    "pictures": (("--pictures",), "pictures of digits: rounded, small and cropping networks"),
    "sounds": (("--sounds",), "telephone keys by their tones"),
    "digits": (("--digits",), "digits as plain arrays, without explanations"),
    "language": (("--language",), "a language model in 8 and in 4 bits, by its choices and by its next tokens"),
}
WIDTH = 120
FETCHED = re.compile(r"@font-face\s*\{.*?\}", re.DOTALL)
"""What rich would have a browser fetch for a terminal's letters; the reader's own monospaced ones do."""


def terminal(typed: str, printed: str) -> str:
    """A drawing (SVG) of a terminal in which what was typed printed this, colours and all."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, legacy_windows=False)
    console.print(Text(f"$ {typed}\n", style="bold"))
    console.print(Text.from_ansi(printed))
    return FETCHED.sub("", console.export_svg(title="trusteq"))


def shown(words: list[str], folder: Path) -> str:
    """What a trusteq command prints, in colour; it must not fail."""
    how = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(WIDTH)}
    done = subprocess.run(
        [sys.executable, "-m", "trusteq", *words], cwd=folder, env=how, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1, 3):
        raise SystemExit(done.stderr)
    return done.stdout


HEAD = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>trusteq: gallery</title>
<style>:root { color-scheme: light dark } body { font: 1rem/1.6 system-ui; max-width: 45rem; margin: 3rem auto }</style>
<h1>Gallery</h1>
<p>The page of each demo, made by the command beside it.
"""


def index(made: Mapping[str, list[str]]) -> str:
    """The gallery's first page, of the pages of each demo."""
    rows = []
    for name, found in made.items():
        links = ", ".join(f'<a href="{page}">page {number}</a>' for number, page in enumerate(found, 1))
        typed = f'<code>{command(name)}</code>, <a href="{name}.svg">terminal</a>'
        rows.append(f"<li>{DEMOS[name][1]}: {links} ({typed})\n")
    return f"{HEAD}<ul>\n{''.join(rows)}</ul>\n"


def command(name: str) -> str:
    """What to type for a demo."""
    return " ".join(["trusteq demo", *DEMOS[name][0]])


def main(folder: Path, names: list[str]) -> None:
    """Run each demo, and keep its page, its terminal and a list of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        with tempfile.TemporaryDirectory() as place:
            printed = shown(["demo", *DEMOS[name][0], "--quiet", "--out", "run"], Path(place))
            for number, page in enumerate(sorted(Path(place).rglob("report.html")), 1):
                shutil.copy(page, folder / (f"{name}.html" if number == 1 else f"{name}-{number}.html"))
        (folder / f"{name}.svg").write_text(terminal(command(name), printed), "utf-8")
    there = {name: sorted(page.name for page in folder.glob(f"{name}*.html")) for name in DEMOS}
    (folder / "index.html").write_text(index({name: found for name, found in there.items() if found}), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or list(DEMOS))
