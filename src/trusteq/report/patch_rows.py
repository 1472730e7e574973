"""Agreement on top patches as rows of a table: for each pair of models and method, a line for each kind of figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trusteq.comparing.patches import PatchAgreement
    from trusteq.stats.estimate import Estimate


@dataclass(frozen=True)
class PatchRows:
    """The columns ``ks``, and for each pair of models and method the lines by title, with an estimate for each k.

    An estimate is None where that many patches were not compared.
    """

    ks: tuple[int, ...]
    groups: tuple[tuple[tuple[str, str], str, Mapping[str, tuple[Estimate | None, ...]]], ...]


def patch_rows(pairs: Sequence[PatchAgreement]) -> PatchRows:
    """The rows of these agreements."""
    ks = tuple(sorted({pair.k for pair in pairs}))
    own: dict[tuple[str, str, str], dict[int, PatchAgreement]] = {}
    for pair in pairs:
        own.setdefault((pair.first, pair.second, pair.method), {})[pair.k] = pair
    return PatchRows(
        ks,
        tuple(
            (
                (first, second),
                method,
                {
                    "Jaccard": tuple(by_k[k].jaccard if k in by_k else None for k in ks),
                    "chance": tuple(by_k[k].chance if k in by_k else None for k in ks),
                    "at most": tuple(by_k[k].ceiling if k in by_k else None for k in ks),
                },
            )
            for (first, second, method), by_k in own.items()
        ),
    )
