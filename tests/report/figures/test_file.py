"""Figures as files: whole, of the same bytes, without a date."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from trusteq import OptionError, RunError, load_run
from trusteq.record.evidence import evidence
from trusteq.report.figures.catalog import FIGURES, make
from trusteq.report.figures.file import kind_of, rendered, save
from trusteq.report.figures.inline import inline_svg

SCRIPT = """
import sys
from test_file import digests
print(*digests(sys.argv[1]), sep="\\n")
"""


def digests(run):
    """The bytes of every figure of a run, told by their hashes: inline, and of one as files."""
    found = evidence(load_run(run))
    made = []
    for name, figure in FIGURES.items():
        display = make(found, name, "poor" if figure.per_candidate else None)
        made.append(inline_svg(display, label=name).encode())
        if name == "flips":
            made += [rendered(display, kind) for kind in ("pdf", "png")]
    return [hashlib.sha256(content).hexdigest() for content in made]


@pytest.mark.slow
def test_the_same_run_gives_the_same_bytes_in_this_process_and_in_another(run):
    here = digests(run)
    assert len(set(here)) == len(here)
    paths = os.pathsep.join([str(Path(__file__).parent), *filter(None, sys.path)])
    # Another order of sets and dictionaries than in this process.
    environment = {**os.environ, "PYTHONHASHSEED": "1", "PYTHONPATH": paths}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(run)], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == here


@pytest.mark.parametrize("kind", ["pdf", "svg", "png"])
def test_a_display_drawn_twice_gives_the_same_bytes(wordless, kind):
    display = make(wordless, "flips")
    assert rendered(display, kind) == rendered(display, kind)


@pytest.mark.parametrize("name", ["intervals", "flips", "alignment", "words"])
def test_a_run_in_memory_gives_the_bytes_of_the_saved_one(explained, run, name):
    saved = evidence(load_run(run))
    one, other = (make(e, name, "poor") for e in (explained, saved))
    assert inline_svg(one, label="") == inline_svg(other, label="")


@pytest.mark.parametrize(("kind", "start"), [("pdf", b"%PDF"), ("svg", b"<?xml"), ("png", b"\x89PNG")])
def test_a_file_is_what_its_name_says_and_holds_no_date(wordless, tmp_path, kind, start):
    path = save(make(wordless, "flips"), tmp_path / f"figure.{kind.upper()}")
    content = path.read_bytes()
    assert content.startswith(start)
    for word in (b"CreationDate", b"dc:date", b"matplotlib.org", b"Software"):
        assert word not in content
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_pdf_s_letters_are_letters(wordless):
    assert b"/FontFile2" in rendered(make(wordless, "flips"), "pdf")


def full(*_):
    raise OSError("disk full")


def test_a_file_that_is_there_is_replaced_only_by_a_whole_one(wordless, tmp_path):
    path = tmp_path / "figure.png"
    path.write_text("old")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pathlib.Path.replace", full)
        with pytest.raises(RunError, match=r"figure\.png: cannot be written \(disk full\)"):
            save(make(wordless, "flips"), path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["figure.png"]
    assert save(make(wordless, "flips"), path).read_bytes().startswith(b"\x89PNG")


def test_a_folder_that_is_not_there_is_said_without_a_temporary_name(wordless, tmp_path):
    with pytest.raises(RunError, match=r"none/figure\.pdf: cannot be written \(No such file or directory\)"):
        save(make(wordless, "flips"), tmp_path / "none" / "figure.pdf")


@pytest.mark.parametrize("name", ["figure", "figure.jpg", "figure.pdf.zip", ".pdf"])
def test_other_kinds_are_refused(name):
    with pytest.raises(OptionError, match=r"\.pdf, \.svg or \.png"):
        kind_of(name)
