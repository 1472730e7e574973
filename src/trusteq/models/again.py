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

from trusteq.errors import ModelError
from trusteq.models.cost_machine import CPU, described, device, processor
from trusteq.models.onnx_session import OnnxModel
from trusteq.models.open import ModelOptions, open_model
from trusteq.models.transformer import TransformerModel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trusteq.models.base import Model


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
        model: Any = open_model(self.location, name=self.name, options=ModelOptions(**self.options))
        if model.identity.content != self.identity["content"]:
            raise ModelError(f"model {self.name}: {self.location} holds other files than when the audit began")
        lowered: Model = model.lowered(self.lowered) if self.lowered else model
        found = how_to_open(lowered)
        if found is None or found.content(anywhere=True) != self.content(anywhere=True):
            raise ModelError(
                f"model {self.name}: where it is asked it is not what it was where the audit began: are libraries of "
                "other versions there? Install the same on every machine"
            )
        return lowered


def how_to_open(model: Model) -> Opening | None:
    """How another process can open the model; None where it came from no file, folder or hub.

    A model that was changed in memory since it was opened must not be asked elsewhere: nothing tells that it was.
    """
    details = model.identity.details
    options: dict[str, Any] = {"labels": model.labels}
    lowered = None
    # Not isinstance: what somebody derived from these is another class where it is opened.
    if type(model) is TransformerModel:
        # Quantized weights stay where their loader puts them unless told.
        options |= {"budget": model.budget, "device": None if details["quantization"] else details["device"]}
        lowered = model.precision
    elif type(model) is OnnxModel:
        tokenizer, scores = details["tokenizer"], model.scores if model.scores_were_said else None
        options |= {"budget": model.budget, "output": model.output, "tokenizer": tokenizer, "scores": scores}
    else:
        return None
    return Opening(
        model.identity.location,
        model.name,
        options,
        model.identity.kind,
        {"content": model.identity.content, **details},
        _versions(),
        described(device(model) or CPU) if device(model) != CPU else f"{processor()} {platform.machine()}",
        model.limit,
        lowered,
        details.get("architecture"),
    )


@cache
def _versions() -> dict[str, str]:
    """Of every library that has a say in tokens and answers, where it is installed."""
    found = {}
    for name in ("trusteq", "numpy", "tokenizers", "sentencepiece", "torch", "transformers", "onnxruntime"):
        with suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
