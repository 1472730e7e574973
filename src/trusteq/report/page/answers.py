"""What every model answered to every item, as the page's list of items shows it: one answer and one confidence each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.report.item import several

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.record.evidence import Evidence
    from trusteq.tasks.outcomes import Outcomes

DIGITS = 10_000
"""Probabilities are whole numbers of this part."""

MOST_LABELS = 12
"""With more labels an item shows only those that some model gives weight, and its own."""
TOP_LABELS = 3


@dataclass(frozen=True)
class ItemAnswers:
    """Answers as positions among ``labels`` [models, items], how sure each is [models, items], and gold [items]."""

    labels: tuple[str, ...]
    answers: NDArray[np.int64]
    confidence: NDArray[np.float64]
    gold: NDArray[np.int64] | None


def item_answers(evidence: Evidence) -> ItemAnswers:
    """Each item's answers: its only ones, or of several how many there are and how many a candidate changes."""
    confidence = np.stack([_mean_of_item(outcomes.confidence, outcomes, evidence) for outcomes in evidence.outcomes])
    if evidence.labels:
        answers = np.stack([outcomes.answer.astype(np.int64) for outcomes in evidence.outcomes])
        return ItemAnswers(evidence.labels, answers, confidence, evidence.gold)
    said = [_words(evidence, outcomes) for outcomes in evidence.outcomes]
    if evidence.gold is not None:
        every = np.arange(len(evidence.items))
        said.append(evidence.task.named(evidence.gold, every, evidence.asked, ()))
    labels = tuple(sorted({word for words in said for word in words}))
    place = {label: code for code, label in enumerate(labels)}
    codes = np.array([[place[word] for word in words] for words in said], dtype=np.int64)
    models = len(evidence.outcomes)
    return ItemAnswers(labels, codes[:models], confidence, codes[models] if len(codes) > models else None)


def probabilities(evidence: Evidence, shown: ItemAnswers, at: NDArray[np.int64]) -> dict[str, Any]:
    """Each model's probabilities of the chosen items, of many labels the few that matter; and the labels' names."""
    confidences = np.rint(shown.confidence[:, at] * DIGITS).astype(np.int64).tolist()
    if not evidence.labels:
        return {"confidences": confidences, **_of_options(evidence, shown, at)}
    p, gold = evidence.probabilities[:, at], None if shown.gold is None else shown.gold[at]
    whole = np.rint(p * DIGITS).astype(np.int64)
    if p.shape[2] <= MOST_LABELS:
        return {"confidences": confidences, "shown": None, "probabilities": [model.ravel().tolist() for model in whole]}
    top = np.argsort(-p, axis=2, kind="stable")[:, :, :TOP_LABELS]
    own = [] if gold is None else [gold[:, None]]
    few = [list(dict.fromkeys(row)) for row in np.concatenate([*top, *own], axis=1).tolist()]
    values = [[[model[i][k] for k in labels] for i, labels in enumerate(few)] for model in whole.tolist()]
    return {"confidences": confidences, "shown": few, "probabilities": values}


def _of_options(evidence: Evidence, shown: ItemAnswers, at: NDArray[np.int64]) -> dict[str, Any]:
    """The options of each chosen item, by their positions among all labels, and what each model gives them."""
    task, asked = evidence.task, evidence.asked
    of_models = [[task.shares(rows, i, asked, ()) for i in at.tolist()] for rows in evidence.rows]
    names = list(dict.fromkeys([*shown.labels, *(name for shares in of_models[0] for name in shares)]))
    place = {name: code for code, name in enumerate(names)}
    return {
        "labels": names,
        "shown": [[place[name] for name in shares] for shares in of_models[0]],
        "probabilities": [
            [[round(share * DIGITS) for share in shares.values()] for shares in of_model] for of_model in of_models
        ],
        "whole": True,
    }


def _words(evidence: Evidence, outcomes: Outcomes) -> Sequence[str]:
    """The words for a model's answer to each item."""
    if outcomes.item is None:
        return evidence.task.named(
            outcomes.answer.astype(np.int64), np.arange(len(outcomes)), evidence.asked, evidence.labels
        )
    n = len(evidence.items)
    reference = evidence.outcomes[0]
    counts = np.bincount(outcomes.item, minlength=n).tolist()
    changed = np.bincount(outcomes.item, weights=outcomes.answer != reference.answer, minlength=n).astype(np.int64)
    return list(map(several, counts, changed.tolist()))


def _mean_of_item(x: NDArray[np.float64], outcomes: Outcomes, evidence: Evidence) -> NDArray[np.float64]:
    """The mean over each item's outcomes [items]; 0 where it has none."""
    if outcomes.item is None:
        return x
    n = len(evidence.items)
    total, count = np.bincount(outcomes.item, weights=x, minlength=n), np.bincount(outcomes.item, minlength=n)
    return np.asarray(total / np.maximum(count, 1))
