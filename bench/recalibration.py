"""Whether what is recommended for a candidate's confidence holds on fresh items, and which kind of fault is named.

    python bench/recalibration.py [--draws 40] [--items 2000]

The reference knows the true logits of three labels; the candidate knows them through a little noise, and has one fault
planted. Each draw of items is audited by the default policy's rules; what is recommended is applied, with the
parameters that the audit stores, to 50,000 fresh items of the same law. There it must do what was said of it: bring
the estimate of each rule that it mends within the margin, and make neither its own scores nor any label, answer, group
or tenth of confidence worse by more than 0.01 (than it was and than the reference is).
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq import Pair
from trusteq.auditing.recalibration import recalibration
from trusteq.comparing.answers import Answers
from trusteq.comparing.compute_measures import groups_for
from trusteq.comparing.confidence_maps import map_from
from trusteq.comparing.remedies import own_changes
from trusteq.data.predictions import softmax
from trusteq.policy import Policy, preset
from trusteq.stats.resampling import Resampling
from trusteq.tasks.outcomes import most_probable
from trusteq.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from trusteq.comparing.remedies import TriedMap
    from trusteq.stats.estimate import Estimate

    Floats = NDArray[np.float64]
    Law = tuple[Floats, Floats, NDArray[np.int64], NDArray[np.bool_]]

TOLERANCE = 0.01
FRESH = 50_000
LABELS = 3
NOISE = 0.2


def drawn(plant: str, n: int, seed: int) -> Law:
    """Probabilities of both models [items, labels], gold codes and who is in the group [items]."""
    rng = np.random.default_rng([seed, n])
    truth = rng.normal(size=(n, LABELS)) * 2
    gold = (truth + rng.gumbel(size=truth.shape)).argmax(axis=1)
    group = rng.random(n) < 0.25
    reference, _ = PLANTS[plant](truth, gold, group, rng)
    _, candidate = PLANTS[plant](truth + rng.normal(size=truth.shape) * NOISE, gold, group, rng)
    return reference, candidate, gold, group


def _same(z: Floats, *_: Any) -> tuple[Floats, Floats]:
    return softmax(z), softmax(z)


def _tempered(t: float) -> Callable[..., tuple[Floats, Floats]]:
    return lambda z, *_: (softmax(z), softmax(z / t))


def _overconfident_reference(z: Floats, *_: Any) -> tuple[Floats, Floats]:
    return softmax(z * 2.2), softmax(z)


def _both_overconfident(z: Floats, *_: Any) -> tuple[Floats, Floats]:
    return softmax(z * 1.3), softmax(z * 2.2)


def _label(t: float) -> Callable[..., tuple[Floats, Floats]]:
    return lambda z, gold, *_: (softmax(z), softmax(np.where((gold == 0)[:, None], z / t, z)))


def _answer(t: float) -> Callable[..., tuple[Floats, Floats]]:
    return lambda z, *_: (softmax(z), softmax(np.where((z.argmax(axis=1) == 0)[:, None], z / t, z)))


def _group(t: float) -> Callable[..., tuple[Floats, Floats]]:
    return lambda z, gold, group, rng: (softmax(z), softmax(np.where(group[:, None], z / t, z)))


def _range(z: Floats, *_: Any) -> tuple[Floats, Floats]:
    """Confidences of 0.5 to 0.9 are raised, by 0.2 at most; all others stay."""
    p = softmax(z)
    confidence = p.max(axis=1)
    made = np.interp(confidence, [0.5, 0.6, 0.8, 0.9], [0.5, 0.8, 0.88, 0.9])
    moved = (confidence >= 0.5) & (confidence < 0.9)
    rest = p * ((1 - made) / (1 - confidence))[:, None]
    rest[np.arange(len(p)), p.argmax(axis=1)] = made
    return p, np.where(moved[:, None], rest, p)


def _noise(size: float) -> Callable[..., tuple[Floats, Floats]]:
    return lambda z, gold, group, rng: (softmax(z), softmax(z + rng.normal(size=z.shape) * size))


def _bias(size: float) -> Callable[..., tuple[Floats, Floats]]:
    return lambda z, *_: (softmax(z), softmax(z + size * np.eye(LABELS)[0]))


PLANTS: dict[str, Callable[..., tuple[Floats, Floats]]] = {
    "nothing": _same,
    "temperature 1.15": _tempered(1.15),
    "temperature 1.5": _tempered(1.5),
    "temperature 3": _tempered(3.0),
    "temperature 0.8": _tempered(0.8),
    "temperature 0.5": _tempered(0.5),
    "overconfident reference": _overconfident_reference,
    "more overconfident than the reference": _both_overconfident,
    "temperature of one label, 3": _label(3.0),
    "temperature of one label, 0.3": _label(0.3),
    "temperature of one answer, 3": _answer(3.0),
    "temperature of one answer, 0.3": _answer(0.3),
    "temperature of one group, 4": _group(4.0),
    "temperature of one group, 0.2": _group(0.2),
    "one range of confidence": _range,
    "noise of 1": _noise(1.0),
    "noise of 2": _noise(2.0),
    "noise of 3": _noise(3.0),
    "bias of one label": _bias(2.0),
}


def pair_of(law: Law, resampling: Resampling) -> Pair:
    reference, candidate, gold, _ = law
    return Pair(*(Answers(most_probable(p, gold), resampling) for p in (reference, candidate)))


def columns(law: Law) -> dict[str, list[str]]:
    _, candidate, gold, group = law
    coded = {"label": gold, "answer": candidate.argmax(axis=1)}
    named = {name: [f"label {code}" for code in codes] for name, codes in coded.items()}
    return named | {"group": np.where(group, "yes", "no").tolist()}


def measured(pair: Pair, names: set[str]) -> dict[str, dict[str, Estimate]]:
    """The measures of these names, by dimension."""
    found: dict[str, dict[str, Estimate]] = {}
    for group, measures in groups_for(pair).items():
        if names & {measure.name for measure in measures}:
            found.setdefault(measures[0].dimension, {}).update(pair.measured(group))
    return found


def judged(policy: Policy) -> set[str]:
    return {name for rules in policy.rules.values() for name in rules}


def broken(tried: TriedMap, law: Law, policy: Policy) -> list[str]:
    """What the map does not keep of what was said of it, on a large sample of the law."""
    _, candidate, gold, group = law
    resampling = Resampling(len(gold), resamples=50)
    before = pair_of(law, resampling)
    touched = np.ones(len(gold), dtype=np.bool_)
    if tried.column is not None:
        touched = np.array(columns(law)[tried.column]) == tried.value
    made = candidate.copy()
    made[touched] = map_from(tried.map, tried.parameters).applied(candidate[touched])
    after = replace(before, candidate=Answers(most_probable(made, gold), resampling))
    found = {name: e for part in measured(after, judged(policy)).values() for name, e in part.items()}
    rules = {name: rule for group in policy.rules.values() for name, rule in group.items()}
    failed = [name for name in tried.mends if not rules[name].allows(found[name].value)]
    failed += [f"own {n}" for n, e in own_changes(before, after).items() if n != "accuracy" and e.value > TOLERANCE]
    sides = [np.abs(x) for x in (after.candidate.confidence, before.candidate.confidence)]
    parts = {f"label {k}": gold == k for k in range(LABELS)} | {"group": group, "no group": ~group}
    parts |= {f"answer {k}": before.candidate.answer == k for k in range(LABELS)}
    parts |= {f"confidence {k / 10}": (sides[1] >= k / 10) & (sides[1] < (k + 1) / 10) for k in range(3, 10)}
    for name, inside in parts.items():
        if inside.sum() < FRESH / 100:
            continue
        now, was, usual = (
            abs(a.confidence[inside].mean() - a.right[inside].mean())
            for a in (after.candidate, before.candidate, before.reference)
        )
        if now - max(was, usual) > TOLERANCE:
            failed.append(f"{name} {was:.3f} to {now:.3f}")
    return failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=40)
    parser.add_argument("--items", type=int, default=2_000)
    parser.add_argument("--plant", action="append", choices=PLANTS, help="default: all")
    options = parser.parse_args()
    policy = preset("default").requiring(("behaviour", "calibration"))
    needed = judged(policy) | {"discrimination_difference"}
    print(
        f"| planted | kind of fault named, of {options.draws} | recommended | held on fresh items |\n|---|---|---|---|"
    )
    kept_of_all, of_all = 0, 0
    for plant in options.plant or PLANTS:
        fresh = drawn(plant, FRESH, 10**6)
        kinds: Counter[str] = Counter()
        maps: Counter[str] = Counter()
        failures: Counter[str] = Counter()
        kept = 0
        for seed in range(options.draws):
            law = drawn(plant, options.items, seed)
            pair = pair_of(law, Resampling(options.items, resamples=1_000, seed=seed))
            measures = measured(pair, needed)
            verdict = judge(measures, policy)
            judged_by_policy = partial(judge, policy=policy)
            found = recalibration(pair, measures, verdict, policy, columns(law), judged_by_policy=judged_by_policy)
            if found is None:
                kinds["no rule fails"] += 1
                continue
            fault = found.fault
            kinds[fault.kind if fault.column is None else f"{fault.column} = {fault.value}"] += 1
            for tried in found.maps:
                if tried.recommended:
                    maps[f"{tried.map}, {tried.target}" + (f" in {tried.column}" if tried.column else "")] += 1
                    failed = broken(tried, fresh, policy)
                    kept += not failed
                    failures.update(failed)
        advised = sum(maps.values())
        kept_of_all, of_all = kept_of_all + kept, of_all + advised
        words = ["; ".join(f"{name} {count}" for name, count in c.most_common()) or "-" for c in (kinds, maps)]
        print(
            f"| {plant} | {words[0]} | {words[1]} | {f'{kept} of {advised}' if advised else '-'} |",
            dict(failures) or "",
            flush=True,
        )
    print(f"\nHeld: {kept_of_all} of {of_all}")


if __name__ == "__main__":
    main()
