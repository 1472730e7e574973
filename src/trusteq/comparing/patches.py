"""Jaccard of the pixels under two models' top patches, for every pair of models and every k of the ViT protocol.

Models cut a picture into different grids, so the pixels of their patches are compared, not the patches: the area that
both sets cover, over the area that either covers, in pixels of a common mask. Two numbers are needed to read it:

- Chance: k random patches of each grid. Where both models have the same grid, exactly: the sum over i common patches
  of i / (2k - i) times C(k, i) C(n - k, k - i) / C(n, k). Otherwise, the mean of seeded draws.
- Ceiling: k patches of a x a pixels cover at most k a^2 of the k b^2 pixels under k larger ones, so no two sets reach
  more than a^2 / b^2: 196 / 256 = 0.766 for patches of 14 against 16.

A set of all patches says nothing, so only k below the number of patches of both models is measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from trusteq.comparing.measures import PATCH_COUNTS
from trusteq.comparing.top_k import chance_jaccard
from trusteq.stats.estimate import Estimate
from trusteq.stats.number import Positive  # noqa: TC001 - read where a record is

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from trusteq.stats.resampling import Resampling

DRAWS = 8192
"""Pairs of random sets of patches where chance is simulated, over all pictures together."""

BLOCK, NUMBERS = 1024, 1 << 22
"""Pairs of sets whose overlap is in memory at a time, and random numbers."""

MOST_PATCHES = 1 << 16
"""The most patches of a grid; a ViT has hundreds."""

FEWEST_DRAWS = 64
"""The fewest for a picture whose grids lie differently on each other than in other pictures."""


@dataclass(frozen=True)
class TopPatches:
    """One model's top patches.

    grid: rows and columns of its patches. areas: where the grid lies on the mask [items, 4]: left, top, right, bottom,
    in pixels. patches: the top ones [items, at most 30], the most important first, counted along the rows.
    """

    grid: tuple[int, int]
    areas: NDArray[np.float64]
    patches: NDArray[np.int64]

    @property
    def count(self) -> int:
        """The number of patches in the grid."""
        return self.grid[0] * self.grid[1]

    @property
    def patch_area(self) -> NDArray[np.float64]:
        """The area of one patch [items]."""
        sides: NDArray[np.float64] = (self.areas[:, 2:] - self.areas[:, :2]) / np.array(self.grid[::-1])
        return sides[:, 0] * sides[:, 1]

    def edges(self, axis: int, k: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Where the top k patches begin and end [items, k]: from left to right for axis 0, from top to bottom for 1."""
        rows, columns = self.grid
        place = (self.patches[:, :k] % columns, self.patches[:, :k] // columns)[axis]
        start, size = self.areas[:, axis, None], (self.areas[:, axis + 2] - self.areas[:, axis])[:, None]
        parts = (columns, rows)[axis]
        return start + size * place / parts, start + size * (place + 1) / parts

    def at(self, items: slice) -> TopPatches:
        """Those of some of the items."""
        return TopPatches(self.grid, self.areas[items], self.patches[items])


@dataclass(frozen=True)
class PatchAgreement:
    """Two models' agreement on the top k patches by one method, with its chance level and its ceiling."""

    first: str
    second: str
    method: str
    k: Positive
    jaccard: Estimate
    chance: Estimate
    ceiling: Estimate


def patch_agreements(
    tops: Mapping[str, Sequence[TopPatches]],
    models: Sequence[str],
    samples: Mapping[str, Resampling],
    *,
    protocol: str,
) -> tuple[PatchAgreement, ...]:
    """The agreement of every pair of models by every method for every k; ``samples`` are each method's pictures."""
    return tuple(
        agreement
        for method, of_models in tops.items()
        for a, b in combinations(range(len(models)), 2)
        for agreement in _agreements(
            (of_models[a], of_models[b]), (models[a], models[b]), method, samples[method], protocol
        )
    )


def patch_measures(pairs: Sequence[PatchAgreement], reference: str, candidate: str) -> dict[str, Estimate]:
    """Every measure of the protocol for one candidate against the reference."""
    estimates: dict[str, Estimate] = {}
    for pair in pairs:
        if (pair.first, pair.second) == (reference, candidate):
            name = f"jaccard_{pair.method}_top{pair.k}"
            estimates |= {name: pair.jaccard, f"{name}_chance": pair.chance, f"{name}_ceiling": pair.ceiling}
    return estimates


def _agreements(
    tops: tuple[TopPatches, TopPatches], models: tuple[str, str], method: str, sample: Resampling, protocol: str
) -> list[PatchAgreement]:
    first, second = tops
    ks = [k for k in PATCH_COUNTS if k < min(first.count, second.count)]
    if not ks:
        return []
    scores = pixel_jaccard(first, second, ks)
    cases, case = _layouts(first, second)
    each = max(DRAWS // len(cases), FEWEST_DRAWS)
    share = np.bincount(case) / len(case)
    expected = [chance_pixel_jaccard(first, second, at, ks, draws=each, seed=sample.seed) for at in cases]
    chance = share @ np.array([mean for mean, _ in expected])
    error = np.sqrt(np.square(share) @ np.square([error for _, error in expected]))
    ceiling = float(np.mean(highest_jaccard(first, second)))
    exact = "exact, from the hypergeometric distribution" if not error.any() else f"{each * len(cases):,} seeded draws"
    result = []
    for i, k in enumerate(ks):
        sets = f"top {k} patches by {method}, protocol {protocol}"
        low, high = (float(np.clip(chance[i] + side * 1.96 * error[i], 0.0, 1.0)) for side in (-1, 1))
        result.append(
            PatchAgreement(
                *models,
                method,
                k,
                sample.mean(scores[i], what=f"Jaccard of the pixels of the {sets}"),
                Estimate(
                    float(chance[i]), low, high, sample.items, f"Jaccard of {k} random patches each; {exact}",
                ),
                Estimate(
                    ceiling, ceiling, ceiling, sample.items, "area of the smaller patches over that of the larger ones",
                ),
            )
        )  # fmt: skip
    return result


def pixel_jaccard(first: TopPatches, second: TopPatches, ks: Sequence[int]) -> NDArray[np.float64]:
    """The area under both models' top k patches over the area under either's [ks, items]."""
    blocks = [slice(start, start + BLOCK) for start in range(0, len(first.patches), BLOCK)]
    return np.concatenate([_jaccard(first.at(block), second.at(block), ks) for block in blocks], axis=1)


def _jaccard(first: TopPatches, second: TopPatches, ks: Sequence[int]) -> NDArray[np.float64]:
    shared = 1.0
    for axis in (0, 1):
        (a_start, a_end), (b_start, b_end) = (tops.edges(axis, max(ks)) for tops in (first, second))
        ends = np.minimum(a_end[:, :, None], b_end[:, None])
        shared = shared * np.maximum(ends - np.maximum(a_start[:, :, None], b_start[:, None]), 0.0)
    both = np.asarray(shared).cumsum(axis=1).cumsum(axis=2)
    own, values = first.patch_area + second.patch_area, []
    for k in ks:
        inside = both[:, k - 1, k - 1]
        # The order of a sum may change its last bit, and a set compared with itself has exactly 1.
        values.append(np.minimum(np.round(inside / (k * own - inside), 12), 1.0))
    return np.stack(values)


def chance_pixel_jaccard(
    first: TopPatches, second: TopPatches, item: int, ks: Sequence[int], *, draws: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The expected Jaccard of k random patches of each grid, as they lie on this item, and its standard error [ks]."""
    if first.grid == second.grid and np.array_equal(first.areas[item], second.areas[item]):
        return chance_jaccard(np.full(len(ks), first.count), np.array(ks)), np.zeros(len(ks))
    rng, parts, left = np.random.default_rng(seed), [], draws
    while left:
        count = min(left, BLOCK, max(NUMBERS // max(first.count, second.count), 1))
        a, b = (_drawn(tops, item, rng, count, max(ks)) for tops in (first, second))
        parts.append(_jaccard(a, b, ks))
        left -= count
    drawn = np.concatenate(parts, axis=1)
    return drawn.mean(axis=1), drawn.std(axis=1, ddof=1) / np.sqrt(draws)


def _drawn(tops: TopPatches, item: int, rng: np.random.Generator, count: int, k: int) -> TopPatches:
    """Random sets of k patches of the grid as it lies on this item."""
    patches = rng.random((count, tops.count)).argsort(axis=1)[:, :k]
    return TopPatches(tops.grid, np.repeat(tops.areas[item : item + 1], count, axis=0), patches)


def highest_jaccard(first: TopPatches, second: TopPatches) -> NDArray[np.float64]:
    """The area of one model's patch over that of the other's larger one [items]: no sets of equally many reach more."""
    a, b = first.patch_area, second.patch_area
    return np.asarray(np.minimum(a, b) / np.maximum(a, b))


def _layouts(first: TopPatches, second: TopPatches) -> tuple[list[int], NDArray[np.int64]]:
    """An item for each way in which the two grids lie on each other, and the way of each item [items]."""
    start, size = np.tile(first.areas[:, :2], 2), np.tile(first.areas[:, 2:] - first.areas[:, :2], 2)
    relative = np.round((second.areas - start) / size, 9)
    _, items, case = np.unique(relative, axis=0, return_index=True, return_inverse=True)
    return items.tolist(), case.reshape(-1)
