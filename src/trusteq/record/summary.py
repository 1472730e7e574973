"""What an audit says, read back from its document as the values that tables and sentences are made of."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import ValidationError

from trusteq.compare.published import PairAgreement
from trusteq.errors import RunError
from trusteq.models.base import Finding
from trusteq.policy import PRESETS, Policy, Rule, comes_with_trusteq, preset, wider
from trusteq.record.document import estimate_from, measures_from
from trusteq.stats.estimate import PairedTest
from trusteq.verdict import DimensionVerdict, Outcome, RuleVerdict, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from trusteq.record.evidence import Evidence
    from trusteq.stats.estimate import Estimate

T = TypeVar("T")

WIDER = "wider policy"
"""The kind of finding that is about a policy, not about a run."""


@dataclass(frozen=True)
class Judged:
    """One candidate: its verdict and what that rests on."""

    name: str
    verdict: Verdict
    measures: Mapping[str, Mapping[str, Estimate]]
    tests: Mapping[str, PairedTest]
    advice: tuple[str, ...]
    flipped: int

    @cached_property
    def flat(self) -> dict[str, Estimate]:
        """Every estimate by its measure's name, whatever its dimension."""
        return {name: e for group in self.measures.values() for name, e in group.items()}


@dataclass(frozen=True)
class Protocol:
    """What the published protocol explained, and every two models' agreement."""

    name: str
    k: int
    items: int
    seeds: tuple[int, ...]
    pairs: tuple[PairAgreement, ...]


@dataclass(frozen=True)
class Summary:
    """An audit's question and answers.

    items, ignored, clusters: how many there were, were left out by label, and of how many clusters (None without).
    pies: how many items most candidates answered unlike the reference.
    """

    reference: str
    items: int
    ignored: int
    clusters: int | None
    labelled: bool
    labels: tuple[str, ...]
    policy: Policy
    candidates: tuple[Judged, ...]
    findings: tuple[Finding, ...]
    pies: int
    explained: int | None
    protocol: Protocol | None
    exit_code: int
    peer: Judged | None = None
    """The reference trained once more, by the same rules."""


@dataclass(frozen=True)
class Compared:
    """One model of a run: how it was run, the hash of its content (None where it has none), what else is known."""

    name: str
    kind: str
    content: str | None
    details: Mapping[str, Any]


@dataclass(frozen=True)
class Origin:
    """Where a run's numbers come from: version, hash and source of the items, settings, the models."""

    version: str
    items: str
    source: str
    settings: Mapping[str, Any]
    models: tuple[Compared, ...]


def summary(document: Mapping[str, Any], *, where: str = "audit.json", notices: Sequence[Finding] = ()) -> Summary:
    """The summary of a document, or one clear line about the first value in it that no audit writes.

    ``notices`` are what is known of it besides.
    """
    made = _read(_summary, document, where)
    return replace(made, findings=(*about_policy(made.policy), *notices, *made.findings))


def summary_of(evidence: Evidence) -> Summary:
    """The summary of a finished audit."""
    return summary(evidence.document, notices=evidence.notices)


def about_policy(policy: Policy) -> tuple[Finding, ...]:
    """What a reader must know of a policy that is none of those that come with trusteq."""
    if comes_with_trusteq(policy):
        return ()
    said = wider(policy, preset("default"))
    told = [f"lets more pass than trusteq's default policy (in brackets): {'; '.join(said)}"] if said else []
    if policy.name.strip().casefold() in PRESETS:
        told.insert(0, "says something else than the one that comes with this trusteq under its name")
    return (Finding(f"policy {policy.name}", WIDER, "; it ".join(told), float(len(said))),) if told else ()


def origin(manifest: Mapping[str, Any], *, where: str = "manifest.json") -> Origin:
    """The origin that a manifest tells, or one clear line about the first value in it that no audit writes."""
    return _read(_origin, manifest, where)


def _read(read: Callable[[Mapping[str, Any]], T], content: Mapping[str, Any], where: str) -> T:
    try:
        return read(content)
    except (KeyError, TypeError, ValueError, AttributeError, ValidationError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error).split("\n")[0][:80]
        raise RunError(f"{where}: damaged: {reason}; copy the run again or audit again") from None


def _origin(manifest: Mapping[str, Any]) -> Origin:
    models = (
        Compared(m["name"], str(m["kind"]), None if m["content"] is None else str(m["content"]), dict(m["details"]))
        for m in manifest["models"]
    )
    data = manifest["data"]
    settings = dict(manifest["settings"])
    return Origin(str(manifest["trusteq"]), str(data["content"]), str(data["source"]), settings, tuple(models))


def _summary(document: Mapping[str, Any]) -> Summary:
    items, models = document["items"], [document["reference"], *document["candidates"]]
    if document.get("peer") is not None:
        models.append(document["peer"])
    found = [*items.get("findings", []), *(finding for model in models for finding in model["findings"])]
    explained, protocol = document.get("explanation"), document.get("protocol")
    return Summary(
        reference=document["reference"]["name"],
        items=items["n"],
        ignored=items.get("ignored", 0),
        clusters=items.get("clusters"),
        labelled=items["labelled"],
        labels=tuple(document["labels"]),
        policy=Policy.model_validate(document["policy"]),
        candidates=tuple(_judged(candidate) for candidate in document["candidates"]),
        findings=tuple(Finding(f["model"], f["kind"], f["message"], _number(f["value"])) for f in found),
        pies=len(document["pies"]),
        explained=explained["items"] if explained else protocol["items"] if protocol else None,
        protocol=None if protocol is None else _protocol(protocol, document["settings"]["protocol"]["k"]),
        exit_code=int(document["exit_code"]),
        peer=None if document.get("peer") is None else _judged(document["peer"]),
    )


def _judged(candidate: Mapping[str, Any]) -> Judged:
    return Judged(
        candidate["name"],
        verdict_from(candidate["verdict"]),
        measures_from(candidate),
        {name: _test(test) for name, test in candidate["tests"].items()},
        tuple(candidate["advice"]),
        int(candidate["flipped"]),
    )


def verdict_from(content: Mapping[str, Any]) -> Verdict:
    """A verdict of a document."""
    dimensions = tuple(
        DimensionVerdict(d["dimension"], Outcome(d["outcome"]), bool(d["required"]), tuple(map(_rule, d["rules"])))
        for d in content["dimensions"]
    )
    return Verdict(Outcome(content["outcome"]), dimensions, content["reason"])


def _rule(content: Mapping[str, Any]) -> RuleVerdict:
    return RuleVerdict(
        content["measure"],
        Rule.model_validate(content["rule"]),
        Outcome(content["outcome"]),
        content["reason"],
        None if content["estimate"] is None else estimate_from(content["estimate"]),
        content["items_needed"],
        content["detectable"],
        content.get("clusters_needed"),
    )


def _test(content: Mapping[str, Any]) -> PairedTest:
    return PairedTest(_number(content["p_value"]), content["n"], content["method"], content["statistic"], content["df"])


def _protocol(content: Mapping[str, Any], k: int) -> Protocol:
    pairs = tuple(
        PairAgreement(
            pair["first"],
            pair["second"],
            pair["method"],
            tuple(pair["runs"]),
            estimate_from(pair["mean"]),
            estimate_from(pair["variance"]),
        )
        for pair in content["pairs"]
    )
    return Protocol(content["name"], k, content["items"], tuple(content["seeds"]), pairs)


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
