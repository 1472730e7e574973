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
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from trusteq.compare.answers import Pair
    from trusteq.stats.estimate import Estimate, PairedTest

    Named = Callable[[NDArray[np.int64], NDArray[np.int64]], Sequence[str]]

FLIP_MEASURES = {
    "regressions": "right to wrong",
    "corrections": "wrong to right",
    "wrong_to_other_wrong": "wrong to other wrong",
}
"""The measures of flips, and what the change of answer does."""

FLIPS = tuple(FLIP_MEASURES.values())
BOTH_RIGHT = "right to other right"


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
    kinds = flip_kinds(pair)
    share = pair.resampling.share
    named = enumerate(FLIP_MEASURES.items())
    return _present(**{name: share(kinds == i, what=f"flips, {words}") for i, (name, words) in named})


def flip_kinds(pair: Pair) -> NDArray[np.int64]:
    """The position in `FLIPS` of what each change of answer does [outcomes], else -1; needs labels.

    Where several answers are right, one may change to another.
    """
    differ = pair.reference.answer != pair.candidate.answer
    kinds = np.full(len(differ), -1, dtype=np.int64)
    kinds[differ] = 2
    kinds[pair.reference.right & differ] = 0
    kinds[pair.candidate.right & differ] = 1
    kinds[pair.candidate.right & pair.reference.right] = -1
    return kinds


def flipped_items(pair: Pair, ids: Sequence[str], named: Named) -> list[dict[str, Any]]:
    """Every outcome whose answer changed, the candidate's most confident first; ties by id.

    ids: of the item that each outcome belongs to [outcomes]. named: the words for answers with these codes at these
    outcomes.
    """
    models, gold = (pair.reference, pair.candidate), pair.reference.gold
    reference, candidate = (model.answer for model in models)
    differ = np.flatnonzero(reference != candidate)
    unknown = itertools.repeat(None)
    columns = (
        differ.tolist(),
        flip_kinds(pair)[differ].tolist() if pair.labelled else unknown,
        unknown if gold is None else named(gold[differ], differ),
        *(named(answer[differ], differ) for answer in (reference, candidate)),
        *(model.confidence[differ].tolist() for model in models),
    )
    rows = [
        {
            "id": ids[i],
            "kind": "unlabelled" if kind is None else BOTH_RIGHT if kind < 0 else FLIPS[kind],
            "gold": right,
            "reference_answer": r,
            "reference_confidence": r_confidence,
            "candidate_answer": c,
            "candidate_confidence": c_confidence,
        }
        for i, kind, right, r, c, r_confidence, c_confidence in zip(*columns, strict=False)  # unknown has no end
    ]
    return sorted(rows, key=lambda row: (-row["candidate_confidence"], row["id"]))


def tests(pair: Pair) -> dict[str, PairedTest]:
    """The usual tests on the two models' answers, and the unpaired one of "Downsized and Compromised".

    Those on the table of both models' answers need labels that all items share.
    """
    results: dict[str, PairedTest] = {}
    if "distribution" in pair.met:
        table = answer_table(pair.reference.answer, pair.candidate.answer, pair.reference.label_count)
        results["bowker"] = bowker(table)
        results["stuart_maxwell"] = stuart_maxwell(table)
        results["chi2_homogeneity"] = chi2_homogeneity(table)
    if pair.labelled:
        results["mcnemar"] = mcnemar(pair.reference.right, pair.candidate.right)
    return results


def _present(**estimates: Estimate | None) -> dict[str, Estimate]:
    return {name: estimate for name, estimate in estimates.items() if estimate is not None}
