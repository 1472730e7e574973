"""How often does a confidence sequence miss at any look, and how much longer is it than an ordinary interval?

    python bench/sequences.py [--runs 1000] [--items 1500] [--workers 2]

Every run looks again and again while items come in. "ever" is the share of runs in which the truth lies outside at
any look, "stopped" that at the first look that decides about a margin, "peeking" the same as "ever" for ordinary 95 %
intervals. "longer" is the mean length over that of the ordinary interval at the same number of items.
"""

from __future__ import annotations

import argparse
import math
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from trusteq.stats.confidence_sequence import FIRST_LOOK, TUNED_AT, Method, bounded_mean, sequence_of_ratio
from trusteq.stats.equivalence import against
from trusteq.stats.estimate import LEVEL, Estimate
from trusteq.stats.proportions import quantile_of_normal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

MEANS: dict[str, tuple[float, Callable[[np.random.Generator, int], NDArray[np.float64]]]] = {
    "coin, p = 0.5": (0.5, lambda rng, n: (rng.random(n) < 0.5).astype(np.float64)),
    "coin, p = 0.02": (0.02, lambda rng, n: (rng.random(n) < 0.02).astype(np.float64)),
    "uniform": (0.5, lambda rng, n: rng.random(n)),
    "beta(10, 30)": (0.25, lambda rng, n: rng.beta(10, 30, n)),
    "two points, 0.3 and 1 (3 %)": (0.321, lambda rng, n: np.where(rng.random(n) < 0.03, 1.0, 0.3)),
}


@dataclass(frozen=True)
class Sums:
    """Items with true attributions of cosine ``cosine``, their spread, noise and the spread of log item sizes."""

    size: float
    noise: float = 0.5
    cosine: float = 0.8
    spread: float = 0.2
    units: int = 14

    def draw(self, rng: np.random.Generator, n: int) -> tuple[NDArray[np.float64], ...]:
        """c, a, b [items]: inner products between two noisy halves of reference and candidate."""
        shape = (n, self.units)
        size = np.exp(self.size * rng.normal(size=(n, 1)))
        cosine = np.clip(self.cosine + self.spread * rng.normal(size=(n, 1)), -1, 1)
        reference = rng.normal(size=shape)
        candidate = cosine * reference + np.sqrt(1 - cosine**2) * rng.normal(size=shape)
        a1, a2, b1, b2 = (
            size * (true + self.noise * rng.normal(size=shape)) for true in (reference, reference, candidate, candidate)
        )
        return ((a1 * b2 + a2 * b1).sum(axis=1) / 2, (a1 * a2).sum(axis=1), (b1 * b2).sum(axis=1))

    def truth(self) -> float:
        """The mean true cosine: the ratio in an infinite population, where size and cosine are independent."""
        z = np.random.default_rng(0).normal(size=4_000_000)
        return float(np.clip(self.cosine + self.spread * z, -1, 1).mean())


RATIOS = {
    "equal sizes": Sums(0.0),
    "equal sizes, mostly noise": Sums(0.0, noise=2.0),
    "log sizes spread by 0.5": Sums(0.5),
    "0.5, mostly noise": Sums(0.5, noise=2.0),
    "0.5, near 1": Sums(0.5, cosine=0.98, spread=0.0),
    "log sizes spread by 0.75": Sums(0.75),
    "log sizes spread by 1": Sums(1.0),
}


def missed(low: NDArray[np.float64], high: NDArray[np.float64], truth: float, margin: float) -> tuple[bool, bool]:
    """Whether the truth is outside at any look, and at the first look that decides about a lower margin."""
    out = (low > truth + 1e-12) | (high < truth - 1e-12)
    decided = [
        against(Estimate(math.nan, float(a), float(b), 0, ""), margin, None) != "across"
        for a, b in zip(low, high, strict=True)
    ]
    stop = decided.index(True) if any(decided) else len(decided) - 1
    return bool(out.any()), bool(out[stop])


