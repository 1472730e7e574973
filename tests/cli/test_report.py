"""``trusteq report`` as a user meets it."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from command import one_line, trusteq
from finished_runs import equivalent, plain, unlabelled

from trusteq import RunError
from trusteq.cli import report
from trusteq.data.atomic_file import write_atomically
from trusteq.report.junit import junit
from trusteq.report.latex import latex
from trusteq.report.markdown import markdown
from trusteq.report.model_card import model_card

TEXTS = {"junit": junit, "latex": latex, "markdown": markdown, "model-card": model_card}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return plain().save(tmp_path_factory.mktemp("report") / "run")


@pytest.mark.parametrize("form", TEXTS)
def test_what_is_not_a_page_is_printed(run, form):
    done = trusteq("report", run, "--as", form)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == TEXTS[form](plain().evidence)


@pytest.mark.parametrize("form", TEXTS)
def test_or_written_where_it_is_asked_for(run, form, tmp_path):
    done = trusteq("report", run, "--as", form, "--out", "there", cwd=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"{form}: there\n")
    assert (tmp_path / "there").read_text("utf-8") == TEXTS[form](plain().evidence)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


@pytest.fixture
def short_page(monkeypatch):
    """A page that is quickly made; the real one has tests of its own."""
    monkeypatch.setitem(report.FORMATS, "html", "finished_runs:page_of")
    monkeypatch.setattr("finished_runs.page_of", lambda evidence: f"<!doctype html>{evidence.models}", raising=False)


def test_a_page_is_written_into_the_run_and_its_path_told(short_page, tmp_path):
    equivalent().save(tmp_path / "run")
    for _ in range(2):  # the second time over the first
        done = trusteq("report", "run", cwd=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", f"html: {Path('run/report.html')}\n")
    assert (tmp_path / "run" / "report.html").read_text("utf-8").startswith("<!doctype html>")
    assert trusteq("gate", "run", cwd=tmp_path).returncode == 0  # it is still a run


def test_a_dash_is_stdout(short_page, run):
    assert trusteq("report", run, "--out", "-").stdout == "<!doctype html>('large', 'small')\n"
    assert not (run / "report.html").exists()


def test_the_real_page_is_found(run):
    assert report.maker("html").__module__ == "trusteq.report.page.page"


@pytest.mark.parametrize("result", [plain, unlabelled, equivalent])
def test_the_exit_code_says_that_it_was_written_whatever_the_verdict(result, tmp_path):
    done = trusteq("report", result().save(tmp_path / "run"), "--as", "junit")
    assert done.returncode == 0


def test_a_place_that_cannot_be_written_is_one_line(run, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("", "utf-8")
    for out in ("folder", "nowhere/x.xml", "file/x.xml"):
        done = trusteq("report", run, "--as", "junit", "--out", out, cwd=tmp_path)
        one_line(done, out, "cannot be written", "choose another --out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_a_failure_while_writing_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "trust.xml"
    path.write_text("old", "utf-8")

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(RunError, match="No space left on device"):
        write_atomically(path, "new")
    assert path.read_text("utf-8") == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["trust.xml"]


def test_a_link_is_followed_and_a_pipe_is_not_replaced(tmp_path):
    (tmp_path / "real.xml").write_text("old", "utf-8")
    (tmp_path / "link.xml").symlink_to("real.xml")
    write_atomically(tmp_path / "link.xml", "new")
    assert (tmp_path / "link.xml").is_symlink()
    assert (tmp_path / "real.xml").read_text("utf-8") == "new"
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_atomically(tmp_path / "pipe", "new")
    assert os.read(reader, 10) == b"new"
    os.close(reader)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


def test_mistakes_are_one_line(run, tmp_path):
    one_line(trusteq("report", "nowhere", "--as", "junit", cwd=tmp_path), "nowhere: not a run directory")
    one_line(trusteq("report", run, "--as", "word"), "'word' is not one of")


def test_a_damaged_run_is_one_line(tmp_path):
    run = plain().save(tmp_path / "run")
    text = (run / "audit.json").read_text("utf-8")
    (run / "audit.json").write_text(text.replace('"outcome": "', '"outcome": "VERY '), "utf-8")
    for form in TEXTS:
        one_line(trusteq("report", run, "--as", form), "damaged", "audit again")


@pytest.mark.slow
def test_only_what_is_asked_for_is_loaded(run):
    code = (
        "import sys; sys.argv = ['trusteq', 'report', sys.argv[1], '--as', 'junit']\n"
        "from trusteq.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print('LOADED', *({'torch', 'matplotlib', 'jinja2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(run)], capture_output=True, check=True, text=True)
    assert done.stdout.splitlines()[-1].split() == ["LOADED"]
