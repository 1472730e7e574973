"""Whether a model's answers fit the gold labels better than chance, one constant answer or other names would.

Where they do not, labels are misnamed or rows were matched to the wrong items more often than the model is that bad.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize

from trusteq.stats.proportions import quantile_of_normal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.compare.answers import Answers

ENOUGH = 30
"""Items below which a good model, too, may not be shown to be better than chance."""
MOST_LABELS = 2_000
"""Labels up to which other names are tried: the table of answers and gold labels grows with their square."""
SHOWN = 3


def misfit(answers: Answers, labels: Sequence[str]) -> tuple[str, str] | None:
    """What is wrong with how answers fit the gold labels, as a kind and a message; None where they fit.

    Nothing is said of items with one gold label, or of a model with one answer.
    """
    gold, n, chance = answers.gold, len(answers.answer), answers.outcomes.chance
    if answers.labelled and chance is not None:
        return _against(answers, chance)
    if gold is None or answers.outcomes.distribution is None:
        return None
    if len(np.unique(gold)) < 2 or len(np.unique(answers.answer)) < 2:
        return None
    right, minus = answers.right, answers.resampling.share_difference
    said = f"right in {right.mean():.1%} of {n:,} items"
    name = _other_names(answers.answer, gold)
    if name is not None:
        better = name[answers.answer] == gold
        mended = (~better).sum() <= (~right).sum() / 2  # of many rare labels some always fit better under another name
        if mended and minus(right, better, what="").low > 0:
            given = np.bincount(answers.answer, minlength=len(name))
            moved = [k for k in np.argsort(-given, kind="stable").tolist() if name[k] != k and given[k]]
            calls = " and ".join(f"{labels[k]!r} {labels[int(name[k])]!r}" for k in moved[:SHOWN])
            message = f"{said}, but in {better.mean():.1%} if it called {calls}: check --labels and --label-names"
            return "labels misnamed", message
    counts = np.bincount(gold)
    usual = gold == counts.argmax()
    check = "check --label-names, --labels and how rows are matched (--id)"
    if minus(usual, right, what="").high < 0:
        constant = f"answering {labels[int(counts.argmax())]!r} to all would be in {usual.mean():.1%}"
        return "below majority", f"{said}, where {constant}: unless it is meant to find rare labels, {check}"
    if n >= ENOUGH and not _beyond_chance(answers, gold):
        return "chance", f"{said}, not shown to be more often than by chance: {check}"
    return None


def _against(answers: Answers, chance: NDArray[np.float64]) -> tuple[str, str] | None:
    """The same of answers of which it is known how probable it is to guess them [outcomes]."""
    right, n = answers.right, len(answers.answer)
    x = right - chance
    error = x.std() / np.sqrt(n * answers.resampling.worth(x))
    if n < ENOUGH or x.mean() > quantile_of_normal(answers.resampling.level) * error:
        return None
    said = f"right in {right.mean():.1%} of {n:,} answers, not shown to be more often than by chance"
    return "chance", f"{said} ({chance.mean():.1%}): check the answers that the items say are right"


def _other_names(answer: NDArray[np.int64], gold: NDArray[np.int64]) -> NDArray[np.int64] | None:
    """The names [labels], each used once, under which most answers [items] are right; None for very many labels."""
    k = int(max(answer.max(), gold.max())) + 1
    if k > MOST_LABELS:
        return None
    together = np.bincount(answer * k + gold, minlength=k * k).reshape(k, k)
    return np.asarray(optimize.linear_sum_assignment(together, maximize=True)[1])


def _beyond_chance(answers: Answers, gold: NDArray[np.int64]) -> bool:
    """Whether accuracy is shown to exceed what the same answers, dealt to the items at random, would have (Cohen 1960).

    With p and q the shares of gold labels and answers, an item's part in accuracy - p.q is 1 where it is right, less
    q of its gold label and p of its answer, plus p.q.
    """
    k = int(max(answers.answer.max(), gold.max())) + 1
    p, q = (np.bincount(codes, minlength=k) / len(gold) for codes in (gold, answers.answer))
    x = answers.right - q[gold] - p[answers.answer] + p @ q
    error = x.std() / np.sqrt(len(x) * answers.resampling.worth(x))
    return bool(x.mean() > quantile_of_normal(answers.resampling.level) * error)
