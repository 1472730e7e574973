"""From items and models to value tables: units, mask plans, and what every model answers to them.

The plan of an item comes from (seed, id) alone and every model is asked about the same perturbations, so another
candidate in the run changes nothing about the first.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from trusteq.compare.measures import METHODS
from trusteq.errors import DataError, OptionError
from trusteq.explain.attributions import Attributions, attributions
from trusteq.explain.plan import FEWEST, Plan, mask_plan
from trusteq.explain.precision import LOW_TOLERANCE, PRECISIONS, Precision
from trusteq.explain.units import Units, cuts_named, cutter
from trusteq.explain.until_stable import ask_until_certain
from trusteq.explain.value_tables import Question, round_trip
from trusteq.explain.words import REMOVE
from trusteq.models.probe import BATCH_TOLERANCE
from trusteq.tasks.task import CLASSES, By, Scale, task_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.explain.respondent import Respondent

    Tables = tuple[NDArray[np.float64], ...]

ITEMS = 500
MASKS_PER_UNIT = 4
"""Where items are many, more masks an item than this buy less than more items would (docs/performance.md)."""
FEWEST_MASKS, MOST_MASKS = 32, 256
MOST_TO_CERTIFY = 512

Until = Literal["end", "decided", "stable"]


@dataclass(frozen=True)
class ExplainSettings:
    """How explanations are made.

    items: how many items are explained, chosen at random; None for all. masks: perturbations an item, by default
    `MASKS_PER_UNIT` times its units. units: how items are cut, one of `explain.units.CUTS` ("words", "words-merged",
    "sentences") or "re:PATTERN"; by default as their kind of segment is. perturb: "remove", or of units of texts
    "mask", or a text to put in place. target: which label is explained, the reference's answer, the gold label, or
    each model's own answer. k: how many words the top sets hold. until: "end" for all of ``items``, "decided" to stop
    as soon as the policy's rules on alignment are decided, "stable" to add perturbations to an item until the top words
    of every model are certified or there are ``masks`` of them. precision: "bfloat16" or "float16" to ask models about
    perturbed texts in 16 bits, "own" for the precision that they came in.
    """

    items: int | None = ITEMS
    masks: int | None = None
    units: str | None = None
    perturb: str = REMOVE
    target: By = "reference"
    scale: Scale = "probability"
    k: int = 10
    until: Until = "end"
    precision: Precision = "own"

    def __post_init__(self) -> None:
        for name, least in (("items", 2), ("masks", FEWEST), ("k", 1)):
            value = getattr(self, name)
            if value is None and name != "k":
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise OptionError(f"explain {name} {value!r}: give a whole number of {least} or more")
        if self.target not in ("reference", "gold", "own"):
            raise OptionError(f"explain target {self.target!r}: choose reference, gold or own")
        if self.scale not in ("probability", "log-odds"):
            raise OptionError(f"explain scale {self.scale!r}: choose probability or log-odds")
        if not isinstance(self.perturb, str):
            raise OptionError(f"explain perturb {self.perturb!r}: choose remove, mask or a text to put in place")
        if self.until not in get_args(Until):
            raise OptionError(f"explain until {self.until!r}: choose {', '.join(get_args(Until))}")
        if self.precision not in PRECISIONS:
            raise OptionError(f"explain precision {self.precision!r}: choose {', '.join(PRECISIONS)}")
        if self.units is None:
            return
        if not isinstance(self.units, str):
            raise OptionError(f"explain units {self.units!r}: give words, words-merged, sentences or re:PATTERN")
        cuts_named(self.units)


@dataclass(frozen=True)
class Explanation:
    """What all models answered to the perturbations of the explained items.

    positions: the explained items' places in the audit's items [explained]. units, plans: theirs. tables: for each
    model, log-probabilities [masks, labels] of each item. targets: the explained label [models, explained].
    wordless: ids of chosen items without any unit, left out. segments: the names of the items' segments. seen: the
    share that these are of the items to explain, below 1 where enough was known early. removed: for each model,
    log-probabilities of each item without some top words, as `explain.removal` asks for them. task: what the models
    were asked.
    """

    settings: ExplainSettings
    positions: NDArray[np.int64]
    units: tuple[Units, ...]
    plans: tuple[Plan, ...]
    tables: tuple[Tables, ...]
    targets: NDArray[np.int64]
    wordless: tuple[str, ...]
    segments: tuple[str, ...] = ()
    seen: float = 1.0
    removed: tuple[Tables, ...] = ()
    task: str = CLASSES

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Units of each explained item [explained]."""
        return np.array([len(units) for units in self.units], dtype=np.int64)

    def values(self) -> list[NDArray[np.float64]]:
        """Each item's values of the explained label [masks, models], on the scale of the settings."""
        return [
            np.stack(
                [
                    self.value(table[i], int(targets[i]))
                    for table, targets in zip(self.tables, self.targets, strict=True)
                ],
                axis=1,
            )
            for i in range(len(self.units))
        ]

    def value(self, table: NDArray[np.float64], target: int) -> NDArray[np.float64]:
        """What a table [masks, labels] says of a target [masks], on the scale of the settings."""
        return task_named(self.task).value(table, target, self.settings.scale)

    def attributions(self) -> dict[str, list[Attributions]]:
        """Each method's attributions, one a model."""
        return self._attributions

    @cached_property
    def _attributions(self) -> dict[str, list[Attributions]]:
        values = self.values()
        return {method: attributions(self.plans, values, method) for method in METHODS}

    def spread(self) -> NDArray[np.float64]:
        """Variance of each model's values over an item's masks [models, explained]."""
        return np.stack([v.var(axis=0) for v in self.values()], axis=1)

    def joined(self, more: Explanation) -> Explanation:
        """These explanations and more of the same kind."""
        return replace(
            self,
            positions=np.concatenate([self.positions, more.positions]),
            units=self.units + more.units,
            plans=self.plans + more.plans,
            tables=tuple(a + b for a, b in zip(self.tables, more.tables, strict=True)),
            targets=np.concatenate([self.targets, more.targets], axis=1),
            wordless=self.wordless + more.wordless,
        )

    def content(self) -> str:
        """SHA-256 over all plans, in order."""
        return hashlib.sha256("".join(plan.content() for plan in self.plans).encode()).hexdigest()


