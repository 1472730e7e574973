"""What changed between two audits: verdicts, estimates with intervals of their change, answers, and settings."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from trusteq.comparing.change import unpaired_change
from trusteq.comparing.measures import always_reported
from trusteq.errors import RunError
from trusteq.record.plain import plain
from trusteq.report.paired_runs import PairedRuns
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from trusteq.policy import Policy
    from trusteq.record.document import AuditDocument, AuditedCandidate
    from trusteq.record.evidence import Evidence
    from trusteq.record.run import Run
    from trusteq.report.paired_runs import Answered, Match
    from trusteq.stats.estimate import Estimate
    from trusteq.verdict import RuleVerdict, Verdict

RANK = {Outcome.EQUIVALENT: 0, Outcome.UNDECIDED: 1, Outcome.NOT_MEASURED: 1, Outcome.NOT_EQUIVALENT: 2}
"""Higher is worse. What is no longer measured is no longer shown to be equivalent, but not shown to differ either."""


@dataclass(frozen=True)
class Step:
    """An outcome before and now; ``required`` by either policy."""

    before: Outcome
    now: Outcome
    required: bool = True

    @property
    def worse(self) -> bool:
        """Whether it is worse than it was."""
        return RANK[self.now] > RANK[self.before]

    @property
    def better(self) -> bool:
        """Whether it is better than it was."""
        return RANK[self.now] < RANK[self.before]

    @property
    def unmeasured(self) -> bool:
        """Whether it was measured neither before nor now."""
        return self.before is self.now is Outcome.NOT_MEASURED


@dataclass(frozen=True)
class Change:
    """One measure before and now, and by how much it changed: None where no interval can be given.

    paired: whether the change was computed on the same items with the same reference. before_rule, now_rule: how the
    policies judged it.
    """

    measure: str
    dimension: str
    before: Estimate | None
    now: Estimate | None
    change: Estimate | None
    paired: bool
    before_rule: RuleVerdict | None = None
    now_rule: RuleVerdict | None = None

    @property
    def moved(self) -> bool:
        """Whether the interval of the change excludes 0."""
        e = self.change
        return e is not None and (e.low > 0 or e.high < 0)

    @property
    def direction(self) -> str:
        """Whether the change is better or worse by the rule's margin, or just moved; empty where no change is shown."""
        if not self.moved or self.change is None:
            return ""
        rule = self.now_rule or self.before_rule
        if rule is None or (rule.rule.at_least is None) == (rule.rule.at_most is None):
            return "moved"
        return "better" if (self.change.value > 0) == (rule.rule.at_least is not None) else "worse"


@dataclass(frozen=True)
class CandidateDifference:
    """One candidate in both runs, called ``before`` in the older."""

    name: str
    before: str
    same_model: bool
    verdict: Step
    dimensions: Mapping[str, Step]
    changes: tuple[Change, ...]
    answered: Answered | None

    @property
    def worse(self) -> bool:
        """Whether its verdict, or that of a required dimension, is worse than it was."""
        return self.verdict.worse or any(step.worse for step in self.dimensions.values() if step.required)


@dataclass(frozen=True)
class Setting:
    """A setting, or another fact about how the audits were made, that differs between them."""

    name: str
    before: Any
    now: Any


@dataclass(frozen=True)
class Difference:
    """Two audits compared."""

    older: Evidence
    newer: Evidence
    match: Match
    candidates: tuple[CandidateDifference, ...]
    only_before: tuple[str, ...]
    only_now: tuple[str, ...]
    settings: tuple[Setting, ...]

    @property
    def exit_code(self) -> int:
        """0 when no verdict got worse, else 1."""
        return int(any(candidate.worse for candidate in self.candidates))

    @property
    def same_policy(self) -> bool:
        """Whether both were judged by the same policy."""
        return self.older.document.policy.content() == self.newer.document.policy.content()


def _refuse_other_questions(older: Evidence, newer: Evidence) -> None:
    """Stop if the runs' models were asked by different task files."""
    was, is_ = (run.document.settings.get("asking") for run in (older, newer))
    if was == is_:
        return
    keys = sorted({*(was or {}), *(is_ or {})})
    first = next(key for key in keys if (was or {}).get(key) != (is_ or {}).get(key))
    raise RunError(
        f"the models of these runs were asked in different ways: their task files differ in {first!r}; only answers to "
        "the same questions can be compared"
    )


def difference(
    older: Evidence,
    newer: Evidence,
    *,
    older_verdicts: Mapping[str, Verdict] | None = None,
    newer_verdicts: Mapping[str, Verdict] | None = None,
    policy: Policy | None = None,
) -> Difference:
    """What changed from the older to the newer; verdicts by another policy replace the runs' own where given."""
    _refuse_other_questions(older, newer)
    was, is_ = (_judged(run, verdicts, policy) for run, verdicts in ((older, older_verdicts), (newer, newer_verdicts)))
    pairs = _matched(was.document, is_.document)
    paired_runs = PairedRuns(older, newer)
    match = paired_runs.match
    hashes = [{model["name"]: model["content"] for model in run.manifest["models"]} for run in (older, newer)]
    candidates = []
    for before, now in pairs:
        content = hashes[0].get(before.name)
        same = content is not None and content == hashes[1].get(now.name)
        candidates.append(_candidate_difference(paired_runs, before, now, same_model=same))
    return Difference(
        was,
        is_,
        match,
        tuple(candidates),
        tuple(c.name for c in was.document.candidates if c not in [before for before, _ in pairs]),
        tuple(c.name for c in is_.document.candidates if c not in [now for _, now in pairs]),
        tuple(changed_settings(older, newer)),
    )


