"""Where a fault of confidence lies: in all items, or in one label, one slice or one range of confidence.

Each item has a *fault value*: how much more overconfident the candidate is than the reference; without gold labels, how
much more confident. A fault that lies in one part has a mean inside and none elsewhere, one that lies everywhere
the same mean everywhere. Such models of one number are compared by the squares that they explain: n times the squared
mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from trusteq.comparing.against_rest import p_against_rest
from trusteq.comparing.slices import LABEL
from trusteq.stats.coded import coded
from trusteq.stats.estimate import Estimate  # noqa: TC001 - read where a record is

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from trusteq.comparing.answers import Pair

FaultKind = Literal["everywhere", "label", "slice", "confidence", "information", "reference", "unknown"]
"""What is wrong with a candidate's confidence.

everywhere: one temperature corrects it. label, slice, confidence: it lies in one part of the items. information: its
confidence separates right answers from wrong ones less well than the reference's, which no map gives back.
reference: it is better calibrated than the reference. unknown: none of these was shown.
"""

ANSWER, CONFIDENCE = "its answer", "its confidence"
"""Parts beside those of the user's columns, which cannot have these names."""
FEWEST = 30
ALPHA = 0.05
ELSEWHERE = 1 / 4
"""The share of the mean inside that the mean elsewhere may have, if the fault lies inside."""
TOGETHER = 1 / 2
"""The share of the squared shifts of confidence that their mean explains, if a range of confidence is at fault."""
RANGES = 10
LARGEST_RANGE = 2 / 3
"""The share of the items beyond which a range of confidence is no part of them, but most."""


@dataclass(frozen=True)
class Fault:
    """The kind of fault, and for a part of the items its column, its value and the mean fault inside and elsewhere."""

    kind: FaultKind
    column: str | None = None
    value: str | None = None
    inside: Estimate | None = None
    elsewhere: Estimate | None = None


@dataclass(frozen=True)
class Part:
    """The positions of the items with one value of one column [inside]."""

    column: str
    value: str
    inside: NDArray[np.int64]

    def mask(self, n: int) -> NDArray[np.bool_]:
        """Which of ``n`` items these are [items]."""
        mask = np.zeros(n, dtype=np.bool_)
        mask[self.inside] = True
        return mask


def parts(pair: Pair, columns: Mapping[str, Sequence[str]]) -> list[Part]:
    """The values of each column with at least `FEWEST` items, and tenths of the two models' mean confidence."""
    found = []
    for column, values in columns.items():
        names, code = coded(values)
        order, ends = np.argsort(code, kind="stable"), np.bincount(code, minlength=len(names)).cumsum()
        for name, inside in zip(names, np.split(order, ends[:-1]), strict=True):
            found.append(Part(column, name, inside))
    tenth = _tenth(pair)
    found += [Part(CONFIDENCE, _range(k, k + 1), np.flatnonzero(tenth == k)) for k in range(RANGES)]
    return [part for part in found if pair.resampling.items_among(part.mask(pair.resampling.n)) >= FEWEST]


def fault_values(pair: Pair) -> NDArray[np.float64]:
    """How much more overconfident the candidate is than the reference [outcomes]; unlabelled, more confident."""
    shift = pair.candidate.confidence - pair.reference.confidence
    return shift - (pair.candidate.right.astype(np.float64) - pair.reference.right) if pair.labelled else shift


