"""PIEs: items to which most candidates give another answer than the reference.

"Compression-identified exemplars" of Hooker et al. 2019 (arXiv 1911.05248), with one reference: the items whose
most frequent answer over all candidates is not the reference's. They tend to be the hard and the rare ones.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
from typing_extensions import TypedDict

from trusteq.stats.number import Share  # noqa: TC001 - read where a record is

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from trusteq.comparing.behaviour import ToWords


class Pie(TypedDict):
    """An item whose most frequent answer among candidates is not the reference's."""

    id: str
    gold: str | None
    reference_answer: str
    modal_answer: str
    share: Share


def pies(
    reference: NDArray[np.int64],
    candidates: Iterable[NDArray[np.int64]],
    *,
    ids: Sequence[str],
    to_words: ToWords,
    gold: NDArray[np.int64] | None,
) -> list[Pie]:
    """The PIEs, by descending share of candidates that give the modal answer, then by id.

    ``reference`` and each of ``candidates`` are answers [items]. If several answers are equally frequent and the
    reference's is one of them, the item is not a PIE; otherwise the first of them is the mode. ``to_words`` returns the
    words for answers with these codes to these items.
    """
    # The smallest type, because these are all models' answers at once.
    answers = np.stack([answer.astype(np.min_scalar_type(int(answer.max()))) for answer in candidates])
    # Only items with a changed answer: they have few of the possibly very many codes.
    changed = np.flatnonzero((answers != reference).any(axis=0))
    if not changed.size:
        return []
    codes, kinds = np.unique(np.vstack([reference, answers])[:, changed], return_inverse=True)
    of_reference, *of_candidates = kinds.reshape(len(answers) + 1, len(changed))
    votes = np.zeros((len(changed), len(codes)), dtype=np.int64)
    for answer in of_candidates:
        votes[np.arange(len(changed)), answer] += 1
    modal = votes.max(axis=1)
    outvoted = np.flatnonzero(votes[np.arange(len(changed)), of_reference] < modal)
    at = changed[outvoted]
    words = (
        itertools.repeat(None) if gold is None else to_words(gold[at], at),
        to_words(reference[at], at),
        to_words(codes[votes[outvoted].argmax(axis=1)], at),
    )
    rows: list[Pie] = [
        {
            "id": ids[i],
            "gold": right,
            "reference_answer": reference_answer,
            "modal_answer": modal_answer,
            "share": float(share),
        }
        for i, right, reference_answer, modal_answer, share in zip(
            at.tolist(), *words, modal[outvoted] / votes[outvoted].sum(axis=1), strict=False
        )
    ]
    return sorted(rows, key=lambda row: (-row["share"], row["id"]))
