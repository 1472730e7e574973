"""A file of predictions as a model that only knows the items in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from trusteq.data.hashing import content_hash
from trusteq.data.memory import give_back
from trusteq.data.prediction_file import label_columns, read_predictions, refuse_both
from trusteq.errors import ModelError
from trusteq.models.base import Finding, Identity
from trusteq.models.labels import label_names

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from trusteq.data.items import Items


@dataclass(frozen=True, eq=False)
class PredictionFile:
    """The predictions in a file, matched to the items by id or by row number."""

    name: str
    labels: tuple[str, ...]
    identity: Identity
    path: Path
    scores: Literal["probabilities", "logits"]
    id: str | None
    by_row: bool
    not_labels: tuple[str, ...]
    named: bool = False
    """Whether the labels were named, not found by being numbers."""

    def predict(self, items: Items) -> NDArray[np.float64]:
        """The file's probabilities [items, labels], in the order of the items."""
        predictions = read_predictions(
            self.path,
            items,
            labels=self.labels,
            scores=self.scores,
            id=self.id,
            by_row=self.by_row,
            not_labels=self.not_labels,
            name=self.name,
        )
        give_back()
        if content_hash(self.path) != self.identity.content:
            raise ModelError(f"model {self.name}: {self.path} changed while the audit ran; audit again")
        return predictions.probabilities

    def findings(self) -> tuple[Finding, ...]:
        """Nothing: what is wrong with a file is an error."""
        return ()


def open_predictions(
    location: str,
    *,
    name: str,
    labels: Sequence[str] | None = None,
    scores: Literal["probabilities", "logits"] | None = None,
    id: str | None = None,  # noqa: A002
    by_row: bool = False,
    not_labels: Collection[str] = (),
) -> PredictionFile:
    """A model that answers from a file; ``labels`` names its columns, else they are found as in `label_columns`."""
    path = Path(location).expanduser()
    if not path.is_file():
        raise ModelError(f"model {name}: no such file: {path}")
    refuse_both(id, by_row)
    columns = label_columns(path, labels=labels, id=id, not_labels=not_labels)
    return PredictionFile(
        name=name,
        labels=label_names(columns, None, name=name),
        identity=Identity("predictions", location, content_hash(path), {"scores": scores or "probabilities"}),
        path=path,
        scores=scores or "probabilities",
        id=id,
        by_row=by_row,
        not_labels=tuple(not_labels),
        named=labels is not None,
    )
