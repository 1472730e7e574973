"""The JSON Schema of ``audit.json``; ``python -m trusteq.record.schema`` prints it.

Where a structure is fixed nothing else may stand in it. Names of measures, tests, slices and of what a model's details
hold are the run's own. A number that could not be computed is null.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Annotated, Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, create_model

from trusteq.compare.measures import DIMENSIONS
from trusteq.explain.explanation import ExplainSettings
from trusteq.explain.protocol import ProtocolSettings
from trusteq.policy import Dimension, Policy, Rule  # noqa: TC001 - pydantic reads them
from trusteq.tasks.task import CLASSES

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Number = float | None
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Outcome = Literal["EQUIVALENT", "NOT EQUIVALENT", "UNDECIDED"]
AnyOutcome = Literal["EQUIVALENT", "NOT EQUIVALENT", "UNDECIDED", "NOT MEASURED"]


class _Fixed(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Estimate(_Fixed):
    """A number with its interval, n, and the way it was computed."""

    value: Number
    low: Number
    high: Number
    n: Annotated[int, Field(ge=1, description="Items it was computed from.")]
    method: str
    level: Annotated[float, Field(gt=0, lt=1, description="Level of the interval.")]


class Test(_Fixed):
    """A paired test; statistic and degrees of freedom are null where the test has none."""

    p_value: Number
    n: Count
    method: str
    statistic: Number
    df: int | None


class Finding(_Fixed):
    """Something noticed about a model or the items."""

    model: str
    kind: str
    message: str
    value: Number


class Items(_Fixed):
    """The items that every model answered."""

    n: Annotated[int, Field(ge=1)]
    ignored: Annotated[int, Field(ge=0, description="Left out because of their label.")]
    clusters: Annotated[int, Field(ge=1)] | None
    labelled: bool
    findings: list[Finding]


class Identity(_Fixed):
    """What a model is; content is a SHA-256, null for a Python object."""

    kind: str
    location: str
    content: str | None
    details: dict[str, Any]


class Bin(_Fixed):
    """One of ten bins of confidence."""

    low: Share
    high: Share
    count: Count
    share: Estimate | None
    confidence: Number
    accuracy: Estimate | None


class Null(_Fixed):
    """What a perfectly calibrated model with these confidences would score at this n."""

    mean: float
    q95: float


class Saturation(_Fixed):
    """Share of confidences at exactly 1, and how many distinct ones there are."""

    certain: Share
    distinct: float


class Model(_Fixed):
    """A model by itself."""

    name: str
    identity: Identity
    batch: Annotated[int, Field(ge=1)] | None
    findings: list[Finding]
    reliability: Annotated[list[Bin], Field(min_length=10, max_length=10)]
    calibrated_null: dict[str, Null]
    saturation: Saturation


class RuleVerdict(_Fixed):
    """What a rule makes of an estimate; what would decide it where it is open."""

    measure: str
    rule: Rule
    outcome: AnyOutcome
    reason: str
    estimate: Estimate | None
    items_needed: Count | None
    detectable: Number
    clusters_needed: Count | None


class DimensionVerdict(_Fixed):
    """What the rules of a dimension come to."""

    dimension: Dimension
    outcome: AnyOutcome
    required: bool
    rules: list[RuleVerdict]


class Verdict(_Fixed):
    """Whether the candidate may replace the reference, and why."""

    outcome: Outcome
    dimensions: Annotated[list[DimensionVerdict], Field(min_length=len(DIMENSIONS), max_length=len(DIMENSIONS))]
    reason: str


class Replacement(_Fixed):
    """A cut-off of the candidate that keeps the reference's accuracy."""

    cut_off: float
    coverage: Share
    accuracy: Share


class Threshold(BaseModel):
    """What a cut-off on confidence does; accuracies and replacement only with labels."""

    model_config = ConfigDict(extra="forbid")

    cut_off: Share
    coverage_reference: Estimate
    coverage_candidate: Estimate
    crossing: Estimate
    accuracy_reference: Estimate | None = None
    accuracy_candidate: Estimate | None = None
    replacement: Replacement | None = None


