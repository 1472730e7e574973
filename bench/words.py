"""Does the list of words that two models lean on differently hold its rate of false discoveries, and find shortcuts?

    python bench/words.py [--runs 300] [--items 800] [--noise 1.0]

Models without any systematic word: the same attributions with independent or shared noise, attributions that differ
at random, that are spread over items unlike each other, that sit on few units of an item, or where one item dwarfs the
rest. For each, the rate of false discoveries at 0.05 of `word_leans`, and of tests it might have used on the same
differences: Student's t and the sign-flip test without the adjustment for an item's other units, the sign-flip test
with it. Then planted shortcuts: names in 5 % of items, of one sign or of either. Last, the time for 10,000 items.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from trusteq.comparing import words as module
from trusteq.comparing.words import WordLeans, word_leans
from trusteq.stats.multiplicity import benjamini_hochberg

FLIPS = 20_000
NULLS = (
    "same",
    "shared noise",
    "random",
    "random, signed words",
    "items unlike",
    "items unlike, signed words",
    "few units",
    "one large item",
    "noise only",
)


@dataclass(frozen=True)
class Case:
    """Arguments of `word_leans`."""

    words: list[list[str]]
    lengths: Any
    reference: tuple[Any, Any]
    candidate: tuple[Any, Any]


def case(
    kind: str, *, items: int, noise: float, seed: int, plant: str = "", units: float = 14.0, vocabulary: int = 3_000
) -> Case:
    """Simulated models; noise in units of the attributions' root mean square, the same in both halves."""
    rng = np.random.default_rng([seed, 17])
    lengths = rng.poisson(units, items) + 3
    shape = (items, int(lengths.max()))
    there = np.arange(shape[1]) < lengths[:, None]
    share = 1 / np.arange(1, vocabulary + 1)
    word = rng.choice(vocabulary, size=shape, p=share / share.sum())
    weight, push = np.exp(rng.normal(size=vocabulary)), rng.normal(size=vocabulary) * ("signed" in kind)

    def signal(spread: float = 0.7, scale: Any = None, few: bool = False) -> Any:
        scale = np.exp(rng.normal(size=items) * spread - spread**2) if scale is None else scale
        z = rng.normal(size=shape) + push[word]
        return weight[word] * scale[:, None] * (z * (rng.random(shape) < 0.1) * np.sqrt(10) if few else z)

    if kind in ("same", "shared noise"):
        a = b = signal()
    elif kind.startswith("items unlike"):
        a, b = signal(0.3), signal(1.2)
    else:
        scale = np.exp(rng.normal(size=items) * 0.7)
        if kind == "one large item":
            scale[0] = 50.0
        a, b = signal(scale=scale), signal(scale=scale, few=kind == "few units")
    a, b = (x / np.sqrt(np.square(x[there]).mean()) for x in (a, b))
    if kind == "noise only":
        b = np.zeros(shape)
    names = word.astype(object)
    if plant:
        chosen = rng.choice(items, items // 20, replace=False)
        word[chosen, 0] = vocabulary + np.arange(len(chosen)) % 2
        sign = np.where(np.arange(len(chosen)) % 4 < 2, 1, -1) if plant == "either" else 1
        a, b = a.copy(), b.copy()
        a[chosen, 0], b[chosen, 0] = rng.normal(size=len(chosen)), sign * rng.normal(3.0, 0.5, size=len(chosen))
        names = word.astype(object)
    first = [x + noise * rng.normal(size=shape) for x in (a, a, b, b)]
    if kind == "shared noise":
        first[2], first[3] = (first[k] + 0.1 * noise * rng.normal(size=shape) for k in (0, 1))
    r1, r2, c1, c2 = (np.where(there, x, 0.0) for x in first)
    rows = [[f"w{w}" for w in row[:n]] for row, n in zip(names, lengths, strict=True)]
    return Case(rows, lengths.astype(np.int64), (r1, r2), (c1, c2))


def leans(of: Case) -> WordLeans:
    return word_leans(of.words, of.lengths, of.reference, of.candidate)


def others(of: Case) -> dict[str, Any]:
    """p-values of lean differences by other tests, from the values that `word_leans` tests."""
    seen: dict[str, Any] = {}
    kept = module._leans

    def spied(sample: Any, *, largest: float) -> Any:
        result = kept(sample, largest=largest)
        seen.update(sample=sample, adjusted=result[2])
        return result

    module._leans = spied
    try:
        leans(of)
    finally:
        module._leans = kept
    if not seen:
        return {}
    sample = seen["sample"]
    raw = sample.values[:, 1] - sample.values[:, 0]
    return {
        "t, raw": student(raw, sample),
        "flip, raw": flips(raw, sample),
        "flip, adjusted": flips(seen["adjusted"], sample),
    }


def student(x: Any, sample: Any) -> Any:
    mean = sample.mean(x)
    error = np.sqrt(sample.mean(np.square(x - np.repeat(mean, sample.n))) / (sample.n - 1))
    return 2 * special.stdtr(sample.n - 1, -np.abs(mean) / error)


def flips(x: Any, sample: Any) -> Any:
    """Sign-flip test: all flips up to 14 items, many random ones beyond."""
    rng = np.random.default_rng(0)
    p = []
    for start, n in zip(sample.start, sample.n, strict=True):
        row = x[start : start + n]
        if n <= 14:
            signs = 1.0 - 2.0 * ((np.arange(2 ** (n - 1))[:, None] >> np.arange(n)) & 1)
        else:
            signs = rng.integers(0, 2, size=(FLIPS, n), dtype=np.int8) * 2.0 - 1.0
        hits = np.count_nonzero(np.abs(signs @ row) >= abs(row.sum()) * (1 - 1e-12))
        p.append(hits / len(signs) if n <= 14 else (hits + 1) / (len(signs) + 1))
    return np.array(p)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--items", type=int, default=800)
    parser.add_argument("--noise", type=float, default=1.0)
    parser.add_argument("--others", type=int, default=40, help="runs of the slow tests it might have used")
    asked = parser.parse_args()

    print(f"{asked.items} items, noise {asked.noise}, {asked.runs} runs: rate of false discoveries at 0.05")
    for kind in NULLS:
        found, covered, by_other = [], [], dict[str, list[bool]]()
        for seed in range(asked.runs):
            of = case(kind, items=asked.items, noise=asked.noise, seed=seed)
            rows = leans(of).rows
            found.append(any(row.q_value < 0.05 for row in rows))
            covered += [row.lean_difference.low <= 0 <= row.lean_difference.high for row in rows]
            if seed < asked.others:
                for name, p in others(of).items():
                    by_other.setdefault(name, []).append(min(benjamini_hochberg(p.tolist()), default=1.0) < 0.05)
        more = "; ".join(f"{name} {np.mean(x):.3f}" for name, x in by_other.items())
        cover = np.mean(covered) if covered else np.nan
        print(f"  {kind:28s} {np.mean(found):.3f}, intervals hold 0: {cover:.3f}; {more}", flush=True)

    print("planted: share of runs that find both names, that list them first, and false among all found")
    for kind in ("same", "random", "items unlike"):
        for plant in ("one sign", "either"):
            both, first, false = [], [], []
            for seed in range(asked.runs // 3):
                rows = leans(case(kind, items=asked.items, noise=asked.noise, seed=seed, plant=plant)).rows
                hits = [row.word for row in rows if row.q_value < 0.05]
                both.append({"w3000", "w3001"} <= set(hits))
                first.append({row.word for row in rows[:2]} == {"w3000", "w3001"})
                false.append(sum(w not in ("w3000", "w3001") for w in hits) / max(len(hits), 1))
            print(f"  {kind:14s} {plant:9s} {np.mean(both):.3f} {np.mean(first):.3f} {np.mean(false):.3f}", flush=True)

    large = case("random", items=10_000, noise=1.0, seed=0, units=27.0, vocabulary=20_000)
    start = time.perf_counter()
    result = leans(large)
    seconds = time.perf_counter() - start
    print(
        f"{large.lengths.sum():,} occurrences, {result.tested:,} words tested, {result.untested:,} not: {seconds:.2f} s"
    )


if __name__ == "__main__":
    main()
