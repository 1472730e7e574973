"""What an audit returns: plain values, and a few ways to look at them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from trusteq.data.clean import clean
from trusteq.data.predictions import Predictions
from trusteq.data.withheld import without_content
from trusteq.record.document import AuditedModel, Judged
from trusteq.record.finished import Finished, in_a_line
from trusteq.tasks.task import CLASSES, task_named
from trusteq.verdict import EXIT_CODES, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from trusteq.comparing.patches import PatchAgreement
    from trusteq.comparing.pies import Pie
    from trusteq.comparing.published import PairAgreement
    from trusteq.comparing.slices import Slice
    from trusteq.comparing.words import WordLeans
    from trusteq.data.items import Items
    from trusteq.explain.explanation import Explanation
    from trusteq.explain.patches import PublishedPatches
    from trusteq.explain.protocol import Published
    from trusteq.models.base import Finding
    from trusteq.models.cost import Costs
    from trusteq.policy import Policy
    from trusteq.record.evidence import Evidence
    from trusteq.record.history import History
    from trusteq.stats.estimate import Estimate
    from trusteq.tasks.rows import Rows
    from trusteq.tasks.task import Task
    from trusteq.verdict import ExitCode


@dataclass(frozen=True)
class ModelResult(AuditedModel):
    """One model's answers, and findings about the model itself."""

    columns: tuple[str, ...]
    """The names of the columns of its answers: the labels, where items share labels."""
    rows: Rows

    def __repr__(self) -> str:
        return f"<Model {clean(self.name)[:80]}: {len(self.rows):,} answers>"

    @property
    def predictions(self) -> Predictions:
        """Its answers as a table: the probability of each label, where items share labels."""
        return Predictions(self.columns, self.rows.values)


@dataclass(frozen=True)
class Comparison(Judged):
    """One candidate against the reference."""

    candidate: ModelResult
    slices: list[Slice]
    strata: list[Slice]
    """Slices of the explained items, with the agreement of attributions."""
    words: WordLeans | None
    flips: list[dict[str, Any]]
    explained_clusters: int | None = None
    """How many clusters its explained items are in; None without clusters or explanations."""
    explained_copies: float = 1.0
    """How many explained items it takes to be worth an independent one, as some repeat others; 1 if hardly any do."""

    @property
    def name(self) -> str:
        """The candidate's name."""
        return self.candidate.name

    def __repr__(self) -> str:
        return f"<Comparison of {self.name}: {self.verdict.outcome}>"


@dataclass(frozen=True)
class Audit(Finished[Comparison]):
    """A finished audit: the reference, every candidate's comparison with it, and how it was done."""

    items: Items
    labels: tuple[str, ...]
    gold: NDArray[np.int64] | None
    reference: ModelResult
    comparisons: tuple[Comparison, ...]
    pies: list[Pie]
    policy: Policy
    settings: Mapping[str, Any]
    item_findings: tuple[Finding, ...] = ()
    copies: float = 1.0
    """How many items it takes to be worth an independent one, as some repeat others; 1 if hardly any do."""
    explanation: Explanation | None = None
    published: Published | PublishedPatches | None = None
    pairs: tuple[PairAgreement, ...] | tuple[PatchAgreement, ...] = ()
    """The agreement of each pair of models under the published protocol."""
    costs: Costs | None = None
    """Size, speed and memory of the models; None if nothing was measured."""
    peer: Comparison | None = None
    """The retrained reference compared with the reference itself, if there was one."""
    command: tuple[str, ...] | None = None
    """The command line that made it, word by word; None if it was called from Python."""
    audit_file: bytes | None = None
    """The audit file that it was told by, if there was one."""
    history: History | None = None
    """Finished work that it reused, and other recorded audits of the same models and items; None if neither."""

    @property
    def task(self) -> Task:
        """The task that the models were given."""
        return task_named(self.settings.get("task", CLASSES))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Findings about the items and every model."""
        return (*self.item_findings, *(f for model in self.everybody for f in model.findings))

    @property
    def models(self) -> tuple[ModelResult, ...]:
        """The reference and the candidates."""
        return (self.reference, *(c.candidate for c in self.comparisons))

    @property
    def everybody(self) -> tuple[ModelResult, ...]:
        """The models and the peer, if there is one."""
        return self.models if self.peer is None else (*self.models, self.peer.candidate)

    @property
    def exit_code(self) -> ExitCode:
        """0 when every candidate is EQUIVALENT, 1 when one is NOT EQUIVALENT, else 3."""
        return exit_code(c.verdict.outcome for c in self.comparisons)

    @property
    def compared(self) -> tuple[Comparison, ...]:
        """Each candidate as it compares with the reference."""
        return self.comparisons

    def __repr__(self) -> str:
        return f"<Audit of {in_a_line(len(self.items), self.reference.name, self.comparisons)}>"

    @cached_property
    def evidence(self) -> Evidence:
        """What reports and figures are drawn from."""
        from trusteq.record.evidence import evidence_of

        return evidence_of(self)

    def without_pictures(self) -> Audit:
        """The same audit with only hashes and measures of its pictures and sounds, to be saved in their place."""
        return replace(self, items=replace(self.items, segments=without_content(self.items.segments)))

    def save(self, directory: str | Path) -> Path:
        """Write the run directory; see `trusteq.record.directory`."""
        from trusteq.record.saving import save

        return save(self, directory)


def exit_code(outcomes: Iterable[Outcome]) -> ExitCode:
    """The exit code of several candidates: the worst of NOT EQUIVALENT, UNDECIDED, EQUIVALENT."""
    codes = [EXIT_CODES[outcome] for outcome in outcomes]
    return max(codes, key=(0, 3, 1).index)


def estimate_rows(audit: Audit) -> Iterator[dict[str, Any]]:
    """Every estimate as a flat row: candidate, dimension, measure, slice, value, low, high, level, n, method, p."""

    def row(
        candidate: str,
        dimension: str,
        measure: str,
        estimate: Estimate,
        column: str | None = None,
        value: str | None = None,
        p_rest: float | None = None,
    ) -> dict[str, Any]:
        return {
            "candidate": candidate,
            "dimension": dimension,
            "measure": measure,
            "slice_column": column,
            "slice_value": value,
            "value": estimate.value,
            "low": estimate.low,
            "high": estimate.high,
            "level": estimate.level,
            "n": estimate.n,
            "method": estimate.method,
            "p_against_rest": p_rest,
        }

    for c in audit.comparisons:
        for dimension, measures in c.measures.items():
            for measure, estimate in measures.items():
                yield row(c.name, dimension, measure, estimate)
        for measure, estimate in c.remedies.items():
            yield row(c.name, "remedy", measure, estimate)
        for column, measures in c.skewsize.items():
            for measure, estimate in measures.items():
                yield row(c.name, "behaviour", measure, estimate, column)
        for s in (*c.slices, *c.strata):
            for dimension, measures in s.measures.items():
                for measure, estimate in measures.items():
                    yield row(c.name, dimension, measure, estimate, s.column, s.value, s.p_rest.get(measure))
