"""Explanations: the units of items, their mask plans, and every model's answers to them (value tables).

The plan of an item depends only on (seed, id) and its number of units, and every model answers the same changed items,
so another candidate in the run does not change the results of the first. Only the reference can decide about units: in
long texts, its answers choose the sentences to cut into words (`explain.outline`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cache as cached
from functools import cached_property, partial
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from trusteq.comparing.measures import METHODS
from trusteq.errors import DataError, OptionError
from trusteq.explain.attributions import Attributions, attributions, products
from trusteq.explain.draw import by_cluster, chances, in_order, random_keys
from trusteq.explain.outline import Outline
from trusteq.explain.plan import MIN_MASKS, Plan, mask_plan
from trusteq.explain.precision import LOW_TOLERANCE, PRECISIONS, Precision
from trusteq.explain.shapley import shapley
from trusteq.explain.units import MASKS_PER_UNIT, TOP, Units, cuts, cuts_named, cutter
from trusteq.explain.until_stable import explain_until_stable
from trusteq.explain.value_tables import planned, round_trip
from trusteq.explain.words import REMOVE
from trusteq.models.probe import BATCH_TOLERANCE
from trusteq.tasks.task import CLASSES, By, Scale, task_named

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.explain.respondent import Respondent
    from trusteq.explain.value_tables import Question

    Tables = tuple[NDArray[np.float64], ...]

ITEMS = 500
FEWEST_MASKS, MOST_MASKS = 32, 256
MAX_MASKS_TO_CERTIFY = 512

Until = Literal["end", "decided", "stable"]
Drawing = Literal["by-change", "evenly"]


@dataclass(frozen=True)
class ExplainSettings:
    """How models are explained.

    items: the number of items to explain for each candidate, drawn at random; None for all. draw: "by-change" to draw
    items the more often the further the candidate's prediction has moved, which every estimate allows for, or "evenly";
    always evenly until "decided". masks: changed versions per item, by default ``per_unit`` times its units. units: how
    items are split into units, one of `explain.units.CUTS` ("words", "words-merged", "sentences",
    "sentences-then-words") or "re:PATTERN"; by default according to their kind of segment. perturb: "remove", or for
    units of texts "mask" or a text that replaces them. target: which label is explained, the reference's answer, the
    gold label, or each model's own answer. scale: "probability" or "log-odds", by default as usual for the task. k: the
    number of units in a top set, by default as usual for the units. until: "end" for all of ``items``, "decided" to
    stop as soon as the policy's rules on alignment are decided, "stable" to add masks to an item until the top units of
    every model are certified or there are ``masks`` of them. precision: "bfloat16" or "float16" to run models on
    changed items in 16 bits, "own" for the precision in which they were opened. ids: the ids of the items to explain,
    all of them, in place of a random draw; then nothing about explanations is judged. per_unit: changed versions per
    unit, by default as usual for the units. background: among how many things what stands in for units is drawn; the
    items say how many there are.
    """

    items: int | None = ITEMS
    masks: int | None = None
    units: str | None = None
    perturb: str = REMOVE
    target: By = "reference"
    scale: Scale | None = None
    k: int | None = None
    until: Until = "end"
    precision: Precision = "own"
    draw: Drawing = "by-change"
    ids: tuple[str, ...] | None = None
    per_unit: int | None = None
    background: int = 0

    def __post_init__(self) -> None:
        for name, minimum in (("items", 2), ("masks", MIN_MASKS), ("k", 1), ("per_unit", 1)):
            value = getattr(self, name)
            if value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
                raise OptionError(f"explain {name} {value!r}: give a whole number of {minimum} or more")
        if self.target not in ("reference", "gold", "own"):
            raise OptionError(f"explain target {self.target!r}: choose reference, gold or own")
        if self.scale not in (None, "probability", "log-odds"):
            raise OptionError(f"explain scale {self.scale!r}: choose probability or log-odds")
        if not isinstance(self.perturb, str):
            raise OptionError(f"explain perturb {self.perturb!r}: choose remove, mask or a replacement text")
        if self.until not in get_args(Until):
            raise OptionError(f"explain until {self.until!r}: choose {', '.join(get_args(Until))}")
        if self.ids is not None:
            self._refuse_unfit_ids()
        if self.draw not in get_args(Drawing):
            raise OptionError(f"explain draw {self.draw!r}: choose {' or '.join(get_args(Drawing))}")
        if self.precision not in PRECISIONS:
            raise OptionError(f"explain precision {self.precision!r}: choose {', '.join(PRECISIONS)}")
        if self.units is None:
            return
        if not isinstance(self.units, str):
            raise OptionError(f"explain units {self.units!r}: give {', '.join(cuts())} or re:PATTERN")
        cuts_named(self.units)

    def _refuse_unfit_ids(self) -> None:
        ids = self.ids
        if isinstance(ids, str) or not all(isinstance(id_, str) for id_ in ids or ()):
            raise OptionError(f"explain ids {ids!r}: give the ids as a sequence of texts")
        if len(set(ids or ())) < 2:
            raise OptionError(f"explain ids {ids!r}: give two different ids or more")
        if self.until == "decided":
            raise OptionError("explain ids cannot be combined with until decided: chosen items decide nothing")

    @property
    def top(self) -> int:
        """The number of units in a top set."""
        return TOP if self.k is None else self.k

    @property
    def usual_masks(self) -> Callable[[int], int]:
        """Returns the number of changed versions of an item with so many units, if not told otherwise."""
        per_unit = self.per_unit or MASKS_PER_UNIT
        most = MOST_MASKS * max(1, per_unit // MASKS_PER_UNIT)
        return lambda units: min(max(per_unit * units, FEWEST_MASKS), most)

    def plan(self, item: str, units: int, *, seed: int) -> Plan:
        """The plan of an item with so many units."""
        usual = MAX_MASKS_TO_CERTIFY if self.until == "stable" else self.usual_masks(units)
        return mask_plan(item, units, masks=self.masks or usual, seed=seed, background=self.background)

    @property
    def drawn_by_change(self) -> bool:
        """Whether items have unequal chances to be explained."""
        return self.draw == "by-change" and self.until != "decided" and self.items is not None and self.ids is None


@dataclass(frozen=True)
class Explanation:
    """All models' answers to the changed versions of the explained items.

    positions: the explained items' positions in the audit's items [explained]. units, plans: those of each item.
    tables: for each model, log-probabilities [masks, labels] of each item. targets: the explained label [models,
    explained]. wordless: ids of chosen items without units, which were left out. segments: the names of the items'
    segments. options: those of each explained item, None where all items offer the labels. seen: the share of the items
    to explain that these are, below 1 after an early stop. removed: for each model, log-probabilities of each item
    without some top units, as in `explain.removal`. task: the models' task. outlined: the reference's log-probabilities
    [masks, labels] of each item whose sentences were left out first, None for the others.
    """

    settings: ExplainSettings
    positions: NDArray[np.int64]
    units: tuple[Units, ...]
    plans: tuple[Plan, ...]
    tables: tuple[Tables, ...]
    targets: NDArray[np.int64]
    wordless: tuple[str, ...]
    segments: tuple[str, ...] = ()
    options: tuple[tuple[str, ...] | None, ...] = ()
    seen: float = 1.0
    removed: tuple[Tables, ...] = ()
    task: str = CLASSES
    outlined: tuple[NDArray[np.float64] | None, ...] = ()

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Units of each explained item [explained]."""
        return np.array([len(units) for units in self.units], dtype=np.int64)

    def values(self) -> list[NDArray[np.float64]]:
        """The values of each item's explained label [masks, models], on the scale of the settings."""
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
        """A target's values [masks] from a table [masks, labels], on the scale of the settings."""
        return task_named(self.task).value(table, target, self.settings.scale or task_named(self.task).scale)

    def attributions(self) -> dict[str, list[Attributions]]:
        """The attributions of each model, by method."""
        return self._attributions

    @cached_property
    def _attributions(self) -> dict[str, list[Attributions]]:
        values = self.values()
        return {method: attributions(self.plans, values, method) for method in METHODS}

    def products(self) -> dict[str, NDArray[np.float64]]:
        """Unbiased products of every two models' true attributions [explained, models, models], by method."""
        return self._products

    @cached_property
    def _products(self) -> dict[str, NDArray[np.float64]]:
        values = self.values()
        return {method: products(self.plans, values, method) for method in METHODS}

    def spread(self) -> NDArray[np.float64]:
        """Variance of each model's values over an item's masks [models, explained]."""
        return np.stack([v.var(axis=0) for v in self.values()], axis=1)

    def joined(self, more: Explanation) -> Explanation:
        """These and further explanations of the same kind."""
        return replace(
            self,
            positions=np.concatenate([self.positions, more.positions]),
            units=self.units + more.units,
            plans=self.plans + more.plans,
            tables=tuple(a + b for a, b in zip(self.tables, more.tables, strict=True)),
            targets=np.concatenate([self.targets, more.targets], axis=1),
            wordless=self.wordless + more.wordless,
            options=self.options + more.options,
            outlined=self.outlined + more.outlined,
        )

    def content(self) -> str:
        """SHA-256 over all plans, in order."""
        return hashlib.sha256("".join(plan.content() for plan in self.plans).encode()).hexdigest()


