"""What a method makes of an opened classifier, before it is on disk."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trusteq.errors import TrusteqError
from trusteq.models.files import staged, tokenizer_files
from trusteq.models.layers import does_not_apply
from trusteq.models.library_output import offline, one_line
from trusteq.models.saving import save_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from trusteq.models.transformer import TransformerModel


@dataclass(frozen=True)
class Compressed:
    """A compressed model in memory and how to save it.

    save: writes weights, configuration and tokenizer to a folder. model: the torch module whose answers the saved one
    must give; None where only the file can answer. notes: what its user should know. facts: what the recipe records.
    """

    save: Callable[[Path], None]
    model: Any = None
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


def checkpoint(source: TransformerModel, model: Any, *notes: str, **facts: Any) -> Compressed:
    """A torch module to be saved as transformers does, with the tokenizer files of the original."""

    def save(folder: Path) -> None:
        save_checkpoint(model, folder, tokenizer_files(source.files))

    return Compressed(save, model, notes, facts)


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
