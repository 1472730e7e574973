"""Waivers: rules that a person lets pass, by name, with a reason, until a day. They are beside a run, never part of it.

``waivers.json`` is bound to its run by the SHA-256 of ``manifest.json``, and each waiver to the margin that it was
given for. The last one for a rule counts; the others are kept.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import date  # noqa: TC003 - read where a record is
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from trusteq.data.atomic_file import write_atomically
from trusteq.data.clean import clean
from trusteq.errors import OptionError, RunError
from trusteq.policy import Rule  # noqa: TC001
from trusteq.record.integrity import MANIFEST
from trusteq.record.json_file import read_json
from trusteq.record.reading import read
from trusteq.record.run import rejudge
from trusteq.record.runs_together import judged_together, measured_alone
from trusteq.verdict import EXIT_CODES, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from trusteq.policy import Policy
    from trusteq.record.run import Run
    from trusteq.verdict import ExitCode, RuleVerdict, Verdict

FILE = "waivers.json"
MOST_BYTES = 2**20
"""The size in bytes up to which the file is read: some thousand waivers."""

LONGEST = 1_000
"""Characters of a reason or a name."""

_STRICT = ConfigDict(strict=True, frozen=True, extra="forbid")
_Words = Annotated[str, Field(min_length=1, max_length=LONGEST)]


class Waiver(BaseModel):
    """One rule that a person lets one candidate pass, and on which days (UTC, ``until`` included).

    measure, rule: what is waived: the rule's measure, and its margin. made: the day on which it was given. until: None
    if this takes back the one before it.
    """

    model_config = _STRICT

    candidate: str
    measure: str
    rule: Rule
    because: _Words
    by: _Words
    made: date
    until: date | None

    @field_validator("because", "by")
    @classmethod
    def _can_be_read(cls, value: str) -> str:
        if not in_one_line(value):
            raise ValueError("has no visible character")
        return value

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is about: a later waiver with the same key replaces it."""
        return self.candidate, self.measure, str(self.rule)


class WaiverFile(BaseModel):
    """What ``waivers.json`` holds; ``run`` is the SHA-256 of the run's ``manifest.json``."""

    model_config = _STRICT

    schema_version: Literal[1]
    run: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    waivers: tuple[Waiver, ...]


def read_waivers(run: Run) -> tuple[Waiver, ...]:
    """All waivers beside a run, the oldest first, whether they count or not; one clear line if they are another's."""
    path = run.directory / FILE
    if path.is_symlink():
        raise RunError(f"{path}: a link (to {path.readlink()}); waivers are read only from the run's own folder")
    try:
        if path.is_file() and path.stat().st_size > MOST_BYTES:
            raise RunError(f"{path}: larger than {MOST_BYTES:,} bytes; remove it, and waive again")
        _, text = read_json(path)
    except FileNotFoundError:
        return ()
    found = read(text, WaiverFile, where=str(path))
    own = _fingerprint(run)
    if found.run != own:
        raise RunError(
            f"{path}: given for another run (the SHA-256 of its {MANIFEST} begins with {found.run[:12]}, here with "
            f"{own[:12]}); remove it, and waive again"
        )
    return found.waivers


def write_waivers(run: Run, added: Sequence[Waiver]) -> Path:
    """The path of the run's waivers, after these were added to those that are there."""
    waivers = (*read_waivers(run), *added)
    content = WaiverFile(schema_version=1, run=_fingerprint(run), waivers=waivers).model_dump(mode="json")
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    if len(text.encode()) > MOST_BYTES:
        raise RunError(f"{run.directory / FILE}: would be larger than {MOST_BYTES:,} bytes; remove it, and waive again")
    path = run.directory / FILE
    write_atomically(path, text, otherwise="copy the run to a folder of your own and waive there")
    return path


def counting(waivers: Iterable[Waiver]) -> tuple[Waiver, ...]:
    """Those that count: the last for each rule, unless it takes the one before it back."""
    last = {waiver.key: waiver for waiver in waivers}
    return tuple(waiver for waiver in last.values() if waiver.until is not None)


@dataclass(frozen=True)
class Waived:
    """A rule that is not EQUIVALENT, and the waiver that was given for it.

    honoured: whether the waiver counts on the day of asking, and was given for this margin.
    """

    rule: RuleVerdict
    waiver: Waiver
    honoured: bool


