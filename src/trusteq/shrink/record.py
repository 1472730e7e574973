"""What a search found: the fate of every rung, the choice, its confirmation, and all that as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trusteq.report.figures.pareto import worst_rule
from trusteq.report.page.sentence import share as share_words
from trusteq.verdict import EXIT_CODES, Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from trusteq.policy import Policy
    from trusteq.record.document import AuditedCandidate
    from trusteq.shrink.ladder import Rung
    from trusteq.verdict import ExitCode, RuleVerdict, Verdict

SCHEMA_VERSION = 1

EQUIVALENT, NOT_EQUIVALENT = str(Outcome.EQUIVALENT), str(Outcome.NOT_EQUIVALENT)
NOT_NEEDED, DOES_NOT_FIT, NOT_AVAILABLE, NOT_TRIED = "not needed", "does not fit", "not available", "not tried"
LARGER = "it is larger than the model"
"""Fates of rungs. NOT_NEEDED: one that passed is no larger and as fast. DOES_NOT_FIT: the method or the audit refused
the model. NOT_AVAILABLE: a package or method is missing. NOT_TRIED: the budget ended before."""


@dataclass(frozen=True)
class Price:
    """What a model takes, and the same as shares of the reference's.

    disk_bytes: its files. latency: the median of the seconds for one item. size: its share of the reference's files.
    speed: how many times as fast as the reference it answers one item, both timed in turns.
    """

    disk_bytes: int | None = None
    latency: float | None = None
    size: float | None = None
    speed: float | None = None

    def words(self) -> str:
        """The two shares in words, as far as they are known."""
        size = None if self.size is None else f"{share_words(self.size)} of the size"
        speed = None if self.speed is None else f"{times(self.speed)} as fast"
        return ", ".join(part for part in (size, speed) if part)


def times(ratio: float) -> str:
    """A ratio in words: "1.9 times"; as many digits as tell it from 1."""
    return f"{ratio:.2f} times" if ratio < 0.1 or 0.95 < ratio < 1.05 else f"{ratio:.1f} times"


@dataclass(frozen=True)
class Entry:
    """One rung and its fate. judged: the candidate as the last audit of development items found it."""

    rung: Rung
    fate: str = NOT_TRIED
    reason: str = "the budget ended before its turn"
    price: Price = Price()
    run: str | None = None
    judged: AuditedCandidate | None = None

    @property
    def name(self) -> str:
        """The candidate's name."""
        return self.rung.name

    def document(self) -> dict[str, Any]:
        """All that is known, ready for JSON."""
        return {
            "name": self.name,
            "steps": [{"method": step.method, "options": dict(step.options)} for step in self.rung.steps],
            "fate": self.fate,
            "reason": self.reason,
            **_price(self.price),
            "run": self.run,
            "verdict": None if self.judged is None else _verdict(self.judged),
        }


@dataclass(frozen=True)
class Confirmation:
    """The audit of the choice on untouched items."""

    name: str
    judged: AuditedCandidate
    price: Price

    def document(self) -> dict[str, Any]:
        """All that is known, ready for JSON."""
        return {"name": self.name, **_price(self.price), "run": CONFIRMED, "verdict": _verdict(self.judged)}


ANSWERS, EXPLAINED, CONFIRMED = "answers", "explained", "confirmed"
"""A candidate's audits, and the folders of their runs: on development items without and with explanations, and that of
the choice on untouched items."""


