"""How to open a model once more, in another process or on another machine."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from trusteq.errors import ModelError
from trusteq.models.onnx_session import OnnxModel
from trusteq.models.open import ModelOptions, open_model
from trusteq.models.transformer import TransformerModel

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trusteq.models.base import Model


@dataclass(frozen=True)
class Opening:
    """Where a model is, what was said about it when it was opened, and the precision that it was lowered to.

    identity: what it was found to be, so that another model at that place is noticed.
    """

    location: str
    name: str
    options: Mapping[str, Any]
    kind: str
    identity: Mapping[str, Any]
    lowered: str | None = None
    architecture: str | None = field(default=None)

    def content(self) -> str:
        """SHA-256 of everything that decides what the model answers, and nothing else."""
        said = asdict(self)
        for name in ("location", "name"):
            del said[name]
        return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()

    def open(self) -> Model:
        """The model; an error where its files are no longer what they were."""
        model: Any = open_model(self.location, name=self.name, options=ModelOptions(**self.options))
        if model.identity.content != self.identity["content"]:
            raise ModelError(f"model {self.name}: {self.location} holds other files than when the audit began")
        lowered: Model = model.lowered(self.lowered) if self.lowered else model
        return lowered


def how_to_open(model: Model) -> Opening | None:
    """How another process can open the model; None where it came from no file, folder or hub."""
    if not isinstance(model, (TransformerModel, OnnxModel)):
        return None
    options: dict[str, Any] = {"labels": model.labels}
    details = model.identity.details
    lowered = None
    if isinstance(model, TransformerModel):
        options["budget"] = model.budget
        # Quantized weights stay where their loader puts them unless told.
        options["device"] = None if details["quantization"] else details["device"]
        lowered = model.precision
    else:
        tokenizer, scores = details["tokenizer"], model.scores if model.scores_were_said else None
        options |= {"budget": model.budget, "output": model.output, "tokenizer": tokenizer, "scores": scores}
    return Opening(
        model.identity.location,
        model.name,
        options,
        model.identity.kind,
        {"content": model.identity.content, **details},
        lowered,
        details.get("architecture"),
    )
