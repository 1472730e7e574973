"""Units: the smallest parts of an item that get a weight in an explanation, for any kind of segment.

Units depend on the item, never on a model, so they are the same for every model. A way of splitting items is a *cut*:
one entry of `CUTS`, which states the kinds of segments that it reads.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from trusteq.data.segment import with_article
from trusteq.data.spelling import british
from trusteq.errors import DataError, OptionError
from trusteq.explain.columns import background_rows, column_groups, single_columns
from trusteq.explain.joined import JoinedUnits
from trusteq.explain.outline import sentences_then_words
from trusteq.explain.stretches import frame_stretches, stretches
from trusteq.explain.tiles import FILLS, PLACES, superpixels, tiles
from trusteq.explain.words import REMOVE, by_pattern, sentences, word_count, words
from trusteq.plugins import with_plugins

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.data.segment import Segment
    from trusteq.explain.explanation import ExplainSettings


TOP = 10
"""Units in a top set, by default."""
MASKS_PER_UNIT = 4
"""Of texts: with many items, more masks per item than this help less than more items would (docs/performance.md)."""


class Units(Protocol):
    """The units of one item, and the versions of the item with units left out."""

    def __len__(self) -> int: ...

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each unit in tables and pages [units]; over all items, units of the same name are one."""

    @property
    def segments(self) -> NDArray[np.int64]:
        """The number of each unit's segment [units]."""

    @property
    def places(self) -> Mapping[str, NDArray[np.int64]]:
        """Where each unit is in its segment [units]: columns of attributions.parquet, with the cut's names."""

    def render(self, kept: NDArray[np.bool_], perturb: str) -> tuple[Segment, ...]:
        """The changed items [masks] with only the kept units [masks, units], as one segment for each of the item's.

        ``perturb`` says what replaces the others. If all units are kept, the result is exactly the item.
        """

    def content(self) -> tuple[Any, ...]:
        """Everything that determines what is rendered, as JSON values."""


class DrawingUnits(Units, Protocol):
    """Units for which something drawn from a background stands in when they are left out."""

    def beside(self, drawn: NDArray[np.int64]) -> Units:
        """The same units; what stands in for them in each version [masks] is the background's of this number."""


@dataclass(frozen=True)
class Cut:
    """A way to split items into units.

    kinds: the kinds of segments that it reads. unit: the word for a unit in sentences. of: returns the units of an
    item, from its values in the segments that the cut reads, in order. places: the names in `Units.places`. perturb:
    what can replace a unit left out, "remove" first; None if any text can. per_unit: changed versions per unit by
    default. top: the share of an item's units in a top set; None for 10 units. background: how many things there are
    in the item's segment from which what stands in for a unit is drawn (the units are then `DrawingUnits`); None if
    nothing is drawn. other: units and replacement that ask the same in another way, tried for comparison. pilot:
    whether the reference is tried first, to see how many versions per unit it takes.
    """

    kinds: frozenset[str]
    unit: str
    of: Callable[[tuple[Any, ...]], Units]
    places: tuple[str, ...] = ()
    perturb: tuple[str, ...] | None = (REMOVE,)
    per_unit: int = MASKS_PER_UNIT
    top: float | None = None
    background: Callable[[Segment], int] | None = None
    other: tuple[str, str] | None = None
    pilot: bool = False


SENTENCES_THEN_WORDS = "sentences-then-words"
LONG = 100
"""Items are long if half of them have more words than this."""

_OF_TEXTS = partial(Cut, frozenset({"text"}), "word", places=("start", "end"), perturb=None)
_OF_PICTURES = partial(Cut, frozenset({"picture"}), places=PLACES, perturb=FILLS, per_unit=8, top=0.25, pilot=True)
_OF_ROWS = partial(Cut, frozenset({"row"}), "column", per_unit=8, top=0.25, background=background_rows)
_OF_SOUNDS = partial(Cut, unit="stretch", places=("start", "end", "low", "high"), per_unit=8, top=0.25, pilot=True)

CUTS: dict[str, Cut] = {
    "words": _OF_TEXTS(words),
    "words-merged": _OF_TEXTS(partial(words, merge_equal=True)),
    "sentences": replace(_OF_TEXTS(sentences), unit="sentence"),
    SENTENCES_THEN_WORDS: replace(_OF_TEXTS(sentences_then_words), unit="word or sentence"),
    "stretches": _OF_SOUNDS(frozenset({"sound"}), of=stretches),
    "frame-stretches": _OF_SOUNDS(frozenset({"features"}), of=frame_stretches),
    "column-groups": _OF_ROWS(column_groups, other=("columns", REMOVE)),
    "columns": _OF_ROWS(single_columns),
    "tiles": _OF_PICTURES("tile", tiles, other=("tiles", "neighbours")),
    "superpixels": _OF_PICTURES("superpixel", superpixels),
}
"""The built-in cuts by name; by default, a kind of segment is split by the first that reads it."""


def cuts() -> dict[str, Cut]:
    """All cuts by name; those of plugins come last."""
    return with_plugins("trusteq.units", CUTS, Cut)


def cut_named(name: str) -> Cut:
    """The cut of this name, or that of a pattern given as ``re:PATTERN``."""
    if name.startswith("re:"):
        return _OF_TEXTS(by_pattern(name.removeprefix("re:")))
    by_name = cuts()
    if name not in by_name:
        raise DataError(f"units {name!r} are unknown; choose {', '.join(by_name)} or re:PATTERN")
    return by_name[name]


