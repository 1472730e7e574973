"""Models of a hub: found in its cache, fetched only when asked for."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from trusteq.errors import ModelError
from trusteq.models.library_output import one_line, quiet_transformers

if TYPE_CHECKING:
    from collections.abc import Sequence


def snapshot(location: str, files: Sequence[str], *, name: str, download: bool) -> Path:
    """The folder in the hub's cache that holds these files of a hub id, fetched first if asked for."""
    from huggingface_hub import snapshot_download

    repository, _, revision = location.partition("@")
    with quiet_transformers():
        try:
            return Path(
                snapshot_download(
                    repository,
                    revision=revision or None,
                    allow_patterns=list(files),
                    ignore_patterns=["*/*"],
                    local_files_only=not download,
                )
            )
        except Exception as error:
            advice = one_line(error) if download else "it is not in the local cache; say --download to fetch it"
            raise ModelError(
                f"model {name}: {location!r} is no file or folder here, and as a hub id: {advice}"
            ) from error


def is_cached(location: str) -> bool:
    """Whether a folder, or a hub id's configuration in the cache, is there without fetching."""
    if Path(location).expanduser().is_dir():
        return True
    from huggingface_hub import try_to_load_from_cache

    repository, _, revision = location.partition("@")
    found = try_to_load_from_cache(repository, "config.json", revision=revision or None)
    return isinstance(found, str)
