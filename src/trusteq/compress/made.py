"""What a method makes of an opened classifier, before it is on disk."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trusteq.errors import ModelError, TrusteqError
from trusteq.models.chatter import offline, one_line, quiet_transformers
from trusteq.models.files import staged, tokenizer_files

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from trusteq.models.transformer import TransformerModel


@dataclass(frozen=True)
class Made:
    """A compressed model in memory and how to save it.

    save: writes weights, configuration and tokenizer to a folder. model: the torch module whose answers the saved one
    must give; None where only the file can answer. notes: what its user should know. facts: what the recipe records.
    """

    save: Callable[[Path], None]
    model: Any = None
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


def checkpoint(source: TransformerModel, model: Any, *notes: str, **facts: Any) -> Made:
    """A torch module to be saved as transformers does, with the tokenizer files of the original."""

    def save(folder: Path) -> None:
        save_checkpoint(model, folder, tokenizer_files(source.files))

    return Made(save, model, notes, facts)


def save_checkpoint(model: Any, folder: Path, others: Iterable[Path]) -> None:
    """A torch module as transformers saves it, with copies of other files; the same module gives the same bytes."""
    with quiet_transformers():
        model.save_pretrained(folder)
    for file in folder.glob("*.safetensors"):
        _sort_metadata(file)
    for file in others:
        shutil.copyfile(file, folder / file.name)


def _sort_metadata(file: Path) -> None:
    """The metadata of a safetensors file in the order of its keys; safetensors writes it in another one each time."""
    with file.open("r+b") as stream:
        length = int.from_bytes(stream.read(8), "little")
        header = json.loads(stream.read(length))
        header["__metadata__"] = dict(sorted(header.get("__metadata__", {}).items()))
        written = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode().ljust(length)
        if len(written) == length:  # else it was written in another style, and stays as it is
            stream.seek(8)
            stream.write(written)


def loaded(source: TransformerModel, **settings: Any) -> Any:
    """The original once more, loaded by transformers in another way."""
    import transformers

    settings |= {"use_safetensors": True, "trust_remote_code": False, "local_files_only": True}
    kind = transformers.AutoModelForSequenceClassification
    with offline(), staged(source.files, name=source.name) as stage:
        return kind.from_pretrained(stage, **settings).eval()


@contextmanager
def attempt(source: TransformerModel, method: str, what: str) -> Iterator[None]:
    """One line for whatever a library raises meanwhile."""
    try:
        yield
    except (TrusteqError, OSError):
        raise
    except Exception as error:
        raise does_not_apply(source, method, f"{what}: {one_line(error)}") from error


def does_not_apply(source: TransformerModel, method: str, why: str) -> ModelError:
    """The error that says why a method can do nothing with this model."""
    return ModelError(
        f"model {source.name}: method {method} does not apply to this {type(source.model).__name__}: {why}"
    )
