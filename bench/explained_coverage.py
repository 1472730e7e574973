"""Do 95 % intervals of what explanations say cover the truth in 95 % of samples?

    python bench/explained_coverage.py --data FOLDER [--runs 100] [--items 100 300]

Some of the planted pairs of `bench/validity.py`, on sentences, pairs and reviews, with every item explained once. The
truth is a measure's value on these; samples of 1,000 are drawn from them with replacement, and as many of a sample are
explained as an audit would draw. Prints, for every measure an
audit publishes of explanations, the share of runs whose interval holds the truth, and the shares that lie above and
below it, over all pairs and both methods.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from validity import drawn, to_explain
from validity_cases import Case, cases, tasks

from trusteq.auditing.explanations import paired
from trusteq.comparing.alignment import Explained, against_peer, alignment
from trusteq.comparing.measures import METHODS
from trusteq.comparing.moved import moved
from trusteq.comparing.transfer import transfer
from trusteq.explain.explanation import ExplainSettings, explain
from trusteq.explain.removal import Removal, removal, without_top_words
from trusteq.explain.respondent import respondents
from trusteq.models.probe import predict_all
from trusteq.stats.resampling import Resampling
from trusteq.tasks.outcomes import most_probable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.stats.estimate import Estimate

ASKED = {
    ("rounded weights", "4 bits"),
    ("temperature", "2"),
    ("trained again", "one network"),
    ("reads the second text only", "50% of the answer"),
    ("a shortcut, same answers", "20% of the items"),
}
SAMPLE, RESAMPLES = 1_000, 500
SLACK = 1e-6
"""What rounding may differ by."""


@dataclass(frozen=True)
class Known:
    """One pair and a peer, by both methods, and what leaving words out did: reference, candidate, peer."""

    case: Case
    explained: tuple[Explained, ...]
    peers: tuple[Explained, ...]
    removed: Removal
    moved: NDArray[np.float64]


def know(data: Path) -> list[Known]:
    found = []
    for task in tasks(data):
        every = [case for case in cases(task) if (case.kind, case.strength) in ASKED]
        peer = next(case.candidate for case in every if case.kind == "trained again")
        for case in every:
            models = [case.reference, case.candidate, peer]
            answers = [predict_all(model, case.pool).values for model in models]
            asked = respondents(models, answers, case.reference.labels)
            gold = np.asarray(case.pool.labels)
            made = explain(asked, case.pool, ExplainSettings(items=None), gold=gold)
            sample = Resampling(len(case.pool), resamples=2)
            candidate, again = (paired(made, i, case.pool, sample) for i in (1, 2))
            tables = without_top_words(asked, made, made.attributions()["shapley"])
            removed = removal(replace(made, removed=tables))
            pair = (most_probable(answers[at], gold) for at in (0, 1))
            found.append(Known(case, candidate, again, removed, moved(*pair)))
            print(f"{case.task}: {case.kind} {case.strength}", file=sys.stderr, flush=True)
            for model in models:
                getattr(model, "known", {}).clear()
    return found


known: list[Known] = []


def measured(
    one: Known, at: NDArray[np.int64], *, seed: int, weights: NDArray[np.float64] | None = None
) -> dict[str, Estimate]:
    """Everything an audit says of explanations, on the items at these positions."""
    found: dict[str, Estimate] = {}
    sample = Resampling(len(at), weights=weights, resamples=RESAMPLES, seed=seed)
    for explained, peer in zip(one.explained, one.peers, strict=True):
        ours, theirs = (replace(drawn(x, at, seed=seed), resampling=sample) for x in (explained, peer))
        found |= {**alignment(ours), **against_peer(ours, theirs)}
    removed = Removal(one.removed.drop[:, :, at], one.removed.changed[:, :, at])
    return {**found, **transfer(removed, 1, ours.resampling)}


def missed(number: int, n: int, seed: int) -> dict[str, int]:
    """Of every measure: 1 where its interval lies above the truth, -1 below, 0 where it holds it."""
    one = known[number]
    rng = np.random.default_rng([number, n, seed])
    at = rng.integers(len(one.explained[0].lengths), size=SAMPLE)
    some, weights = to_explain(one.moved[at], n, rng)
    estimates = measured(one, at[some], seed=seed, weights=weights)
    truth = truths[number]
    return {
        name: int(e.low > truth[name] + SLACK) - int(e.high < truth[name] - SLACK)
        for name, e in estimates.items()
        if name in truth
    }


truths: list[dict[str, float]] = []


def truth_of(one: Known) -> dict[str, float]:
    every = np.arange(len(one.explained[0].lengths))
    return {name: e.value for name, e in measured(one, every, seed=0).items()}


def plain(name: str) -> str:
    """Without the method."""
    for method in METHODS:
        name = name.replace(f"_{method}", "")
    return name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with the texts, as bench/validity.py has it")
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--items", type=int, nargs="+", default=[100, 300])
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    global known, truths
    known = know(asked.data)
    truths = [truth_of(one) for one in known]
    with ProcessPoolExecutor(asked.workers) as pool:  # forked: each has what is known
        for n in asked.items:
            by_measure: dict[str, list[tuple[int, int]]] = defaultdict(list)
            for number in range(len(known)):
                for run in pool.map(partial(missed, number, n), range(asked.runs), chunksize=5):
                    for name, side in run.items():
                        by_measure[plain(name)].append((number, side))
            report(n, by_measure)


def report(n: int, by_measure: dict[str, list[tuple[int, int]]]) -> None:
    print(f"\n| {n:,} items | samples | holds the truth | above it | below it | in the worst pair |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, seen in by_measure.items():
        number, side = np.array(seen).T
        least, at = min((np.mean(side[number == i] == 0), i) for i in np.unique(number))
        worst = f"{100 * least:.1f} %, {known[at].case.task}: {known[at].case.kind}"
        shares = " | ".join(f"{100 * np.mean(x):.1f} %" for x in (side == 0, side == 1, side == -1))
        print(f"| {name} | {len(side):,} | {shares} | {worst} |", flush=True)


if __name__ == "__main__":
    main()
