"""Every behaviour and calibration measure on a million items, and each shared estimator beside other libraries.

    python bench/measures.py [--items 1000000] [--rounds 5]

Two tables. The whole: all measures with 2,000 paired resamples, 3 labels, 2 models, by number of items, with processor
time and peak memory, each in a process of its own. Single estimators: point value only, ours and theirs in turn on the
same arrays, and how far the two values differ.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

from planted import UNLIKE, draw, pair

from trusteq.comparing import scores
from trusteq.comparing.answers import Answers
from trusteq.comparing.behaviour import tests
from trusteq.comparing.binned_calibration import KUMAR_BINS, ece, equal_mass_edges, squared_debiased
from trusteq.comparing.bins import WIDE_EDGES, bin_of, wide_bin
from trusteq.comparing.compute_measures import measure_all, measure_remedies
from trusteq.comparing.smooth_calibration import smooth_ece
from trusteq.comparing.thresholds import threshold_table
from trusteq.stats.resampling import Resampling
from trusteq.tasks.outcomes import most_probable

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def whole(n: int) -> dict[str, float]:
    """Processor seconds and peak memory (MB) of all measures, and of the remedies, on n items."""
    both = pair(UNLIKE, n, 0)
    for answers in (both.reference, both.candidate):
        answers.probabilities.sum()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    start = time.process_time()
    estimates = measure_all(both)
    tests(both)
    threshold_table(both)
    measured = time.process_time()
    measure_remedies(both)
    return {
        "items": n,
        "estimates": sum(len(group) for group in estimates.values()),
        "seconds": measured - start,
        "remedies": time.process_time() - measured,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
        "before": before,
    }


def binned(confidence: NDArray[np.float64], right: NDArray[np.bool_], edges: NDArray[np.float64]) -> list[Any]:
    """Sums of count, confidence and right by bin [1, bins]."""
    cell = wide_bin(confidence) if edges is WIDE_EDGES else bin_of(confidence, edges)
    bins = len(edges) - 1
    return [np.bincount(cell, weights=x, minlength=bins)[None] for x in (None, confidence, right)]


def estimators(
    p: NDArray[np.float64], gold: NDArray[np.int64]
) -> list[tuple[str, str, Callable[[], float], Callable[[], float]]]:
    """Name, the other library, ours and theirs, each a call that returns the value."""
    import calibration
    import relplot
    import torch
    from sklearn.metrics import accuracy_score, brier_score_loss, log_loss
    from torchmetrics.functional.classification import multiclass_accuracy, multiclass_calibration_error

    tensor, target = torch.from_numpy(p), torch.from_numpy(gold)
    labels = list(range(p.shape[1]))

    def answers() -> Answers:
        return Answers(most_probable(p, gold), Resampling(len(gold), resamples=1))

    def top() -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        a = answers()
        return a.confidence, a.right

    def largest_gap() -> float:
        count, confidence, right = binned(*top(), WIDE_EDGES)
        return float((np.abs(confidence - right) / np.maximum(count, 1)).max())

    def debiased() -> float:
        confidence, right = top()
        return float(squared_debiased(*binned(confidence, right, equal_mass_edges(confidence, KUMAR_BINS)))[0])

    def kumar() -> float:
        confidence, right = p.max(axis=1), p.argmax(axis=1) == gold
        bins = calibration.utils.get_equal_bins(confidence, num_bins=KUMAR_BINS)
        data = list(zip(confidence, right, strict=True))
        return float(calibration.utils.unbiased_square_ce(calibration.utils.bin(data, bins)))

    return [
        (
            "accuracy",
            "scikit-learn",
            lambda: float(answers().right.mean()),
            lambda: float(accuracy_score(gold, p.argmax(axis=1))),
        ),
        (
            "accuracy",
            "torchmetrics",
            lambda: float(answers().right.mean()),
            lambda: float(multiclass_accuracy(tensor, target, len(labels), average="micro")),
        ),
        (
            "ECE, 10 bins",
            "torchmetrics",
            lambda: float(ece(*binned(*top(), WIDE_EDGES))[0]),
            lambda: float(multiclass_calibration_error(tensor, target, len(labels), n_bins=10, norm="l1")),
        ),
        (
            "MCE, 10 bins",
            "torchmetrics",
            largest_gap,
            lambda: float(multiclass_calibration_error(tensor, target, len(labels), n_bins=10, norm="max")),
        ),
        ("debiased squared error", "uncertainty-calibration", debiased, kumar),
        (
            "Brier, sum over labels",
            "scikit-learn",
            lambda: float(scores.brier(answers()).mean()),
            lambda: float(brier_score_loss(gold, p, labels=labels, scale_by_half=False)),
        ),
        (
            "NLL",
            "scikit-learn",
            lambda: float(scores.nll(answers()).mean()),
            lambda: float(log_loss(gold, p, labels=labels)),
        ),
        (
            "smooth ECE",
            "relplot",
            lambda: smooth_ece(*top())[0],
            lambda: float(relplot.smECE(p.max(axis=1), (p.argmax(axis=1) == gold).astype(float))),
        ),
    ]


def side_by_side(n: int, rounds: int) -> None:
    p, _, gold = draw(UNLIKE, n, 1)
    print(f"\nsingle estimators, point value, {n:,} items x 3 labels, median of {rounds} in turn")
    print(
        f"{'estimator':26s} {'other library':24s} {'ours, ms':>9s} {'theirs':>7s} {'ratio':>6s} {'values differ':>14s}"
    )
    for name, library, ours, theirs in estimators(p, gold):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            gap = abs(ours() - theirs())
            times = [(_seconds(ours), _seconds(theirs)) for _ in range(rounds)]
        a, b = (1e3 * statistics.median(t) for t in zip(*times, strict=True))
        ratio = statistics.median(y / x for x, y in times)
        print(f"{name:26s} {library:24s} {a:9.1f} {b:7.1f} {ratio:6.1f} {gap:14.1e}")


def _seconds(call: Callable[[], float]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--whole", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.whole:
        print(json.dumps(whole(asked.whole)))
        return
    print("all measures, 2,000 paired resamples, 3 labels, 2 models, median of 3 processes")
    print(f"{'items':>10s} {'estimates':>10s} {'seconds':>8s} {'+ remedies':>11s} {'peak MB':>8s} {'of it data':>11s}")
    for n in (asked.items // 100, asked.items // 10, asked.items // 2, asked.items):
        runs = []
        for _ in range(3):
            command = [sys.executable, __file__, "--whole", str(n)]
            runs.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        m = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        times = f"{m['seconds']:8.1f} {m['remedies']:11.1f}"
        print(f"{n:10,} {m['estimates']:10.0f} {times} {m['memory']:8.0f} {m['before']:11.0f}")
    side_by_side(asked.items, asked.rounds)


if __name__ == "__main__":
    main()