def explain(
    asked: Sequence[Respondent],
    items: Items,
    settings: ExplainSettings,
    *,
    gold: NDArray[np.int64] | None,
    seed: int = 0,
    only: Sequence[int] | None = None,
) -> Explanation:
    """Every model's answers to the same perturbations of the same items; the first of those ``asked`` is the reference.

    only: the positions of the items to explain, by default those that the settings choose.
    """
    units_of, names = cutter(settings.units, items), tuple(items.segments)
    positions, units, wordless = [], [], []
    for i in sorted(chosen(items, settings.items, seed=seed) if only is None else only):
        if len(cut := units_of(i)):
            positions.append(i)
            units.append(cut)
        else:
            wordless.append(items.ids[i])
    if len(positions) < 2:
        raise DataError(
            f"{items.source}: {len(positions)} of the chosen items have a unit to leave out; nothing can be explained "
            f"with units {settings.units!r}"
        )
    plans = [
        mask_plan(items.ids[i], len(u), masks=_masks(settings, len(u)), seed=seed)
        for i, u in zip(positions, units, strict=True)
    ]
    at = np.array(positions, dtype=np.int64)
    task = asked[0].task
    targets = task.targets([one.answers for one in asked], gold, at, settings.target)

    def ask(number: int, questions: list[Question]) -> list[NDArray[np.float64]]:
        one = asked[number]
        advance = one.counted(f"explain {one.name}", len(questions))
        return one.tables(questions, perturb=settings.perturb, segments=names, advance=advance)

    if settings.until == "stable":
        first = [_default_masks(len(u)) for u in units]
        plans, tables = ask_until_certain(
            plans,
            units,
            len(asked),
            ask,
            targets,
            first=first,
            value=partial(task.value, scale=settings.scale),
            k=settings.k,
        )
    else:
        questions = [Question(u, plan.masks) for u, plan in zip(units, plans, strict=True)]
        tables = [tuple(ask(number, questions)) for number in range(len(asked))]
    tolerance = BATCH_TOLERANCE if settings.precision == "own" else LOW_TOLERANCE
    for one, table in zip(asked, tables, strict=True):
        for i, rows, expected in zip(at, table, one.ordinary(items, at), strict=True):
            round_trip(one.model, rows, expected, items.ids[i], tolerance)
    return Explanation(
        settings,
        at,
        tuple(units),
        tuple(plans),
        tuple(tables),
        targets,
        tuple(wordless),
        names,
        task=task.name,
    )


