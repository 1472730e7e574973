"""Whether a recommended cascade holds on fresh items, and whether what is printed of it covers what is true.

    python bench/cascade.py [--draws 400] [--items 2000]

Both models see the true logits of three labels, the candidate through noise, and its answers change as planted. Each
draw of items is audited by the default policy's rules of behaviour. The recommended cut-off is applied to 200,000 fresh
items of the same law. There disagreement and the difference of accuracy must lie within the margins, and agreement
should lie in the interval that is printed of it.
"""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq import Pair
from trusteq.auditing.routing import cascade
from trusteq.comparing.answers import Answers
from trusteq.comparing.cascade import routed_to_reference, together
from trusteq.comparing.compute_measures import measure_all
from trusteq.data.predictions import softmax
from trusteq.policy import preset
from trusteq.stats.resampling import Resampling
from trusteq.tasks.outcomes import most_probable
from trusteq.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FRESH = 200_000
OF_A_CLUSTER = 4


def _noise(scale: float) -> Callable[..., Floats]:
    return lambda z, rng: z + rng.normal(size=z.shape) * scale


def _clustered(z: Floats, rng: np.random.Generator) -> Floats:
    shared = rng.normal(size=(-(-len(z) // OF_A_CLUSTER), z.shape[1])).repeat(OF_A_CLUSTER, axis=0)[: len(z)]
    return z + 0.5 * shared


def _rotated(share: float, where: Callable[[Floats], Any]) -> Callable[..., Floats]:
    """This share of the items that ``where`` picks by confidence is answered otherwise, as confidently as before."""

    def planted(z: Floats, rng: np.random.Generator) -> Floats:
        changed = where(softmax(z).max(axis=1)) & (rng.random(len(z)) < share)
        return np.where(changed[:, None], np.roll(z, 1, axis=1), z)

    return planted


PLANTS: dict[str, Callable[..., Floats]] = {
    "noise of 0.5": _noise(0.5),
    "noise of 0.7": _noise(0.7),
    "noise of 1": _noise(1.0),
    "noise of 0.5, shared by clusters of 4": _clustered,
    "changed where it is unsure": _rotated(0.6, lambda confidence: confidence < 0.6),
    "changed in 5 % of items, anywhere": _rotated(0.05, lambda confidence: confidence > 0),
    "changed in 10 % of items, anywhere": _rotated(0.10, lambda confidence: confidence > 0),
    "changed where it is sure": _rotated(0.2, lambda confidence: confidence > 0.95),
}


def drawn(plant: str, n: int, seed: int, resampling: Resampling) -> Pair:
    """Both models on this many items."""
    rng = np.random.default_rng([seed, n])
    z = rng.normal(size=(n, 3)) * 3
    gold = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
    both = (z, PLANTS[plant](z, rng))
    return Pair(*(Answers(most_probable(softmax(x), gold), resampling) for x in both), dimensions=("behaviour",))


def sampled(plant: str, n: int, seed: int) -> Resampling:
    clusters = [str(i // OF_A_CLUSTER) for i in range(n)] if plant.endswith("clusters of 4") else None
    return Resampling(n, clusters=clusters, resamples=50, seed=seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=400)
    parser.add_argument("--items", type=int, default=2_000)
    options = parser.parse_args()
    policy = preset("default").requiring(("behaviour",))
    names = ("accuracy_difference", "disagreement")
    rules = {name: policy.rules["behaviour"][name] for name in names}
    print(
        f"| planted | disagreement | of {options.draws}: recommended | items routed | holds on fresh items "
        "| true agreement below and above the printed interval |\n|---|---|---|---|---|---|"
    )
    for plant in PLANTS:
        fresh = drawn(plant, FRESH, 10**6, Resampling(FRESH, resamples=2))
        recommended = held = worse = better = 0
        routed: list[float] = []
        for seed in range(options.draws):
            pair = drawn(plant, options.items, seed, sampled(plant, options.items, seed))
            measures = {"behaviour": {n: e for n, e in measure_all(pair)["behaviour"].items() if n in names}}
            judged = partial(judge, policy=policy)
            found = cascade(pair, measures, judged(measures), policy, judged)
            if found is None or (chosen := found.by_confidence) is None or not chosen.recommended:
                continue
            recommended += 1
            below = fresh.candidate.confidence < chosen.cut_off
            made = routed_to_reference(fresh, below)
            after = {
                "disagreement": float((made.candidate.answer != fresh.reference.answer).mean()),
                "accuracy_difference": float(made.candidate.right.mean() - fresh.reference.right.mean()),
            }
            held += all(rule.allows(after[name]) for name, rule in rules.items())
            printed, true = chosen.agreement, together(fresh, below)["agreement"].value
            worse += true < printed.low
            better += true > printed.high
            routed.append(chosen.routed.value)
        differ = float((fresh.reference.answer != fresh.candidate.answer).mean())
        ends = f"{np.mean(routed):.1%}" if routed else "-"
        of = f"{held} of {recommended} | {worse} and {better}" if recommended else "- | -"
        print(f"| {plant} | {differ:.1%} | {recommended} | {ends} | {of} |", flush=True)


if __name__ == "__main__":
    main()
