"""PIEs: items on which the candidates together answer unlike the reference.

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

    from trusteq.compare.behaviour import Named


class Pie(TypedDict):
    """An item that most candidates answer unlike the reference."""

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
    named: Named,
    gold: NDArray[np.int64] | None,
) -> list[Pie]:
    """The items, by falling share of candidates behind the modal answer, then by id.

    ``reference`` and each of ``candidates`` are answers [items]. When several answers are equally frequent and
    the reference's is among them, the item is none; otherwise the first such label stands for the mode. ``named`` gives
    the words for answers with these codes at these items.
    """
    # As small as they can be, for these are all models' answers at once.
    answers = np.stack([answer.astype(np.min_scalar_type(int(answer.max()))) for answer in candidates])
    # Only where somebody answers unlike the reference: of very many codes these are few.
    changed = np.flatnonzero((answers != reference).any(axis=0))
    if not changed.size:
        return []
    codes, kinds = np.unique(np.vstack([reference, answers])[:, changed], return_inverse=True)
    own, *theirs = kinds.reshape(len(answers) + 1, len(changed))
    votes = np.zeros((len(changed), len(codes)), dtype=np.int64)
    for answer in theirs:
        votes[np.arange(len(changed)), answer] += 1
    most = votes.max(axis=1)
    unlike = np.flatnonzero(votes[np.arange(len(changed)), own] < most)
    at = changed[unlike]
    words = (
        itertools.repeat(None) if gold is None else named(gold[at], at),
        named(reference[at], at),
        named(codes[votes[unlike].argmax(axis=1)], at),
    )
    rows: list[Pie] = [
        {
            "id": ids[i],
            "gold": right,
            "reference_answer": before,
            "modal_answer": modal,
            "share": float(share),
        }
        for i, right, before, modal, share in zip(
            at.tolist(), *words, most[unlike] / votes[unlike].sum(axis=1), strict=False
        )
    ]
    return sorted(rows, key=lambda row: (-row["share"], row["id"]))
