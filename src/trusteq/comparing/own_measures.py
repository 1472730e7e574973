"""Measures of users and plugins: a function of the pair that returns an estimate, and its entry.

    @trusteq.measure(bounds=(0, 1), worse="higher", needs=["labels"])
    def costly_mistakes(pair):
        mistake = (pair.reference.answer == 0) & (pair.candidate.answer != 0)
        return pair.resampling.share(mistake, what="answers that leave class 0")

Such a measure can be named in a policy and appears in every table and report, like those of trusteq.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

from annotated_types import Len
from typing_extensions import TypedDict

from trusteq.comparing.measures import ANY, DIMENSIONS, HIGHER, LOWER, Measure, added, find_measure
from trusteq.data.spelling import british
from trusteq.errors import OptionError, RunError, TrusteqError
from trusteq.stats.estimate import Estimate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trusteq.comparing.answers import Pair

    Function = Callable[[Pair], Estimate | None]

NAME = re.compile("[a-z][a-z0-9_]*")
CAN_NEED = ("distribution", "labels")
WORSE = {None: 0, "lower": LOWER, "higher": HIGHER}


def measure(
    of: Function | None = None,
    *,
    name: str | None = None,
    dimension: str = "behaviour",
    bounds: tuple[float, float] = ANY,
    worse: Literal["lower", "higher"] | None = None,
    needs: Sequence[str] = (),
) -> Any:
    """The entry of a measure of your own: pass it to `trusteq.audit`, or let a package add it.

    ``of`` takes a pair of models' answers and returns an estimate with an interval, most easily from
    ``pair.resampling``, or None if there is nothing to measure. name: by default the function's. bounds: the lowest
    and the highest possible value. worse: which values are worse, if any. needs: "labels" if it uses which answers are
    right, "distribution" if it uses probabilities; without them it is not measured. Without ``of`` this is a decorator.
    """
    if of is None:
        return lambda function: measure(
            function, name=name, dimension=dimension, bounds=bounds, worse=worse, needs=needs
        )
    name = name or str(getattr(of, "__name__", ""))
    if not callable(of):
        raise OptionError(f"measure {of!r} is not a function of a pair that returns a trusteq.Estimate")
    if not NAME.fullmatch(name):
        raise OptionError(f"measure {name!r}: give it a name of lower-case letters, digits and _, with name=")
    dimension = british(dimension)
    dimensions = [key for key, entry in DIMENSIONS.items() if entry.of_all]
    if dimension not in dimensions:
        raise OptionError(f"measure {name}: dimension {dimension!r} is unknown; choose from {', '.join(dimensions)}")
    if worse not in WORSE:
        raise OptionError(f"measure {name}: worse is {worse!r}; choose lower, higher or None")
    if not set(needs) <= set(CAN_NEED):
        raise OptionError(f"measure {name}: it can need {' and '.join(CAN_NEED)}, found {list(needs)}")
    low, high = (float(end) for end in bounds)
    if not low < high:
        raise OptionError(f"measure {name}: bounds {low:g} and {high:g}: give the lowest value, then the highest")
    words = name.replace("_", " ")
    return Measure(
        name,
        words,
        (low, high),
        WORSE[worse],
        stem=name,
        dimension=dimension,
        of=of,
        needs=tuple(sorted(needs, reverse=True)),
    )


def own_measures(measures: Sequence[Function | Measure]) -> tuple[Measure, ...]:
    """The measures of plugins and of the user, as entries; an error if two have the same name."""
    if not isinstance(measures, list | tuple):
        raise OptionError(
            f"measures must be a list of functions, found {type(measures).__name__} {str(measures)[:60]!r}"
        )
    users = [one if isinstance(one, Measure) else cast("Measure", measure(one)) for one in measures]
    for entry in users:
        if find_measure(entry.name) is not None:
            raise OptionError(
                f"measure {entry.name}: trusteq or a plugin already has a measure of that name; choose another"
            )
        if not callable(entry.of) or entry.dimension not in DIMENSIONS:
            raise OptionError(f"measure {entry.name} is incomplete; make it with trusteq.measure(function, ...)")
    names = [entry.name for entry in users]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise OptionError(f"two measures are called {twice}; give each its own name")
    return (*added().values(), *users)


def estimated(entry: Measure, pair: Pair) -> dict[str, Estimate]:
    """The estimate of a plugin's or user's measure, by name; empty if there is nothing to measure."""
    try:
        estimate = cast("Function", entry.of)(pair)
    except TrusteqError:
        raise
    except Exception as error:  # a user's function may raise anything
        raise OptionError(f"measure {entry.name} stopped with {type(error).__name__}: {error}") from error
    if estimate is None:
        return {}
    if not isinstance(estimate, Estimate):
        raise OptionError(
            f"measure {entry.name} returned {type(estimate).__name__} {str(estimate)[:60]!r}, not a trusteq.Estimate; "
            "take one from pair.resampling, e.g. pair.resampling.mean(values, what='mean cost')"
        )
    level = pair.resampling.level
    if estimate.level != level:
        raise OptionError(
            f"measure {entry.name} has an interval at {estimate.level:.4g}, the policy asks for {level:.4g}; take the "
            "estimate from pair.resampling"
        )
    ends = f"[{estimate.low:g}, {estimate.high:g}]"
    if not estimate.low <= estimate.value <= estimate.high and not math.isnan(estimate.value):
        raise OptionError(f"measure {entry.name} is {estimate.value:g}, outside its own interval {ends}")
    low, high = entry.bounds
    if not (low <= estimate.value <= high or math.isnan(estimate.value)):
        raise OptionError(f"measure {entry.name} is {estimate.value:g}, outside its bounds {low:g} and {high:g}")
    return {entry.name: estimate}


class OwnMeasure(TypedDict):
    """A measure of a user or plugin as a run stores it; a bound is null if there is none."""

    name: str
    dimension: str
    bounds: Annotated[list[float | None], Len(2, 2)]
    worse: Literal[-1, 0, 1]
    needs: list[Literal["labels", "distribution"]]


def entries(measures: Sequence[Measure]) -> list[OwnMeasure]:
    """What a run stores of these measures."""
    return [
        OwnMeasure(
            name=one.name,
            dimension=one.dimension,
            bounds=[None if math.isinf(end) else end for end in one.bounds],
            worse=cast("Any", one.worse),
            needs=cast("Any", list(one.needs)),
        )
        for one in measures
    ]


def from_entries(content: Sequence[OwnMeasure]) -> tuple[Measure, ...]:
    """The stored measures of a run, without their functions."""
    return tuple(
        Measure(
            one["name"],
            one["name"].replace("_", " "),
            (
                -math.inf if one["bounds"][0] is None else float(one["bounds"][0]),
                math.inf if one["bounds"][1] is None else float(one["bounds"][1]),
            ),
            one["worse"],
            stem=one["name"],
            dimension=one["dimension"],
            needs=tuple(one["needs"]),
        )
        for one in content
    )


def with_functions(measures: Sequence[Measure], *, where: str) -> tuple[Measure, ...]:
    """The measures of a run with the functions of the installed plugins; an error if one is missing."""
    for one in measures:
        if one.name not in added():
            raise RunError(
                f"{where}: measure {one.name[:80]!r} is not part of trusteq, and its code is not installed; "
                "install the package that adds it"
            )
    return tuple(added()[one.name] for one in measures)
