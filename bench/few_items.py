"""Which interval of alignment holds where few items hold all the difference?

    python bench/few_items.py [--runs 1000] [--drawn]

The candidate looks at the same words as the reference but for a share of the items, a shortcut's, where it looks at
others, twice as hard. Attributions are as uneven from item to item as on real texts. Prints how often the interval of
the pooled cosine lies above the truth, and below it (2.5 % of each is what 95 % promise), and its mean and largest
width: as judged, of the bootstrap-t alone, and of the wider of basic and percentile.

With --drawn, the predictions of these items move as well, and the items are drawn from 2,000 as an audit draws them.
"""

from __future__ import annotations

import argparse

import numpy as np

from trusteq.comparing.alignment import SumEstimator
from trusteq.explain.draw import chances, ranks
from trusteq.stats.resampling import Resampling

ITEMS = 2_000


def cosine(cross: np.ndarray, own_a: np.ndarray, own_b: np.ndarray) -> np.ndarray:
    """Of the sums of products [rows, 1] each."""
    return np.asarray(cross[:, 0] / np.sqrt(own_a[:, 0] * own_b[:, 0]))


def drawn(rng: np.random.Generator, n: int, share: float, *, by_change: bool) -> tuple[np.ndarray, ...]:
    """Products of the attributions of n items: both models', the reference's own, the candidate's own; and weights."""
    many = ITEMS if by_change else n
    own, other = rng.lognormal(sigma=0.8, size=(2, many))
    astray = rng.random(many) < share
    parts = np.where(astray, 0.0, own), own, np.where(astray, 2 * other, own)
    if not by_change:
        return (*parts, np.ones(n))
    chance = chances(np.where(astray, rng.uniform(0.1, 0.9, many), rng.exponential(0.01, many)), n)
    at = np.argsort(ranks(rng.random(many), chance))[:n]
    return (*(x[at] for x in parts), 1 / chance[at])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--drawn", action="store_true")
    asked = parser.parse_args()
    print("| astray | items | above, as judged | below | width, mean | largest | ", end="")
    print("above, bootstrap-t | below | width, mean | largest | above, wider | below | width, mean | largest |")
    print("| --- " * 14 + "|")
    for share in (0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.4):
        # Means of products, both lognormals having the same.
        truth = (1 - share) / np.sqrt(1 - share + 2 * share)
        for n in (100, 300) if asked.drawn else (100, 300, 1000):
            missed, widths = np.zeros((3, 2)), np.zeros((3, asked.runs))
            for seed in range(asked.runs):
                rng = np.random.default_rng([seed, n, round(1000 * share)])
                *parts, weights = drawn(rng, n, share, by_change=asked.drawn)
                sample = Resampling(n, weights=weights if asked.drawn else None, resamples=500, seed=seed)
                sums = sample.cell_sums(np.zeros(n, dtype=np.int64), 1, *parts)
                value, draws = cosine(*(s.total[None] for s in sums))[0], cosine(*(s.draws for s in sums))
                judged = SumEstimator(sample).cosine(*parts, *parts[1:], what="cosine")
                assert judged is not None
                for at, e in enumerate(
                    (
                        judged,
                        sample.studentised(cosine, *parts, what="cosine", bounds=(-2, 2)),
                        sample.from_draws(value, draws, what="cosine"),
                    )
                ):
                    missed[at] += e.low > truth, e.high < truth
                    widths[at, seed] = min(e.high, 1.0) - max(e.low, -1.0)
            cells = " | ".join(
                f"{100 * above / asked.runs:.1f} % | {100 * below / asked.runs:.1f} % | {w.mean():.3f} | {w.max():.2f}"
                for (above, below), w in zip(missed, widths, strict=True)
            )
            print(f"| {share:.1%} | {n:,} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