@dataclass(frozen=True)
class Passed:
    """What waivers leave of a verdict: the exit code without the rules that are waived, and the waivers."""

    exit_code: ExitCode
    waived: tuple[Waived, ...]


def passed(runs: Sequence[Run], policy: Policy, today: date) -> dict[str, Passed]:
    """For each candidate of the runs, judged together: what its waivers of today leave of the verdict.

    A run's waivers are about what this run measured; what no run measured may be waived in any of them.
    """
    given = {run.directory: counting(read_waivers(run)) for run in runs}
    return {
        name: _passed(name, list(_open_rules(runs, policy, name, verdict, given)), today)
        for name, verdict in judged_together(runs, policy).items()
    }


def _open_rules(
    runs: Sequence[Run], policy: Policy, name: str, whole: Verdict, given: Mapping[Path, Sequence[Waiver]]
) -> Iterator[tuple[RuleVerdict, Sequence[Waiver]]]:
    """Every required rule that is not EQUIVALENT, and the waivers that may be about it."""
    for run in runs:
        for dimension in measured_alone(run, name, policy).dimensions:
            if dimension.required:
                yield from ((rule, given[run.directory]) for rule in _failing(dimension.rules))
    everywhere = [waiver for waivers in given.values() for waiver in waivers]
    for dimension in whole.dimensions:
        if dimension.required and dimension.outcome is Outcome.NOT_MEASURED:
            yield from ((rule, everywhere) for rule in _failing(dimension.rules))


def _failing(rules: Iterable[RuleVerdict]) -> Iterator[RuleVerdict]:
    return (rule for rule in rules if rule.outcome is not Outcome.EQUIVALENT)


def _passed(name: str, open_rules: Sequence[tuple[RuleVerdict, Sequence[Waiver]]], today: date) -> Passed:
    waived, codes = [], {0}
    for rule, waivers in open_rules:
        about = [waiver for waiver in waivers if (waiver.candidate, waiver.measure) == (name, rule.measure)]
        fitting = [waiver for waiver in about if waiver.rule == rule.rule]
        # Of several runs' waivers of what none of them measured, the one that lasts longest is enough.
        longest = max(fitting, key=lambda waiver: waiver.until or waiver.made, default=None)
        honoured = longest is not None and longest.until is not None and today <= longest.until
        if longest is not None:
            waived.append(Waived(rule, longest, honoured))
        elif about:
            waived.append(Waived(rule, about[-1], honoured=False))
        if not honoured:
            codes.add(
                EXIT_CODES[Outcome.NOT_EQUIVALENT if rule.outcome is Outcome.NOT_EQUIVALENT else Outcome.UNDECIDED]
            )
    return Passed(next(code for code in (1, 3, 0) if code in codes), tuple(waived))


def waivable(run: Run, policy: Policy, candidate: str, measure: str) -> RuleVerdict:
    """The rule of this measure that can be waived, or one clear line on why there is none."""
    verdicts = rejudge(run, policy)
    if candidate not in verdicts:
        raise OptionError(
            f"--candidate {candidate}: {run.directory} has none of this name; there are {', '.join(verdicts)}"
        )
    rules = {rule.measure: rule for d in verdicts[candidate].dimensions for rule in d.rules}
    if measure not in rules:
        failing = ", ".join(rule.measure for rule in _failing(rules.values()))
        hint = f"these can be waived: {failing}" if failing else "all of its rules are within their margins"
        raise OptionError(f"--rule {measure}: policy {policy.name} has no such rule here; {hint}")
    if rules[measure].outcome is Outcome.EQUIVALENT:
        raise OptionError(f"--rule {measure}: {rules[measure].reason}, so there is nothing to waive")
    return rules[measure]


def in_one_line(text: str) -> str:
    """The text without line breaks and spaces around it; empty if nothing in it can be seen."""
    line = " ".join(text.split())
    return line if clean(line).replace("\ufffd", "").strip() else ""


def _fingerprint(run: Run) -> str:
    if not run.manifest["files"]:
        raise RunError(
            f"{run.directory}: written by an older trusteq, without hashes of its files, so nothing ties a waiver to "
            "it; audit again"
        )
    return hashlib.sha256((run.directory / MANIFEST).read_bytes()).hexdigest()
