"""Attributions from their definitions, over a whole game: a table of 2^n values, bit i of whose index keeps unit i."""

from __future__ import annotations

import itertools
import math

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.metrics.pairwise import cosine_distances


def looked_up(game, masks):
    """Values [.., outputs] of a game [2^n, outputs] at masks [.., n]."""
    return game[masks @ (1 << np.arange(masks.shape[-1]))]


def all_masks(n):
    return np.array(list(itertools.product([False, True], repeat=n)))[:, ::-1]


def mean_gain(game, orders):
    """What each unit adds when it joins, on average over these orders of joining."""
    gains = np.zeros((len(orders[0]), game.shape[1]))
    for order in orders:
        kept = 0
        for unit in order:
            gains[unit] += game[kept | 1 << unit] - game[kept]
            kept |= 1 << unit
    return gains / len(orders)


def shapley(game):
    """Shapley (1953): over all orders."""
    return mean_gain(game, list(itertools.permutations(range(int(math.log2(len(game)))))))


def owen(game, tree):
    """Owen (1977), level by level: over the orders in which no group of the tree is torn apart.

    A tree is a unit's number or a pair of trees.
    """
    return mean_gain(game, _orders(tree))


def _orders(tree):
    if isinstance(tree, int):
        return [(tree,)]
    left, right = map(_orders, tree)
    return [order for a in left for b in right for order in (a + b, b + a)]


def lime(game, samples):
    """LIME with infinitely many times this many samples, of which one in ``samples`` is the whole text."""
    n = int(math.log2(len(game)))
    masks = all_masks(n)
    sizes = masks.sum(axis=1)
    drawn = np.array([(samples - 1) / (n * math.comb(n, s)) if s < n else 1.0 for s in sizes])
    distance = 100 * cosine_distances(masks, np.ones((1, n)))[:, 0]
    near = np.sqrt(np.exp(-(distance**2) / 25**2))
    return Ridge(alpha=1.0).fit(masks, looked_up(game, masks), sample_weight=drawn * near).coef_.T
