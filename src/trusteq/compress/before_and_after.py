"""A candidate audited before and after it is brought nearer to its original, on items that it did not learn from.

Both are candidates of one audit, so the original is asked once, both see the same perturbed items, and their difference
is paired.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from trusteq.auditing.audit import audit as run_audit
from trusteq.auditing.explanations import explain_settings
from trusteq.compress.apart import MOST, seen, set_aside
from trusteq.compress.language_source import LanguageSource
from trusteq.errors import OptionError
from trusteq.explain.explanation import ExplainSettings
from trusteq.models.function import renamed
from trusteq.models.open import ModelOptions, open_model
from trusteq.models.traits import task_of
from trusteq.policy import preset
from trusteq.prompts.task_file import TaskFile
from trusteq.record.plain import plain
from trusteq.report.difference import difference_within
from trusteq.tasks.task import tasks
from trusteq.train.fine_tuned import summary

if TYPE_CHECKING:
    from pathlib import Path

    from trusteq.data.items import Items
    from trusteq.models.base import Model
    from trusteq.policy import Policy
    from trusteq.progress import Tell
    from trusteq.record.audit import Audit
    from trusteq.report.difference import CandidateDifference
    from trusteq.stats.estimate import Estimate

BEFORE, AFTER = "before", "after"
"""What the candidate is called in the audit."""
EXPLAINED = 100
"""Items that are explained by default."""
MOST_TEXTS = 500
"""Texts that are set aside for a language model, which answers at every token of them."""
BESIDE = ("kl_reference_candidate",)
"""Measures that are shown beside those that the policy judges."""


@dataclass(frozen=True)
class BeforeAndAfter:
    """How to audit a candidate: on which items, by which policy.

    is_part: whether the items were set aside from those to learn from. policy: None for the usual one of a language
    model's task. task: how a language model is asked; None for a classifier. note: what its user should know.
    """

    test: Items
    is_part: bool
    policy: Policy | None
    explain_items: int
    seed: int
    device: str | None
    task: TaskFile | None
    note: str

    def audited(
        self,
        reference: Model,
        before: str | Path,
        after: Path,
        *,
        place: Path,
        tell: Tell,
    ) -> Audit:
        """The audit of the candidate as it was and as it is, whose folder is to be at ``place``."""
        options = ModelOptions(device=self.device, task=self.task)
        if self.task is not None:
            reference = open_model(reference.identity.location, name=reference.name, options=options)
        if reference.name in (BEFORE, AFTER):
            reference = renamed(reference, "original")
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
            **({} if self.task is None else {"asked": self.task.model_dump(mode="json", exclude_defaults=True)}),
            "policy": {"name": audit.policy.name, "content": audit.policy.content()},
            "level": audit.policy.level,
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
                if is_shown(one.measure, audit.policy)
            },
        }


def before_and_after(
    test: Items | None,
    items: Items,
    dev: Items | None,
    *,
    reference: Any,
    policy: Policy | None,
    explain_items: int,
    seed: int,
    device: str | None,
    task: TaskFile | None,
) -> tuple[BeforeAndAfter, Items]:
    """How to audit a candidate, and the items that are left to learn from.

    A language model is asked by ``task``, or if that is None, for each next token of the items' texts.
    """
    is_part, speaks = test is None, isinstance(reference, LanguageSource)
    if task is not None and not speaks:
        raise OptionError(f"task has no effect on {reference.name}, which is a classifier; leave it out")
    if test is None:
        source, count = items.source, len(items)
        items, test = set_aside(items, dev, seed=seed, most=MOST_TEXTS if speaks else MOST)
        note = (
            f"audited on {len(test):,} of the {count:,} items of {source}, set aside before anything was learned "
            f"(content {test.content()[:12]})"
        )
    else:
        note = f"audited on the {len(test):,} items of {test.source} (content {test.content()[:12]})"
        if overlap := seen(test, items, dev):
            note = f"{note}; {overlap}"
    if not speaks:
        task_of(reference).gold(test, reference.labels)  # labels that do not fit are an error before hours of work
        return BeforeAndAfter(
            test, is_part, policy or preset("default"), explain_items, seed, device, None, note
        ), items
    task = task or next_tokens(test)
    tasks()[task.task].gold(test, tuple(task.choices or ()))
    return BeforeAndAfter(test, is_part, policy, explain_items, seed, device, task, note), items


def next_tokens(items: Items) -> TaskFile:
    """The task of every next token of the items' texts, the segments of an item as lines, as healing reads them."""
    names = items.segments
    text = None if len(names) == 1 else "\n".join("{{ " + name + " }}" for name in names)
    return TaskFile.model_validate({"task": "tokens", "text": text})


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
