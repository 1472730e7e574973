"""The audit tried on somebody's own model and items: what is the same must pass, what was planted must be caught."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trusteq.auditing.audit import audit
from trusteq.errors import OptionError
from trusteq.explain.explanation import ExplainSettings
from trusteq.stats.power import detectable_margin, items_to_decide
from trusteq.stats.resampling import Resampling
from trusteq.validity.plants import Copy, Random, Remembering, Shortcut, Unsure, marked, marks_for
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from trusteq.data.items import Items
    from trusteq.models.base import Model
    from trusteq.record.audit import Comparison

FEWEST = 400
"""With 381 items and no changed answer Tango's interval for the accuracies' difference ends at the default margin."""
SHARE = 0.4
"""The share of items that the shortcut decides by a planted word."""
SURE = 0.9
"""How sure the shortcut is at least; one that follows a word hesitantly is hard to tell from a model that hesitates."""
CHANGED = (0.02, 0.05, 0.1)
"""Shares of changed answers for which it is said what the items can decide."""
LOSS = 0.01


@dataclass(frozen=True)
class Check:
    """One candidate of a known kind: what the audit should say of it and what it says, and why."""

    name: str
    planted: str
    expected: Outcome
    found: Outcome
    because: str

    @property
    def passed(self) -> bool:
        """Whether the audit is right."""
        return self.found is self.expected


@dataclass(frozen=True)
class Reach:
    """What the items can decide of a candidate that changes this share of the answers and is truly as accurate.

    loss: the smallest loss of accuracy that they rule out with 80 % power. needed: how many would rule out `LOSS`.
    """

    changed: float
    loss: float
    needed: int | None


@dataclass(frozen=True)
class SelfTest:
    """Every check, and what as many items can decide."""

    items: int
    checks: tuple[Check, ...]
    reach: tuple[Reach, ...]

    @property
    def passed(self) -> bool:
        """Whether the audit was right every time."""
        return all(check.passed for check in self.checks)


def selftest(
    model: Model,
    items: Items,
    *,
    explain_items: int = 100,
    seed: int = 0,
    tell: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> SelfTest:
    """The audit of a model against itself, a shortcut, an unsure copy and a random one, on labelled texts."""
    if len(items) < FEWEST or items.labels is None:
        raise OptionError(
            f"{items.source}: {len(items)} items{' without labels' if items.labels is None else ''}; a self-test needs "
            f"{FEWEST} labelled ones: with fewer not even a model against itself can be called EQUIVALENT"
        )
    reference = Remembering(model, model.name)
    answers = reference.predict(items)
    marks = marks_for(items, len(model.labels))
    shown = marked(items, answers.argmax(axis=1), marks, share=SHARE, seed=seed)
    confidence = max(float(reference.predict(shown).max(axis=1).mean()), SURE)
    plants = (
        (Copy(reference, "itself"), "the same model", Outcome.EQUIVALENT),
        (
            Shortcut(reference, "shortcut", marks, confidence),
            f"in {SHARE:.0%} of the items the same answer, but by a planted last word",
            Outcome.NOT_EQUIVALENT,
        ),
        (Unsure(reference, "unsure"), "the same answers at three times the temperature", Outcome.NOT_EQUIVALENT),
        (Random(reference, "random"), "answers by lot", Outcome.NOT_EQUIVALENT),
    )
    result = audit(
        reference,
        [plant for plant, _, _ in plants],
        shown,
        explain=ExplainSettings(items=explain_items),
        with_slices=False,
        resamples=1_000,
        seed=seed,
        costs="none",
        progress=tell,
    )
    checks = [
        Check(plant.name, planted, expected, result[plant.name].verdict.outcome, _because(result[plant.name], marks))
        for plant, planted, expected in plants
    ]
    return SelfTest(len(items), tuple(checks), tuple(reach(len(items), share) for share in CHANGED))


def _because(comparison: Comparison, marks: tuple[str, ...]) -> str:
    """Why, and which planted words the audit names among the words that only the candidate leans on."""
    words = [] if comparison.words is None else comparison.words.rows[: len(marks)]
    named = [row.word for row in words if row.word.lower() in marks and row.lean_candidate > row.lean_reference]
    said = f"; it names the planted {', '.join(map(repr, named))} first" if named else ""
    return f"{comparison.verdict.reason}{said}"


def reach(n: int, changed: float) -> Reach:
    """What n items can decide of a candidate that changes so many answers, as many to the better as to the worse."""
    each = max(round(n * changed / 2), 1)
    before, after = np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
    before[:each] = True
    after[each : 2 * each] = True
    estimate = Resampling(n).share_difference(before, after, what="accuracy")
    return Reach(changed, detectable_margin(estimate), items_to_decide(estimate, -LOSS, None))
