"""Behaviour: how often the models are right, and how often they differ.

Accuracy may stay while answers move: a change of answer is a *flip*, split by what it does (Dutta et al. 2024,
arXiv 2407.09141, counts the first two kinds).
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.stats.paired_tests import answer_table, bowker, chi2_homogeneity, mcnemar, stuart_maxwell

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.compare.answers import Pair
    from trusteq.stats.estimate import Estimate, PairedTest

FLIP_MEASURES = {
    "regressions": "right to wrong",
    "corrections": "wrong to right",
    "wrong_to_other_wrong": "wrong to other wrong",
}
"""The measures of flips, and what the change of answer does."""

FLIPS = tuple(FLIP_MEASURES.values())


def agreement(pair: Pair) -> dict[str, Estimate]:
    """Share of items that both models answer alike, and its complement; needs no labels."""
    differ = pair.reference.answer != pair.candidate.answer
    share = pair.resampling.share
    return _present(
        agreement=share(~differ, what="same answer"),
        disagreement=share(differ, what="different answer"),
    )


def accuracy(pair: Pair) -> dict[str, Estimate]:
    """Share of right answers of each model, and candidate minus reference."""
    if pair.gold is None:
        return {}
    reference, candidate = pair.reference.right, pair.candidate.right
    share = pair.resampling.share
    return _present(
        accuracy_reference=share(reference, what="right answers"),
        accuracy_candidate=share(candidate, what="right answers"),
        accuracy_difference=pair.resampling.share_difference(
            reference, candidate, what="accuracy, candidate minus reference"
        ),
    )


def flips(pair: Pair) -> dict[str, Estimate]:
    """Share of items by what the change of answer does."""
    if pair.gold is None:
        return {}
    kinds = flip_kinds(pair)
    share = pair.resampling.share
    named = enumerate(FLIP_MEASURES.items())
    return _present(**{name: share(kinds == i, what=f"flips, {words}") for i, (name, words) in named})


def flip_kinds(pair: Pair) -> NDArray[np.int64]:
    """The position in `FLIPS` of what each item's change of answer does [items], -1 where it stays; needs labels."""
    differ = pair.reference.answer != pair.candidate.answer
    kinds = np.full(len(differ), -1, dtype=np.int64)
    kinds[differ] = 2
    kinds[pair.reference.right & differ] = 0
    kinds[pair.candidate.right & differ] = 1
    return kinds


def flipped_items(pair: Pair, ids: Sequence[str], labels: Sequence[str]) -> list[dict[str, Any]]:
    """Every item whose answer changed, the candidate's most confident first; ties by id."""
    models = pair.reference, pair.candidate
    reference, candidate = (model.answer for model in models)
    differ = np.flatnonzero(reference != candidate)
    unlabelled = itertools.repeat(None)
    columns = (
        differ.tolist(),
        unlabelled if pair.gold is None else flip_kinds(pair)[differ].tolist(),
        unlabelled if pair.gold is None else pair.gold[differ].tolist(),
        *(answer[differ].tolist() for answer in (reference, candidate)),
        *(model.confidence[differ].tolist() for model in models),
    )
    rows = [
        {
            "id": ids[i],
            "kind": "unlabelled" if kind is None else FLIPS[kind],
            "gold": None if gold is None else labels[gold],
            "reference_answer": labels[r],
            "reference_confidence": r_confidence,
            "candidate_answer": labels[c],
            "candidate_confidence": c_confidence,
        }
        for i, kind, gold, r, c, r_confidence, c_confidence in zip(*columns, strict=False)  # unlabelled has no end
    ]
    return sorted(rows, key=lambda row: (-row["candidate_confidence"], row["id"]))


def tests(pair: Pair) -> dict[str, PairedTest]:
    """The usual tests on the two models' answers, and the unpaired one of "Downsized and Compromised"."""
    table = answer_table(pair.reference.answer, pair.candidate.answer, pair.reference.label_count)
    results = {
        "bowker": bowker(table),
        "stuart_maxwell": stuart_maxwell(table),
        "chi2_homogeneity": chi2_homogeneity(table),
    }
    if pair.gold is not None:
        results["mcnemar"] = mcnemar(pair.reference.right, pair.candidate.right)
    return results


def _present(**estimates: Estimate | None) -> dict[str, Estimate]:
    return {name: estimate for name, estimate in estimates.items() if estimate is not None}
