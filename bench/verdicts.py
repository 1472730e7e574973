"""How often is the verdict wrong? Pairs with a planted difference, judged by the default policy's rules on predictions.

    python bench/verdicts.py [--runs 1000] [--items 200 1000 5000] [--workers 2]

*Equal*: both models see the same truth through noise of the same size, so that no measure differs but a few
answers do. They may be called NOT EQUIVALENT in at most 5 % of runs. *At the margin* and *twice the margin*:
one measure differs by just that, found by bisection on 200,000 items; these may be called EQUIVALENT in at most
5 % of runs.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from planted import CALM, Plant, draw

from trusteq.comparing.answers import Answers, Pair
from trusteq.comparing.behaviour import accuracy, agreement
from trusteq.comparing.confidence import confidence_profiles
from trusteq.comparing.smooth_calibration import smooth_calibration
from trusteq.policy import Policy, read_policy
from trusteq.stats.resampling import Resampling
from trusteq.tasks.outcomes import most_probable
from trusteq.verdict import Outcome, judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from trusteq.stats.estimate import Estimate

BISECTION_ITEMS = 200_000


@dataclass(frozen=True)
class Case:
    """A planted pair: of ``worsened`` right answers the candidate makes wrong ones."""

    name: str
    plant: Plant
    worsened: float = 0.0


def sample(case: Case, n: int, seed: int, resamples: int) -> Pair:
    """The case on n items."""
    reference, candidate, gold = draw(case.plant, n, seed)
    if case.worsened:
        right = candidate.argmax(axis=1) == gold
        turned = right & (np.random.default_rng([seed, 9]).random(n) < case.worsened)
        candidate[turned] = np.roll(candidate[turned], 1, axis=1)
    resampling = Resampling(n, resamples=resamples, seed=seed)
    return Pair(*(Answers(most_probable(p, gold), resampling) for p in (reference, candidate)))


def measured(pair: Pair) -> dict[str, dict[str, Estimate]]:
    """What the default policy asks of predictions, and no more."""
    return {
        "behaviour": {**accuracy(pair), **agreement(pair)},
        "calibration": {**smooth_calibration(pair), **confidence_profiles(pair)},
    }


def cases() -> list[Case]:
    """Equal models, and for every rule a pair at its margin and one at twice its margin."""
    found = [Case("equal", CALM)]
    for times, words in ((1, "at the margin"), (2, "twice the margin")):
        found += [
            _reach("accuracy_difference", -0.01 * times, words, lambda x: Case("", CALM, x), 0.0, 0.2),
            _reach("disagreement", 0.05 * times, words, lambda x: Case("", _noisy(x)), 0.05, 2.0),
            _reach("smooth_ece_difference", 0.02 * times, words, lambda x: Case("", _sharp(x)), 1.0, 3.0),
            _reach("confidence_profile_distance", 0.05 * times, words, lambda x: Case("", _sharp(1 / x)), 1.0, 4.0),
        ]
    return found


def _noisy(x: float) -> Plant:
    return replace(CALM, reference_noise=x, candidate_noise=x)


def _sharp(x: float) -> Plant:
    return replace(CALM, candidate_sharpness=x)


def _reach(measure: str, target: float, words: str, make: Callable[[float], Case], low: float, high: float) -> Case:
    """The case whose measure has the target value on a large sample."""
    for _ in range(12):
        middle = (low + high) / 2
        case = make(middle)
        groups = measured(sample(case, BISECTION_ITEMS, 7, 2))
        value = next(group[measure].value for group in groups.values() if measure in group)
        low, high = (middle, high) if abs(value) < abs(target) else (low, middle)
    return replace(case, name=f"{measure}, {words} ({value:+.4f})")


def outcome(policy: Policy, case: Case, n: int, resamples: int, seed: int) -> tuple[str, str]:
    """The verdict of one run, and that of the planted rule."""
    verdict = judge(measured(sample(case, n, seed, resamples)), policy)
    rules = {r.measure: r.outcome for d in verdict.dimensions for r in d.rules}
    return str(verdict.outcome), str(rules.get(case.name.split(",")[0], verdict.outcome))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--items", type=int, nargs="+", default=[200, 1000, 5000])
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=2)
    asked = parser.parse_args()
    # What the models look at is not simulated here.
    policy = read_policy("default").requiring(("behaviour", "calibration"))
    print(f"{asked.runs} runs each; verdict of the default policy, and how often the planted rule itself passes")
    print(f"{'case':62s} {'items':>6s} {'EQUIV.':>7s} {'NOT':>6s} {'UNDEC.':>7s} {'rule passes':>12s}")
    with ProcessPoolExecutor(asked.workers) as pool:
        for case in cases():
            for n in asked.items:
                results = list(
                    pool.map(partial(outcome, policy, case, n, asked.resamples), range(asked.runs), chunksize=8)
                )
                shares = Counter(verdict for verdict, _ in results)
                equal, unlike, undecided = (shares[o] / asked.runs for o in list(Outcome)[:3])
                passes = np.mean([rule == Outcome.EQUIVALENT for _, rule in results])
                print(f"{case.name:62s} {n:6d} {equal:7.3f} {unlike:6.3f} {undecided:7.3f} {passes:12.3f}", flush=True)


if __name__ == "__main__":
    main()
