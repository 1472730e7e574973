"""Do 95 % intervals cover the truth in 95 % of samples?

    python bench/coverage.py [--runs 1000] [--items 500 2000] [--workers 2]

The truth is each measure's value on one sample of four million items. Prints, for every measure, the share of
runs whose interval holds it and the share that misses on either side.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from planted import Plant, pair

from trusteq.compare.measures import measure

PLANT = Plant(candidate_noise=0.8, candidate_sharpness=1.0)
TRUTH_ITEMS = 4_000_000


def values(plant: Plant, n: int, seed: int, resamples: int) -> dict[str, tuple[float, float, float]]:
    """Value, low and high of every measure on one sample."""
    measured = measure(pair(plant, n, seed, resamples=resamples))
    return {name: (e.value, e.low, e.high) for group in measured.values() for name, e in group.items()}


def truth(plant: Plant) -> dict[str, float]:
    """Every measure's value on a sample so large that it stands for the population."""
    return {name: value for name, (value, _, _) in values(plant, TRUTH_ITEMS, 2**31, 2).items()}


def misses(
    plant: Plant, target: dict[str, float], n: int, *, runs: int, resamples: int, workers: int
) -> dict[str, tuple[float, float]]:
    """For every measure the share of runs whose interval lies above the truth, and below it."""
    sides: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
    with ProcessPoolExecutor(workers) as pool:
        for sample in pool.map(partial(_sample, plant, n, resamples), range(runs), chunksize=4):
            for name, (_, low, high) in sample.items():
                # The truth itself is known to about this much.
                slack = 1e-4 * abs(target[name])
                sides[name].append((low > target[name] + slack, high < target[name] - slack))
    return {name: (float(np.mean([a for a, _ in s])), float(np.mean([b for _, b in s]))) for name, s in sides.items()}


def _sample(plant: Plant, n: int, resamples: int, seed: int) -> dict[str, tuple[float, float, float]]:
    return values(plant, n, seed, resamples)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--items", type=int, nargs="+", default=[500, 2000])
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    target = truth(PLANT)
    for n in asked.items:
        error = 1.96 * np.sqrt(0.05 * 0.95 / asked.runs)
        print(f"\n{asked.runs} samples of {n} items, 95 % intervals (Monte Carlo error {error:.3f})")
        print(f"{'measure':45s} {'truth':>9s} {'covers':>7s} {'too high':>9s} {'too low':>8s}")
        found = misses(PLANT, target, n, runs=asked.runs, resamples=asked.resamples, workers=asked.workers)
        for name, (above, below) in found.items():
            print(f"{name:45s} {target[name]:9.5f} {1 - above - below:7.3f} {above:9.3f} {below:8.3f}")


if __name__ == "__main__":
    main()
