"""Units: the smallest parts of an item that an explanation gives weight to, whatever the item is made of.

Units come from the item, never from a model, so every model is asked about the same. How items are parted is a cut:
one entry of `CUTS`, which says what kinds of segment it reads.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from trusteq.data.segment import with_article
from trusteq.errors import DataError, OptionError
from trusteq.explain.joined import JoinedUnits
from trusteq.explain.words import REMOVE, by_pattern, sentences, words
from trusteq.plugins import with_plugins

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.data.segment import Segment


class Units(Protocol):
    """The units of one item, and the item with units left out."""

    def __len__(self) -> int: ...

    @property
    def names(self) -> tuple[str, ...]:
        """What each is called in tables and pages [units]; units of one name are one in all items together."""

    @property
    def segments(self) -> NDArray[np.int64]:
        """The number of the segment that each is in [units]."""

    @property
    def places(self) -> Mapping[str, NDArray[np.int64]]:
        """Where each is in its segment [units]: columns of attributions.parquet, as the cut names them."""

    def render(self, kept: NDArray[np.bool_], perturb: str) -> tuple[Segment, ...]:
        """The changed items [masks], a segment of them for each of the item's, with only the kept units [masks, units].

        ``perturb`` says what becomes of the others. Where all are kept, an item is the item itself, untouched.
        """

    def content(self) -> tuple[Any, ...]:
        """Everything that decides what is rendered, as values that JSON can hold."""


@dataclass(frozen=True)
class Cut:
    """A way to part items into units.

    kinds: the kinds of segment that it reads. unit: what one unit is called in sentences. of: the units of one item's
    values, one for each of its segments that the cut reads, in order. places: the names in `Units.places`. perturb:
    what can become of a unit left out, "remove" first; None where any text may be put in its place.
    """

    kinds: frozenset[str]
    unit: str
    of: Callable[[tuple[Any, ...]], Units]
    places: tuple[str, ...] = ()
    perturb: tuple[str, ...] | None = (REMOVE,)


_OF_TEXTS = partial(Cut, frozenset({"text"}), "word", places=("start", "end"), perturb=None)

CUTS: dict[str, Cut] = {
    "words": _OF_TEXTS(words),
    "words-merged": _OF_TEXTS(partial(words, merge_equal=True)),
    "sentences": _OF_TEXTS(sentences),
}
"""By name; the first that reads a kind of segment is how that is cut unless told."""


def cuts() -> dict[str, Cut]:
    """Every cut by its name; those of plugins come last."""
    return with_plugins("trusteq.units", CUTS, Cut)


def cut_named(name: str) -> Cut:
    """The cut of that name, or that of a pattern given as ``re:PATTERN``."""
    if name.startswith("re:"):
        return _OF_TEXTS(by_pattern(name.removeprefix("re:")))
    known = cuts()
    if name not in known:
        raise DataError(f"units {name!r} are unknown; choose {', '.join(known)} or re:PATTERN")
    return known[name]


def cuts_named(names: str | None) -> list[Cut]:
    """The cuts of the names in a text like "words+tiles", one for each kind of segment; the first of all for None."""
    if names is None:
        return [next(iter(cuts().values()))]
    return [cut_named(names)] if names.startswith("re:") else [cut_named(name) for name in names.split("+")]


def unit_named(names: str | None) -> str:
    """What one of these units is called in sentences."""
    return " or ".join(dict.fromkeys(cut.unit for cut in cuts_named(names)))


def places_named(names: str | None) -> list[str]:
    """The columns of places that these units have."""
    return list(dict.fromkeys(place for cut in cuts_named(names) for place in cut.places))


def default_units(items: Items) -> str:
    """The names of the cuts for these items; an error where they have a segment that none reads."""
    names = []
    for name, segment in items.segments.items():
        fit = _fit(segment)
        if not fit:
            known = " and ".join(f"{kind}s" for kind in dict.fromkeys(k for cut in cuts().values() for k in cut.kinds))
            raise OptionError(
                f"segment {name!r} is {with_article(segment.kind)}, and only {known} can be explained; "
                "leave explanations out (--no-explain)"
            )
        names.append(fit[0])
    return "+".join(dict.fromkeys(names)) or next(iter(CUTS))


def have_units(items: Items) -> bool:
    """Whether every segment of the items has units, and there is one."""
    return bool(items.segments) and all(map(_fit, items.segments.values()))


def refuse_unfit(names: str, perturb: str, items: Items) -> None:
    """Stop where the units of these names are not those of the items, or nothing can become of them what is wanted."""
    default_units(items)
    for cut, _ in _parts(names, items):
        if cut.perturb is not None and perturb not in cut.perturb:
            raise OptionError(f"explain perturb {perturb!r}: units {names!r} only support {', '.join(cut.perturb)}")


def cutter(names: str | None, items: Items) -> Callable[[int], Units]:
    """What parts an item, given by its position, into the units of these names; by default those of its segments."""
    if not items.segments:
        items.texts()  # which says how to name one
    parts = _parts(default_units(items) if names is None else names, items)
    segments = list(items.segments.values())

    def of(cut: Cut, numbers: Sequence[int], i: int) -> Units:
        return cut.of(tuple(segments[number][i] for number in numbers))

    if len(parts) == 1:
        return partial(of, *parts[0])
    return lambda i: JoinedUnits(tuple((tuple(numbers), of(cut, numbers, i)) for cut, numbers in parts))


def _fit(segment: Segment) -> list[str]:
    """The names of the cuts that read segments of its kind."""
    return [name for name, cut in cuts().items() if segment.kind in cut.kinds]


def _parts(names: str, items: Items) -> list[tuple[Cut, list[int]]]:
    """Each of the cuts with the numbers of the segments that it reads."""
    cuts = cuts_named(names)
    found: dict[int, list[int]] = {}
    for number, (name, segment) in enumerate(items.segments.items()):
        at = next((at for at, cut in enumerate(cuts) if segment.kind in cut.kinds), None)
        if at is None:
            raise OptionError(
                f"explain units {names!r}: segment {name!r} is {with_article(segment.kind)}, which has no such units; "
                f"choose {' or '.join(_fit(segment))}"
            )
        found.setdefault(at, []).append(number)
    return [(cuts[at], numbers) for at, numbers in sorted(found.items())]
