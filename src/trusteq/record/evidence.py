"""Evidence: everything a page, a figure or a table is drawn from, whether read from a run or still in memory.

Nothing in ``report/`` uses a model or an `Audit`; it reads this.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.comparing.moved import moved
from trusteq.data.surrogates import readable
from trusteq.errors import RunError
from trusteq.explain.draw import drawn
from trusteq.record.document import document, read_document
from trusteq.record.history import attempt_of, neighbouring_runs, notices
from trusteq.record.integrity import NO_HASHES
from trusteq.record.item_table import SEGMENT, frame, segments_of
from trusteq.record.manifest import manifest
from trusteq.record.plain import plain
from trusteq.record.policy_findings import about_policy
from trusteq.record.saving import tables
from trusteq.record.stored_responses import items_of, rows_of
from trusteq.record.waivers import counting, read_waivers
from trusteq.tasks.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.data.segment import Segment
    from trusteq.models.base import Finding
    from trusteq.record.audit import Audit
    from trusteq.record.document import AuditDocument, AuditedCandidate
    from trusteq.record.run import Run
    from trusteq.record.waivers import Waiver
    from trusteq.tasks.outcomes import Outcomes
    from trusteq.tasks.task import Task


@dataclass(frozen=True)
class Evidence:
    """A finished audit.

    document, manifest: what ``audit.json`` and ``manifest.json`` hold.
    table: the table of a name ("items", "estimates", "flips", "attributions", "words", "predictions/<file>"),
        or None if the audit has no such table.
    costs: what ``costs.json`` holds; None if nothing was measured.
    directory: where it was read from; None for an audit in memory.
    notices: findings about how the audit came about.
    waivers: the rules that somebody let pass, as far as that counts, whichever day it is.
    others: the segments that are not texts, by name.
    """

    document: AuditDocument
    manifest: Mapping[str, Any]
    table: Callable[[str], pd.DataFrame | None]
    costs: Mapping[str, Any] | None = None
    directory: Path | None = None
    notices: tuple[Finding, ...] = ()
    others: Callable[[], Mapping[str, Segment]] = dict
    waivers: tuple[Waiver, ...] = ()

    def __repr__(self) -> str:
        return f"<Evidence from {self.directory or 'memory'}: {self.document!r}>"

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that all items share, in the order of the probabilities' columns; () if they share none."""
        return self.document.labels

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the reference and the candidates."""
        return (self.document.reference.name, *(c.name for c in self.document.candidates))

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """All findings: about the policy, how the run came about, the items and every model."""
        return (*about_policy(self.document.policy), *self.notices, *self.document.findings)

    def candidate(self, name: str) -> AuditedCandidate:
        """What ``audit.json`` says of a candidate."""
        for candidate in self.document.candidates:
            if candidate.name == name:
                return candidate
        raise RunError(f"no candidate {name!r}; there are {', '.join(self.models[1:])}")

    @cached_property
    def items(self) -> pd.DataFrame:
        """One row per item: id, ``segment NAME``, label, cluster, ``column NAME``."""
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
        """One row per item, unit and model; None if nothing was explained."""
        return self.table("attributions")

    def sample_of(self, candidate: str) -> dict[str, float]:
        """The explained items that were drawn for a candidate, by id, and how many items each stands for."""
        return self._samples[candidate]

    @cached_property
    def _samples(self) -> dict[str, dict[str, float]]:
        settings, frame = self.document.settings["explain"], self.attributions
        if settings is None or frame is None:
            return {name: {} for name in self.models[1:]}
        place = {id_: i for i, id_ in enumerate(self.items["id"])}
        explained = np.array([place[id_] for id_ in dict.fromkeys(frame["id"])], dtype=np.int64)
        samples, ids, seed = {}, self.items["id"].tolist(), self.document.settings["seed"]
        for name, by_item in zip(self.models[1:], self.moved, strict=True):
            by_change = by_item if settings.drawn_by_change else None
            draw = drawn(explained, self.bare_items, by_change, settings.items, seed=seed)
            weights = np.ones(len(draw.at)) if draw.weights is None else draw.weights
            samples[name] = {ids[explained[i]]: float(w) for i, w in zip(draw.at, weights, strict=True)}
        return samples

    @cached_property
    def moved(self) -> list[NDArray[np.float64]]:
        """How far each candidate moves each prediction of the reference [outcomes]."""
        reference, *others = self.outcomes
        return [moved(reference, other) for other in others]

    @cached_property
    def words(self) -> pd.DataFrame | None:
        """One row per candidate and tested word; None if nothing was explained."""
        return self.table("words")

    @cached_property
    def probabilities(self) -> NDArray[np.float64]:
        """The probabilities of the labels that all items share [models, items, labels], the reference's first."""
        if not self.task.one_row:
            return np.stack([outcomes.distribution for outcomes in self.outcomes if outcomes.distribution is not None])
        columns = list(self.task.columns(self.labels))
        return np.stack([table[columns].to_numpy(dtype=np.float64) for table in self._predictions()])

    @property
    def task(self) -> Task:
        """The task that the models were given."""
        return self.document.task

    @cached_property
    def bare_items(self) -> Items:
        """The items without their segments: ids, labels, clusters and columns."""
        table = self.items[[name for name in self.items.columns if not str(name).startswith(SEGMENT)]]
        valid = table.apply(lambda column: column.map(_readable, na_action="ignore"))
        return items_of(valid, self.document, self.manifest["data"]["source"])

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
        return tuple(self.task.outcomes(rows, self.gold, self.labels) for rows in self.rows)

    @cached_property
    def gold(self) -> NDArray[np.int64] | None:
        """The codes of the items' right answers (positions in the shared labels, if any); None if unknown."""
        if not self.document.items.labelled:
            return None
        if not self.labels:
            return self.task.gold(self.bare_items, ())
        codes = {label: code for code, label in enumerate(self.labels)}
        return np.array([codes[label] for label in self.items["label"]], dtype=np.int64)

    def _needed(self, name: str) -> pd.DataFrame:
        table = self.table(name)
        if table is None:
            raise RunError(f"{self.directory or 'this audit'}: no table {name!r}")
        return table


