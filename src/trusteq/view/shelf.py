"""The finished runs below a folder, each by a key of its own: nothing else can be asked for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from trusteq.errors import TrusteqError
from trusteq.record.integrity import MANIFEST
from trusteq.record.run import load_run
from trusteq.record.runs_below import is_run, runs_below
from trusteq.report.wording import policy_words

if TYPE_CHECKING:
    from pathlib import Path

    from trusteq.verdict import Outcome

Stamp = tuple[tuple[str, int, int], ...]
"""Names, times and sizes of a run's files: another stamp means that it has to be read again."""


@dataclass(frozen=True)
class Place:
    """Where a run is: its key in addresses, its name, and its files as they are now."""

    key: str
    name: str
    path: Path
    stamp: Stamp
    seconds: float

    @property
    def day(self) -> str:
        """The day on which its manifest was written, in UTC."""
        return datetime.fromtimestamp(self.seconds, UTC).date().isoformat()


@dataclass(frozen=True)
class Summary:
    """What the list tells of a run; of one that cannot be read only why."""

    reference: str = ""
    outcomes: tuple[tuple[str, Outcome], ...] = ()
    items: int = 0
    policy: str = ""
    trusteq: str = ""
    error: str | None = None


@dataclass
class Shelf:
    """The runs below a folder, looked for again whenever the list is shown."""

    folder: Path
    places: dict[str, Place] = field(default_factory=dict)
    _summaries: dict[tuple[str, Stamp], Summary] = field(default_factory=dict)

    def look(self) -> list[Place]:
        """The runs that are there now, the newest first."""
        found = [self.folder] if is_run(self.folder) else runs_below(self.folder)
        places = [place for place in map(self._place, found) if place is not None]
        order = sorted(enumerate(places), key=lambda numbered: (numbered[1].seconds, numbered[0]), reverse=True)
        places = [place for _, place in order]
        self.places = {place.key: place for place in places}
        return places

    def summary(self, place: Place) -> Summary:
        """What the list tells of a run, which is read and checked whole, once."""
        known = (place.key, place.stamp)
        if known not in self._summaries:
            self._summaries[known] = _summary(place.path)
        return self._summaries[known]

    def _place(self, path: Path) -> Place | None:
        name = path.relative_to(self.folder).as_posix()
        name = self.folder.resolve().name if name == "." else name
        try:
            stamp = stamp_of(path)
            seconds = (path / MANIFEST).stat().st_mtime
        except OSError:
            return None  # gone since the folder was read
        key = hashlib.sha256(str(path).encode("utf-8", "surrogateescape")).hexdigest()[:16]
        return Place(key, name, path, stamp, seconds)


def stamp_of(path: Path) -> Stamp:
    """The stamp of a run's files."""
    found = [(file, file.stat(follow_symlinks=False)) for file in path.rglob("*") if not file.is_dir()]
    return tuple(sorted((str(file), stat.st_mtime_ns, stat.st_size) for file, stat in found))


def _summary(path: Path) -> Summary:
    try:
        run = load_run(path)
    except (TrusteqError, OSError) as error:
        return Summary(error=str(error))
    document = run.document
    return Summary(
        document.reference.name,
        tuple((one.name, one.verdict.outcome) for one in document.candidates),
        document.items.n,
        policy_words(document.policy),
        run.manifest["trusteq"],
    )
