"""Cross-comprehensiveness: every model answers again without the units that each model relies on most.

If two models rely on the same units, leaving out the reference's top units lowers the value of the candidate's answer
as much as leaving out its own. This needs no explainer: units are chosen by attributions, but their effect is measured
on the model. Drops are compared within one model, because the ranges of models differ; across models they are not
comparable (Edin et al. 2024). A random set of equally many units is the floor.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trusteq.comparing.padded_arrays import rounded
from trusteq.explain.value_tables import Question

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.explain.attributions import Attributions
    from trusteq.explain.explanation import Explanation, Tables
    from trusteq.explain.respondent import Respondent

SHARE = 0.25
"""Share of an item's units that is left out: those that support the explained label most."""


@dataclass(frozen=True)
class Removal:
    """The effect of leaving units out.

    drop: the decrease of the explained label's value [models, sources, items]. changed: whether the answer changed.
    Sources are the models whose units were left out, and last a random set of equally many units.
    """

    drop: NDArray[np.float64]
    changed: NDArray[np.bool_]

    def take(self, at: NDArray[np.int64]) -> Removal:
        """The effect on the explained items at these positions."""
        return Removal(self.drop[:, :, at], self.changed[:, :, at])


def top_word_questions(
    explanation: Explanation, attributions: Sequence[Attributions], *, seed: int = 0
) -> list[Question]:
    """Each explained item: complete, without each model's top units by these attributions, and without random ones."""
    questions: list[Question] = []
    by_item = zip(explanation.units, explanation.plans, explanation.options, strict=True)
    for at, (units, plan, options) in zip(explanation.positions.tolist(), by_item, strict=True):
        i = len(questions)
        n = len(units)
        masks = np.ones((len(attributions) + 2, n), dtype=np.bool_)
        count = max(1, int(np.ceil(SHARE * n - 1e-9)))
        for source, model in enumerate(attributions, 1):
            masks[source, np.argsort(-rounded(model.whole[[i], :n])[0], kind="stable")[:count]] = False
        key = hashlib.sha256(f"{seed}\x00removal\x00{plan.content()}\x00{at}".encode()).digest()
        random = np.random.default_rng(np.frombuffer(key, dtype=np.uint32))
        masks[-1, random.permutation(n)[:count]] = False
        # One draw for all versions, so that they differ only in the units left out.
        drawn = None if plan.drawn is None else np.full(len(masks), plan.drawn[random.integers(len(plan))])
        questions.append(Question(units, masks, options, drawn))
    return questions


def without_top_words(
    respondents: Sequence[Respondent], explanation: Explanation, attributions: Sequence[Attributions], *, seed: int = 0
) -> tuple[Tables, ...]:
    """Every model's answers without the top units of each model by these attributions (one per model).

    Log-probabilities [sources + 1, labels] of each item, the first for the complete item.
    """
    questions = top_word_questions(explanation, attributions, seed=seed)
    perturb, segments = explanation.settings.perturb, explanation.segments
    advance = respondents[0].counted("leave out top words", len(respondents))
    tables = []
    for respondent in respondents:
        tables.append(tuple(respondent.tables(questions, perturb=perturb, segments=segments)))
        advance(1)
    return tuple(tables)


def removal(explanation: Explanation) -> Removal:
    """The effect of leaving out top units on each model's answers."""
    shape = (len(explanation.removed), len(explanation.removed) + 1, len(explanation.units))
    drop, changed = np.zeros(shape), np.zeros(shape, dtype=np.bool_)
    for m, tables in enumerate(explanation.removed):
        for i, table in enumerate(tables):
            values = explanation.value(table, int(explanation.targets[m, i]))
            drop[m, :, i] = values[0] - values[1:]
            changed[m, :, i] = table[1:].argmax(axis=1) != table[0].argmax()
    return Removal(drop, changed)