def explain(
    respondents: Sequence[Respondent],
    items: Items,
    settings: ExplainSettings,
    *,
    gold: NDArray[np.int64] | None,
    seed: int = 0,
    only: Sequence[int] | None = None,
) -> Explanation:
    """Every model's answers to the same changed items; the first respondent is the reference.

    only: the positions of the items to explain, by default those that the settings choose.
    """
    units_of, names = cutter(settings.units, items), tuple(items.segments)
    positions, units, wordless = [], [], []
    for i in sorted(in_random_order(items, settings.items, seed=seed) if only is None else only):
        if len(item_units := units_of(i)):
            positions.append(i)
            units.append(item_units)
        else:
            wordless.append(items.ids[i])
    if len(positions) < 2:
        raise DataError(
            f"{items.source}: only {len(positions)} of the chosen items have a unit to leave out; nothing can be "
            f"explained with units {settings.units!r}"
        )
    ids = [items.ids[i] for i in positions]
    at = np.array(positions, dtype=np.int64)
    options = options_at(items, positions)
    task = respondents[0].task
    targets = task.targets([respondent.answers for respondent in respondents], gold, at, settings.target)

    def answers(number: int, questions: list[Question], stage: str = "explain") -> list[NDArray[np.float64]]:
        respondent = respondents[number]
        advance = respondent.counted(f"{stage} {respondent.name}", len(questions))
        return respondent.tables(questions, perturb=settings.perturb, segments=names, advance=advance)

    value = partial(task.value, scale=settings.scale or task.scale)
    outlines = outline_plans(ids, units, settings, seed=seed)
    asked = [planned(u, plan, o) for u, plan, o in zip(units, outlines, options, strict=True) if plan is not None]
    outlined = each_of(outlines, answers(0, asked, "choose sentences") if asked else [])
    units = opened(units, outlines, outlined, targets[0], value)
    plans = [settings.plan(id_, len(u), seed=seed) for id_, u in zip(ids, units, strict=True)]

    if settings.until == "stable":
        first = [settings.usual_masks(len(u)) for u in units]
        plans, tables = explain_until_stable(
            plans,
            units,
            options,
            len(respondents),
            answers,
            targets,
            first=first,
            value=value,
            k=settings.top,
        )
    else:
        questions = [planned(u, plan, o) for u, plan, o in zip(units, plans, options, strict=True)]
        tables = [tuple(answers(number, questions)) for number in range(len(respondents))]
    tolerance = BATCH_TOLERANCE if settings.precision == "own" else LOW_TOLERANCE
    for respondent, table in zip(respondents, tables, strict=True):
        for i, rows, expected in zip(at, table, respondent.ordinary(items, at), strict=True):
            round_trip(respondent.model, rows, expected, items.ids[i], tolerance)
    return Explanation(
        settings,
        at,
        tuple(units),
        tuple(plans),
        tuple(tables),
        targets,
        tuple(wordless),
        names,
        options,
        task=task.name,
        outlined=outlined,
    )


