"""Every measure of a pair of models' answers, as the table of measures has them."""

from __future__ import annotations

from functools import cache, partial
from importlib import import_module
from itertools import groupby
from typing import TYPE_CHECKING

from trusteq.compare.measures import MEASURES, PREDICTED, Measure
from trusteq.compare.own_measures import estimated
from trusteq.compare.temperature import Remedy, remedy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trusteq.compare.answers import Pair
    from trusteq.stats.estimate import Estimate

    Group = Callable[[Pair], dict[str, Estimate]]


@cache
def groups() -> dict[Group, tuple[Measure, ...]]:
    """The functions that need no more than a pair's outcomes, in the order of the table, and what each measures."""
    found: dict[Group, tuple[Measure, ...]] = {}
    for of, measures in groupby(MEASURES, key=lambda measure: str(measure.of)):
        entered = tuple(measures)
        if PREDICTED.issuperset(entered[0].needs):
            module, name = of.split(".")
            found[getattr(import_module(f"trusteq.compare.{module}"), name)] = entered
    return found


def groups_for(pair: Pair, own: Sequence[Measure] = ()) -> dict[Group, tuple[Measure, ...]]:
    """Those of `groups` and of somebody's own measures whose needs the pair meets."""
    every = groups() | {partial(estimated, entry): (entry,) for entry in own}
    return {group: entered for group, entered in every.items() if pair.met.issuperset(entered[0].needs)}


def measure_all(pair: Pair, own: Sequence[Measure] = ()) -> dict[str, dict[str, Estimate]]:
    """Every measure whose needs the pair meets, by dimension and name."""
    estimates: dict[str, dict[str, Estimate]] = {}
    for group, entered in groups_for(pair, own).items():
        estimates.setdefault(entered[0].dimension, {}).update(pair.measured(group))
    return estimates


def measure_remedies(pair: Pair) -> dict[str, Estimate]:
    """Each target's temperature, and the calibration measures of the candidate after it, suffixed with the target."""
    results: dict[str, Estimate] = {}
    for target in ("recalibrated", "matched"):
        if target == "recalibrated" and not pair.labelled:
            continue
        results |= {f"{name}_{target}": estimate for name, estimate in _after(remedy(pair, target)).items()}
    return results


def _after(mended: Remedy) -> dict[str, Estimate]:
    """The temperature and what it leaves of the candidate's measures."""
    found = {"temperature": mended.temperature}
    for group, entered in groups_for(mended.pair).items():
        wanted = {one.name for one in entered if one.after_remedy and one.side != "reference"}
        if wanted:
            found |= {name: e for name, e in mended.pair.measured(group).items() if name in wanted}
    return found
