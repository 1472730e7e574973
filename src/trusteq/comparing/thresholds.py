"""Thresholds: what confidence cut-offs tuned on the reference do on the candidate.

For a less confident candidate, the same cut-off accepts fewer items; for an overconfident one, it accepts wrong ones.
Other cut-offs can make up for that. Those of `held_out_cut_offs` are judged on items that they were not chosen on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NotRequired, cast

import numpy as np
from typing_extensions import TypedDict

from trusteq.comparing.temperature import FOLDS, folds
from trusteq.stats.estimate import Estimate  # noqa: TC001 - read where a record is
from trusteq.stats.number import Share  # noqa: TC001

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from trusteq.comparing.answers import Answers, Pair

STEPS = 1_000
SAME_SHARE = 0.02
"""By how much the share of items above one cut-off may differ from that above the cut-offs it stands for."""
CUT_OFFS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


class Replacement(TypedDict):
    """A cut-off of the candidate that keeps the reference's accuracy."""

    cut_off: float
    coverage: Share
    accuracy: Share


class Threshold(TypedDict):
    """The effect of a cut-off on confidence; accuracies and replacement only with labels."""

    cut_off: Share
    coverage_reference: Estimate
    coverage_candidate: Estimate
    crossing: Estimate
    accuracy_reference: NotRequired[Estimate | None]
    accuracy_candidate: NotRequired[Estimate | None]
    replacement: NotRequired[Replacement | None]


class CutOff(TypedDict):
    """A cut-off of the candidate in place of the reference's, that keeps the accuracy or the share of accepted answers.

    ``cut_off`` is chosen on all items. ``coverage`` and ``accuracy`` are of items that had no part in the choice: each
    fifth of the items is accepted by the cut-off chosen on the others.
    """

    of_reference: Share
    keeps: Literal["accuracy", "coverage"]
    cut_off: Share
    coverage: Estimate
    accuracy: Estimate | None


def threshold_table(pair: Pair) -> list[Threshold]:
    """For each cut-off: share accepted, its accuracy for both models, and the share of items accepted by only one.

    ``replacement`` is the candidate's lowest cut-off with at least the accuracy of the reference among its accepted
    items, and the share it accepts; None if there is no such cut-off, or without labels. It is chosen on these
    items: allow for that.
    """
    share = pair.resampling.share
    of_all = cast("Callable[..., Estimate]", share)  # None only for no items
    accepted = _accepted(pair.candidate.confidence, pair.candidate.right) if pair.labelled else None
    rows: list[Threshold] = []
    for cut_off in CUT_OFFS:
        reference, candidate = (a.confidence >= cut_off for a in (pair.reference, pair.candidate))
        row: Threshold = {
            "cut_off": cut_off,
            "coverage_reference": of_all(reference, what="accepted"),
            "coverage_candidate": of_all(candidate, what="accepted"),
            "crossing": of_all(reference != candidate, what="accepted by one model only"),
        }
        if accepted is not None:
            row["accuracy_reference"] = share(pair.reference.right, among=reference, what="right among accepted")
            row["accuracy_candidate"] = share(pair.candidate.right, among=candidate, what="right among accepted")
            row["replacement"] = (
                _lowest(*accepted, float(pair.reference.right[reference].mean())) if reference.any() else None
            )
        rows.append(row)
    return rows


def held_out_cut_offs(pair: Pair) -> list[CutOff]:
    """For each cut-off of the reference, the candidate's that keeps its accuracy; without labels, its coverage.

    Those that nothing is shown to keep are left out: on items that had no part in the choice, the accepted answers are
    shown to be less accurate, or the cut-off itself accepts another share, as the fifths' choices differ too much.
    """
    share, fold = pair.resampling.share, folds(pair.resampling)
    of_all = cast("Callable[..., Estimate]", share)
    keeps: Literal["accuracy", "coverage"] = "accuracy" if pair.labelled else "coverage"
    rows: list[CutOff] = []
    for of_reference in CUT_OFFS:
        everywhere = _chosen(pair, of_reference, np.ones(len(fold), dtype=np.bool_))
        accepted = np.zeros(len(fold), dtype=np.bool_)
        for f in range(FOLDS):
            chosen = _chosen(pair, of_reference, fold != f)
            if chosen is not None:
                accepted[(fold == f) & (pair.candidate.confidence >= chosen)] = True
        if everywhere is None or not accepted.any():
            continue
        if abs((pair.candidate.confidence >= everywhere).mean() - accepted.mean()) > SAME_SHARE:
            continue
        right = None
        if pair.labelled:
            right = share(pair.candidate.right, among=accepted, what="right among accepted on held-out folds")
            wanted = pair.reference.right[pair.reference.confidence >= of_reference].mean()
            if right is not None and right.high < wanted:
                continue
        rows.append(
            {
                "of_reference": of_reference,
                "keeps": keeps,
                "cut_off": everywhere,
                "coverage": of_all(accepted, what="accepted on held-out folds"),
                "accuracy": right,
            }
        )
    return rows


def _chosen(pair: Pair, of_reference: float, among: NDArray[np.bool_]) -> float | None:
    """The candidate's cut-off that keeps what the reference's does on these items; None if there is none."""
    accepted = pair.reference.confidence[among] >= of_reference
    if not accepted.any():
        return None
    confidence = pair.candidate.confidence[among]
    if not pair.labelled:
        # Rounded down, in thousandths, so that the share is kept.
        return float(np.floor(np.sort(confidence)[-np.count_nonzero(accepted)] * STEPS) / STEPS)
    accuracy = float(pair.reference.right[among][accepted].mean())
    found = _lowest(*_accepted(confidence, pair.candidate.right[among]), accuracy)
    return None if found is None else found["cut_off"]


def replacement_cut_off(candidate: Answers, accuracy: float) -> Replacement | None:
    """The candidate's lowest cut-off at which its accepted answers are at least this accurate, and the share accepted.

    In thousandths, so that the cut-off holds exactly as printed.
    """
    return _lowest(*_accepted(candidate.confidence, candidate.right), accuracy)


def _accepted(
    confidence: NDArray[np.float64], right: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.float64]]:
    """Descending cut-offs in thousandths [cut-offs], how many answers each accepts, and how many of them are right."""
    grid = np.arange(STEPS + 1) / STEPS
    at = np.searchsorted(grid, confidence, side="right") - 1
    count, hits = (np.bincount(at, weights=x, minlength=len(grid))[::-1] for x in (None, right))
    filled = count > 0
    return grid[::-1][filled], count[filled].cumsum(), hits[filled].cumsum()


def _lowest(
    cut_off: NDArray[np.float64], count: NDArray[np.int64], right: NDArray[np.float64], accuracy: float
) -> Replacement | None:
    accurate = np.flatnonzero(right >= accuracy * count - 1e-9)
    if not accurate.size:
        return None
    last = int(accurate[-1])
    return {
        "cut_off": float(cut_off[last]),
        "coverage": float(count[last] / count[-1]),
        "accuracy": float(right[last] / count[last]),
    }
