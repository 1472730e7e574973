"""Computes every measure of a pair of models' answers, in the order of the table of measures."""

from __future__ import annotations

from functools import cache, partial
from importlib import import_module
from itertools import groupby
from typing import TYPE_CHECKING

from trusteq.comparing.measures import MEASURES, PREDICTED, Measure
from trusteq.comparing.own_measures import estimated
from trusteq.comparing.temperature import Remedy, remedy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from trusteq.comparing.answers import Pair
    from trusteq.stats.estimate import Estimate

    Group = Callable[[Pair], dict[str, Estimate]]


@cache
def groups() -> dict[Group, tuple[Measure, ...]]:
    """The functions that need only a pair's outcomes, in the order of the table, with each one's measures."""
    by_function: dict[Group, tuple[Measure, ...]] = {}
    for path, entries in groupby(MEASURES, key=lambda measure: str(measure.of)):
        measures = tuple(entries)
        if PREDICTED.issuperset(measures[0].needs):
            module, name = path.split(".")
            by_function[getattr(import_module(f"trusteq.comparing.{module}"), name)] = measures
    return by_function


def groups_for(pair: Pair, own: Sequence[Measure] = ()) -> dict[Group, tuple[Measure, ...]]:
    """The `groups`, and the measures of plugins and users, whose needs the pair meets."""
    every = groups() | {partial(estimated, entry): (entry,) for entry in own}
    return {
        group: measures
        for group, measures in every.items()
        if pair.met.issuperset(measures[0].needs) and measures[0].dimension in pair.dimensions
    }


def measure_all(pair: Pair, own: Sequence[Measure] = ()) -> dict[str, dict[str, Estimate]]:
    """Every measure whose needs the pair meets, by dimension and name."""
    return measured_by(pair, groups_for(pair, own))


def measured_by(pair: Pair, groups: Mapping[Group, tuple[Measure, ...]]) -> dict[str, dict[str, Estimate]]:
    """The measures of some of the `groups_for` a pair, by dimension and name."""
    estimates: dict[str, dict[str, Estimate]] = {}
    for group, measures in groups.items():
        estimates.setdefault(measures[0].dimension, {}).update(pair.measured(group))
    return estimates


def measure_remedies(pair: Pair) -> dict[str, Estimate]:
    """The temperature for each target, and the candidate's calibration measures after it, suffixed with the target."""
    results: dict[str, Estimate] = {}
    for target in ("recalibrated", "matched"):
        if target == "recalibrated" and not pair.labelled:
            continue
        results |= {f"{name}_{target}": estimate for name, estimate in _after(remedy(pair, target)).items()}
    return results


def _after(recalibrated: Remedy) -> dict[str, Estimate]:
    """The temperature, and the candidate's measures after it."""
    estimates = {"temperature": recalibrated.temperature}
    for group, measures in groups_for(recalibrated.pair).items():
        names = {measure.name for measure in measures if measure.after_remedy and measure.side != "reference"}
        if names:
            estimates |= {name: e for name, e in recalibrated.pair.measured(group).items() if name in names}
    return estimates
