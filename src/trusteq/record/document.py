"""What ``audit.json`` holds: written as JSON by `plain`, read back by `reading.read`, published as a schema.

It is the whole audit except predictions and the estimates of slices, which are Parquet files in the run directory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping  # noqa: TC003 - like all types below, read where a record is
from contextlib import suppress
from dataclasses import dataclass, fields
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NotRequired, cast

import numpy as np
from annotated_types import Len, MinLen
from typing_extensions import TypedDict

from trusteq.comparing.cascade import Cascade  # noqa: TC001
from trusteq.comparing.confidence import Bin, Null, Saturation  # noqa: TC001
from trusteq.comparing.in_common import COLUMNS, Common
from trusteq.comparing.own_measures import OwnMeasure, from_entries
from trusteq.comparing.patches import PatchAgreement  # noqa: TC001
from trusteq.comparing.pies import Pie  # noqa: TC001
from trusteq.comparing.published import PairAgreement  # noqa: TC001
from trusteq.comparing.remedies import Recalibration  # noqa: TC001
from trusteq.comparing.thresholds import Threshold  # noqa: TC001
from trusteq.comparing.words import WordLean  # noqa: TC001
from trusteq.data.clean import clean
from trusteq.explain.explanation import ExplainSettings  # noqa: TC001
from trusteq.explain.patches import PatchProtocol, PatchSettings, PublishedPatches
from trusteq.explain.protocol import ProtocolSettings
from trusteq.models.base import Finding, Identity  # noqa: TC001
from trusteq.policy import Dimension, Policy  # noqa: TC001
from trusteq.record.advice import Advice  # noqa: TC001
from trusteq.record.finished import in_a_line
from trusteq.record.reading import read
from trusteq.record.sampled import mean_together
from trusteq.stats.estimate import Estimate, PairedTest  # noqa: TC001
from trusteq.stats.number import Count, Number, Positive  # noqa: TC001
from trusteq.tasks.task import CLASSES, task_named
from trusteq.verdict import ExitCode, Verdict  # noqa: TC001

if TYPE_CHECKING:
    import pandas as pd

    from trusteq.comparing.measures import Measure
    from trusteq.record.audit import Audit, Comparison
    from trusteq.tasks.task import Task

SCHEMA_VERSION: Literal[3] = 3
FALSE_DISCOVERY_RATE = 0.05
OWN_MEASURES = re.compile(r'"measures":\s*\[')


@dataclass(frozen=True)
class ItemsSummary:
    """The items that every model answered: how many, in how many clusters, and how many were excluded by label."""

    n: Positive
    ignored: Count
    clusters: Positive | None
    labelled: bool
    findings: tuple[Finding, ...]
    copies: Number = 1.0
    """How many items it takes to be worth an independent one, as some repeat others; 1 if hardly any do."""


class Settings(TypedDict):
    """How the audit was made, the task that the models were given (by default classes) and how they were asked.

    no_explain: true if explanations were switched off, otherwise absent.
    unreadable: how many items were left out because their files cannot be decoded; absent for none.
    """

    seed: Count
    resamples: Count
    batch: Count
    with_slices: bool
    allow_same: bool
    explain: ExplainSettings | None
    protocol: ProtocolSettings | PatchSettings | None
    no_explain: NotRequired[bool]
    unreadable: NotRequired[Positive]
    task: NotRequired[str]
    asking: NotRequired[Mapping[str, Any]]
    measures: NotRequired[list[OwnMeasure]]


@dataclass(frozen=True)
class AuditedModel:
    """A model on its own.

    batch: items per call if the batch shape had to be fixed; None if it does not matter.
    """

    name: str
    identity: Identity
    batch: Positive | None
    findings: tuple[Finding, ...]
    reliability: Annotated[list[Bin], Len(10, 10)]
    calibrated_null: dict[str, Null]
    saturation: Saturation


@dataclass(frozen=True)
class Judged:
    """A candidate compared with the reference: the verdict and what it is based on."""

    verdict: Verdict
    advice: tuple[Advice, ...]
    measures: Mapping[Dimension, Mapping[str, Estimate]]
    remedies: Mapping[str, Estimate]
    recalibration: Recalibration | None
    cascade: Cascade | None
    tests: Mapping[str, PairedTest]
    thresholds: list[Threshold]
    skewsize: Mapping[str, Mapping[str, Estimate]]
    in_common: tuple[Common, ...]
    """What the items whose answer or confidence changed have in common."""

    def common(self) -> pd.DataFrame:
        """What the changed items have in common, one condition a row; `comparing.conditions` finds its items."""
        import pandas as pd

        return pd.DataFrame([common.row() for common in self.in_common], columns=[*COLUMNS])

    @cached_property
    def flat(self) -> dict[str, Estimate]:
        """Every estimate by its measure's name, whatever its dimension."""
        return {name: e for group in self.measures.values() for name, e in group.items()}


