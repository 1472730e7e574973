"""How an audit with more items ends, by making thousands of them."""

import numpy as np

from trusteq import Estimate
from trusteq.stats.equivalence import against
from trusteq.stats.proportions import wilson


def ends(n, happened, margins, items, *, averaged, runs=4_000, seed=0):
    """The shares of audits of ``items`` items that end within the margins and beyond, after ``happened`` of n events.

    Averaged: each audit's true share is drawn from what n items leave possible if every share was equally likely.
    """
    rng = np.random.default_rng(seed)
    low, high = margins
    places = []
    for _ in range(runs):
        true = rng.beta(happened + 1, n - happened + 1) if averaged else happened / n
        share = (happened + (rng.random(items - n) < true).sum()) / items
        places.append(against(Estimate(share, *wilson(share, items, level=0.95), items, "share"), low, high))
    return places.count("inside") / runs, places.count("outside") / runs


def ends_of_means(n, value, error, margins, items, *, averaged, runs=20_000, seed=0):
    """The same for a mean of items that scatter by error * root n, with the interval of the normal distribution."""
    rng = np.random.default_rng(seed)
    low, high = margins
    places = []
    for _ in range(runs):
        true = rng.normal(value, error) if averaged else value
        added = rng.normal(true, error * np.sqrt(n / (items - n)))
        mean, later = (n * value + (items - n) * added) / items, error * np.sqrt(n / items)
        estimate = Estimate(mean, mean - 1.959964 * later, mean + 1.959964 * later, items, "mean")
        places.append(against(estimate, low, high))
    return places.count("inside") / runs, places.count("outside") / runs
