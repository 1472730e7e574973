"""Where two models' attributions agree less: by what they answered, by label, by length, by any column."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from trusteq.compare.alignment import noise_free, top_sets
from trusteq.stats.coded import coded
from trusteq.stats.resampling import Resampling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from trusteq.compare.alignment import Explained
    from trusteq.compare.answers import Pair
    from trusteq.stats.estimate import Estimate

MIN_ITEMS = 20
MAX_VALUES = 20
ANSWERS = "answers"


@dataclass(frozen=True)
class Stratum:
    """Agreement of attributions over the explained items with one value of one column."""

    column: str
    value: str
    n: int
    measures: Mapping[str, Estimate]


def answer_strata(pair: Pair) -> list[str]:
    """What the two models answered to each item, in words [items]."""
    same = pair.reference.answer == pair.candidate.answer
    if not pair.labelled:
        return ["same answer" if s else "other answer" for s in same]
    right, still = pair.reference.right, pair.candidate.right
    words = {
        (True, True): "both right",
        (True, False): "right to wrong",
        (False, True): "wrong to right",
    }
    wrong = {True: "same wrong answer", False: "wrong to other wrong"}
    return [words.get((bool(r), bool(c)), wrong[bool(s)]) for r, c, s in zip(right, still, same, strict=True)]


def strata(
    explained: Sequence[Explained], columns: Mapping[str, Sequence[str]], clusters: Sequence[str] | None
) -> list[Stratum]:
    """A `Stratum` for each column's most frequent values, of `MIN_ITEMS` items or more."""
    found = []
    for column, values in columns.items():
        names, code = coded(values)
        for value, n in Counter(values).most_common(MAX_VALUES):
            if n < MIN_ITEMS:
                break
            inside = np.flatnonzero(code == names.index(value))
            if clusters is not None and len({clusters[i] for i in inside.tolist()}) < 2:
                continue
            parts = [_part(e, inside, clusters) for e in explained]
            measures = {
                f"{name}_{e.method}": estimate
                for e in parts
                for name, estimate in {**noise_free(e), **top_sets(e)}.items()
                if estimate is not None
            }
            found.append(Stratum(column, value, n, measures))
    return found


def _part(explained: Explained, inside: NDArray[np.int64], clusters: Sequence[str] | None) -> Explained:
    r = explained.resampling
    own = None if clusters is None else [clusters[i] for i in inside]
    resampling = Resampling(len(inside), clusters=own, resamples=r.resamples, seed=r.seed, level=r.level)
    return replace(
        explained,
        reference=explained.reference.take(inside),
        candidate=explained.candidate.take(inside),
        lengths=explained.lengths[inside],
        spread_reference=explained.spread_reference[inside],
        spread_candidate=explained.spread_candidate[inside],
        resampling=resampling,
    )