def _readable(value: Any) -> Any:
    """A text, or each of several, as a reader can see it."""
    return readable(value) if isinstance(value, str) else [readable(text) for text in value]


def evidence(run: Run) -> Evidence:
    """What the reports of a finished run are drawn from."""

    def table(name: str) -> pd.DataFrame | None:
        return run.table(name) if run.holds(f"{name}.parquet") else None

    waivers = counting(read_waivers(run))
    found = notices_of(run)
    return Evidence(run.document, run.manifest, table, run.costs, run.directory, found, run.other_segments, waivers)


def notices_of(run: Run) -> tuple[Finding, ...]:
    """Findings about how a run came about."""
    attempt = attempt_of(run.manifest, run.audit)
    neighbours = () if attempt is None or run.copied else neighbouring_runs(run.directory, attempt)
    findings = notices(run.history, neighbours)
    return findings if run.manifest["files"] else (NO_HASHES, *findings)


def evidence_of(audit: Audit) -> Evidence:
    """What the reports of an audit in memory are drawn from: the same that would be read back once it is saved."""
    columns = tables(audit)
    read_back = read_document(json.dumps(plain(document(audit))), where="this audit")

    def table(name: str) -> pd.DataFrame | None:
        return frame(columns[name]()) if name in columns else None

    costs = None if audit.costs is None else audit.costs.document()
    others = {name: segment for name, segment in audit.items.segments.items() if segment.about()}
    findings = notices(audit.history, ())
    return Evidence(read_back, manifest(audit), table, costs, notices=findings, others=lambda: others)