def mean_run(name: str, n: int, population: int | None, method: Method, seed: int) -> list[float]:
    """[ever, stopped, peeking, relative lengths after a tenth, a third and all of n] for a mean."""
    rng = np.random.default_rng(seed)
    truth, draw = MEANS[name]
    x = draw(rng, population or n)
    if population is not None:
        truth = float(x.mean())
    x = x[:n]
    low, high = bounded_mean(x, population=population, method=method)
    t = np.arange(1, n + 1)
    mean = np.cumsum(x) / t
    variance = np.maximum(np.cumsum(x**2) / t - mean**2, 0) * t / np.maximum(t - 1, 1)
    half = quantile_of_normal(LEVEL) * np.sqrt(variance / t * (1 if population is None else 1 - t / population))
    ever, stopped = missed(low, high, truth, 0.98 * truth)
    later = t >= FIRST_LOOK
    peeking, _ = missed((mean - half)[later], (mean + half)[later], truth, 0.0)
    return [ever, stopped, peeking, *_longer(high - low, 2 * half, [n // 10 - 1, n // 3 - 1, n - 1])]


def ratio_run(name: str, truth: float, n: int, population: int | None, seed: int) -> list[float]:
    """The same for the ratio, looked at after every 25 items."""
    rng = np.random.default_rng(seed)
    c, a, b = RATIOS[name].draw(rng, population or n)
    if population is not None:
        truth = float(c.mean() / np.sqrt(a.mean() * b.mean()))
    c, a, b = c[:n], a[:n], b[:n]
    last = n if population is None else min(n, population - FIRST_LOOK)
    looks = range(FIRST_LOOK, last + 1, 25)
    sequence = sequence_of_ratio(c, a, b, looks=looks, population=population, tuned_at=TUNED_AT)
    low, high = np.array([(e.low, e.high) for e in sequence]).T
    half = np.array([ordinary_half_length(c[:t], a[:t], b[:t], population) for t in looks])
    value = np.array([e.value for e in sequence])
    ever, stopped = missed(low, high, truth, truth - 0.02)
    peeking, _ = missed(value - half, value + half, truth, 0.0)
    at = [int(np.argmin(np.abs(np.array(looks) - t))) for t in (n // 10, n // 3, n)]
    return [ever, stopped, peeking, *_longer(high - low, 2 * half, at)]


def ordinary_half_length(
    c: NDArray[np.float64], a: NDArray[np.float64], b: NDArray[np.float64], population: int | None
) -> float:
    """z standard errors of the ratio by the delta method."""
    if a.mean() * b.mean() <= 0:
        return math.nan
    root = np.sqrt(a.mean() * b.mean())
    influence = c / root - c.mean() / root / 2 * (a / a.mean() + b / b.mean())
    unseen = 1 if population is None else 1 - len(c) / population
    return float(quantile_of_normal(LEVEL) * influence.std(ddof=1) * math.sqrt(unseen / len(c)))


def _longer(length: NDArray[np.float64], ordinary: NDArray[np.float64], at: Sequence[int]) -> list[float]:
    return [float(length[i] / ordinary[i]) if ordinary[i] > 0 else math.nan for i in at]


def report(name: str, results: Sequence[Sequence[float]]) -> None:
    columns = np.array(results, dtype=np.float64)
    ever, stopped, peeking = columns[:, :3].mean(axis=0)
    longer = [float(np.median(r[np.isfinite(r)])) if np.isfinite(r).any() else math.nan for r in columns[:, 3:].T]
    print(
        f"{name:66s} {ever:6.3f} {stopped:8.3f} {peeking:8.3f}   " + " ".join(f"{r:5.2f}" for r in longer), flush=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--items", type=int, default=1500)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    n = asked.items
    error = 1.96 * math.sqrt(LEVEL * (1 - LEVEL) / asked.runs)
    print(f"{asked.runs} runs of up to {n} items at {LEVEL:.0%} (Monte Carlo error {error:.3f})")
    print(f"{'':66s} {'ever':>6s} {'stopped':>8s} {'peeking':>8s}   longer at a tenth, a third, all")
    methods: tuple[Method, ...] = ("betting", "empirical Bernstein")
    with ProcessPoolExecutor(asked.workers) as pool:
        for population in (None, 2 * n, n):
            of = "independent" if population is None else f"of {population}"
            for name in MEANS:
                for method in methods:
                    run = partial(mean_run, name, n, population, method)
                    report(f"{name}, {of}, {method}", list(pool.map(run, range(asked.runs), chunksize=20)))
            for name, sums in RATIOS.items():
                ratio = partial(ratio_run, name, sums.truth(), n, population)
                report(f"ratio, {name}, {of}", list(pool.map(ratio, range(asked.runs), chunksize=20)))


if __name__ == "__main__":
    main()
