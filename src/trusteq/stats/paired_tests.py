"""Tests on two models' answers to the same items, and the unpaired one that others use.

None of them can show equivalence: a large p-value is not evidence of sameness. They are reported with the intervals
because readers know them. Items are treated as independent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import scipy

from trusteq.stats.estimate import PairedTest

if TYPE_CHECKING:
    from numpy.typing import NDArray


def mcnemar(reference_right: NDArray[np.bool_], candidate_right: NDArray[np.bool_]) -> PairedTest:
    """McNemar's exact test of the hypothesis that as many answers turn right as turn wrong."""
    lost = int(np.count_nonzero(reference_right & ~candidate_right))
    won = int(np.count_nonzero(candidate_right & ~reference_right))
    fewer = min(lost, won)
    p = min(1.0, 2 * float(scipy.special.bdtr(fewer, lost + won, 0.5)))
    return PairedTest(p, len(reference_right), "exact McNemar (binomial)", float(fewer), None)


def answer_table(reference: NDArray[np.int64], candidate: NDArray[np.int64], labels: int) -> NDArray[np.int64]:
    """Counts of items that the reference answered with i and the candidate with j [labels, labels]."""
    return np.bincount(reference * labels + candidate, minlength=labels * labels).reshape(labels, labels)


def bowker(table: NDArray[np.int64]) -> PairedTest:
    """Bowker's test (1948) of the hypothesis that label i changes to j as often as j to i.

    Pairs of labels that never change into each other contribute no degree of freedom.
    """
    upper = np.triu_indices(len(table), k=1)
    forth, back = table[upper].astype(np.float64), table.T[upper].astype(np.float64)
    seen = forth + back > 0
    statistic = float((np.square(forth - back)[seen] / (forth + back)[seen]).sum())
    return _chi2(statistic, int(seen.sum()), int(table.sum()), "Bowker symmetry of the answer table")


def stuart_maxwell(table: NDArray[np.int64]) -> PairedTest:
    """The Stuart-Maxwell test (1955, 1970) of the hypothesis that both models give each label equally often.

    The pseudo-inverse covers tables in which some labels never change, or only among themselves; otherwise it equals
    the ordinary inverse.
    """
    rows, columns = table.sum(axis=1).astype(np.float64), table.sum(axis=0).astype(np.float64)
    shift = rows - columns
    covariance = np.diag(rows + columns) - table - table.T
    statistic = float(shift @ np.linalg.pinv(covariance, hermitian=True) @ shift)
    rank = int(np.linalg.matrix_rank(covariance, hermitian=True))
    return _chi2(statistic, rank, int(table.sum()), "Stuart-Maxwell marginal homogeneity")


def chi2_homogeneity(table: NDArray[np.int64]) -> PairedTest:
    """Pearson's chi-squared test on the two models' answer counts, as in "Downsized and Compromised".

    It treats the two models' answers to the same items as independent samples, which they are not: it misses real
    changes. It is reported for comparison with that paper (arXiv 2510.06125).
    """
    reference, candidate = table.sum(axis=1), table.sum(axis=0)
    both = reference + candidate
    used = both > 0
    # Half of both is expected for each, so (r - b/2)²/(b/2) + (c - b/2)²/(b/2) equals (r - c)²/b.
    statistic = float((np.square(reference - candidate)[used] / both[used]).sum())
    method = 'chi-squared of answer counts, unpaired (as "Downsized and Compromised")'
    return _chi2(statistic, int(used.sum()) - 1, int(table.sum()), method)


def _chi2(statistic: float, df: int, n: int, method: str) -> PairedTest:
    p = float(scipy.special.chdtrc(df, statistic)) if df else 1.0
    return PairedTest(p, n, method, statistic, df)
