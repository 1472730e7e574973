"""A candidate audited before and after it is brought nearer to its original, on items that it did not learn from.

Both are candidates of one audit, so the original is asked once, both see the same perturbed items, and their difference
is paired.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from trusteq.auditing.audit import audit as run_audit
from trusteq.auditing.explanations import explain_settings
from trusteq.compress.apart import seen, set_aside
from trusteq.compress.language_source import LanguageSource
from trusteq.errors import OptionError
from trusteq.explain.explanation import ExplainSettings
from trusteq.models.function import renamed
from trusteq.models.open import ModelOptions, open_model
from trusteq.models.traits import task_of
from trusteq.record.plain import plain
from trusteq.report.difference import difference_within
from trusteq.train.fine_tuned import summary

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from trusteq.data.items import Items
    from trusteq.models.base import Model
    from trusteq.policy import Policy
    from trusteq.record.audit import Audit
    from trusteq.report.difference import CandidateDifference
    from trusteq.stats.estimate import Estimate

BEFORE, AFTER = "before", "after"
"""What the candidate is called in the audit."""
EXPLAINED = 100
"""Items that are explained by default."""
BESIDE = ("kl_reference_candidate",)
"""Measures that are shown beside those that the policy judges."""


@dataclass(frozen=True)
class BeforeAndAfter:
    """How to audit a candidate: on which items, by which policy.

    is_part: whether the items were set aside from those to learn from. note: what its user should know.
    """

    test: Items
    is_part: bool
    policy: Policy
    explain_items: int
    seed: int
    device: str | None
    note: str

    def audited(
        self,
        reference: Model,
        before: str | Path,
        after: Path,
        *,
        place: Path,
        tell: Callable[[str, int, int], None],
    ) -> Audit:
        """The audit of the candidate as it was and as it is, whose folder is to be at ``place``."""
        if reference.name in (BEFORE, AFTER):
            reference = renamed(reference, "original")
        options = ModelOptions(device=self.device)
        candidates = {
            BEFORE: open_model(before, name=BEFORE, options=options),
            AFTER: open_model(after, name=AFTER, options=options),
        }
        explainable = explain_settings(None, [reference, *candidates.values()], self.test) is not None
        audit = run_audit(
            reference,
            candidates,
            self.test,
            policy=self.policy,
            explain=ExplainSettings(items=self.explain_items) if explainable else None,
            seed=self.seed,
            costs="none",
            progress=tell,
        )
        was, is_ = audit.comparisons
        identity = replace(is_.candidate.identity, location=str(place))
        is_ = replace(is_, candidate=replace(is_.candidate, identity=identity))
        return replace(audit, comparisons=(was, is_))

    def facts(self, audit: Audit) -> dict[str, Any]:
        """What a recipe says of the audit."""
        change = change_of(audit)
        sides = {BEFORE: audit[BEFORE], AFTER: audit[AFTER]}
        return {
            "items": summary(self.test) | {"set aside": self.is_part},
            "explained": audit.evidence.document.explained,
            "policy": {"name": self.policy.name, "content": self.policy.content()},
            "level": self.policy.level,
            "verdicts": {
                name: {
                    "verdict": str(side.verdict.outcome),
                    **{d.dimension: str(d.outcome) for d in side.verdict.dimensions},
                }
                for name, side in sides.items()
            },
            "measures": {
                one.measure: {
                    BEFORE: _rounded(one.before),
                    AFTER: _rounded(one.now),
                    "change": _rounded(one.change),
                }
                for one in change.changes
                if is_shown(one.measure, self.policy)
            },
        }


def can_be_audited(source: Any, test: Items | None) -> bool:
    """Whether a candidate answers items by itself; an error if not and there are items to audit it on."""
    if not isinstance(source, LanguageSource):
        return True
    if test is not None:
        raise OptionError(
            f"test has no effect on language model {source.name}, which is audited with a task file: leave it out, and "
            "run trusteq audit with --task"
        )
    return False


def before_and_after(
    test: Items | None,
    items: Items,
    dev: Items | None,
    *,
    reference: Model,
    policy: Policy,
    explain_items: int,
    seed: int,
    device: str | None,
) -> tuple[BeforeAndAfter, Items]:
    """How to audit a candidate, and the items that are left to learn from."""
    is_part = test is None
    if test is None:
        source, count = items.source, len(items)
        items, test = set_aside(items, dev, seed=seed)
        note = (
            f"audited on {len(test):,} of the {count:,} items of {source}, set aside before anything was learned "
            f"(content {test.content()[:12]})"
        )
    else:
        note = f"audited on the {len(test):,} items of {test.source} (content {test.content()[:12]})"
        if overlap := seen(test, items, dev):
            note = f"{note}; {overlap}"
    task_of(reference).gold(test, reference.labels)  # labels that do not fit are an error before hours of work
    return BeforeAndAfter(test, is_part, policy, explain_items, seed, device, note), items


def change_of(audit: Audit) -> CandidateDifference:
    """What changed from before to after, paired."""
    return difference_within(audit.evidence, BEFORE, AFTER, BESIDE)


def is_shown(measure: str, policy: Policy) -> bool:
    """Whether a measure is among the few that decide."""
    return measure in BESIDE or any(measure in rules for rules in policy.rules.values())


def _rounded(estimate: Estimate | None) -> list[float | None] | None:
    """The value, and the ends of its interval."""
    if estimate is None:
        return None
    ends: list[float | None] = plain([float(f"{x:.6g}") for x in (estimate.value, estimate.low, estimate.high)])
    return ends
