"""The fate of every rung, one after the other: which are made, which are explained, and which need not be."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from trusteq.data.atomic_file import write_atomically
from trusteq.errors import DataError, LabelError, ModelError, OptionError
from trusteq.models.traits import traits_of
from trusteq.report.page.sentence import share as share_words
from trusteq.shrink.bench import Bench, unavailable
from trusteq.shrink.record import (
    ANSWERS,
    CONFIRMED,
    DOES_NOT_FIT,
    EXPLAINED,
    LARGER,
    NOT_AVAILABLE,
    NOT_EQUIVALENT,
    NOT_NEEDED,
    NOT_TRIED,
    Confirmation,
    Entry,
    Price,
    Search,
    by_size,
    why,
)
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from trusteq.record.run import Run
    from trusteq.shrink.ladder import Rung
    from trusteq.verdict import Verdict

MUCH = 1.01
"""A share of the model's size above which a candidate is larger: files beside the weights may differ a little."""

FASTER = 1.1
"""How many times as fast as a smaller candidate that passed one must be, to be explained as well: timings are noisy."""


class Tries:
    """A search as it goes on. late: whether nothing new is to be started; what is there already is read all the same.

    refused: by name, why a candidate could not be made or audited when it was last tried.
    """

    def __init__(
        self, search: Search, bench: Bench, late: Callable[[], bool], refused: Mapping[str, str], file: Path
    ) -> None:
        self.search, self.bench, self.late, self.refused, self.file = search, bench, late, refused, file
        self._write()

    def every_rung(self) -> None:
        """Give every rung its fate: first those that are made at once, the smaller ones explained first."""
        rungs = [entry.rung for entry in self.search.entries]
        for rung in rungs:
            if not rung.learns:
                self._answers(rung)
        for entry in sorted(self.search.entries, key=by_size):
            self._explained(entry.rung)
        for rung in rungs:
            if rung.learns:
                self._answers(rung)
                self._explained(rung)
        self.search = replace(self.search, stopped=any(entry.fate == NOT_TRIED for entry in self.search.entries))
        self._write()

    def explain_open(self) -> None:
        """Explain candidates that pass everything else, the smallest first, until one passes, whatever the time."""
        late, self.late = self.late, lambda: False
        for entry in sorted(self.search.entries, key=by_size):
            self._explained(entry.rung)
        self.late = late
        self.every_rung()  # what has passed makes others needless

    def confirm(self) -> None:
        """Audit the choice on the untouched items, which happens once: a finished confirmation is only read."""
        chosen = self.search.chosen
        if chosen is None:
            return
        developed = self.bench.audited(chosen.rung, EXPLAINED if self._explains else ANSWERS)
        run = self.bench.audited(chosen.rung, CONFIRMED)
        (judged,) = run.document.candidates
        if judged.identity.content != developed.document.candidates[0].identity.content:
            raise ModelError(
                f"{self.bench.folder(chosen.rung)}: is not what was audited on development items, it has changed; "
                "start anew with another --out"
            )
        self.search = replace(self.search, confirmation=Confirmation(judged.name, judged, _price(run)))
        self._write()

    @property
    def _explains(self) -> bool:
        return "explanation" in self.search.policy.required

    def _answers(self, rung: Rung) -> None:
        """Make a candidate and audit its answers, which takes seconds, unless that is needless or impossible."""
        fate = self._fate_before(rung)
        if fate is not None:
            self._put(fate)
            return
        try:
            if not self.bench.run_of(rung, ANSWERS).exists():
                if fate := self._needless(rung):
                    self._put(fate)
                    return
                if self.late():
                    return
                self.bench.make(rung)
        except (ModelError, LabelError, OptionError, DataError) as error:
            self._put(Entry(rung, DOES_NOT_FIT, str(error)))
            return
        self._audit(rung, ANSWERS)

    def _explained(self, rung: Rung) -> None:
        """Explain a candidate that passes everything else, unless one that is no larger and as fast has passed."""
        entry = self._entry(rung)
        if entry.fate != NOT_TRIED or entry.judged is None:
            return
        exists = self.bench.run_of(rung, EXPLAINED).exists()
        if not exists and (better := self._passed(entry.price.disk_bytes, entry.price.speed)):
            self._put(replace(entry, fate=NOT_NEEDED, reason=f"{_BUT_EXPLANATIONS}: {_is_better(better)}"))
        elif exists or not self.late():
            self._audit(rung, EXPLAINED)

    def _audit(self, rung: Rung, audit: str) -> None:
        try:
            run = self.bench.audited(rung, audit)
        except (ModelError, LabelError) as error:
            self._put(Entry(rung, DOES_NOT_FIT, str(error)))
            return
        (judged,) = run.document.candidates
        price = _price(run) if audit == ANSWERS else self._entry(rung).price
        fate, reason = fate_of(judged.verdict, explained=audit == EXPLAINED)
        if price.size is not None and price.size > MUCH and fate != NOT_EQUIVALENT:
            fate, reason = DOES_NOT_FIT, f"{LARGER}: {share_words(price.size)} of its size"
        place = str(self.bench.run_of(rung, audit).relative_to(self.bench.directory))
        self._put(Entry(rung, fate, reason, price, place, judged))

    def _fate_before(self, rung: Rung) -> Entry | None:
        """The fate that is known before anything is made."""
        if missing := unavailable(rung):
            return Entry(rung, NOT_AVAILABLE, missing)
        if rung.name in self.refused:
            return Entry(rung, DOES_NOT_FIT, self.refused[rung.name])
        return None

    def _needless(self, rung: Rung) -> Entry | None:
        """That a candidate as large as its parent need not be made, as one that is no larger has passed."""
        parent = rung.parent
        if parent is None or not rung.as_large_as_parent or not self.search.passed:
            return None
        known = next((entry for entry in self.search.entries if entry.name == parent.name), Entry(parent))
        size = known.price.disk_bytes
        if size is None:
            if self.late() and not self.bench.folder(parent).exists():
                return None
            self.bench.make(parent)
            size = traits_of(self.bench.open(parent)).size().disk_bytes
        better = self._passed(size, known.price.speed)
        return None if better is None else Entry(rung, NOT_NEEDED, f"it would not be smaller: {_is_better(better)}")

    def _passed(self, disk_bytes: int | None, speed: float | None) -> Entry | None:
        """A candidate that passed and is no larger than this, and about as fast or faster; None if there is none."""
        for entry in self.search.passed:
            size, theirs = entry.price.disk_bytes, entry.price.speed
            faster = speed is not None and theirs is not None and speed > FASTER * theirs
            if disk_bytes is not None and size is not None and size <= disk_bytes and not faster:
                return entry
        return None

    def _entry(self, rung: Rung) -> Entry:
        return next(entry for entry in self.search.entries if entry.name == rung.name)

    def _put(self, entry: Entry) -> None:
        entries = tuple(entry if other.name == entry.name else other for other in self.search.entries)
        self.search = replace(self.search, entries=entries)
        self._write()

    def _write(self) -> None:
        content = json.dumps(self.search.document(), indent=1, ensure_ascii=False, allow_nan=False)
        write_atomically(self.file, content + "\n")