def chosen(items: Items, count: int | None, *, seed: int) -> list[int]:
    """Positions of up to ``count`` items in random order, which depends on nothing but ids (of clusters) and seed.

    Items of one cluster stand together.
    """
    keys = random_keys(items.ids if items.clusters is None else items.clusters, seed=seed)
    return sorted(range(len(items)), key=lambda i: (keys[i], items.ids[i]))[:count]


def with_units(items: Items, settings: ExplainSettings, *, seed: int) -> tuple[list[int], list[str]]:
    """Positions of as many chosen items as the settings want, in random order; and ids met that have no unit.

    Where it is stopped once a rule is decided, the order is the same for every seed: else the same audit could be
    repeated until items come first that decide it as wished.
    """
    units_of = cutter(settings.units, items)
    found: list[int] = []
    wordless: list[str] = []
    for i in chosen(items, None, seed=0 if settings.until == "decided" else seed):
        if settings.items is not None and len(found) >= settings.items:
            break
        if len(units_of(i)):
            found.append(i)
        else:
            wordless.append(items.ids[i])
    return found, wordless


def choose(ids: Sequence[str], count: int | None, *, seed: int) -> list[int]:
    """Positions of up to ``count`` items, in order: a random choice that depends on nothing but ids and seed."""
    keys = random_keys(ids, seed=seed)
    return sorted(sorted(range(len(ids)), key=keys.__getitem__)[:count])


def random_keys(names: Sequence[str], *, seed: int) -> list[bytes]:
    """A key for each name: sorted by it they are in random order, whatever order they come in."""
    return [hashlib.sha256(f"{seed}\x00explain\x00{name}".encode()).digest() for name in names]


def _masks(settings: ExplainSettings, units: int) -> int:
    return settings.masks or (MOST_TO_CERTIFY if settings.until == "stable" else _default_masks(units))


def _default_masks(units: int) -> int:
    return min(max(MASKS_PER_UNIT * units, FEWEST_MASKS), MOST_MASKS)


def replanned(
    items: Items, settings: ExplainSettings, positions: NDArray[np.int64], counts: NDArray[np.int64], *, seed: int
) -> tuple[tuple[Units, ...], tuple[Plan, ...]]:
    """Units and plans, of so many masks each, of items that were explained; a ValueError where none is of that length.

    Where perturbations were added until top words were certain, the number is one of those that were tried.
    """
    units_of = cutter(settings.units, items)
    units, plans = [], []
    for i, count in zip(positions.tolist(), counts.tolist(), strict=True):
        cut = units_of(i)
        if not len(cut):
            raise ValueError(f"item {items.ids[i]!r} has no unit")
        whole = mask_plan(items.ids[i], len(cut), masks=_masks(settings, len(cut)), seed=seed)
        size = _default_masks(len(cut)) if settings.until == "stable" else len(whole)
        while len(plan := whole.first(size)[0]) < min(count, len(whole)):
            size *= 2
        if len(plan) != count:
            raise ValueError(f"{count} masks of item {items.ids[i]!r}, seed and settings give {len(plan)}")
        units.append(cut)
        plans.append(plan)
    return tuple(units), tuple(plans)
