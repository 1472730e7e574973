"""Sessions of ONNX Runtime that are open already, alone or with the tokenizer of the texts that they read."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from trusteq.errors import ModelError, in_python
from trusteq.models.cost_machine import CPU
from trusteq.models.cost_size import Size
from trusteq.models.onnx_session import OnnxModel, open_onnx

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.models.opening import Opening
    from trusteq.models.taken import Taken
    from trusteq.models.traits import Traits

IN_MEMORY = "onnx in memory"


def is_session(value: object) -> bool:
    """Whether this is a session of ONNX Runtime, without importing it."""
    kind = type(value)
    return kind.__name__ == "InferenceSession" and kind.__module__.partition(".")[0] == "onnxruntime"


@dataclass(eq=False)
class SessionInHand(OnnxModel):
    """A session that somebody else opened, with their options, so that no other process can open it.

    size: as measured when its file was at hand.
    """

    size: Size = Size()  # noqa: RUF009 - frozen

    @property
    def traits(self) -> Traits:
        """Those of a graph, where its first provider runs it."""
        provider = str(next(iter(self.session.get_providers()), ""))
        return replace(super().traits, device=CPU if provider == "CPUExecutionProvider" else provider)

    def _size(self) -> Size:
        return self.size

    def _opening(self) -> Opening | None:
        return None


def of_session(
    session: Any,
    tokenizer: Any = None,
    *,
    name: str,
    labels: Sequence[str] | None = None,
    scores: Literal["logits", "probabilities"] | None = None,
    output: str | None = None,
    budget: int | None = None,
    taken: Taken | None = None,
) -> SessionInHand:
    """The graph of a session, asked in that session.

    ``tokenizer`` is a folder with tokenizer.json, or a tokenizer of transformers or tokenizers. The file that the
    session was made of, or its bytes, are its content; names of labels are found beside the file as usual.
    What is then still missing is ``taken`` from the reference.
    """
    path: Any
    content: Any
    path, content = getattr(session, "_model_path", None), getattr(session, "_model_bytes", None)
    if path is not None and not Path(path).is_file():
        raise ModelError(f"model {name}: the session's file {path} is gone, and so its content is unknown; restore it")
    if path is None and not content:
        raise ModelError(f"model {name}: the session says neither its file nor its bytes; open its .onnx file instead")
    with tempfile.TemporaryDirectory(prefix="trusteq-") as scratch:
        if path is None:
            file = Path(scratch) / "model.onnx"
            file.write_bytes(content)
        else:
            file = Path(path)
        folder = None if tokenizer is None else _folder(tokenizer, Path(scratch) / "tokenizer", name=name)
        in_memory = tokenizer
        if tokenizer is None and taken is not None and taken.in_memory is not None:
            in_memory = taken.in_memory
            taken = replace(taken, tokenizer=Path(_folder(in_memory, Path(scratch) / "tokenizer", name=name)))
        model = open_onnx(
            str(file),
            name=name,
            labels=labels,
            tokenizer=folder,
            scores=scores,
            output=output,
            budget=budget,
            taken=taken,
            session=session,
        )
        if not isinstance(model, OnnxModel):
            raise ModelError(f"model {name}: a session of pictures or sounds; open its .onnx file instead")
        size = model.traits.size()
    details = dict(model.identity.details)
    if (details["tokenizer"] or "").startswith(scratch):
        details["tokenizer"] = f"{type(in_memory).__name__} in memory"
    where = "a session of bytes" if path is None else f"a session of {path}"
    identity = replace(model.identity, kind=IN_MEMORY, location=where, details=details)
    known = {field.name: getattr(model, field.name) for field in fields(OnnxModel)}
    known["from_reference"] = tuple(
        replace(finding, message=in_python(finding.message)) for finding in model.from_reference
    )
    return SessionInHand(**{**known, "identity": identity}, size=size)


def _folder(tokenizer: Any, scratch: Path, *, name: str) -> str:
    """A folder with the files of the tokenizer."""
    if isinstance(tokenizer, str | Path):
        return str(tokenizer)
    scratch.mkdir()
    if hasattr(tokenizer, "save_pretrained"):
        tokenizer.save_pretrained(scratch)
    else:
        tokenizer.save(str(scratch / "tokenizer.json"))
    if not (scratch / "tokenizer.json").is_file():
        raise ModelError(f"model {name}: its tokenizer is written in Python; give one with a tokenizer.json (use_fast)")
    return str(scratch)
