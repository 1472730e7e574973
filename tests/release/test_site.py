"""The site: every page is in it, every link leads somewhere in it, and every public name is in the reference."""

import re
from pathlib import Path, PurePosixPath

import pytest
from site_pages import CODE, LINK, ORDER, moved, order, pages, spaced

import trusteq

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made():
    return pages()


def test_every_page_has_one_place_in_the_order(made):
    placed = [page for part in order(list(made)) for names in part.values() for page in names]
    assert sorted(placed) == sorted(page for page in made if not page.startswith("source/"))


def test_what_is_ordered_is_there(made):
    assert {f"{name}.md" for names in ORDER.values() for name in names} <= set(made)


def test_links_lead_to_pages_of_the_site(made):
    files = {
        *made,
        *(path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*") if path.is_file()),
    }
    for page, text in made.items():
        if page.startswith("source/"):
            continue
        prose = "".join(part for part in CODE.split(text) if not part.startswith("```"))
        for _, target, _, image in LINK.findall(prose):
            file = (target or image).partition("#")[0]
            if file and not re.match(r"[a-z]+:", file):
                aim = PurePosixPath(
                    Path(ROOT / PurePosixPath(page).parent / file).resolve().relative_to(ROOT).as_posix()
                )
                assert str(aim) in files, (page, file)


def test_a_linked_source_file_becomes_a_page():
    shown = set()
    text = moved(
        "[behaviour](../../src/trusteq/verdict.py) [here](../README.md#the-words)", "docs/explanation/x.md", shown
    )
    assert text == "[behaviour](../source/src/trusteq/verdict.py.md) [here](../contents.md#the-words)"
    assert shown == {"src/trusteq/verdict.py"}


def test_code_is_left_alone():
    assert moved("```md\n[a](../README.md)\n```", "docs/a.md", set()) == "```md\n[a](../README.md)\n```"


def test_lists_are_set_off_from_their_paragraph():
    assert spaced("These:\n- one\n- two\n") == "These:\n\n- one\n- two\n"
    assert spaced("- one\n- two\n") == "- one\n- two\n"


def test_every_public_name_has_a_place_and_an_example():
    page = (ROOT / "docs/reference/python.md").read_text("utf-8")
    examples = "".join(re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL))
    places = set(re.findall(r"^::: trusteq\.(\w+)$", page, re.MULTILINE))
    for name in trusteq.__all__:
        assert re.search(rf"\btrusteq\.{name}\b", examples), name
        assert name in places or name == "__version__" or name.endswith("Error"), name


def test_the_site_fetches_nothing():
    settings = (ROOT / "mkdocs.yml").read_text("utf-8")
    assert "://" not in settings
    assert "font: false" in settings
    assert "offline" not in settings  # this plugin has the browser fetch a script
