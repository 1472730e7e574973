"""SkewSize: whether a model's mistakes depend on a group, and more so for some labels than for others.

Albuquerque et al. 2024 (arXiv 2407.10633). For each gold label, Cramer's V of group against answer; SkewSize is
the skewness of these effects over labels: far above 0 if a few labels are hit hard. With two labels it is
always 0; then read the largest effect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trusteq.stats.coded import coded
from trusteq.stats.difference import minus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.comparing.answers import Answers, Pair
    from trusteq.stats.estimate import Estimate

MAX_CELLS = 20_000


def skewsize(pair: Pair, group: Sequence[str], *, column: str) -> dict[str, Estimate]:
    """SkewSize and the largest effect of a column's groups for each model, and candidate minus reference."""
    names, code = coded(group)
    if not pair.met >= {"labels", "distribution"} or len(names) < 2:
        return {}
    if pair.reference.label_count**2 * len(names) > MAX_CELLS:
        return {}
    make = pair.resampling.from_draws
    results: dict[str, Estimate] = {}
    sides = [_with_draws(answers, code, len(names)) for answers in (pair.reference, pair.candidate)]
    for i, (name, what) in enumerate(
        (
            ("skewsize", "skewness over labels of Cramer's V"),
            ("largest_effect", "largest Cramer's V of any label"),
        )
    ):
        (r, r_draws), (c, c_draws) = ((point[i], draws[:, i]) for point, draws in sides)
        what = f"{what}, {column} against answer"
        results |= {
            f"{name}_reference": make(float(r), r_draws, what=what),
            f"{name}_candidate": make(float(c), c_draws, what=what),
            f"{name}_difference": make(
                float(minus(c, r)), minus(c_draws, r_draws), what=f"{what}, candidate minus reference"
            ),
        }
    return results


def effects(tables: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cramer's V [rows, labels] of counts [rows, labels, groups, answers]; nan for labels of one group or answer."""
    n = tables.sum(axis=(-1, -2), keepdims=True)
    by_group, by_answer = tables.sum(axis=-1, keepdims=True), tables.sum(axis=-2, keepdims=True)
    expected = by_group * by_answer / np.maximum(n, 1)
    chi2 = np.divide(np.square(tables - expected), expected, out=np.zeros_like(tables), where=expected > 0).sum(
        axis=(-1, -2)
    )
    smaller = np.minimum((by_group > 0).sum(axis=(-1, -2)), (by_answer > 0).sum(axis=(-1, -2))) - 1
    largest = n[..., 0, 0] * smaller
    return np.asarray(np.sqrt(np.divide(chi2, largest, out=np.full(chi2.shape, np.nan), where=largest > 0)))


def skewness(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fisher-Pearson skewness of each row, nan left out; 0 where all are equal."""
    valid = ~np.isnan(values)
    count = np.maximum(valid.sum(axis=-1), 1)
    centred = np.where(valid, values - (np.where(valid, values, 0).sum(axis=-1) / count)[..., None], 0.0)
    second, third = (np.power(centred, k).sum(axis=-1) / count for k in (2, 3))
    return np.asarray(np.divide(third, second**1.5, out=np.zeros_like(third), where=second > 1e-18))


def _with_draws(
    answers: Answers, code: NDArray[np.int64], groups: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """SkewSize and the largest effect [2], and their draws [resamples, 2]."""
    assert answers.gold is not None  # noqa: S101 - not computed without labels
    labels = answers.label_count
    cell = (answers.gold * groups + code) * labels + answers.answer
    counts = answers.resampling.cell_sums(cell, labels * groups * labels, np.ones(len(cell), dtype=np.bool_))[0]

    def measures(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        v = effects(rows.reshape(-1, labels, groups, labels))
        return np.stack([skewness(v), np.nan_to_num(v).max(axis=-1)], axis=-1)

    return measures(counts.total[None])[0], measures(counts.draws)
