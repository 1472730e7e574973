"""A compressed model in memory, before it is saved."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from trusteq.compress.language_source import GENERATION
from trusteq.errors import TrusteqError
from trusteq.models.auto_class import auto_class
from trusteq.models.causal.loading import CHAT_TEMPLATE
from trusteq.models.checkpoint import PROCESSOR
from trusteq.models.files import staged, tokenizer_files
from trusteq.models.layers import does_not_apply
from trusteq.models.library_output import offline, one_line
from trusteq.models.saving import save_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from trusteq.models.layers import Compressible
    from trusteq.models.transformer import TransformerModel


@dataclass(frozen=True)
class Compressed:
    """A compressed model in memory, and how to save it.

    save: writes weights, configuration and tokenizer to a folder. model: the torch module that the saved model must
    agree with; None where only the file can answer. notes: what its user should know. facts: entries of the recipe.
    """

    save: Callable[[Path], None]
    model: Any = None
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)


def checkpoint(source: TransformerModel, model: Any, *notes: str, **facts: Any) -> Compressed:
    """A torch module, to be saved in transformers' format with the original's tokenizer or processor."""
    beside = [source.files[file] for file in (CHAT_TEMPLATE, GENERATION, PROCESSOR) if file in source.files]

    def save(folder: Path) -> None:
        save_checkpoint(model, folder, [*tokenizer_files(source.files), *beside])

    return Compressed(save, model, notes, facts)


def loaded(source: TransformerModel, **settings: Any) -> Any:
    """The original, loaded again by transformers with other settings."""
    settings |= {"use_safetensors": True, "trust_remote_code": False, "local_files_only": True}
    kind = auto_class(type(source.model).__name__)
    with offline(), staged(source.files, name=source.name) as stage:
        return kind.from_pretrained(stage, **settings).eval()


@contextmanager
def attempt(source: Compressible, method: str, what: str) -> Iterator[None]:
    """Within the context, an exception of a library becomes a one-line error."""
    try:
        yield
    except (TrusteqError, OSError):
        raise
    except Exception as error:
        raise does_not_apply(source, method, f"{what}: {one_line(error)}") from error
