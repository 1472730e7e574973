"""How often a slice is named that does not differ, and whether a planted one is named first.

python bench/slices.py             both tables, about an hour of one core
python bench/slices.py --runs 20   12 minutes

Candidates differ from the reference by noise, by too sharp a confidence, or by answers at random, but everywhere alike:
then no topic may be named, in more than 5 % of the samples. Or they differ only in one topic, for one label, or in one
range of confidence: that must be named first.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NamedTuple
from unittest import mock

import numpy as np

from trusteq.auditing.advice import slice_advice
from trusteq.auditing.compute import judged_measures
from trusteq.comparing.answers import Answers, Pair
from trusteq.comparing.compute_measures import groups_for, measured_by
from trusteq.comparing.slices import LIGHT, SLICE_RESAMPLES, slices
from trusteq.comparing.smooth_calibration import smooth_calibration
from trusteq.data.predictions import softmax
from trusteq.policy import read_policy
from trusteq.stats.proportions import wilson
from trusteq.stats.resampling import Resampling
from trusteq.tasks.outcomes import most_probable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from trusteq.comparing.compute_measures import Group
    from trusteq.comparing.measures import Measure

    Floats = NDArray[np.float64]

LABELS = ("no", "maybe", "yes")
TOPICS = tuple("abcdef")


class Drawn(NamedTuple):
    """One sample: the models' probabilities [items, labels], the gold codes and the topics [items]."""

    reference: Floats
    candidate: Floats
    gold: NDArray[np.int64]
    topic: NDArray[np.str_]


def drawn(rng: np.random.Generator, n: int, change: Callable[..., Floats]) -> Drawn:
    """A calibrated reference, and the candidate that ``change`` makes of its logits."""
    logits = rng.normal(size=(n, len(LABELS))) * 2
    gold = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    topic = rng.choice(TOPICS, size=n)
    noisy = logits + rng.normal(size=logits.shape) * 0.15
    candidate = change(rng, logits=logits, noisy=noisy, topic=topic, gold=gold)
    return Drawn(softmax(logits), softmax(candidate), gold, topic)


def _swapped(rng: np.random.Generator, logits: Floats, share: float) -> Floats:
    """The same logits, with the two largest exchanged in this share of items: as sure, but wrong."""
    swap = np.flatnonzero(rng.random(len(logits)) < share)[:, None]
    order, swapped = np.argsort(-logits, axis=1)[swap[:, 0]], logits.copy()
    swapped[swap, order[:, :2]] = logits[swap, order[:, 1::-1]]
    return swapped


ALIKE: dict[str, Callable[..., Floats]] = {
    "rounding": lambda rng, noisy, **_: noisy,
    "more noise": lambda rng, noisy, **_: (noisy + rng.normal(size=noisy.shape) * 0.8) / 1.25,
    "too sharp": lambda rng, noisy, **_: 2 * noisy,
    "one answer in ten at random": lambda rng, noisy, **_: _swapped(rng, noisy, 0.1),
}
PLANTED: dict[str, tuple[str, Callable[..., Floats]]] = {
    "too sharp in topic a": (
        "topic = a",
        lambda rng, noisy, topic, **_: np.where((topic == "a")[:, None], 2.5 * noisy, noisy),
    ),
    "too sharp for gold label no": (
        "label = no",
        lambda rng, noisy, gold, **_: np.where((gold == 0)[:, None], 2.5 * noisy, noisy),
    ),
    "too sharp where the reference answers no": (
        "either model's answer = no",
        lambda rng, noisy, logits, **_: np.where((logits.argmax(axis=1) == 0)[:, None], 2.5 * noisy, noisy),
    ),
    "one answer in eight wrong, as sure as before, where the reference says 0.9 to 1": (
        "either model's confidence = 0.9 to 1",
        lambda rng, noisy, logits, **_: np.where(
            (softmax(logits).max(axis=1) >= 0.9)[:, None], _swapped(rng, noisy, 0.125), noisy
        ),
    ),
}


def named(sample: Drawn, seed: int) -> list[str]:
    """What the report names, the most certain first."""
    resampling = Resampling(len(sample.gold), resamples=SLICE_RESAMPLES, seed=seed)
    pair = Pair(
        *(Answers(most_probable(p, sample.gold), resampling) for p in (sample.reference, sample.candidate)),
        dimensions=("behaviour", "calibration"),
    )
    measures = measured_by(pair, judged_groups(pair))
    columns = {"label": [LABELS[code] for code in sample.gold], "topic": sample.topic.tolist()}
    judged = judged_measures(measures, read_policy("default"))
    return [advice.sentence for advice in slice_advice(slices(pair, columns, None, judged=judged, answers=LABELS))]


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--items", type=int, default=1_200)
    options = parser.parse_args()
    # Slices are measured by what the policy judges alone: the rest takes time and is not asked about.
    with mock.patch("trusteq.comparing.slices.groups_for", judged_groups):
        false_alarms(options.runs, options.items)
        first(options.runs, options.items)


def judged_groups(pair: Pair, own: Sequence[Measure] = ()) -> dict[Group, tuple[Measure, ...]]:
    """The groups that cost little or that the default policy judges."""
    return {group: ms for group, ms in groups_for(pair, own).items() if group in {*LIGHT, smooth_calibration}}


def false_alarms(count: int, items: int) -> None:
    """Print how often a topic is named where all are alike."""
    print("| the candidate differs everywhere by | samples | a topic is named |\n| --- | --- | --- |")
    for words, change in ALIKE.items():
        runs = [named(drawn(np.random.default_rng([1, s]), items, change), s) for s in range(count)]
        hits = sum(any(sentence.startswith("topic") for sentence in run) for run in runs)
        low, high = wilson(hits / len(runs), len(runs), level=0.95)
        print(f"| {words} | {len(runs)} | {hits} ({low:.1%} to {high:.1%}) |", flush=True)


def first(count: int, items: int) -> None:
    """Print how often the planted slice is named before all others."""
    print("\n| planted | samples | named first |\n| --- | --- | --- |")
    for words, (place, change) in PLANTED.items():
        runs = [named(drawn(np.random.default_rng([2, s]), items, change), s) for s in range(count)]
        hits = sum(bool(run) and run[0].startswith(f"{place} ") for run in runs)
        print(f"| {words} | {len(runs)} | {hits} |", flush=True)


if __name__ == "__main__":
    main()
