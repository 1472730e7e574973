"""Paired tests and Tango's interval from their definitions."""

from __future__ import annotations

import math

import numpy as np
from scipy import optimize, stats


def tango_score(gains, losses, n, delta):
    """The score statistic of "the difference is delta", its nuisance maximised numerically."""
    same = n - gains - losses

    def minus_log_likelihood(q):
        return -sum(
            count * math.log(max(p, 1e-300))
            for count, p in ((gains, q + delta), (losses, q), (same, 1 - 2 * q - delta))
            if count
        )

    low, high = max(0.0, -delta), (1 - delta) / 2
    q = optimize.minimize_scalar(minus_log_likelihood, bounds=(low, high), options={"xatol": 1e-12}).x
    return (gains - losses - n * delta) / math.sqrt(n * (2 * q + delta - delta**2))


def tango(gains, losses, n, level, points=4001):
    """The ends of the grid of differences that the score test keeps."""
    z = stats.norm.ppf((1 + level) / 2)
    grid = np.linspace(-1, 1, points)[1:-1]
    kept = [delta for delta in grid if abs(tango_score(gains, losses, n, delta)) <= z]
    return min(kept), max(kept)


def mcnemar(lost, won):
    """Twice the smaller binomial tail at one half, at most 1."""
    n = lost + won
    tail = sum(math.comb(n, k) for k in range(min(lost, won) + 1)) / 2**n
    return min(1.0, 2 * tail)


def bowker(table):
    statistic, df = 0.0, 0
    for i in range(len(table)):
        for j in range(i):
            if table[i][j] + table[j][i]:
                statistic += (table[i][j] - table[j][i]) ** 2 / (table[i][j] + table[j][i])
                df += 1
    return statistic, df


def stuart_maxwell(table):
    """d' S^-1 d without the last label; for tables in which every label changes, in one connected block."""
    table = np.asarray(table, dtype=float)
    k = len(table)
    d = np.array([table[i].sum() - table[:, i].sum() for i in range(k - 1)])
    s = np.array(
        [
            [
                table[i].sum() + table[:, i].sum() - 2 * table[i, i] if i == j else -table[i, j] - table[j, i]
                for j in range(k - 1)
            ]
            for i in range(k - 1)
        ]
    )
    return float(d @ np.linalg.solve(s, d)), k - 1
