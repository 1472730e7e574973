"""Evidence: everything a page, a figure or a table is drawn from, whether read from a run or still in memory.

Nothing in ``report/`` asks a model or an `Audit`; it reads this.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.surrogates import readable
from trusteq.errors import RunError
from trusteq.record.item_table import SEGMENT, segments_of
from trusteq.record.policy_findings import about_policy
from trusteq.record.read_back import items_of, rows_of
from trusteq.tasks.rows import Rows
from trusteq.tasks.task import CLASSES, task_named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.data.segment import Segment
    from trusteq.models.base import Finding
    from trusteq.record.document import AuditDocument, AuditedCandidate
    from trusteq.tasks.outcomes import Outcomes
    from trusteq.tasks.task import Task


@dataclass(frozen=True)
class Evidence:
    """A finished audit.

    document, manifest: what ``audit.json`` and ``manifest.json`` hold.
    table: the table of a name ("items", "estimates", "flips", "attributions", "words", "predictions/<file>"),
        or None where the audit has none.
    costs: what ``costs.json`` holds; None where nothing was measured.
    directory: where it was read from; None for an audit in memory.
    notices: what a reader must know of how it came about.
    others: the segments that are no texts, by name.
    """

    document: AuditDocument
    manifest: Mapping[str, Any]
    table: Callable[[str], pd.DataFrame | None]
    costs: Mapping[str, Any] | None = None
    directory: Path | None = None
    notices: tuple[Finding, ...] = ()
    others: Callable[[], Mapping[str, Segment]] = dict

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that all items share, in the order of the probabilities' columns; () where they share none."""
        return self.document.labels

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the reference and the candidates."""
        return (self.document.reference.name, *(c.name for c in self.document.candidates))

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """All that was noticed: about the policy, about how the run came about, about the items and every model."""
        return (*about_policy(self.document.policy), *self.notices, *self.document.findings)

    def candidate(self, name: str) -> AuditedCandidate:
        """What ``audit.json`` says of a candidate."""
        for candidate in self.document.candidates:
            if candidate.name == name:
                return candidate
        raise RunError(f"no candidate {name!r}; there are {', '.join(self.models[1:])}")

    @cached_property
    def items(self) -> pd.DataFrame:
        """One row an item: id, ``segment NAME``, label, cluster, ``column NAME``."""
        return self._needed("items")

    @cached_property
    def segments(self) -> dict[str, Segment]:
        """What the models read, by name, in the order of the table's columns."""
        return segments_of(self.items, self.others())

    @cached_property
    def estimates(self) -> pd.DataFrame:
        """Every estimate, slices included."""
        return self._needed("estimates")

    @cached_property
    def flips(self) -> pd.DataFrame:
        """The items whose answer changed."""
        return self._needed("flips")

    @cached_property
    def attributions(self) -> pd.DataFrame | None:
        """One row an item, unit and model; None where nothing was explained."""
        return self.table("attributions")

    @cached_property
    def words(self) -> pd.DataFrame | None:
        """One row a candidate and tested word; None where nothing was explained."""
        return self.table("words")

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """Answers of one row each [models, items, columns], the reference's first: probabilities of labels, say."""
        columns = list(self.task.columns(self.labels))
        return np.stack([table[columns].to_numpy(dtype=np.float64) for table in self._predictions()])

    @property
    def task(self) -> Task:
        """What was asked of an item."""
        return task_named(self.document.settings.get("task", CLASSES))

    @cached_property
    def asked(self) -> Items:
        """The items without what models read: ids, labels, clusters and columns."""
        known = self.items[[name for name in self.items.columns if not str(name).startswith(SEGMENT)]]
        whole = known.apply(lambda column: column.map(readable, na_action="ignore"))
        return items_of(whole, self.document, self.manifest["data"]["source"])

    @cached_property
    def rows(self) -> tuple[Rows, ...]:
        """Each model's answers, the reference's first."""
        if self.task.one_row:
            return tuple(map(Rows, self.probabilities))
        ids = self.items["id"].tolist()
        return tuple(rows_of(table, self.task, self.labels, ids) for table in self._predictions())

    def _predictions(self) -> Iterator[pd.DataFrame]:
        files = {model["name"]: model["predictions"] for model in self.manifest["models"]}
        return (self._needed(files[name].removesuffix(".parquet")) for name in self.models)

    @cached_property
    def outcomes(self) -> tuple[Outcomes, ...]:
        """Each model's outcomes, the reference's first."""
        return tuple(self.task.outcomes(rows, self.gold) for rows in self.rows)

    @cached_property
    def gold(self) -> NDArray[np.int64] | None:
        """The codes of the items' right answers, of shared labels their positions; None where they are not known."""
        if not self.document.items.labelled:
            return None
        if not self.labels:
            return self.task.gold(self.asked, ())
        place = {label: code for code, label in enumerate(self.labels)}
        return np.array([place[label] for label in self.items["label"]], dtype=np.int64)

    def _needed(self, name: str) -> pd.DataFrame:
        table = self.table(name)
        if table is None:
            raise RunError(f"{self.directory or 'this audit'}: no table {name!r}")
        return table
