"""Behaviour: how often the models are right, and how often they differ.

Accuracy may stay the same while answers change: each change is a *flip* of one of three kinds (Dutta et al. 2024,
arXiv 2407.09141, count the first two).
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.stats.paired_tests import answer_table, bowker, chi2_homogeneity, mcnemar, stuart_maxwell

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from trusteq.comparing.answers import Pair
    from trusteq.stats.estimate import Estimate, PairedTest

    ToWords = Callable[[NDArray[np.int64], NDArray[np.int64]], Sequence[str]]

FLIP_MEASURES = {
    "regressions": "right to wrong",
    "corrections": "wrong to right",
    "wrong_to_other_wrong": "wrong to other wrong",
}
"""The measures of flips, and the kind of flip that each counts."""

FLIPS = tuple(FLIP_MEASURES.values())
BOTH_RIGHT = "right to other right"


def agreement(pair: Pair) -> dict[str, Estimate]:
    """Share of items to which both models give the same answer, and its complement; needs no labels."""
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
    """Share of items with each kind of flip."""
    kinds = flip_kinds(pair)
    share = pair.resampling.share
    kind_names = enumerate(FLIP_MEASURES.items())
    return _present(**{name: share(kinds == i, what=f"flips, {words}") for i, (name, words) in kind_names})


def flip_kinds(pair: Pair) -> NDArray[np.int64]:
    """The kind of each flip as a position in `FLIPS` [outcomes], -1 without a flip; needs labels.

    Also -1 if several answers are right and one of them changed to another.
    """
    differ = pair.reference.answer != pair.candidate.answer
    kinds = np.full(len(differ), -1, dtype=np.int64)
    kinds[differ] = 2
    kinds[pair.reference.right & differ] = 0
    kinds[pair.candidate.right & differ] = 1
    kinds[pair.candidate.right & pair.reference.right] = -1
    return kinds


def flipped_items(pair: Pair, ids: Sequence[str], to_words: ToWords) -> list[dict[str, Any]]:
    """Every outcome whose answer changed, the candidate's most confident first; ties by id.

    ids: of the item that each outcome belongs to [outcomes]. to_words: returns the words for answers with these codes
    at these outcomes.
    """
    models, gold = (pair.reference, pair.candidate), pair.reference.gold
    reference, candidate = (model.answer for model in models)
    differ = np.flatnonzero(reference != candidate)
    unknown = itertools.repeat(None)
    columns = (
        differ.tolist(),
        flip_kinds(pair)[differ].tolist() if pair.labelled else unknown,
        unknown if gold is None else to_words(gold[differ], differ),
        *(to_words(answer[differ], differ) for answer in (reference, candidate)),
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
        for i, kind, right, r, c, r_confidence, c_confidence in zip(*columns, strict=False)  # unknown never ends
    ]
    return sorted(rows, key=lambda row: (-row["candidate_confidence"], row["id"]))


def tests(pair: Pair) -> dict[str, PairedTest]:
    """The usual tests on the two models' answers, and the unpaired test of "Downsized and Compromised".

    Tests on the table of both models' answers need labels that all items share.
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
