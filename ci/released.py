"""Exit code 0 if this tag may be published: ``python ci/released.py v0.2.0``."""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def hindrances(tag: str, root: Path = ROOT) -> list[str]:
    """What is still to do before a tag of this name may be published, a line each."""
    version = value(root / "src/trusteq/__init__.py", r'__version__ = "(.*)"')
    changelog = (root / "CHANGELOG.md").read_text("utf-8")
    cited = value(root / "CITATION.cff", "version: (.*)")
    news = sorted(path.name for path in (root / "changes").glob("*.*.md"))
    found = []
    if tag != f"v{version}":
        found.append(f"the tag is {tag}, but src/trusteq/__init__.py says {version}")
    if not re.search(rf"^## {re.escape(tag[1:])} \(\d{{4}}-\d\d-\d\d\)$", changelog, re.MULTILINE):
        found.append(f"CHANGELOG.md has no section {tag[1:]} with a day: run towncrier build")
    if news:
        found.append(f"changes/ still has news, such as {news[0]}: run towncrier build")
    if cited != tag[1:]:
        found.append(f"CITATION.cff is not of version {tag[1:]}")
    return found


def value(path: Path, line: str) -> str:
    """What stands in the group of this pattern of a whole line, or nothing."""
    found = re.search(rf"^{line}$", path.read_text("utf-8"), re.MULTILINE)
    return found[1] if found else ""


if __name__ == "__main__":
    sys.exit("\n".join(hindrances(sys.argv[1])) or None)
