"""What a command reaches: no network, and no file but its own output and caches. Watched in processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the extra 'transformers'")
pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")

from oracles.tiny_models import LABELS, save

WATCHED = Path(__file__).with_name("watched_trusteq.py")


class Place:
    """A folder with models, items and a home of its own, and what was reached from it."""

    def __init__(self, folder):
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir()
        save("bert", folder / "large", seed=1)
        save("bert", folder / "small", seed=2)
        rows = [{"id": f"r{i}", "text": f"the film was good {i}", "label": LABELS[i % 3]} for i in range(40)]
        (folder / "t.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def run(self, *words):
        """What the command printed; what it reached is in ``reached`` afterwards."""
        report = self.folder / "reached.txt"
        report.unlink(missing_ok=True)
        env = {name: os.environ[name] for name in ("PATH", "OMP_NUM_THREADS") if name in os.environ}
        done = subprocess.run(
            [sys.executable, WATCHED, report, *map(str, words)],
            cwd=self.folder,
            env={**env, "HOME": str(self.home), "TMPDIR": str(self.folder / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
        )
        assert done.returncode in {0, 1, 3}, done.stderr
        told = [line.split(" ", 1) for line in report.read_text().splitlines()]
        self.network = [what for kind, what in told if kind == "network"]
        self.written = {Path(what) for kind, what in told if kind == "write"}
        return done

    def strays(self, *own):
        """What was written and is none of ``own`` or their drafts, cached or temporary; or what of it was left."""
        caches = (self.home / ".cache", self.home / ".config", self.folder / "tmp", Path("/dev"))
        strays = set()
        for path in self.written - {self.folder}:  # mkdir of what is there changes nothing
            top = path.relative_to(self.folder).parts[0] if path.is_relative_to(self.folder) else str(path)
            draft = top.startswith((".trusteq-", *(f".{name}." for name in own)))
            if not (top in own or draft or any(path.is_relative_to(cache) for cache in caches)):
                strays.add(str(path))
        left = {*map(str, (self.folder / "tmp").rglob("*"))}
        # matplotlib keeps its list of fonts, as SECURITY.md says.
        left |= {str(path) for path in self.home.rglob("*") if path.is_file() and path.parent.name != "matplotlib"}
        return strays | left | {path.name for path in self.folder.iterdir() if path.name.startswith(".")}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("place").resolve()
    (folder / "tmp").mkdir()
    return Place(folder)


ASK = ("--data", "t.jsonl", "--text", "text", "--label", "label", "--quiet", "--resamples", "100")


def test_the_watch_sees_network_and_strays(place, monkeypatch):
    """Else the tests below could not fail."""
    code = (
        "import socket, sys, pathlib, runpy\n"
        "import trusteq.cli.main as cli\n"
        "def evil():\n"
        "    pathlib.Path('stray.txt').write_text('x')\n"
        "    try: socket.create_connection(('192.0.2.1', 80), 1)\n"
        "    except PermissionError: pass\n"
        "cli.main = evil\n"
        f"sys.argv = ['x', 'reached.txt']\nrunpy.run_path({str(WATCHED)!r}, run_name='__main__')\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=place.folder, check=True)
    told = (place.folder / "reached.txt").read_text()
    assert "network (" in told
    assert f"write {place.folder / 'stray.txt'}" in told


@pytest.mark.slow
def test_an_audit_and_what_is_made_of_its_run(place):
    place.run("audit", "large", "small", *ASK, "--explain-items", "20", "--masks", "32", "--out", "run")
    assert place.folder / "run" in place.written
    assert (place.network, place.strays("run", "run.work")) == ([], set())
    assert not (place.folder / "run.work").exists()
    for words, own in (
        (("report", "run", "--out", "page.html"), ("page.html",)),
        (("gate", "run"), ()),
    ):
        place.run(*words)
        assert (place.network, place.strays(*own)) == ([], set()), words


@pytest.mark.slow
def test_a_compressed_model(place):
    place.run("compress", "large", "--method", "int8-onnx", "--out", "int8", "--quiet")
    assert (place.network, place.strays("int8")) == ([], set())


@pytest.mark.slow
def test_a_hub_id_is_not_looked_up(place):
    with pytest.raises(AssertionError, match="--download"):
        place.run("audit", "someone/model", "small", *ASK, "--out", "other")
    assert "network" not in (place.folder / "reached.txt").read_text()


@pytest.mark.long
def test_onnx_runtime_tells_its_makers_nothing(place):
    """Native code is not watched; but whenever it reports, it leaves an identifier in the home directory."""
    place.run("compress", "large", "--method", "onnx", "--out", "graph", "--quiet")
    place.run("compress", "large", "--method", "int8-onnx", "--out", "int8-graph", "--quiet")
    place.run("audit", "graph", "int8-graph", *ASK, "--no-explain", "--out", "graphs")
    assert not (place.home / ".cache" / "Microsoft").exists()
