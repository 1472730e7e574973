"""What each address shows, as HTML: the list of runs, a run's report, two runs compared, the history of several."""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, field
from html import unescape
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from trusteq.errors import OptionError, TrusteqError
from trusteq.record.evidence import evidence
from trusteq.record.run import load_run
from trusteq.releases.history import history
from trusteq.releases.page import page as history_page
from trusteq.releases.release import Release, written
from trusteq.report.page.page import page as report_page
from trusteq.view.comparison import comparison_page
from trusteq.view.pages import list_page, message_page

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trusteq.view.shelf import Place, Shelf

MOST_PAGES, MOST_BYTES = 32, 2**28
"""How many pages are kept in memory, and how large they may be together."""

PER_LIST = 50
"""Runs on one page of the list."""

MOST_FIELDS = 1_000
"""Fields of a query."""


@dataclass(frozen=True)
class Answer:
    """A page, its status, and what a browser may do with it."""

    status: int
    content: bytes
    policy: str


@dataclass
class Site:
    """The pages of the runs on a shelf."""

    shelf: Shelf
    _pages: OrderedDict[Any, Answer] = field(default_factory=OrderedDict)
    _stamps: Any = None

    def answer(self, path: str, query: str) -> Answer:
        """What is at a path below the token; anything that is not a page of this site is not found."""
        try:
            match path.split("/"):
                case [""]:
                    return self._list(_fields(query))
                case ["run", key]:
                    (place,) = self._places([key])
                    return self._kept(("run", place), lambda: self._report(place))
                case ["chosen"]:
                    return self._chosen(_fields(query))
        except _NotFoundError:
            pass
        except TrusteqError as error:
            return _message(422, str(error))
        return _message(404, "There is no such page; runs that were moved or removed are no longer listed.")

    def _now(self) -> list[Place]:
        """The runs that are there now; pages are forgotten once any file of any of them has changed."""
        places = self.shelf.look()
        stamps = {place.key: place.stamp for place in places}
        if stamps != self._stamps:
            # Reports tell of other runs of the same models, so each depends on all.
            self._pages.clear()
            self._stamps = stamps
        return places

    def _list(self, fields: dict[str, list[str]]) -> Answer:
        places = self._now()
        number = fields.get("page", ["1"])[-1]
        pages = max(1, -(-len(places) // PER_LIST))
        if not (number.isascii() and number.isdecimal() and len(number) < 9 and 1 <= int(number) <= pages):
            raise _NotFoundError
        shown = places[(int(number) - 1) * PER_LIST : int(number) * PER_LIST]
        text = list_page(self.shelf, shown, len(places), page=int(number), pages=pages)
        return _answer(text)

    def _chosen(self, fields: dict[str, list[str]]) -> Answer:
        """Two runs compared, or the history of several: the form lists the newest first."""
        places = self._places(dict.fromkeys(fields.get("run", [])))
        match fields.get("show"):
            case ["compare"]:
                if len(places) != 2:
                    raise OptionError(f"Choose two runs to compare, not {len(places)}.")
                newer, older = places
                return self._kept(("compare", older, newer), lambda: _compared(older, newer))
            case ["history"]:
                if not places:
                    raise OptionError("Choose the runs whose history you want to see.")
                return self._kept(("history", *places), lambda: _history(places[::-1]))
        raise _NotFoundError

    def _places(self, keys: Sequence[str] | dict[str, None]) -> list[Place]:
        """The runs with these keys; there are no others, whatever an address says."""
        self._now()
        found = [self.shelf.places.get(key) for key in keys]
        if None in found:
            raise _NotFoundError
        return [place for place in found if place is not None]

    def _kept(self, key: Any, make: Callable[[], Answer]) -> Answer:
        """A page from memory, or made and kept there."""
        if key not in self._pages:
            self._pages[key] = make()
        self._pages.move_to_end(key)
        while len(self._pages) > 1 and (
            len(self._pages) > MOST_PAGES or sum(len(page.content) for page in self._pages.values()) > MOST_BYTES
        ):
            self._pages.popitem(last=False)
        return self._pages[key]

    def _report(self, place: Place) -> Answer:
        return _answer(report_page(evidence(load_run(place.path))))


class _NotFoundError(Exception):
    """The address is not one of a page."""


def _fields(query: str) -> dict[str, list[str]]:
    try:
        return parse_qs(query, max_num_fields=MOST_FIELDS)
    except ValueError:
        raise _NotFoundError from None


def _answer(text: str, status: int = 200) -> Answer:
    """A page with the Content-Security-Policy that it states itself, before anything that a run holds."""
    stated = _POLICY.search(text)
    return Answer(status, text.encode("utf-8", "replace"), unescape(stated[1]) if stated else "default-src 'none'")


_POLICY = re.compile('<meta http-equiv="Content-Security-Policy" content="([^"]*)">')


def _message(status: int, text: str) -> Answer:
    return _answer(message_page(text), status)


def _compared(older: Place, newer: Place) -> Answer:
    text = comparison_page(*((place, evidence(load_run(place.path))) for place in (older, newer)))
    return _answer(text)


def _history(places: Sequence[Place]) -> Answer:
    runs = [load_run(place.path) for place in places]
    releases = [Release(place.name, run, written(run)) for place, run in zip(places, runs, strict=True)]
    links = {at: f"run/{place.key}" for at, place in enumerate(places)}
    return _answer(history_page(history(releases), links, back="./"))
