"""News fragments: each says one thing to users, and together they make the changelog's next section."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FRAGMENTS = sorted(path for path in (ROOT / "changes").iterdir() if path.name not in ("README.md", "news.md.jinja"))


def test_every_fragment_has_a_kind_and_says_something():
    for path in FRAGMENTS:
        assert re.fullmatch(r"[a-z0-9-]+\.(added|changed|fixed|removed)\.md", path.name), path.name
        text = path.read_text("utf-8").strip()
        assert re.search(r"[.)]$", text), f"{path.name}: a sentence ends in a full stop"
        assert not text.startswith(("-", "#")), f"{path.name}: plain sentences, neither a list nor a heading"


def test_links_lead_somewhere_from_the_changelog():
    for path in FRAGMENTS:
        for target in re.findall(r"\]\(([^)#]+)", path.read_text("utf-8")):
            assert target.startswith("http") or (ROOT / target).exists(), (path.name, target)


def test_the_next_section_holds_every_fragment():
    pytest.importorskip("towncrier", reason="what collects the news is not installed")
    command = [sys.executable, "-m", "towncrier", "build", "--draft", "--version", "9.9.9", "--date", "2030-01-02"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("## 9.9.9 (2030-01-02)\n")
    assert done.stdout.count("\n- ") == len({path.read_text("utf-8").strip() for path in FRAGMENTS})
    assert set(re.findall(r"^### (\w+)$", done.stdout, re.MULTILINE)) <= {"Added", "Changed", "Fixed", "Removed"}
