"""Cross-comprehensiveness: every model is asked again without the words that each model leans on most.

If two models look at the same words, leaving out the reference's takes as much from the candidate's answer as leaving
out the candidate's own. No explainer stands between: the words are chosen by attributions, what they are worth is
measured by asking. Drops are compared within one model, whose range of values is its own; across models they are
not comparable (Edin et al. 2024). A random set of as many words is the floor.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trusteq.compare.padded_arrays import rounded
from trusteq.explain.value_tables import Question

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.explain.attributions import Attributions
    from trusteq.explain.explanation import Explanation, Tables
    from trusteq.explain.respondent import Respondent

SHARE = 0.25
"""Share of an item's words that is left out: those that speak most for the explained label."""


@dataclass(frozen=True)
class Removal:
    """What leaving words out did.

    drop: how far the explained label's value fell [models, sources, items]. changed: whether the answer changed.
    Sources are the models, whose words were left out, and last a random set of as many words.
    """

    drop: NDArray[np.float64]
    changed: NDArray[np.bool_]


def top_word_questions(
    explanation: Explanation, attributions: Sequence[Attributions], *, seed: int = 0
) -> list[Question]:
    """Each explained item whole, without the top words of each model by these attributions, and without random ones."""
    questions = []
    for i, (units, plan) in enumerate(zip(explanation.units, explanation.plans, strict=True)):
        n = len(units)
        masks = np.ones((len(attributions) + 2, n), dtype=np.bool_)
        count = max(1, int(np.ceil(SHARE * n - 1e-9)))
        for source, made in enumerate(attributions, 1):
            masks[source, np.argsort(-rounded(made.whole[[i], :n])[0], kind="stable")[:count]] = False
        key = hashlib.sha256(f"{seed}\x00removal\x00{plan.content()}\x00{i}".encode()).digest()
        masks[-1, np.random.default_rng(np.frombuffer(key, dtype=np.uint32)).permutation(n)[:count]] = False
        questions.append(Question(units, masks))
    return questions


def without_top_words(
    asked: Sequence[Respondent], explanation: Explanation, attributions: Sequence[Attributions], *, seed: int = 0
) -> tuple[Tables, ...]:
    """What every model answers without the top words of each, by these attributions (one a model).

    Log-probabilities [sources + 1, labels] of each item: first of the whole.
    """
    questions = top_word_questions(explanation, attributions, seed=seed)
    perturb, segments = explanation.settings.perturb, explanation.segments
    advance = asked[0].counted("leave out top words", len(asked))
    found = []
    for one in asked:
        found.append(tuple(one.tables(questions, perturb=perturb, segments=segments)))
        advance(1)
    return tuple(found)


def removal(explanation: Explanation) -> Removal:
    """What leaving out top words did to each model's answers."""
    shape = (len(explanation.removed), len(explanation.removed) + 1, len(explanation.units))
    drop, changed = np.zeros(shape), np.zeros(shape, dtype=np.bool_)
    for m, tables in enumerate(explanation.removed):
        for i, table in enumerate(tables):
            values = explanation.value(table, int(explanation.targets[m, i]))
            drop[m, :, i] = values[0] - values[1:]
            changed[m, :, i] = table[1:].argmax(axis=1) != table[0].argmax()
    return Removal(drop, changed)
