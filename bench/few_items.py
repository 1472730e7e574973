"""Which interval of alignment holds where few items hold all the difference?

    python bench/few_items.py [--runs 1000]

The candidate looks at the same words as the reference but for a share of the items, a shortcut's, where it looks at
others, twice as hard. Attributions are as uneven from item to item as on real texts. Prints how often the interval of
the pooled cosine lies above the truth, and below it: 2.5 % of each is what 95 % promise.
"""

from __future__ import annotations

import argparse

import numpy as np

from trusteq.stats.resampling import Resampling


def cosine(cross: np.ndarray, own_a: np.ndarray, own_b: np.ndarray) -> np.ndarray:
    """Of the sums of products [rows, 1] each."""
    return np.asarray(cross[:, 0] / np.sqrt(own_a[:, 0] * own_b[:, 0]))


def drawn(rng: np.random.Generator, n: int, share: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Products of the attributions of n items: both models', the reference's own, the candidate's own."""
    own, other = rng.lognormal(sigma=0.8, size=(2, n))
    astray = rng.random(n) < share
    return np.where(astray, 0.0, own), own, np.where(astray, 2 * other, own)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    asked = parser.parse_args()
    print("| astray | items | above, bootstrap-t | below | above, wider of basic and percentile | below |")
    print("| --- | --- | --- | --- | --- | --- |")
    for share in (0.03, 0.05, 0.1, 0.2, 0.4):
        # Means of products, both lognormals having the same.
        truth = (1 - share) / np.sqrt(1 - share + 2 * share)
        for n in (100, 300, 1000):
            missed = np.zeros(4)
            for seed in range(asked.runs):
                rng = np.random.default_rng([seed, n, round(1000 * share)])
                parts = drawn(rng, n, share)
                sample = Resampling(n, resamples=500, seed=seed)
                sums = sample.cell_sums(np.zeros(n, dtype=np.int64), 1, *parts)
                value, draws = cosine(*(s.total[None] for s in sums))[0], cosine(*(s.draws for s in sums))
                for at, e in (
                    (0, sample.studentised(cosine, *parts, what="cosine", bounds=(-2, 2))),
                    (2, sample.from_draws(value, draws, what="cosine")),
                ):
                    missed[at : at + 2] += e.low > truth, e.high < truth
            cells = " | ".join(f"{100 * m / asked.runs:.1f} %" for m in missed)
            print(f"| {share:.0%} | {n:,} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
