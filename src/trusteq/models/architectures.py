"""The architectures that a transformers configuration names, before anything is loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.errors import ModelError
from trusteq.models.files import holds_checkpoint, read_config
from trusteq.models.hub import cached_config, is_hub_id

if TYPE_CHECKING:
    from pathlib import Path


def architectures(spec: str, path: Path) -> tuple[str, ...]:
    """The architectures of a folder with a checkpoint, or of a hub id whose configuration is here; () otherwise."""
    config: Path | None = None
    if holds_checkpoint(path):
        config = path / "config.json"
    elif not path.exists() and is_hub_id(spec):
        config = cached_config(spec)
    if config is None:
        return ()
    try:
        named = read_config(config, name="").get("architectures")
    except ModelError:  # said when it is opened
        return ()
    return tuple(one for one in named if isinstance(one, str)) if isinstance(named, list) else ()