def outline_plans(
    ids: Sequence[str], units: Sequence[Units], settings: ExplainSettings, *, seed: int
) -> list[Plan | None]:
    """The plans by which sentences are left out first, of the items for which that is done; None for the others."""
    return [
        mask_plan(id_, len(u), masks=settings.masks or settings.usual_masks(len(u)), seed=seed, round_=1)
        if isinstance(u, Outline)
        else None
        for id_, u in zip(ids, units, strict=True)
    ]


def each_of(
    plans: Sequence[Plan | None], tables: Sequence[NDArray[np.float64]]
) -> tuple[NDArray[np.float64] | None, ...]:
    """The tables of those items that have a plan, None for the others."""
    remaining = iter(tables)
    return tuple(None if plan is None else next(remaining) for plan in plans)


def opened(
    units: Sequence[Units],
    plans: Sequence[Plan | None],
    tables: Sequence[NDArray[np.float64] | None],
    targets: NDArray[np.int64],
    value: Callable[[NDArray[np.float64], int], NDArray[np.float64]],
) -> list[Units]:
    """The final units of each item: outlines with their most important sentences opened, other units as they are.

    tables: the reference's answers [masks, labels] to the outlines' plans. targets: its explained label of each item.
    """
    result = list(units)
    for i, (outline, plan, table) in enumerate(zip(units, plans, tables, strict=True)):
        if isinstance(outline, Outline) and plan is not None and table is not None:
            weights, _ = shapley(plan, value(table, int(targets[i]))[:, None])
            result[i] = outline.opened(weights[:, 0])
    return result


