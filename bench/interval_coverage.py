"""Do 95 % intervals cover the truth in 95 % of samples?

    python bench/interval_coverage.py [--runs 1000] [--items 500 2000] [--plant unlike calm] [--only brier]
        [--dealt 50 [--at-random]]

The truth is each measure's value on one sample of four million items. Prints, for every measure, the share of
runs whose interval holds it, the share that misses on either side, and the interval's median width; then, how many
measures lie inside and outside 93 to 97 %, and the range of those that are smooth functions of means: the others have
a corner, where no interval can be right to the percent, and must only not cover less. ``--only`` names functions of
the table in `trusteq.comparing.measures`. ``--dealt`` deals the independent items to so many clusters that are all
alike: each holds the same mixture of easy and hard ones; with ``--at-random`` to clusters that mean nothing.
"""

from __future__ import annotations

import argparse
import re
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from planted import CALM, UNLIKE, Plant, pair

from trusteq.comparing.answers import Pair
from trusteq.comparing.compute_measures import groups
from trusteq.stats.resampling import Resampling

PLANTS = {"unlike": UNLIKE, "calm": CALM}
TRUTH_ITEMS = 4_000_000
GROUPS = {group.__name__: group for group in groups()}

CORNER = re.compile(r"_q\d|mce|ece|usable_|miscalibration|profile_distance")
"""Measures that are a largest value, a distance from 0, an order statistic or a share above a cut-off."""

Ends = dict[str, tuple[float, float, float]]


def values(
    plant: Plant,
    only: tuple[str, ...],
    n: int,
    resamples: int,
    seed: int,
    *,
    clusters: int = 0,
    at_random: bool = False,
) -> Ends:
    """Value, low and high of every measure on one sample."""
    sample = pair(plant, n, seed, resamples=resamples)
    if clusters:
        sample = dealt(sample, clusters, seed if at_random else None)
    return {name: (e.value, e.low, e.high) for group in only for name, e in sample.measured(GROUPS[group]).items()}


def dealt(sample: Pair, clusters: int, seed: int | None) -> Pair:
    """The same items in so many clusters, dealt at random with a seed, else in the order of how hard they are."""
    reference, candidate, drawn = sample.reference, sample.candidate, sample.resampling
    names = np.empty(drawn.n, dtype=object)
    order = np.lexsort((candidate.confidence, reference.right, candidate.right))
    names[order] = [f"c{i % clusters}" for i in range(drawn.n)]
    if seed is not None:
        names = np.random.default_rng([seed, 7]).permutation(names)
    again = Resampling(drawn.n, clusters=names.tolist(), resamples=drawn.resamples, seed=drawn.seed)
    return Pair(replace(reference, resampling=again), replace(candidate, resampling=again))


def truth(plant: Plant, only: tuple[str, ...]) -> dict[str, float]:
    """Every measure's value on a sample so large that it stands for the population."""
    return {name: value for name, (value, _, _) in values(plant, only, TRUTH_ITEMS, 2, 2**31).items()}


def report(target: dict[str, float], samples: list[Ends]) -> None:
    """The table of one plant and number of items."""
    print(f"{'measure':45s} {'truth':>9s} {'covers':>7s} {'too high':>9s} {'too low':>8s} {'width':>8s}")
    covered = []
    for name, true in target.items():
        _, low, high = np.array([sample[name] for sample in samples]).T
        # The truth itself is known to about this much.
        slack = 1e-4 * abs(true)
        above, below = np.mean(low > true + slack), np.mean(high < true - slack)
        covered.append(1 - above - below)
        width = np.median(high - low)
        print(f"{name:45s} {true:9.5f} {covered[-1]:7.3f} {above:9.3f} {below:8.3f} {width:8.4f}")
    c = np.round(covered, 6)
    inside, under, over = (np.count_nonzero(x) for x in ((c >= 0.93) & (c <= 0.97), c < 0.93, c > 0.97))
    print(f"{len(c)} measures: median {np.median(c):.3f}; {inside} in 0.93-0.97, {under} below, {over} above")
    smooth = [share for name, share in zip(target, c, strict=True) if not CORNER.search(name)]
    if smooth:
        print(f"{len(smooth)} smooth ones cover {min(smooth):.3f} to {max(smooth):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--items", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--plant", nargs="+", choices=list(PLANTS), default=["unlike"])
    parser.add_argument("--only", nargs="+", choices=list(GROUPS), default=list(GROUPS))
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--dealt", type=int, default=0)
    parser.add_argument("--at-random", action="store_true")
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    only = tuple(asked.only)
    error = 1.96 * np.sqrt(0.05 * 0.95 / asked.runs)
    with ProcessPoolExecutor(asked.workers) as pool:
        for plant in asked.plant:
            target = truth(PLANTS[plant], only)
            for n in asked.items:
                print(f"\n{asked.runs} samples of {n} items, {plant}, 95 % intervals (Monte Carlo error {error:.3f})")
                sample = partial(
                    values, PLANTS[plant], only, n, asked.resamples, clusters=asked.dealt, at_random=asked.at_random
                )
                report(target, list(pool.map(sample, range(asked.runs), chunksize=4)))
                sys.stdout.flush()


if __name__ == "__main__":
    main()
