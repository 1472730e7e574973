"""PIEs: items on which the candidates together answer unlike the reference.

"Compression-identified exemplars" of Hooker et al. 2019 (arXiv 1911.05248), with one reference: the items whose
most frequent answer over all candidates is not the reference's. They tend to be the hard and the rare ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray


def pies(
    reference: NDArray[np.int64],
    candidates: Iterable[NDArray[np.int64]],
    *,
    ids: Sequence[str],
    labels: Sequence[str],
    gold: NDArray[np.int64] | None,
) -> list[dict[str, Any]]:
    """The items, by falling share of candidates behind the modal answer, then by id.

    ``reference`` and each of ``candidates`` are answers [items]. When several answers are equally frequent and
    the reference's is among them, the item is none; otherwise the first such label stands for the mode.
    """
    votes = np.zeros((len(reference), len(labels)), dtype=np.int64)
    for answers in candidates:
        votes[np.arange(len(answers)), answers] += 1
    most = votes.max(axis=1)
    unlike = np.flatnonzero(votes[np.arange(len(reference)), reference] < most).tolist()
    rows = [
        {
            "id": ids[i],
            "gold": None if gold is None else labels[gold[i]],
            "reference_answer": labels[reference[i]],
            "modal_answer": labels[int(votes[i].argmax())],
            "share": float(most[i] / votes[i].sum()),
        }
        for i in unlike
    ]
    return sorted(rows, key=lambda row: (-row["share"], row["id"]))