@dataclass(frozen=True)
class Part:
    """The items with one value of one column, and how many there are."""

    column: str
    value: str
    n: Count


@dataclass(frozen=True)
class SliceSummary(Part):
    """The items with one value of one column compared with all others; the estimates are in estimates.parquet."""

    p_against_rest: Mapping[str, Number]
    worse_than_rest: Mapping[str, bool]
    tests: Mapping[str, PairedTest]
    p_tests: Mapping[str, Number]
    p_judged: Mapping[str, Number]
    """By judged measure that is beyond its margin here, and worse than in the rest."""


@dataclass(frozen=True)
class Stratum(Part):
    """Agreement of attributions over the explained items with one value of one column."""

    measures: Mapping[str, Estimate]
    p_judged: Mapping[str, Number]
    """By judged measure that is beyond its margin here, and worse than in the rest."""


@dataclass(frozen=True)
class AuditedCandidate(Judged, AuditedModel):
    """A candidate compared with the reference; the words are those that the two weigh differently."""

    slices: tuple[SliceSummary, ...]
    strata: tuple[Stratum, ...]
    words: tuple[WordLean, ...]
    flipped: Count
    explained_clusters: Count | None = None
    """How many clusters its explained items are in; None without clusters or explanations."""
    explained_copies: Number = 1.0
    """How many explained items it takes to be worth an independent one, as some repeat others; 1 if hardly any do."""

    def __repr__(self) -> str:
        return f"<Candidate {clean(self.name)[:80]}: {self.verdict.outcome}>"


@dataclass(frozen=True)
class UnitCounts:
    """How many units the explained items have."""

    mean: float
    most: Count


@dataclass(frozen=True)
class MaskCounts:
    """How many perturbations the models ran on."""

    mean: float
    most: Count
    all: Count


@dataclass(frozen=True)
class ExplanationSummary:
    """How much was explained."""

    items: Count
    wordless: tuple[str, ...]
    units: UnitCounts
    masks: MaskCounts
    exact: Count
    plan: str


@dataclass(frozen=True)
class ProtocolSummary:
    """What the published protocol explained, and the agreement of each pair of models."""

    name: str
    items: Count
    wordless: tuple[str, ...]
    seeds: tuple[int, ...]
    pairs: tuple[PairAgreement, ...]


@dataclass(frozen=True)
class PatchSummary:
    """What the protocol for vision transformers explained, and each pair's agreement by method for every k.

    occluded: how many of the items were explained by occlusion, too.
    """

    name: PatchProtocol
    items: Count
    occluded: Count
    pairs: tuple[PatchAgreement, ...]


@dataclass(frozen=True)
class AuditDocument:
    """A finished audit: verdicts with their reasons, every estimate over all items, and how it was made."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid", "allow_inf_nan": False}

    schema_version: Literal[3]
    exit_code: ExitCode
    policy: Policy
    items: ItemsSummary
    labels: tuple[str, ...]
    """The labels that all items share; none if they share none."""
    settings: Settings
    reference: AuditedModel
    candidates: Annotated[tuple[AuditedCandidate, ...], MinLen(1)]
    peer: AuditedCandidate | None
    """The retrained reference, judged by the same rules."""
    pies: list[Pie]
    explanation: ExplanationSummary | None
    protocol: ProtocolSummary | PatchSummary | None

    def __repr__(self) -> str:
        return f"<Document of {in_a_line(self.items.n, self.reference.name, self.candidates)}>"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Findings about the items and every model."""
        peer = () if self.peer is None else (self.peer,)
        models = (self.reference, *self.candidates, *peer)
        return (*self.items.findings, *(finding for model in models for finding in model.findings))

    @property
    def models(self) -> tuple[AuditedModel, ...]:
        """The reference and the candidates."""
        return (self.reference, *self.candidates)

    @property
    def explained(self) -> int | None:
        """How many items were explained; None if nothing was."""
        part = self.explanation or self.protocol
        return None if part is None else part.items

    @property
    def chosen(self) -> bool:
        """Whether the explained items were chosen by a person, not drawn at random."""
        return is_chosen(self.settings["explain"])

    @property
    def k(self) -> int | None:
        """How many words a top set holds; None if nothing was to be explained."""
        explained, protocol = self.settings["explain"], self.settings["protocol"]
        if explained is not None:
            return explained.top
        return protocol.k if isinstance(protocol, ProtocolSettings) else None

    @property
    def dimensions(self) -> tuple[str, ...]:
        """The dimensions that every candidate's verdict has."""
        return tuple(d.dimension for d in self.candidates[0].verdict.dimensions)

    @property
    def task(self) -> Task:
        """The task that the models were given."""
        return task_named(self.settings.get("task", CLASSES))

    @property
    def own_measures(self) -> tuple[Measure, ...]:
        """The user's own measures, without their functions."""
        return from_entries(self.settings.get("measures", []))

    @property
    def cluster_size(self) -> float | None:
        """The mean number of items that belong together; None if all are independent."""
        return mean_together(self.items.n, self.items.clusters)