def difference_within(audit: Evidence, before: str, now: str, also: Collection[str] = ()) -> CandidateDifference:
    """What changed from one candidate of an audit to another, with these measures besides those that are reported."""
    was, is_ = audit.candidate(before), audit.candidate(now)
    return _candidate_difference(PairedRuns(audit, audit), was, is_, same_model=False, also=also)


def _candidate_difference(
    runs: PairedRuns,
    before: AuditedCandidate,
    now: AuditedCandidate,
    *,
    same_model: bool,
    also: Collection[str] = (),
) -> CandidateDifference:
    names = {*always_reported(), *_rules(before), *_rules(now), *also}
    paired = runs.changes(before.name, now.name, names) if runs.match.paired else {}
    return CandidateDifference(
        name=now.name,
        before=before.name,
        same_model=same_model,
        verdict=Step(before.verdict.outcome, now.verdict.outcome),
        dimensions=_dimensions(before.verdict, now.verdict),
        changes=tuple(_changes(before, now, paired, also)),
        answered=runs.answered(before.name, now.name) if runs.match.paired else None,
    )


def _judged(run: Evidence, verdicts: Mapping[str, Verdict] | None, policy: Policy | None) -> Evidence:
    document = run.document
    if policy is not None:
        document = replace(document, policy=policy)
    if verdicts is not None:
        judged = tuple(replace(c, verdict=verdicts[c.name]) for c in document.candidates)
        document = replace(document, candidates=judged)
    return replace(run, document=document)


def _matched(was: AuditDocument, is_: AuditDocument) -> list[tuple[AuditedCandidate, AuditedCandidate]]:
    """Pairs of candidates with the same name; if each run has just one, these two whatever their names."""
    if len(was.candidates) == len(is_.candidates) == 1:
        return [(was.candidates[0], is_.candidates[0])]
    by_name = {c.name: c for c in was.candidates}
    pairs = [(by_name[c.name], c) for c in is_.candidates if c.name in by_name]
    if not pairs:
        names = (", ".join(c.name for c in document.candidates) for document in (was, is_))
        raise RunError(f"no candidate is in both runs: {next(names)} in the first, {next(names)} in the second")
    return pairs


def _rules(candidate: AuditedCandidate) -> dict[str, RuleVerdict]:
    return {rule.measure: rule for dimension in candidate.verdict.dimensions for rule in dimension.rules}


def _dimensions(before: Verdict, now: Verdict) -> dict[str, Step]:
    was = {d.dimension: d for d in before.dimensions}
    return {
        d.dimension: Step(was[d.dimension].outcome, d.outcome, was[d.dimension].required or d.required)
        for d in now.dimensions
        if d.dimension in was
    }


def _changes(
    before: AuditedCandidate, now: AuditedCandidate, paired: Mapping[str, Estimate], also: Collection[str]
) -> Iterator[Change]:
    """The measures that rules judge, in their order; then those that are always reported, and these."""
    was, is_ = _rules(before), _rules(now)
    dimensions: dict[str, set[str]] = {}
    for candidate in (before, now):
        for d in candidate.verdict.dimensions:
            names = {*candidate.measures.get(d.dimension, {}), *(rule.measure for rule in d.rules)}
            dimensions[d.dimension] = dimensions.get(d.dimension, set()) | names
    for name in dict.fromkeys([*is_, *was, *always_reported(), *also]):
        a, b = before.flat.get(name), now.flat.get(name)
        if a is None and b is None and name not in is_ and name not in was:
            continue
        change = paired.get(name) if a is not None and b is not None else None
        if change is None and a is not None and b is not None:
            change = unpaired_change(a, b)
        dimension = next((d for d, measures in dimensions.items() if name in measures), "")
        yield Change(name, dimension, a, b, change, name in paired, was.get(name), is_.get(name))


def changed_settings(older: Evidence | Run, newer: Evidence | Run) -> Iterator[Setting]:
    """What differs in items, models, settings, policy and versions."""
    was, is_ = (dict(_facts(run)) for run in (older, newer))
    for name in dict.fromkeys([*was, *is_]):
        if was.get(name) != is_.get(name):
            yield Setting(name, was.get(name), is_.get(name))


def _facts(run: Evidence | Run) -> Iterator[tuple[str, Any]]:
    """How a run was made, by name; what matters most first."""
    manifest = run.manifest
    for number, model in enumerate(manifest["models"]):
        role = "reference" if number == 0 else f"candidate {model['name']}"
        yield from _flat(role, {key: model.get(key) for key in ("name", "kind", "location", "content", "details")})
    yield from _flat("items", manifest.get("data"))
    for name in ("labels", "settings", "plan"):
        yield from _flat(name, manifest.get(name))
    yield from _flat("policy", plain(run.document.policy))
    for name in ("trusteq", "python", "platform", "versions"):
        yield from _flat(name, manifest.get(name))


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, entry in value.items():
            yield from _flat(f"{name}.{key}", entry)
    else:
        yield name, value