def cuts_named(names: str | None) -> list[Cut]:
    """The cuts named in a text like "words+tiles", one for each kind of segment; the first of all for None."""
    if names is None:
        return [next(iter(cuts().values()))]
    return [cut_named(names)] if names.startswith("re:") else [cut_named(name) for name in names.split("+")]


def unit_named(names: str | None) -> str:
    """The word for one of these units in sentences."""
    return " or ".join(dict.fromkeys(cut.unit for cut in cuts_named(names)))


def unit_word(settings: ExplainSettings | None) -> str:
    """What has a weight under these settings, such as "word"; "unit" where no cut is known."""
    try:
        return unit_named(None if settings is None else settings.units)
    except DataError:
        return "unit"


def places_named(names: str | None) -> list[str]:
    """The names of the columns with these units' places."""
    return list(dict.fromkeys(place for cut in cuts_named(names) for place in cut.places))


def default_units(items: Items) -> str:
    """The names of the default cuts for these items; an error if no cut reads one of their segments."""
    names = []
    for name, segment in items.segments.items():
        names_of_kind = _cuts_for(segment)
        if not names_of_kind:
            kinds = dict.fromkeys(f"{kind.removesuffix('s')}s" for cut in cuts().values() for kind in cut.kinds)
            *others, last = kinds
            supported = f"{', '.join(others)} and {last}" if others else last
            raise OptionError(
                f"segment {name!r} is {with_article(segment.kind)}, and only {supported} can be explained; "
                "skip explanations (--no-explain)"
            )
        names.append(names_of_kind[0])
    return "+".join(dict.fromkeys(names)) or next(iter(CUTS))


def default_units_of_prompts(items: Items) -> str:
    """The same for models that are asked by prompts: of long texts, the words of the sentences that matter most."""
    names = default_units(items)
    lengths = [word_count(texts) for texts in zip(*items.texts(), strict=True)] if names == next(iter(CUTS)) else []
    if lengths and np.median(lengths) > LONG:
        return SENTENCES_THEN_WORDS
    return names


@dataclass(frozen=True)
class Usual:
    """What is usual for some cuts.

    per_unit: changed versions per unit. top: the number of units in a top set. background: among how many things what
    stands in for units is drawn, 0 if nothing is drawn.
    """

    per_unit: int
    top: int
    background: int


def usual(names: str, items: Items) -> Usual:
    """What is usual for these units of the items."""
    parts = _parts(names, items)
    shares = [cut.top for cut, _ in parts if cut.top is not None]
    segments = list(items.segments.values())
    numbers = [cut.background(segments[at]) for cut, of in parts if cut.background is not None for at in of]
    top = math.ceil(max(shares) * len(cutter(names, items)(0))) if shares else TOP
    return Usual(max(cut.per_unit for cut, _ in parts), max(top, 1), min(numbers, default=0))


def have_units(items: Items) -> bool:
    """Whether the items have segments, and all of them can be split into units."""
    return bool(items.segments) and all(map(_cuts_for, items.segments.values()))


def replacement(names: str, perturb: str, items: Items) -> str:
    """What replaces units left out, as trusteq spells it; an error if these units of these items do not support it."""
    default_units(items)
    supported = [cut.perturb for cut, _ in _parts(names, items) if cut.perturb is not None]
    chosen = british(perturb) if any(british(perturb) in words for words in supported) else perturb
    for cut, _ in _parts(names, items):
        if cut.perturb is not None and chosen not in cut.perturb:
            raise OptionError(f"explain perturb {perturb!r}: units {names!r} only support {', '.join(cut.perturb)}")
    return chosen


def cutter(names: str | None, items: Items) -> Callable[[int], Units]:
    """The function that returns the units of the item at a position; by default those of its kinds of segments."""
    if not items.segments:
        items.texts()  # raises the error that explains how to name one
    parts = _parts(default_units(items) if names is None else names, items)
    segments = list(items.segments.values())

    def units_of(cut: Cut, numbers: Sequence[int], i: int) -> Units:
        return cut.of(tuple(segments[number][i] for number in numbers))

    if len(parts) == 1:
        return partial(units_of, *parts[0])
    draws = tuple(cut.background is not None for cut, _ in parts)
    return lambda i: JoinedUnits(tuple((tuple(numbers), units_of(cut, numbers, i)) for cut, numbers in parts), draws)


def _cuts_for(segment: Segment) -> list[str]:
    """The names of the cuts that read segments of this kind."""
    return [name for name, cut in cuts().items() if segment.kind in cut.kinds]


def _parts(names: str, items: Items) -> list[tuple[Cut, list[int]]]:
    """Each of these cuts with the numbers of the segments that it reads."""
    cuts = cuts_named(names)
    numbers_of: dict[int, list[int]] = {}
    for number, (name, segment) in enumerate(items.segments.items()):
        position = next((i for i, cut in enumerate(cuts) if segment.kind in cut.kinds), None)
        if position is None:
            raise OptionError(
                f"explain units {names!r}: segment {name!r} is {with_article(segment.kind)}, which does not have these "
                f"units; choose {' or '.join(_cuts_for(segment))}"
            )
        numbers_of.setdefault(position, []).append(number)
    if len(numbers_of) > 1 and SENTENCES_THEN_WORDS in names.split("+"):
        raise OptionError(
            f"explain units {names!r}: {SENTENCES_THEN_WORDS} is only for items of nothing but texts; use words"
        )
    return [(cuts[i], numbers) for i, numbers in sorted(numbers_of.items())]