@dataclass(frozen=True)
class Search:
    """A search, finished or stopped by its budget.

    about: what it is about: hashes of the model, policy and items, and the settings; another search has another folder.
    parts: for each part of the items its number, content hash, source and how it was made.
    entries: every rung, in the order of the ladder. confirmation: of the choice; None if there is no choice, or the
    budget ended before.
    """

    directory: Path
    reference: str
    policy: Policy
    about: Mapping[str, Any]
    parts: Mapping[str, Mapping[str, Any]]
    entries: tuple[Entry, ...]
    confirmation: Confirmation | None = None
    stopped: bool = False

    @property
    def passed(self) -> list[Entry]:
        """The candidates that are EQUIVALENT on development items, the smallest and then the fastest first."""
        return sorted((entry for entry in self.entries if entry.fate == EQUIVALENT), key=by_size)

    @property
    def chosen(self) -> Entry | None:
        """The smallest candidate that is EQUIVALENT on development items; if it was confirmed, that which was."""
        if self.confirmation is not None:
            return next((entry for entry in self.entries if entry.name == self.confirmation.name), None)
        return next(iter(self.passed), None)

    @property
    def nearest(self) -> Entry | None:
        """The audited candidate that is nearest to passing: that whose worst rule fails least."""
        found = [(_distance(entry), entry) for entry in self.entries if entry.judged is not None]
        ranked = [(distance, entry) for distance, entry in found if distance is not None]
        return min(ranked, key=lambda pair: pair[0])[1] if ranked else None

    @property
    def tried(self) -> list[Entry]:
        """The candidates that were audited."""
        return [entry for entry in self.entries if entry.judged is not None]

    @property
    def finished(self) -> bool:
        """Whether the same call would find nothing more to do."""
        return self.confirmation is not None or not self.stopped

    @property
    def exit_code(self) -> ExitCode:
        """That of the confirmation's verdict; without one, 1 if all candidates are NOT EQUIVALENT, else 3."""
        if self.confirmation is not None:
            return EXIT_CODES[self.confirmation.judged.verdict.outcome]
        settled = {entry.fate for entry in self.entries} <= {NOT_EQUIVALENT, DOES_NOT_FIT, NOT_AVAILABLE}
        return 1 if settled and any(entry.fate == NOT_EQUIVALENT for entry in self.entries) else 3

    @property
    def sentence(self) -> str:
        """The result in a sentence: what one may have, at what size and speed."""
        if self.confirmation is not None:
            words = self.confirmation.price.words()
            outcome = self.confirmation.judged.verdict.outcome
            return f"{self.confirmation.name}: {words}{', ' if words else ''}{outcome}"
        left = sum(entry.fate == NOT_TRIED for entry in self.entries)
        ended = f"; the budget ended with {left} of {len(self.entries)} rungs not tried" if self.stopped else ""
        if self.chosen is not None:
            words = self.chosen.price.words()
            return f"{self.chosen.name}: {words}, EQUIVALENT on development items, not confirmed{ended}"
        count = len(self.tried)
        none = f"none of {count} candidates is" if count != 1 else "the only candidate is not"
        but = " without being larger than the model" if any(e.fate == DOES_NOT_FIT for e in self.tried) else ""
        return f"{none} EQUIVALENT on development items{but}{ended}" if count else f"no candidate was made{ended}"

    def document(self) -> dict[str, Any]:
        """The content of ``shrink.json``."""
        return {
            "schema_version": SCHEMA_VERSION,
            "sentence": self.sentence,
            "exit_code": self.exit_code,
            "stopped": self.stopped,
            "reference": self.reference,
            "about": self.about,
            "items": self.parts,
            "chosen": None if self.chosen is None else self.chosen.name,
            "confirmation": None if self.confirmation is None else self.confirmation.document(),
            "nearest": None if self.chosen is not None or self.nearest is None else self.nearest.name,
            "rungs": [entry.document() for entry in self.entries],
        }

    def __repr__(self) -> str:
        return f"<Search in {self.directory}: {self.sentence}>"


def by_size(entry: Entry) -> tuple[float, float]:
    """The key that sorts candidates from the smallest, of those the fastest, to the largest."""
    price = entry.price
    return (price.disk_bytes or float("inf"), -(price.speed or 0.0))


def rules_with(verdict: Verdict, outcome: Outcome) -> list[RuleVerdict]:
    """The rules with this outcome in the dimensions that the verdict requires."""
    return [rule for part in verdict.dimensions if part.required for rule in part.rules if rule.outcome is outcome]


def why(verdict: Verdict) -> str:
    """Why a candidate has not passed: the rules that it breaks, else those that are undecided."""
    rules = rules_with(verdict, Outcome.NOT_EQUIVALENT) or rules_with(verdict, Outcome.UNDECIDED)
    return "; ".join(rule.reason for rule in rules) or verdict.reason


def _distance(entry: Entry) -> tuple[int, float, float] | None:
    """How far a candidate is from passing: broken rules first, then the worst rule's distance in margins, then size."""
    judged = entry.judged
    worst = None if judged is None else worst_rule(judged)
    if judged is None or worst is None:
        return None
    return int(bool(rules_with(judged.verdict, Outcome.NOT_EQUIVALENT))), worst[0][1], by_size(entry)[0]


def _price(price: Price) -> dict[str, Any]:
    return {
        "disk_bytes": price.disk_bytes,
        "latency": price.latency,
        "size": price.size,
        "speed": price.speed,
    }


def _verdict(judged: AuditedCandidate) -> dict[str, Any]:
    """A candidate's verdict: each dimension's and rule's outcome, with what was judged."""
    return {
        "outcome": judged.verdict.outcome,
        "dimensions": {part.dimension: part.outcome for part in judged.verdict.dimensions},
        "rules": [
            {
                "measure": rule.measure,
                "required": part.required,
                "outcome": rule.outcome,
                "at_least": rule.rule.at_least,
                "at_most": rule.rule.at_most,
                "value": None if rule.estimate is None else rule.estimate.value,
                "low": None if rule.estimate is None else rule.estimate.low,
                "high": None if rule.estimate is None else rule.estimate.high,
                "n": None if rule.estimate is None else rule.estimate.n,
                "items_needed": rule.items_needed,
            }
            for part in judged.verdict.dimensions
            for rule in part.rules
        ],
    }