def options_at(items: Items, positions: Sequence[int]) -> tuple[tuple[str, ...] | None, ...]:
    """The options of the items at these positions; None for those without options of their own."""
    return tuple(None if items.options is None else items.options[i] for i in positions)


def in_random_order(items: Items, count: int | None, *, seed: int) -> list[int]:
    """Positions of up to ``count`` items in random order, which depends only on ids and seed."""
    return in_order(items, np.ones(len(items)), seed=seed)[:count]


def with_units(
    items: Items, settings: ExplainSettings, *, seed: int, moved: Sequence[NDArray[np.float64]] = ()
) -> tuple[list[int], list[str]]:
    """Positions of the items to explain, in the order in which they are drawn; and ids of items skipped without units.

    moved: how far each model but the reference moves the prediction of each item [items]. For each of them, the number
    of items in the settings is drawn. If explaining stops once the rules are decided, all items have equal chances, and
    the order is the same for every seed, otherwise an audit could be repeated until the first items decide it as
    desired; and clusters come one after another, since the sequence of these is what is judged.
    """
    units_of = cached(cutter(settings.units, items))
    count = len(items) if settings.items is None or settings.ids is not None else settings.items
    if settings.ids is not None:
        orders = [positions_of(settings.ids, items)]
    elif settings.drawn_by_change:
        orders = [in_order(items, chances(one, count), seed=seed) for one in moved if len(one) == len(items)]
    else:
        orders = []
    if settings.until == "decided":
        orders = orders or [by_cluster(items, seed=0)]
    orders = orders or [in_random_order(items, None, seed=seed)]
    positions: dict[int, None] = {}
    wordless: dict[str, None] = {}
    for order in orders:
        with_unit = 0
        for i in order:
            if with_unit >= count:
                break
            if len(units_of(i)):
                positions[i] = None
                with_unit += 1
            else:
                wordless[items.ids[i]] = None
    return list(positions), list(wordless)


def positions_of(ids: Sequence[str], items: Items) -> list[int]:
    """The positions of the items with these ids, in order; an error if there is no such item."""
    place = {id_: i for i, id_ in enumerate(items.ids)}
    unknown = [id_ for id_ in ids if id_ not in place]
    if unknown:
        raise DataError(
            f"{items.source}: no item has the id {unknown[0]!r}, which was to be explained; ids look like "
            f"{items.ids[0]!r}"
        )
    return sorted({place[id_] for id_ in ids})


def random_choice(ids: Sequence[str], count: int | None, *, seed: int) -> list[int]:
    """Positions of up to ``count`` random items, in order; the choice depends only on ids and seed."""
    keys = random_keys(ids, seed=seed)
    return sorted(sorted(range(len(ids)), key=keys.__getitem__)[:count])


def units_at(items: Items, settings: ExplainSettings, positions: Sequence[int]) -> list[Units]:
    """The units of the items at these positions, no sentence opened yet; a ValueError if an item has none."""
    units = list(map(cutter(settings.units, items), positions))
    for i, item_units in zip(positions, units, strict=True):
        if not len(item_units):
            raise ValueError(f"item {items.ids[i]!r} has no unit")
    return units


def replanned(
    ids: Sequence[str], settings: ExplainSettings, units: Sequence[Units], counts: Sequence[int], *, seed: int
) -> tuple[Plan, ...]:
    """The plans of explained items with these numbers of masks; a ValueError if no plan has that number.

    If masks were added until the top units were stable, the number is one of those that were tried.
    """
    plans = []
    for id_, item_units, count in zip(ids, units, counts, strict=True):
        complete = settings.plan(id_, len(item_units), seed=seed)
        size = settings.usual_masks(len(item_units)) if settings.until == "stable" else len(complete)
        while len(plan := complete.first(size)[0]) < min(count, len(complete)):
            size *= 2
        if len(plan) != count:
            raise ValueError(f"{count} masks of item {id_!r}, but seed and settings give {len(plan)}")
        plans.append(plan)
    return tuple(plans)
