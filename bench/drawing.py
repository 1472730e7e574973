"""How many explained items do alignment's intervals need, by how items are drawn and how products are made of halves?

    python bench/drawing.py --data FOLDER [--items 300] [--runs 40]

The planted pairs of `bench/validity.py` on sentences and pairs of sentences, with every item explained. The standard
error of alignment from so many items, by its linearisation: drawn evenly, with products of the plan's two halves; the
same with the mean product of several cuts; and drawn by how far predictions moved. The last columns are how many items
give the first column's width, as a share: of drawing alone, of both, and the least that any chances could do, from each
item's true influence.

With --runs, so many samples of 1,000 items are drawn of every pair, some are explained in both ways, and what comes
last is how often the interval holds the truth of all items, how often it lies above and below, and its mean width.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from validity_cases import cases, tasks

from trusteq.auditing.explanations import paired
from trusteq.comparing.alignment import Explained, pooled, products
from trusteq.comparing.moved import moved
from trusteq.explain.draw import chances, ranks
from trusteq.explain.explanation import ExplainSettings, explain
from trusteq.explain.respondent import respondents
from trusteq.models.probe import predict_all
from trusteq.stats.resampling import Resampling
from trusteq.tasks.outcomes import most_probable

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from validity_cases import Case

SAMPLE = 1_000
SLACK = 1e-6
"""What rounding may differ by."""
KINDS = {
    "16-bit weights",
    "rounded weights",
    "temperature",
    "trained again",
    "worse on one subgroup, equal accuracy",
    "a shortcut, same answers",
}


def influence(explained: Explained) -> NDArray[np.float64]:
    """Of each item on alignment, times the number of items."""
    c, a, b = (x / x.mean() for x in products(explained))
    cosine = np.mean(products(explained)[0]) / np.sqrt(np.prod([x.mean() for x in products(explained)[1:]]))
    return np.asarray(cosine * (c - (a + b) / 2))


def error(psi: NDArray[np.float64], chance: NDArray[np.float64]) -> float:
    """The standard error from items drawn with these chances, those of the whole sample included."""
    return float(np.sqrt((psi**2 / chance).sum()) / len(psi))


def line(case: Case, explained: Explained, moved_: NDArray[np.float64], count: int) -> str:
    before, now = influence(replace(explained, products=None)), influence(explained)
    if not before.any():
        return ""
    evenly, drawn = np.full(len(now), count / len(now)), chances(moved_, count)
    # The chances with the smallest error, up to their cap: in proportion to the influence.
    best = np.clip(count * np.abs(now) / np.abs(now).sum(), 1e-9, 1)
    errors = [error(before, evenly), error(now, evenly), error(now, drawn)]
    shares = [(error(now, x) / error(y, evenly)) ** 2 for x, y in ((drawn, now), (drawn, before), (best, before))]
    cells = [f"{e:.5f}" for e in errors] + [f"{share:.0%}" for share in shares]
    return f"| {case.task} | {case.kind} {case.strength} | {explained.method} | {' | '.join(cells)} |"


def holds(explained: Explained, moved_: NDArray[np.float64], count: int, runs: int) -> NDArray[np.float64]:
    """How often the interval lies above the truth and below it, and its summed width, before and now [2, 3]."""
    found = np.zeros((2, 3))
    c, a, b = (x.sum() for x in products(explained))
    truth = float(np.clip(c / np.sqrt(a * b), -1, 1))
    for seed in range(runs):
        rng = np.random.default_rng([seed, len(moved_)])
        at = rng.integers(len(moved_), size=SAMPLE)
        chance = chances(moved_[at], count)
        by_change = np.argsort(ranks(rng.random(SAMPLE), chance))[:count]
        evenly, drawn = at[rng.permutation(SAMPLE)[:count]], at[by_change]
        for row, some, weights in ((0, evenly, None), (1, drawn, 1 / chance[by_change])):
            sample = Resampling(count, weights=weights, resamples=500, seed=seed)
            one = explained.take(some, sample)
            estimate = pooled(one if row else replace(one, products=None))
            if estimate is not None:
                found[row] += estimate.low > truth + SLACK, estimate.high < truth - SLACK, estimate.high - estimate.low
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the texts, as bench/validity.py has it")
    parser.add_argument("--items", type=int, default=300)
    parser.add_argument("--runs", type=int, default=0)
    asked = parser.parse_args()
    print("| texts | planted | method | error, before | with more cuts | and drawn by change | ", end="")
    print("items: by drawing | by both | at best |")
    print("| --- " * 9 + "|")
    found: dict[str, list[NDArray[np.float64]]] = defaultdict(list)
    for task in tasks(asked.data):
        if task.name == "reviews":
            continue
        for case in cases(task):
            if case.kind not in KINDS or case.reference.name != "reference":
                continue
            models, gold = [case.reference, case.candidate], np.asarray(case.pool.labels)
            answers = [predict_all(model, case.pool).values for model in models]
            made = explain(
                respondents(models, answers, case.reference.labels), case.pool, ExplainSettings(items=None), gold=gold
            )
            by_change = moved(*(most_probable(values[made.positions], None) for values in answers))
            for explained in paired(made, 1, case.pool, Resampling(len(case.pool), resamples=2)):
                print(line(case, explained, by_change, asked.items), flush=True)
                found[explained.method].append(holds(explained, by_change, asked.items, asked.runs))
            for model in models:
                getattr(model, "known", {}).clear()
    for method, parts in found.items() if asked.runs else ():
        samples = len(parts) * asked.runs
        for name, row in zip(("evenly, two halves", "by change, four cuts"), np.sum(parts, axis=0), strict=True):
            above, below, width = row / samples
            held = f"holds {1 - above - below:.1%}, above {above:.1%}, below {below:.1%}"
            print(f"{method}, {name}: {held}, mean width {width:.4f}, {samples:,} samples")


if __name__ == "__main__":
    main()
