"""Models of a hub: read from its cache, and fetched only with the user's permission."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from trusteq.errors import ModelError
from trusteq.models.adapter import CONFIG, FOLDER, TENSORS
from trusteq.models.library_output import one_line, quiet_transformers

if TYPE_CHECKING:
    from collections.abc import Sequence


HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?(@[\w./-]+)?")


def is_hub_id(spec: str) -> bool:
    """Whether this may be a model's id on the hub."""
    return bool(HUB_ID.fullmatch(spec)) and not spec.startswith((".", "/", "~"))


def snapshot(location: str, files: Sequence[str], *, name: str, download: bool) -> Path:
    """The folder in the hub's cache that holds these files of a hub id; with ``download`` they are fetched first.

    So is an adapter, the only thing in a subfolder that is read.
    """
    from huggingface_hub import snapshot_download

    repository, _, revision = location.partition("@")
    with quiet_transformers():
        try:
            folder = Path(
                snapshot_download(
                    repository,
                    revision=revision or None,
                    allow_patterns=list(files),
                    ignore_patterns=["*/*"],
                    local_files_only=not download,
                )
            )
            if download:
                beside = [f"{FOLDER}/{CONFIG}", f"{FOLDER}/{TENSORS}"]
                snapshot_download(repository, revision=folder.name, allow_patterns=beside)
            return folder
        except Exception as error:
            reason = one_line(error) if download else "it is not in the local cache; give --download to fetch it"
            raise ModelError(
                f"model {name}: {location!r} is not a file or folder here, and as a hub id: {reason}"
            ) from error


def is_cached(location: str) -> bool:
    """Whether this is an existing folder, or a hub id whose configuration is in the cache."""
    return Path(location).expanduser().is_dir() or cached_config(location) is not None


def cached_config(location: str) -> Path | None:
    """The configuration of a hub id in the cache; None if it is not there."""
    if not is_hub_id(location):
        return None
    from huggingface_hub import try_to_load_from_cache

    repository, _, revision = location.partition("@")
    path = try_to_load_from_cache(repository, "config.json", revision=revision or None)
    return Path(path) if isinstance(path, str) else None
