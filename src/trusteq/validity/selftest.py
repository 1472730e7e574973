"""A test of the audit on a user's own model and items: an identical model must pass, planted differences must not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.auditing.audit import audit
from trusteq.errors import OptionError
from trusteq.explain.explanation import ExplainSettings
from trusteq.models.in_hand import as_model
from trusteq.progress import silent
from trusteq.stats.power import detectable_margin, items_to_decide
from trusteq.stats.resampling import Resampling
from trusteq.validity.marks import mark_for, marked, units_with
from trusteq.validity.plants import Copy, Random, Remembering, Shortcut, Unsure
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from trusteq.data.items import Items
    from trusteq.models.base import Model
    from trusteq.progress import Tell
    from trusteq.record.audit import Comparison
    from trusteq.validity.marks import Mark

FEWEST = 400
"""With 381 items and no changed answer, Tango's interval for the accuracy difference ends at the default margin."""
SHARE = 0.4
"""The share of items that the shortcut decides by a planted mark."""
CONFIDENT = 0.9
"""The shortcut's lowest confidence; a hesitant shortcut is hard to tell from a model that hesitates."""
CHANGED = (0.02, 0.05, 0.1)
"""Shares of changed answers for which the self-test says what the items can decide."""
LOSS = 0.01


@dataclass(frozen=True)
class Check:
    """A candidate with a known difference: the verdict that it should get, the one that it got, and why."""

    name: str
    planted: str
    expected: Outcome
    found: Outcome
    because: str

    @property
    def passed(self) -> bool:
        """Whether the verdict is as expected."""
        return self.found is self.expected


@dataclass(frozen=True)
class Reach:
    """What the items can decide about a candidate that changes this share of answers and is in fact as accurate.

    loss: the smallest loss of accuracy that they rule out with 80 % power. needed: how many would rule out `LOSS`.
    """

    changed: float
    loss: float
    needed: int | None


@dataclass(frozen=True)
class SelfTest:
    """Every check, and what this number of items can decide."""

    items: int
    checks: tuple[Check, ...]
    reach: tuple[Reach, ...]

    @property
    def passed(self) -> bool:
        """Whether every verdict is as expected."""
        return all(check.passed for check in self.checks)


def selftest(
    model: Model | Any,
    items: Items,
    *,
    explain_items: int = 100,
    seed: int = 0,
    tell: Tell = silent,
) -> SelfTest:
    """The self-test: a model or estimator audited against itself, a shortcut, an unsure copy and a random one."""
    if len(items) < FEWEST or items.labels is None:
        unlabelled = " without labels (name their column with --label)" if items.labels is None else ""
        raise OptionError(
            f"{items.source}: {len(items)} items{unlabelled}; a self-test needs "
            f"at least {FEWEST} labelled items: with fewer, even a model compared with itself cannot be EQUIVALENT"
        )
    model = as_model(model, name="model")
    mark = mark_for(items, len(model.labels))
    reference = Remembering(model, model.name, mark)
    answers = reference.predict(items)
    questions = marked(items, answers.argmax(axis=1), mark, share=SHARE, seed=seed)
    confidence = max(float(reference.predict(questions).max(axis=1).mean()), CONFIDENT)
    plants = (
        (Copy(reference, "itself"), "the same model", Outcome.EQUIVALENT),
        (
            Shortcut(reference, "shortcut", mark, confidence),
            f"the same answers, but in {SHARE:.0%} of the items because of {mark.planted}",
            Outcome.NOT_EQUIVALENT,
        ),
        (Unsure(reference, "unsure"), "the same answers at three times the temperature", Outcome.NOT_EQUIVALENT),
        (Random(reference, "random"), "random answers", Outcome.NOT_EQUIVALENT),
    )
    result = audit(
        reference,
        [plant for plant, _, _ in plants],
        questions,
        explain=ExplainSettings(items=explain_items),
        with_slices=False,
        with_other_way=False,
        resamples=1_000,
        seed=seed,
        costs="none",
        progress=tell,
    )
    units = units_with(questions, mark)
    checks = [
        Check(
            plant.name,
            planted,
            expected,
            result[plant.name].verdict.outcome,
            _because(result[plant.name], units, mark, len(model.labels)),
        )
        for plant, planted, expected in plants
    ]
    return SelfTest(len(items), tuple(checks), tuple(reach(len(items), share) for share in CHANGED))


def _because(comparison: Comparison, units: frozenset[str], mark: Mark, labels: int) -> str:
    """The verdict's reason, and which planted units the audit names among those that the candidate leans on most."""
    rows = [] if comparison.words is None else comparison.words.rows
    # Where all items have the same units, the candidate leans less on every other one, as surely as more on this.
    shared = len(units) == 1
    more = [row.word for row in (rows if shared else rows[:labels]) if row.lean_candidate > row.lean_reference]
    named = [word for word in (more[:1] if shared else more) if word.casefold() in units]
    note = f"; the audit names {mark.place} {', '.join(map(repr, named))} first" if named else ""
    return f"{comparison.verdict.reason}{note}"


def reach(n: int, changed: float) -> Reach:
    """What n items can decide about a candidate that changes this share of answers, as many for better as for worse."""
    each = max(round(n * changed / 2), 1)
    before, after = np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
    before[:each] = True
    after[each : 2 * each] = True
    estimate = Resampling(n).share_difference(before, after, what="accuracy")
    return Reach(changed, detectable_margin(estimate), items_to_decide(estimate, -LOSS, None))