def is_chosen(explain: ExplainSettings | None) -> bool:
    """Whether these settings name the items to explain."""
    return explain is not None and explain.ids is not None


def read_document(text: str, *, where: str) -> AuditDocument:
    """The content of an ``audit.json``; the first value that no audit writes is a one-line error."""
    measures: tuple[Measure, ...] = ()
    if OWN_MEASURES.search(text):  # needed first, as the policy may have rules about them and precedes them
        with suppress(ValueError, LookupError, TypeError, RecursionError):
            measures = from_entries(json.loads(text)["settings"]["measures"])
    return read(text, AuditDocument, where=where, context=measures)


def document(audit: Audit) -> AuditDocument:
    """The ``audit.json`` of an audit."""
    items = audit.items
    return AuditDocument(
        schema_version=SCHEMA_VERSION,
        exit_code=audit.exit_code,
        policy=audit.policy,
        items=ItemsSummary(
            n=len(items),
            ignored=items.ignored,
            clusters=None if items.clusters is None else len(set(items.clusters)),
            labelled=audit.gold is not None,
            findings=audit.item_findings,
            copies=audit.copies,
        ),
        labels=audit.labels,
        settings=cast("Settings", audit.settings),
        reference=AuditedModel(**_fields(AuditedModel, audit.reference)),
        candidates=tuple(map(_candidate, audit.comparisons)),
        peer=None if audit.peer is None else _candidate(audit.peer),
        pies=audit.pies,
        explanation=_explanation(audit),
        protocol=_protocol(audit),
    )


def _candidate(comparison: Comparison) -> AuditedCandidate:
    leans = () if comparison.words is None else comparison.words.rows
    return AuditedCandidate(
        **_fields(AuditedModel, comparison.candidate),
        **_fields(Judged, comparison),
        slices=tuple(
            SliceSummary(s.column, s.value, s.n, s.p_rest, s.worse_than_rest, s.tests, s.p_tests, s.p_judged)
            for s in comparison.slices
        ),
        strata=tuple(Stratum(s.column, s.value, s.n, s.measures["explanation"], s.p_judged) for s in comparison.strata),
        words=tuple(lean for lean in leans if lean.q_value < FALSE_DISCOVERY_RATE),
        flipped=len(comparison.flips),
        explained_clusters=comparison.explained_clusters,
        explained_copies=comparison.explained_copies,
    )


def _fields(kind: type, value: Any) -> dict[str, Any]:
    """The values of the fields that a kind of value has."""
    return {field.name: getattr(value, field.name) for field in fields(kind)}


def _explanation(audit: Audit) -> ExplanationSummary | None:
    """How much was explained; the plans, values and attributions are Parquet in the run directory."""
    explanation = audit.explanation
    if explanation is None:
        return None
    masks = [len(plan) for plan in explanation.plans]
    return ExplanationSummary(
        items=len(explanation.plans),
        wordless=explanation.wordless,
        units=UnitCounts(mean=float(explanation.lengths.mean()), most=int(explanation.lengths.max())),
        masks=MaskCounts(mean=float(np.mean(masks)), most=max(masks), all=sum(masks)),
        exact=sum(plan.exact for plan in explanation.plans),
        plan=explanation.content(),
    )


def _protocol(audit: Audit) -> ProtocolSummary | PatchSummary | None:
    """What the published protocol explained; the words and patches themselves are Parquet."""
    published, pairs = audit.published, cast("Any", audit.pairs)
    if published is None:
        return None
    if isinstance(published, PublishedPatches):
        at = published.positions
        return PatchSummary(published.settings.name, len(at["gradients"]), len(at["occlusion"]), pairs)
    return ProtocolSummary(
        published.settings.name, len(published.positions), published.wordless, published.seeds, pairs
    )