def in_one_part(pair: Pair, found: Sequence[Part]) -> Fault | None:
    """The part that the fault lies in: it explains more than all items do, and nothing much is left elsewhere.

    Several neighbouring tenths of confidence may be one part. The means inside and elsewhere must be shown to differ,
    at `ALPHA` divided by the number of parts.
    """
    x = fault_values(pair)
    unit, n = pair.resampling.unit, len(x)
    candidates = [*(part for part in found if part.column != CONFIDENCE), *_ranges(_tenth(pair))]
    total = x.sum()
    explained = [_explained(x[part.inside]) for part in candidates]
    for at in np.argsort(explained, kind="stable")[::-1].tolist():
        part = candidates[at]
        size = len(part.inside)
        if explained[at] <= total**2 / n:
            return None
        if size < n and p_against_rest(x, part.mask(n), unit) * len(candidates) < ALPHA:
            inside, outside = x[part.inside].mean(), (total - x[part.inside].sum()) / (n - size)
            left = max(abs(outside), _left_elsewhere(x, part, found))
            if left <= ELSEWHERE * abs(inside) and (part.column != CONFIDENCE or _moves_together(pair, part)):
                return _fault(pair, part, x)
    return None


def _fault(pair: Pair, part: Part, x: NDArray[np.float64]) -> Fault:
    """The fault that lies in this part, with the mean fault value inside and elsewhere."""
    what = "mean overconfidence, candidate minus reference" if pair.labelled else "mean shift of confidence"
    mask = part.mask(len(x))
    inside, elsewhere = (
        _mean_among(pair, x, among, what=f"{what}, {where}")
        for where, among in (("inside the part", mask), ("elsewhere", ~mask))
    )
    kinds: Mapping[str, FaultKind] = {LABEL: "label", ANSWER: "label", CONFIDENCE: "confidence"}
    return Fault(kinds.get(part.column, "slice"), part.column, part.value, inside, elsewhere)


def _mean_among(pair: Pair, x: NDArray[np.float64], among: NDArray[np.bool_], *, what: str) -> Estimate:
    """The mean over some of the items, by the bootstrap of a quotient of sums."""
    cell = np.zeros(len(x), dtype=np.int64)
    sums = pair.resampling.cell_sums(cell, 1, np.where(among, x, 0.0), among)

    def mean(total: NDArray[np.float64], count: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(total[:, 0] / np.maximum(count[:, 0], 1))

    return pair.resampling.functional(mean, *sums, what=what, bounds=(-2.0, 2.0))


def _left_elsewhere(x: NDArray[np.float64], part: Part, found: Sequence[Part]) -> float:
    """The root mean square of the means of the column's other values: opposite faults of two of them do not cancel."""
    mask = part.mask(len(x))
    others = [other.inside for other in found if other.column == part.column and not mask[other.inside[0]]]
    if not others:
        return 0.0
    means, sizes = np.array([x[inside].mean() for inside in others]), [len(inside) for inside in others]
    return float(np.sqrt(np.average(np.square(means), weights=sizes)))


def _moves_together(pair: Pair, part: Part) -> bool:
    """Whether the confidences in a part shift together, by `TOGETHER` of their squares or more.

    Noise moves them up and down. It, too, makes a candidate overconfident where it is unsure, and nowhere else.
    """
    shift = (pair.candidate.confidence - pair.reference.confidence)[part.inside]
    return bool(np.square(shift.mean()) >= TOGETHER * np.square(shift).mean())


def _explained(x: NDArray[np.float64]) -> float:
    return float(x.sum() ** 2 / len(x)) if len(x) else 0.0


def _ranges(tenth: NDArray[np.int64]) -> Iterator[Part]:
    """Every run of neighbouring tenths that is no more than a part of the items."""
    for low in range(RANGES):
        for high in range(low + 1, RANGES + 1):
            inside = np.flatnonzero((tenth >= low) & (tenth < high))
            if FEWEST <= len(inside) <= LARGEST_RANGE * len(tenth):
                yield Part(CONFIDENCE, _range(low, high), inside)


def _range(low: int, high: int) -> str:
    return f"{low / RANGES:g} to {high / RANGES:g}"


def _tenth(pair: Pair) -> NDArray[np.int64]:
    """The tenth of each item's confidence [outcomes], the mean of the two models', so that it favours neither."""
    mean = (pair.reference.confidence + pair.candidate.confidence) / 2
    return np.minimum((mean * RANGES).astype(np.int64), RANGES - 1)
