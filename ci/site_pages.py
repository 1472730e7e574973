"""The pages of the site, made of README, docs/ and what they link to: ``python ci/site_pages.py build/pages``.

On the site there is no repository around the pages. So the pages at its root move in, and files of the source that a
page links to become pages that show them.
"""

import json
import os
import re
import shutil
import sys
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[1]
AT_ROOT = {
    "README.md": "index.md",
    "docs/README.md": "contents.md",
    **{
        f"{name}.md": f"project/{name.lower()}.md"
        for name in ("CHANGELOG", "CONTRIBUTING", "SECURITY", "ROADMAP", "CODE_OF_CONDUCT")
    },
}
"""Pages that lie elsewhere on the site than below docs/."""
ORDER = {
    "Start": ["index", "contents"],
    "Tutorials": ["tutorial/quantized", "tutorial/distilled", "tutorial/vendor", "tutorial/paper"],
    "How to": ["how-to/models-and-data", "how-to/gate", "how-to/read-a-report", "how-to/ci"],
    "Explanation": ["explanation/method", "explanation/policy", "explanation/statistics", "explanation/explanations"],
    "Reference": ["reference/python", "reference/measures", "reference/run-directory"],
    "Evidence": ["validity", "findings", "keeping-trust", "performance"],
    "Project": [
        "project/changelog",
        "project/roadmap",
        "explanation/architecture",
        "project/contributing",
        "project/security",
    ],
}
"""What a reader sees first of each part; every other page of the same folder follows by name."""
FOLDERS = {
    "tutorial": "Tutorials",
    "how-to": "How to",
    "explanation": "Explanation",
    "reference": "Reference",
    "project": "Project",
}
LINK = re.compile(r"(?<!\!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)|(!\[[^\]]*\])\(([^)\s]+)\)")
CODE = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
LANGUAGES = {".py": "python", ".yml": "yaml", ".yaml": "yaml", ".json": "json", ".toml": "toml", ".ipynb": "json"}


def place(path: str) -> str:
    """Where a file of the repository lies on the site."""
    if path in AT_ROOT:
        return AT_ROOT[path]
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"source/{path}.md"


def sources() -> list[str]:
    """The Markdown files that are pages of their own."""
    return [*AT_ROOT, *sorted(p for p in below("docs") if p.endswith(".md") and p not in AT_ROOT)]


def below(folder: str) -> list[str]:
    """Every file below a folder of the repository."""
    return sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / folder).rglob("*") if path.is_file())


def pages() -> dict[str, str]:
    """Every page of the site that is text, by its place."""
    made: dict[str, str] = {}
    shown: set[str] = set()
    for path in sources():
        made[place(path)] = moved((ROOT / path).read_text("utf-8"), path, shown)
    for path in sorted(shown):
        text = (ROOT / path).read_text("utf-8")
        fence = "`" * (max(map(len, re.findall(r"`{3,}", text)), default=3) + 1)
        made[place(path)] = f"# {path}\n\n{fence}{LANGUAGES.get(Path(path).suffix, 'text')}\n{text.rstrip()}\n{fence}\n"
    return made


def moved(text: str, path: str, shown: set[str]) -> str:
    """A page with its links as they lead from its place on the site; files that they show are added to ``shown``."""
    parts = CODE.split(text)
    return "".join(
        part if part.startswith("```") else spaced(LINK.sub(lambda found: link(found, path, shown), part))
        for part in parts
    )


def link(found: re.Match[str], path: str, shown: set[str]) -> str:
    """One link or picture of a page, as it leads from the page's place on the site."""
    words, target, picture, image = found.groups()
    file, hash_, anchor = (target or image).partition("#")
    if not file or re.match(r"[a-z]+:", file):
        return found[0]
    aim = os.path.normpath(PurePosixPath(path).parent / file).replace(os.sep, "/")
    if (ROOT / aim).is_dir():
        return f"`{aim}`" if not words.startswith("`") else words
    if not aim.startswith("docs/") and aim not in AT_ROOT:
        shown.add(aim)
    where = os.path.relpath(place(aim), PurePosixPath(place(path)).parent).replace(os.sep, "/")
    return f"{picture}({where})" if picture else f"[{words}]({where}{hash_}{anchor})"


def spaced(text: str) -> str:
    """Lists set off from the paragraph above them by a blank line, which the site's Markdown asks for."""
    return re.sub(r"(?m)^(?!\s*(?:[-*]|\d+\.|\|) ?)(\S.*)\n(?=(?:[-*]|\d+\.) )", r"\1\n\n", text)


def order(found: list[str]) -> list[dict[str, list[str]]]:
    """The site's navigation: each part with its pages, those that nobody ordered at its end."""
    parts = {part: [f"{name}.md" for name in names] for part, names in ORDER.items()}
    ordered = {name for names in parts.values() for name in names}
    for page in sorted(set(found) - ordered):
        folder = page.partition("/")[0]
        if folder in FOLDERS:
            parts[FOLDERS[folder]].append(page)
    return [{part: names} for part, names in parts.items()]


def write(folder: Path) -> None:
    """The pages and everything else below docs/, written anew into this folder; beside it, what mkdocs reads."""
    shutil.rmtree(folder, ignore_errors=True)
    made = pages()
    for path in below("docs"):
        if not path.endswith(".md"):
            made_at = folder / place(path)
            made_at.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, made_at)
    for where, text in made.items():
        (folder / where).parent.mkdir(parents=True, exist_ok=True)
        (folder / where).write_text(text, "utf-8")
    hidden = [where for where in made if where.startswith("source/")]
    settings = {"INHERIT": "../mkdocs.yml", "docs_dir": "pages", "site_dir": "../site", "nav": order(list(made))}
    settings["not_in_nav"] = "\n".join(hidden)
    (folder.parent / "mkdocs.json").write_text(json.dumps(settings, indent=1), "utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]).resolve())
