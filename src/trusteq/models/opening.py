"""How to open a model once more, in another process or on another machine."""

from __future__ import annotations

import hashlib
import json
import platform
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trusteq.models.cost_machine import CPU, described, processor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trusteq.models.base import Identity, Model


@dataclass(frozen=True)
class Opening:
    """Where a model is, what was said about it when it was opened, and the precision that it was lowered to.

    identity: what it was found to be, so that another model at that place is noticed. versions: of what makes and
    reads its tokens and answers. machine: the processor or GPU that it runs on.
    """

    location: str
    name: str
    options: Mapping[str, Any]
    kind: str
    identity: Mapping[str, Any]
    versions: Mapping[str, str]
    machine: str
    limit: int | None
    lowered: str | None = None
    architecture: str | None = None

    def content(self, *, anywhere: bool = False) -> str:
        """SHA-256 of everything that decides what the model answers; ``anywhere`` leaves out the machine."""
        said = asdict(self)
        for name in ("location", "name", *(("machine",) if anywhere else ())):
            del said[name]
        return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()

    def anywhere(self) -> Opening:
        """The same, to be opened from another working directory."""
        here = Path.cwd()
        found = {"tokenizer": str(here / self.options["tokenizer"])} if self.options.get("tokenizer") else {}
        known = {name: path for name, path in found.items() if name in self.identity}
        location = here / Path(self.location).expanduser()
        return replace(
            self,
            location=str(location) if location.exists() else self.location,
            options={**self.options, **found},
            identity={**self.identity, **known},
        )

    def open(self) -> Model:
        """The model; an error where files or versions are not what they were."""
        from trusteq.models.reopening import open_again

        return open_again(self)


def opening(
    identity: Identity,
    name: str,
    options: Mapping[str, Any],
    *,
    device: str,
    limit: int | None,
    lowered: str | None = None,
) -> Opening:
    """How to open a model that is known by its identity, with the options that it was opened with."""
    return Opening(
        identity.location,
        name,
        options,
        identity.kind,
        {"content": identity.content, **identity.details},
        versions(),
        described(device) if device != CPU else f"{processor()} {platform.machine()}",
        limit,
        lowered,
        identity.details.get("architecture"),
    )


@cache
def versions() -> dict[str, str]:
    """Of every library that has a say in tokens and answers, where it is installed."""
    found = {}
    for name in ("trusteq", "numpy", "tokenizers", "sentencepiece", "torch", "transformers", "onnxruntime"):
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
