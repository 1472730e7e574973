"""What the recipe beside a model says of its training: whether it learned from items with units left out.

Such a model was trained on what alignment measures. The recipe is only a note: the loader does not read it and no hash
includes it, so one that is missing, damaged or of another form says nothing, and is no error.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from trusteq.data.surrogates import is_unicode
from trusteq.errors import ModelError
from trusteq.models.files import refuse_link_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from trusteq.models.base import Identity

RECIPE = "trusteq-recipe.json"
"""In the model's folder; the loader neither reads it nor includes it in the model's content hash."""

TRAINED_ON = "trained_on_perturbations"
"""The entry of the recipe, and of a model's details in a run."""

LARGEST = 2**24
"""Bytes of a recipe that are read."""

MOST, LONGEST = 20, 80
"""Trainings, and characters of each text, that count."""


@dataclass(frozen=True)
class Perturbed:
    """A training on items with units left out: which units, what stood in for them, and in what share of the rows."""

    units: str
    replace: str
    share: float


def trained_on(files: Iterable[Path]) -> tuple[Perturbed, ...]:
    """Each training on items with units left out that the recipe beside a model's files tells of, earliest first."""
    first = next(iter(files), None)
    return () if first is None else told_in(_recipe(first.parent))


def _recipe(folder: Path) -> Any:
    """The JSON of a folder's recipe; None if there is none that can be read."""
    path = folder / RECIPE
    with suppress(OSError, ValueError, RecursionError, ModelError):
        if path.is_file():  # a pipe or a device has no end
            refuse_link_out(path, folder)
            with path.open("rb") as stream:
                content = stream.read(LARGEST + 1)
            return json.loads(content) if len(content) <= LARGEST else None
    return None


def told_in(notes: Any) -> tuple[Perturbed, ...]:
    """The same from the content of a recipe, or the details of a model in a run."""
    told: Any = notes.get(TRAINED_ON) if isinstance(notes, dict) else None
    entries: list[Any] = told if isinstance(told, list) else [told]
    found = map(_perturbed, entries[:MOST])
    return tuple(dict.fromkeys(one for one in found if one is not None))


def _perturbed(entry: Any) -> Perturbed | None:
    match entry:
        case {"units": str(units), "replace": str(stood_in), "share": int() | float() as share}:
            texts = all(len(text) <= LONGEST and is_unicode(text) for text in (units, stood_in))
            # What stood in is shown with its control characters escaped.
            if texts and units and units.isprintable() and share is not True and 0 < share <= 1:
                return Perturbed(units, stood_in, float(share))
    return None


def noted(trainings: Iterable[Perturbed]) -> dict[str, Any]:
    """The entry of a recipe or of details that tells of these trainings; none if there are none."""
    entries = [asdict(one) for one in dict.fromkeys(trainings)]
    return {TRAINED_ON: entries if len(entries) > 1 else entries[0]} if entries else {}


def with_trainings(identity: Identity, trainings: Iterable[Perturbed]) -> Identity:
    """The identity, its details with these trainings, so that a run keeps them."""
    details = noted(trainings)
    return replace(identity, details={**identity.details, **details}) if details else identity


def carried(before: Iterable[Perturbed], facts: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe's entry for a candidate with these facts, made from a model with these trainings: it keeps them."""
    return noted([*before, *told_in(facts)])
