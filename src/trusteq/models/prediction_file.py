"""A file of predictions, or predictions in memory, as a model that can answer only the items in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from trusteq.data.hashing import content_hash, update_with
from trusteq.data.label_sets import enumerated, listed, naming, remedy
from trusteq.data.memory import release_memory
from trusteq.data.prediction_file import label_columns, read_predictions, refuse_both
from trusteq.data.readers import readers
from trusteq.data.score_table import is_named, score_table
from trusteq.errors import LabelError, ModelError
from trusteq.models.backend import Backend
from trusteq.models.base import Finding, Identity
from trusteq.models.labels import label_names
from trusteq.models.options import BY_ROW, ID, LABELS, NOT_LABELS, SCORES
from trusteq.models.traits import Traits

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.data.table import Table


@dataclass(frozen=True, eq=False)
class PredictionFile:
    """The predictions in a file or a table, matched to the items by id or by row number."""

    name: str
    labels: tuple[str, ...]
    identity: Identity
    path: Path | Table
    scores: Literal["probabilities", "logits"]
    id: str | None
    by_row: bool
    not_labels: tuple[str, ...]
    named: bool = False
    """Whether the user named the labels; otherwise every column of numbers is taken for one."""

    @property
    def traits(self) -> Traits:
        """Its answers are stored, so it cannot run on anything else."""
        return Traits(runs=False, changeable=False)

    def predict(self, items: Items) -> NDArray[np.float64]:
        """The file's probabilities [items, labels], in the order of the items.

        A column of numbers that is no item's label still counts as a label if it is not 0 throughout and rows sum to 1
        with it: out of a thousand labels, some are missing from every sample.
        """
        doubtful = self._doubtful_labels(items)
        if doubtful is None:
            return self._read(items)
        names, error = doubtful
        if self.scores == "logits":
            raise error
        try:
            probabilities = self._read(items)
        except ModelError:
            raise error from None
        # A label whose items were excluded is rightly missing from the others; its probabilities sum to 1 with theirs.
        if items.ignored or items.unreadable:
            return probabilities
        if any(not probabilities[:, self.labels.index(name)].any() for name in names):
            raise error
        return probabilities

    def _read(self, items: Items) -> NDArray[np.float64]:
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
        release_memory()
        if isinstance(self.path, Path) and content_hash(self.path) != self.identity.content:
            raise ModelError(f"model {self.name}: {self.path} changed while the audit ran; audit again")
        return predictions.probabilities

    def _doubtful_labels(self, items: Items) -> tuple[list[str], LabelError] | None:
        """Columns taken for labels only because they hold numbers, and the error to raise if nothing confirms them."""
        if self.named:
            return None
        where = f"{self.identity.location}: column"
        if items.labels is None:
            if self.scores == "logits":
                raise LabelError(
                    f"{where}s {enumerated(self.labels)} hold numbers, and without gold labels trusteq cannot tell "
                    f"which are logits; name them: {naming(self.name, self.labels)}"
                )
            return None
        item_labels = set(items.label_names)
        names = [name for name in self.labels if name not in item_labels]
        if not names:
            return None
        shared = [name for name in self.labels if name in item_labels]
        if len(shared) > 1:
            advice = f"name all labels, including those that no item has: {naming(self.name, shared)}"
            if items.ignored or items.unreadable:
                advice += f", or {naming(self.name, self.labels)} if items with the others were left out"
        elif shared:
            advice = f"name its labels, {shared[0]!r} and at least one other column: --labels {self.name}=..."
        else:
            advice = f"the items' labels are {listed(items.label_names)}; {remedy(items.label_names, self.labels)}"
        return names, LabelError(f"{where} {names[0]!r} would be read as a label, but no item has that label; {advice}")

    def findings(self) -> tuple[Finding, ...]:
        """None: whatever is wrong with a file is an error."""
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
    """A model that answers from a file; ``labels`` names its columns, which `label_columns` finds otherwise."""
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


def stored_predictions(
    predictions: Any,
    *,
    name: str,
    labels: Sequence[str] | None = None,
    scores: Literal["probabilities", "logits"] | None = None,
    id: str | None = None,  # noqa: A002
    by_row: bool | None = None,
    not_labels: Collection[str] = (),
) -> PredictionFile:
    """A model that answers with the rows of an array, a list or a data frame; ``labels`` are as in `score_table`.

    Rows are matched as those of a file are; by default, those of an array by their number.
    """
    kind = scores or "probabilities"
    table, found = score_table(predictions, labels=labels, kind=kind, name=name)
    in_order = not is_named(predictions) if by_row is None else by_row
    refuse_both(id, in_order)
    columns = label_columns(table, labels=found, id=id, not_labels=not_labels)
    where = f"{table.source.partition(' of ')[0]} [{table.rows:,} x {len(table.columns)}]"
    return PredictionFile(
        name=name,
        labels=label_names(columns, None, name=name),
        identity=Identity(IN_MEMORY, where, _content(table), {"scores": kind}),
        path=table,
        scores=kind,
        id=id,
        by_row=in_order,
        not_labels=tuple(not_labels),
        named=found is not None,
    )


IN_MEMORY = "predictions in memory"
"""The kind of a model that answers from an array or a data frame."""


def _content(table: Table) -> str:
    """SHA-256 of the names and values of all columns."""
    digest = hashlib.sha256()
    for name, values in table.columns.items():
        update_with(digest, name)
        try:
            update_with(digest, np.asarray(values, dtype=np.float64))
        except (TypeError, ValueError, OverflowError):
            update_with(digest, list(values))
    return digest.hexdigest()


PREDICTIONS = Backend(
    kind="predictions",
    words="a file of predictions",
    recognises=lambda spec, _: spec.lower().endswith(tuple(readers())),
    open=open_predictions,
    options=(LABELS, SCORES, ID, BY_ROW, NOT_LABELS),
)