class Slice(_Fixed):
    """The items with one value of one column; its estimates are in estimates.parquet."""

    column: str
    value: str
    n: Count
    p_against_rest: dict[str, Number]
    worse_than_rest: dict[str, bool]
    tests: dict[str, Test]
    p_tests: dict[str, Number]


class Stratum(_Fixed):
    """Agreement of attributions over the explained items with one value of one column."""

    column: str
    value: str
    n: Count
    measures: dict[str, Estimate]


class WordLean(_Fixed):
    """A word that the two models lean on differently."""

    word: str
    items: Count
    occurrences: Count
    lean_reference: Number
    lean_candidate: Number
    lean_difference: Estimate
    signed_reference: Number
    signed_candidate: Number
    signed_difference: Estimate
    p_lean: Number
    p_signed: Number
    p_value: Number
    q_value: Number


class Candidate(Model):
    """A candidate beside the reference."""

    verdict: Verdict
    advice: list[str]
    measures: dict[Dimension, dict[str, Estimate]]
    remedies: dict[str, Estimate]
    tests: dict[str, Test]
    thresholds: list[Threshold]
    skewsize: dict[str, dict[str, Estimate]]
    slices: list[Slice]
    strata: list[Stratum]
    words: list[WordLean]
    flipped: Count


class Pie(_Fixed):
    """An item that most candidates answer unlike the reference."""

    id: str
    gold: str | None
    reference_answer: str
    modal_answer: str
    share: Share


class Units(_Fixed):
    """How many units the explained items have."""

    mean: float
    most: Count


class Masks(_Fixed):
    """How many perturbations were asked about."""

    mean: float
    most: Count
    all: Count


class Explanation(_Fixed):
    """How much was explained."""

    items: Count
    wordless: list[str]
    units: Units
    masks: Masks
    exact: Count
    plan: str


class Pair(_Fixed):
    """Two models' agreement under the published protocol."""

    first: str
    second: str
    method: str
    runs: list[float]
    mean: Estimate
    variance: Estimate


class Protocol(_Fixed):
    """What the published protocol explained."""

    name: str
    items: Count
    wordless: list[str]
    seeds: list[int]
    pairs: list[Pair]


def _of(settings: type) -> Any:
    """A model with the fields of a dataclass of settings, so that the schema cannot fall behind it."""
    hints = get_type_hints(settings)
    columns: dict[str, Any] = {field.name: (hints[field.name], ...) for field in fields(settings)}
    return create_model(settings.__name__, __base__=_Fixed, __doc__=(settings.__doc__ or "").split("\n")[0], **columns)


class Settings(_Fixed):
    """How the audit was made."""

    seed: Count
    resamples: Count
    batch: Count
    with_slices: bool
    allow_same: bool
    explain: _of(ExplainSettings) | None  # type: ignore[valid-type]
    protocol: _of(ProtocolSettings) | None  # type: ignore[valid-type]
    task: Annotated[str, Field(description="What was asked of an item.")] = CLASSES


class AuditDocument(_Fixed):
    """A finished audit: verdicts with their reasons, every estimate of the whole, and how it was made."""

    schema_version: Literal[2]
    exit_code: Literal[0, 1, 3]
    policy: Policy
    items: Items
    labels: Annotated[list[str], Field(description="Those that all items share; none where they share none.")]
    settings: Settings
    reference: Model
    candidates: Annotated[list[Candidate], Field(min_length=1)]
    peer: Annotated[Candidate | None, Field(description="The reference trained once more.")]
    pies: list[Pie]
    explanation: Explanation | None
    protocol: Protocol | None


def audit_schema() -> dict[str, Any]:
    """The JSON Schema of ``audit.json``."""
    made = AuditDocument.model_json_schema(mode="serialization")
    return {"$schema": DIALECT, **made, "title": "audit.json of trusteq"}


def text() -> str:
    """The schema as it is published."""
    return json.dumps(audit_schema(), indent=1) + "\n"


if __name__ == "__main__":
    print(text(), end="")
