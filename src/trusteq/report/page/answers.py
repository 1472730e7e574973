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
"""Probabilities are stored as whole numbers, in this fraction of 1."""

MOST_LABELS = 12
"""With more labels, an item shows only those that some model finds most probable, and its own."""
TOP_LABELS = 3


@dataclass(frozen=True)
class ItemAnswers:
    """Answers as positions in ``labels`` [models, items], their confidence [models, items], and gold [items]."""

    labels: tuple[str, ...]
    answers: NDArray[np.int64]
    confidence: NDArray[np.float64]
    gold: NDArray[np.int64] | None


def item_answers(evidence: Evidence) -> ItemAnswers:
    """Each model's answer to each item; where there are several, how many and how many of them a candidate changes."""
    confidence = np.stack([_mean_of_item(outcomes.confidence, outcomes, evidence) for outcomes in evidence.outcomes])
    if evidence.labels:
        answers = np.stack([outcomes.answer.astype(np.int64) for outcomes in evidence.outcomes])
        return ItemAnswers(evidence.labels, answers, confidence, evidence.gold)
    texts = [_answer_texts(evidence, outcomes) for outcomes in evidence.outcomes]
    if evidence.gold is not None:
        every = np.arange(len(evidence.items))
        texts.append(evidence.task.answer_texts(evidence.gold, every, evidence.bare_items, ()))
    labels = tuple(sorted({text for of_model in texts for text in of_model}))
    code_of = {label: code for code, label in enumerate(labels)}
    codes = np.array([[code_of[text] for text in of_model] for of_model in texts], dtype=np.int64)
    models = len(evidence.outcomes)
    return ItemAnswers(labels, codes[:models], confidence, codes[models] if len(codes) > models else None)


def probabilities(evidence: Evidence, answers: ItemAnswers, chosen: NDArray[np.int64]) -> dict[str, Any]:
    """Each model's probabilities for the chosen items; if there are many labels, only for the few that matter."""
    confidences = np.rint(answers.confidence[:, chosen] * DIGITS).astype(np.int64).tolist()
    if not evidence.labels:
        return {"confidences": confidences, **_of_options(evidence, answers, chosen)}
    p, gold = evidence.probabilities[:, chosen], None if answers.gold is None else answers.gold[chosen]
    integers = np.rint(p * DIGITS).astype(np.int64)
    if p.shape[2] <= MOST_LABELS:
        return {
            "confidences": confidences,
            "shown": None,
            "probabilities": [model.ravel().tolist() for model in integers],
        }
    top = np.argsort(-p, axis=2, kind="stable")[:, :, :TOP_LABELS]
    right = [] if gold is None else [gold[:, None]]
    shown = [list(dict.fromkeys(row)) for row in np.concatenate([*top, *right], axis=1).tolist()]
    values = [[[model[i][k] for k in labels] for i, labels in enumerate(shown)] for model in integers.tolist()]
    return {"confidences": confidences, "shown": shown, "probabilities": values}


def _of_options(evidence: Evidence, answers: ItemAnswers, chosen: NDArray[np.int64]) -> dict[str, Any]:
    """The options of each chosen item, by their positions among all labels, and their probabilities in each model."""
    task, items = evidence.task, evidence.bare_items
    of_models = [[task.shares(rows, i, items, ()) for i in chosen.tolist()] for rows in evidence.rows]
    names = list(dict.fromkeys([*answers.labels, *(name for shares in of_models[0] for name in shares)]))
    code_of = {name: code for code, name in enumerate(names)}
    return {
        "labels": names,
        "shown": [[code_of[name] for name in shares] for shares in of_models[0]],
        "probabilities": [
            [[round(share * DIGITS) for share in shares.values()] for shares in of_model] for of_model in of_models
        ],
        "whole": True,
    }


def _answer_texts(evidence: Evidence, outcomes: Outcomes) -> Sequence[str]:
    """A model's answer to each item, in words."""
    if outcomes.item is None:
        return evidence.task.answer_texts(
            outcomes.answer.astype(np.int64), np.arange(len(outcomes)), evidence.bare_items, evidence.labels
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
