"""Whether a model's answers match the gold labels better than chance, a constant answer or other label names would.

If they do not, the usual reason is not the model: labels are misnamed, or rows were matched to the wrong items. Nor is
it if they match all of them, though the model is not that sure: then the labels are likely its own answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy

from trusteq.stats.proportions import quantile_of_normal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.comparing.answers import Answers

ENOUGH = 30
"""Items below which even a good model may not be shown to be better than chance."""
MOST_LABELS = 2_000
"""Maximum number of labels for which other names are tried: the table of answers by gold labels has its square."""
SHOWN = 3
OWN = 1e-6
"""The chance that a model which is as often right as it is sure is right in all items, below which that is told."""


def misfit(answers: Answers, labels: Sequence[str]) -> tuple[str, str] | None:
    """What is wrong with how the answers match the gold labels, as a kind and a message; None if nothing is.

    None too for items with a single gold label, or a model with a single answer.
    """
    gold, n, chance = answers.gold, len(answers.answer), answers.outcomes.chance
    if answers.labelled and chance is not None:
        return _no_better_than(answers, chance)
    if gold is None or answers.outcomes.distribution is None:
        return None
    if len(np.unique(gold)) < 2 or len(np.unique(answers.answer)) < 2:
        return None
    right, minus = answers.right, answers.resampling.share_difference
    if right.all() and answers.worth * np.log(answers.confidence).sum() < np.log(OWN):
        expected = f"right as often as it is sure, it would be wrong in about {(1 - answers.confidence).sum():,.0f}"
        advice = "leave --label out, or take labels and items that it has never seen"
        return (
            "own answers",
            f"right in all {n:,} items; {expected}: unless it is far less sure than it could be, the labels are its "
            f"own answers, or it learned from these items; then accuracy and calibration say nothing: {advice}",
        )
    accuracy = f"right in {right.mean():.1%} of {n:,} items"
    name_of = _best_names(answers.answer, gold)
    if name_of is not None:
        better = name_of[answers.answer] == gold
        # With many rare labels, some always match better under another name.
        halved = (~better).sum() <= (~right).sum() / 2
        if halved and minus(right, better, what="").low > 0:
            counts = np.bincount(answers.answer, minlength=len(name_of))
            moved = [k for k in np.argsort(-counts, kind="stable").tolist() if name_of[k] != k and counts[k]]
            renamed = " and ".join(f"{labels[k]!r} meant {labels[int(name_of[k])]!r}" for k in moved[:SHOWN])
            message = f"{accuracy}, but in {better.mean():.1%} if {renamed}: check --labels and --label-names"
            return "labels misnamed", message
    counts = np.bincount(gold)
    usual = gold == counts.argmax()
    check = "check --label-names, --labels and how rows are matched (--id)"
    if minus(usual, right, what="").high < 0:
        constant = f"always answering {labels[int(counts.argmax())]!r} would be right in {usual.mean():.1%}"
        return "below majority", f"{accuracy}, but {constant}: unless the model is meant to find rare labels, {check}"
    if n >= ENOUGH and not _beyond_chance(answers, gold):
        return "chance", f"{accuracy}, which is not shown to be better than chance: {check}"
    return None


def _no_better_than(answers: Answers, chance: NDArray[np.float64]) -> tuple[str, str] | None:
    """The same for answers with a known probability of being right by chance [outcomes]."""
    right, n = answers.right, len(answers.answer)
    x = right - chance
    error = x.std() / np.sqrt(n * answers.resampling.worth(x))
    if n < ENOUGH or x.mean() > quantile_of_normal(answers.resampling.level) * error:
        return None
    accuracy = f"right in {right.mean():.1%} of {n:,} answers"
    shown = f"not shown to be better than chance ({chance.mean():.1%})"
    return "chance", f"{accuracy}, which is {shown}: check the items' right answers"


def _best_names(answer: NDArray[np.int64], gold: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """The assignment of names to labels [labels] under which most answers are right; None for very many labels."""
    k = int(max(answer.max(), gold.max())) + 1
    if k > MOST_LABELS:
        return None
    together = np.bincount(answer * k + gold, minlength=k * k).reshape(k, k)
    return np.asarray(scipy.optimize.linear_sum_assignment(together, maximize=True)[1])


def _beyond_chance(answers: Answers, gold: NDArray[np.int64]) -> bool:
    """Whether accuracy is shown to exceed that of the same answers assigned to items at random (Cohen 1960).

    With p and q the shares of gold labels and answers, an item's part in accuracy - p.q is 1 if it is right, less
    q of its gold label and p of its answer, plus p.q.
    """
    k = int(max(answers.answer.max(), gold.max())) + 1
    p, q = (np.bincount(codes, minlength=k) / len(gold) for codes in (gold, answers.answer))
    x = answers.right - q[gold] - p[answers.answer] + p @ q
    error = x.std() / np.sqrt(len(x) * answers.resampling.worth(x))
    return bool(x.mean() > quantile_of_normal(answers.resampling.level) * error)
