"""One finished run among others: by which name it is called, and what it says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from trusteq.errors import PolicyError, RunError, TrusteqError
from trusteq.policy import read_policy
from trusteq.record.address import is_address
from trusteq.record.evidence import notices_of
from trusteq.record.history import notices
from trusteq.record.integrity import MANIFEST
from trusteq.record.policy_findings import about_policy
from trusteq.record.run import load_run, rejudge
from trusteq.record.runs_below import is_run, runs_below
from trusteq.report.wording import urgent

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trusteq.models.base import Finding
    from trusteq.policy import Policy
    from trusteq.record.document import AuditedCandidate
    from trusteq.record.run import Run

PAGE = "report.html"
"""The file that ``trusteq report`` writes into a run."""


@dataclass(frozen=True)
class Release:
    """A run and its name; its verdicts are its own, or those of a policy by which all runs were judged.

    written: the day on which its manifest was written, as far as the file system knows it; None for a copy.
    """

    name: str
    run: Run
    written: date | None = None

    @property
    def candidates(self) -> Mapping[str, AuditedCandidate]:
        """What was compared, by name."""
        return {candidate.name: candidate for candidate in self.run.document.candidates}

    @property
    def report(self) -> Path | None:
        """Its page, if it has one."""
        path = self.run.directory / PAGE
        return path if not self.run.copied and path.is_file() else None

    @property
    def warnings(self) -> list[str]:
        """What must be read before its numbers, with what the runs next to it tell."""
        return self._warnings(notices_of(self.run))

    @property
    def own_warnings(self) -> list[str]:
        """The same as far as the run itself tells it: to look around each of many runs takes long."""
        return self._warnings(notices(self.run.history, ()))

    def _warnings(self, noticed: Sequence[Finding]) -> list[str]:
        document = self.run.document
        return urgent((*about_policy(document.policy), *noticed, *document.findings))


def read_releases(places: Sequence[str], policy: str | None = None) -> tuple[list[Release], list[str]]:
    """The runs at these paths and addresses, in this order, and a line for each that was left out as damaged.

    A folder stands for the runs in it, by name. A run that was named itself must be readable.
    """
    found: dict[Path, tuple[str, str, Run]] = {}
    left_out: list[str] = []
    for place in places:
        folder = Path(place)
        if is_address(place) or is_run(folder) or not folder.is_dir():
            run = load_run(place)
            found.setdefault(run.directory.resolve(), (_last(place), place, run))
            continue
        below = runs_below(folder)
        if not below:
            raise RunError(f"{place}: not a run, and there is none below; name the folder given to trusteq audit --out")
        for path in below:
            try:
                run = load_run(path)
            except TrusteqError as error:  # a damaged policy, too
                left_out.append(str(error))
            else:
                found.setdefault(run.directory.resolve(), (path.relative_to(folder).as_posix(), str(path), run))
    if not found:
        raise RunError(f"no run can be read; the first: {left_out[0]}")
    runs = [run for *_, run in found.values()]
    if policy is not None:
        runs = judged_by_one(runs, policy)
    releases = [Release(name, run, written(run)) for name, run in zip(_names([*found.values()]), runs, strict=True)]
    return releases, left_out


def judged_by_one(runs: Sequence[Run], name: str) -> list[Run]:
    """The runs with their verdicts under one policy, a preset or a YAML file."""
    own = tuple(dict.fromkeys(measure for run in runs for measure in run.document.own_measures))
    policy = read_policy(name, own)
    return [_judged(run, policy) for run in runs]


def _judged(run: Run, policy: Policy) -> Run:
    try:
        verdicts = rejudge(run, policy)
    except PolicyError as error:
        raise PolicyError(f"{run.directory}: {error}") from None
    candidates = tuple(replace(one, verdict=verdicts[one.name]) for one in run.document.candidates)
    return replace(run, document=replace(run.document, policy=policy, candidates=candidates))


def written(run: Run) -> date | None:
    """The day on which a run's manifest was written, in UTC; None for a copy."""
    if run.copied:
        return None
    return datetime.fromtimestamp((run.directory / MANIFEST).stat().st_mtime, UTC).date()


def _last(place: str) -> str:
    """The last part of a path or address."""
    if is_address(place):
        return place.rstrip("/").rpartition("/")[2]
    path = Path(place)
    return path.resolve().name if path.name in ("", "..") else path.name


def _names(runs: Sequence[tuple[str, str, Run]]) -> list[str]:
    """Names that differ: where two are the same, the whole paths."""
    times = Counter(name for name, *_ in runs)
    return [name if times[name] == 1 else place for name, place, _ in runs]
