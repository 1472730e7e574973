"""A folder of small files, each written completely or not at all: on disk, or at any address that fsspec knows."""

from __future__ import annotations

import os
import re
import uuid
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trusteq.errors import MissingExtraError, RunError

if TYPE_CHECKING:
    from collections.abc import Callable


OWN_FILES = re.compile(r"\.?([0-9a-f]{64}\.(parquet|tokens)|audit-[0-9a-f]{64}\.json)(\.damaged|\.[0-9a-f]{32}\.part)?")
"""Names of finished work, of files set aside, and of what a killed process left half-written."""


def folder_at(where: str | Path) -> LocalFolder | RemoteFolder:
    """The folder at a path, or at an address such as s3://bucket/name."""
    return RemoteFolder(where) if isinstance(where, str) and "://" in where else LocalFolder(Path(where))


class LocalFolder:
    """Files are written under another name, synced and renamed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def read(self, name: str) -> bytes | None:
        """The bytes of a file; None where there is no such file."""
        path = self.path / name
        try:
            # Reading a pipe or a device might never end.
            return path.read_bytes() if path.is_file() else None
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise RunError(f"{path}: cannot be read: {error.strerror or error}") from None

    def write(self, name: str, content: bytes) -> None:
        """Write a file, replacing any of this name."""
        draft = self.path / f".{name}.{uuid.uuid4().hex}.part"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            try:
                with draft.open("xb") as stream:
                    stream.write(content)
                    stream.flush()
                    os.fsync(stream.fileno())
                draft.replace(self.path / name)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
            _sync(self.path)
        except OSError as error:
            raise RunError(
                f"{self.path}: finished work cannot be written there ({error.strerror or error}); what is there "
                "already stays usable: free some space or name another folder (--work), and run the same command again"
            ) from None

    def names(self) -> list[str]:
        """The names of all files."""
        return sorted(path.name for path in self.path.iterdir()) if self.path.is_dir() else []

    def set_aside(self, name: str) -> None:
        """Rename an unusable file; where that is not allowed it stays, and is skipped each time."""
        try:
            (self.path / name).replace(self.path / f"{name}.damaged")
        except OSError:
            return

    def remove(self) -> None:
        """Delete finished work, and the folder if nothing else is in it."""
        with suppress(OSError):
            for file in self.path.iterdir():
                if OWN_FILES.fullmatch(file.name):
                    file.unlink()
            self.path.rmdir()


class RemoteFolder:
    """Files at an address, whose file system writes each in one step."""

    def __init__(self, address: str) -> None:
        try:
            from fsspec.core import url_to_fs  # type: ignore[import-untyped]
        except ModuleNotFoundError as error:
            raise MissingExtraError(f"the address {address}", "transformers") from error
        self.address = address
        self._files, self._root = self._attempt(lambda: url_to_fs(address))

    def __str__(self) -> str:
        return self.address

    def read(self, name: str) -> bytes | None:
        """The bytes of a file; None where there is no such file."""
        try:
            content: bytes = self._attempt(lambda: self._files.cat_file(f"{self._root}/{name}"), FileNotFoundError)
        except FileNotFoundError:
            return None
        return content

    def write(self, name: str, content: bytes) -> None:
        """Write a file, replacing any of this name."""
        path = self._at(name)
        self._attempt(
            lambda: (self._files.makedirs(path.rpartition("/")[0], exist_ok=True), self._files.pipe_file(path, content))
        )

    def names(self) -> list[str]:
        """The names of all files, including those in subfolders."""
        paths = self._attempt(lambda: self._files.find(self._root), FileNotFoundError)
        return sorted(str(path)[len(self._root) :].lstrip("/") for path in paths)

    def set_aside(self, name: str) -> None:
        """Rename an unusable file."""
        self._attempt(lambda: self._files.mv(self._at(name), self._at(f"{name}.damaged")))

    def remove(self) -> None:
        """Delete finished work, and the folder (where the file system has folders) if nothing else is in it."""
        with suppress(FileNotFoundError):
            for file in self._attempt(lambda: self._files.ls(self._root, detail=False), FileNotFoundError):
                if OWN_FILES.fullmatch(str(file).rsplit("/", 1)[-1]):
                    self._attempt(partial(self._files.rm, file))
            with suppress(OSError, NotImplementedError):
                self._files.rmdir(self._root)

    def _at(self, name: str) -> str:
        return f"{self._root}/{name}"

    def _attempt(self, do: Callable[[], Any], *passed: type[Exception]) -> Any:
        """What ``do`` returns; any error of the file system but those ``passed`` becomes a one-line `RunError`."""
        try:
            return do()
        except passed:
            raise
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise RunError(
                f"{self.address}: {reason[:200]}; is the address right, and its fsspec driver installed?"
            ) from None


def _sync(folder: Path) -> None:
    """Make renames in a folder survive a power cut, where the operating system can."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(handle)
    except OSError:
        return
    finally:
        os.close(handle)