_BUT_EXPLANATIONS = "passes everything but explanations, which were not asked for"


def _is_better(passed: Entry) -> str:
    return f"{passed.name} has passed, is no larger and about as fast"


def fate_of(verdict: Verdict, *, explained: bool) -> tuple[str, str]:
    """A candidate's fate by its verdict on development items, and why.

    One that was not explained, and passes everything else, is still open.
    """
    required = [part for part in verdict.dimensions if part.required]
    missing = [part.dimension for part in required if part.outcome is not Outcome.EQUIVALENT]
    if missing == ["explanation"] and not explained:
        return NOT_TRIED, f"{_BUT_EXPLANATIONS}: the budget ended before"
    return str(verdict.outcome), why(verdict)


def _price(run: Run) -> Price:
    """What the only candidate of a run takes, as far as it was measured."""
    if run.costs is None:
        return Price()
    ours, theirs = run.costs["models"][1], run.costs["models"][0]
    latencies = [None if model["latency"] is None else model["latency"]["median"] for model in (ours, theirs)]
    return Price(
        ours["disk_bytes"],
        latencies[0],
        _ratio(ours["disk_bytes"], theirs["disk_bytes"]),
        _ratio(latencies[1], latencies[0]),
    )


def _ratio(over: float | None, under: float | None) -> float | None:
    return None if not over or not under else over / under
