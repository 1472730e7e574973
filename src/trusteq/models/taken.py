"""What a graph without a tokenizer or labels of its own takes from the reference that it is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trusteq.models.base import Finding
from trusteq.models.traits import traits_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from trusteq.models.base import Model


@dataclass(frozen=True)
class Taken:
    """What the reference offers: its name, the folder of its tokenizer.json, its labels; None and () if it has none.

    in_memory: its tokenizer, if that has no folder.
    """

    reference: str
    tokenizer: Path | None
    labels: tuple[str, ...]
    in_memory: Any = None


def offered_by(reference: Model) -> Taken:
    """What candidates may take from this reference; a file of predictions offers nothing."""
    traits = traits_of(reference)
    labels = tuple(reference.labels) if traits.runs else ()
    return Taken(reference.name, traits.tokenizer_folder, labels, traits.tokenizer_in_memory)


def taken_finding(what: Sequence[str], reference: str, *, name: str) -> Finding:
    """The finding that these parts are the reference's."""
    order = ", in its order: if its outputs have another, name them with --labels" if "labels" in what else ""
    message = f"{' and '.join(what)} taken from {reference}, since its own folder has none{order}"
    return Finding(name, "taken from the reference", message, float(len(what)))
