"""How to open a model again, in another process or on another machine."""

from __future__ import annotations

import hashlib
import json
import platform
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trusteq.models.cost_machine import CPU, device_name, processor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trusteq.models.base import Identity, Model


@dataclass(frozen=True)
class Opening:
    """Where a model is, the options that it was opened with, and the precision that it was lowered to.

    identity: what the model is, so that another model at the same location is noticed. versions: of the libraries that
    produce its tokens and answers. machine: the processor or GPU that it runs on.
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
        """SHA-256 of everything that decides the model's answers; with ``anywhere``, apart from the machine."""
        facts = asdict(self)
        for name in ("location", "name", *(("machine",) if anywhere else ())):
            del facts[name]
        return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()

    def anywhere(self) -> Opening:
        """The same with absolute paths, so that it works in any working directory."""
        here = Path.cwd()
        paths = {"tokenizer": str(here / self.options["tokenizer"])} if self.options.get("tokenizer") else {}
        identified = {name: path for name, path in paths.items() if name in self.identity}
        location = here / Path(self.location).expanduser()
        return replace(
            self,
            location=str(location) if location.exists() else self.location,
            options={**self.options, **paths},
            identity={**self.identity, **identified},
        )

    def open(self) -> Model:
        """The model; an error if files or versions have changed."""
        from trusteq.models.reopening import reopen

        return reopen(self)


@dataclass(frozen=True)
class BesideOpening(Opening):
    """How to open a language model that reads beside another.

    reference: how to open that; None if there is none. context: the longest chunk of a text, in tokens.
    """

    reference: Opening | None = None
    context: int = 0

    @classmethod
    def of(cls, own: Opening, reference: Opening | None, *, context: int) -> BesideOpening:
        """How to open the two."""
        same = {one.name: getattr(own, one.name) for one in fields(own)}
        return cls(**same, reference=reference, context=context)

    @property
    def own(self) -> Opening:
        """How to open the model without the other."""
        return Opening(**{one.name: getattr(self, one.name) for one in fields(Opening)})

    def content(self, *, anywhere: bool = False) -> str:
        """SHA-256 of everything that decides the answers of both."""
        both = [None if one is None else one.content(anywhere=anywhere) for one in (self.own, self.reference)]
        return hashlib.sha256(json.dumps(["beside", self.context, *both]).encode()).hexdigest()

    def anywhere(self) -> BesideOpening:
        """The same with absolute paths of both."""
        reference = None if self.reference is None else self.reference.anywhere()
        return BesideOpening.of(self.own.anywhere(), reference, context=self.context)

    def open(self) -> Model:
        """The model beside the other; an error if files or versions of one have changed."""
        from trusteq.models.causal.beside import Beside

        own: Any = self.own.open()
        if self.reference is None:
            return Beside(own, None, self.context)
        reference: Any = own if self.reference == self.own else self.reference.open()
        return Beside(own, reference, self.context)


@dataclass(frozen=True)
class AfterOpening(BesideOpening):
    """How to open a language model that reads after a reference.

    k: how many of the reference's tokens are stored at every position. folder: where.
    """

    k: int = 0
    folder: str = ""

    @classmethod
    def after(cls, both: BesideOpening, *, k: int, folder: str) -> AfterOpening:
        """How to open the model, and the reference if need be."""
        return cls(**{one.name: getattr(both, one.name) for one in fields(both)}, k=k, folder=folder)

    def content(self, *, anywhere: bool = False) -> str:
        """SHA-256 of everything that decides its answers."""
        return hashlib.sha256(json.dumps(["after", self.k, super().content(anywhere=anywhere)]).encode()).hexdigest()

    def anywhere(self) -> AfterOpening:
        """The same with absolute paths."""
        return self.after(super().anywhere(), k=self.k, folder=str(Path(self.folder).resolve()))

    def open(self) -> Model:
        """The model, which opens the reference itself where nothing is stored."""
        from trusteq.models.causal.apart import opened_after

        return opened_after(self)


def opening(
    identity: Identity,
    name: str,
    options: Mapping[str, Any],
    *,
    device: str,
    limit: int | None,
    lowered: str | None = None,
) -> Opening:
    """How to open the model of this identity again, with the options that it was opened with."""
    return Opening(
        identity.location,
        name,
        options,
        identity.kind,
        {"content": identity.content, **identity.details},
        versions(),
        device_name(device) if device != CPU else f"{processor()} {platform.machine()}",
        limit,
        lowered,
        identity.details.get("architecture"),
    )


@cache
def versions() -> dict[str, str]:
    """The version of every installed library that affects tokens and answers."""
    installed = {}
    for name in ("trusteq", "numpy", "tokenizers", "sentencepiece", "torch", "transformers", "onnxruntime"):
        with suppress(metadata.PackageNotFoundError):
            installed[name] = metadata.version(name)
    return installed
