"""What a search found in words, the same in the terminal and on the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.report.page.sentence import share
from trusteq.report.wording import MARKS, dimension_words, interval, listed, margin, title
from trusteq.shrink.record import ANSWERS, CONFIRMED, NOT_TRIED, by_size, rules_with
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.record.document import AuditedCandidate
    from trusteq.shrink.record import Entry, Search

DASH = "–"


def audited(search: Search) -> list[Entry]:
    """The candidates that were audited, from the smallest to the largest."""
    return sorted(search.tried, key=by_size)


def others(search: Search) -> list[Entry]:
    """The rungs that were not audited, in the order of the ladder."""
    return [entry for entry in search.entries if entry.judged is None]


def figures(entry: Entry) -> tuple[str, str]:
    """Its size and speed as shares of the reference's; a dash where one is not known."""
    size, speed = entry.price.size, entry.price.speed
    return DASH if size is None else share(size), DASH if speed is None else f"{speed:.2f}x"


def decisive(entry: Entry, search: Search) -> str:
    """What decides about an audited candidate, in few words: rules that are broken or open, or why it stays open."""
    if entry.judged is None or entry.fate not in set(Outcome):
        return entry.reason
    for outcome in (Outcome.NOT_EQUIVALENT, Outcome.UNDECIDED):
        rules = rules_with(entry.judged.verdict, outcome)
        if rules and outcome == entry.fate:
            return "; ".join(
                f"{title(r.measure)} {interval(r.estimate)}, margin {margin(r)}" for r in rules if r.estimate
            )
    if entry.fate == Outcome.EQUIVALENT:
        return "the smallest that passes" if search.chosen is entry else "passes"
    return entry.reason


def outcomes(entry: Entry, dimensions: Sequence[str]) -> list[tuple[Outcome, str]]:
    """An audited candidate's outcome in each of these dimensions, with its sign and words."""
    judged = () if entry.judged is None else entry.judged.verdict.dimensions
    parts = {part.dimension: part for part in judged}
    found = []
    for part in (parts[dimension] for dimension in dimensions if dimension in parts):
        not_asked = part.dimension == "explanation" and entry.run is not None and entry.run.startswith(ANSWERS)
        words = "not asked" if not_asked else f"{MARKS[part.outcome]} {dimension_words(part)}"
        found.append((part.outcome, words))
    return found


def next_steps(search: Search) -> Sequence[str]:
    """What to do now."""
    if search.confirmation is not None:
        return _after_confirmation(search, search.confirmation.judged)
    steps = []
    if search.stopped:
        left = sum(entry.fate == NOT_TRIED for entry in search.entries)
        steps.append(
            f"{left} of {len(search.entries)} rungs were not tried: run the same command again to go on"
            + ("" if search.chosen is None else ", or with --confirm to confirm the best so far, which ends the search")
        )
    if search.chosen is None and search.nearest is not None:
        steps.append(_nearest(search.nearest))
    return steps


def _after_confirmation(search: Search, judged: AuditedCandidate) -> list[str]:
    folder = search.directory / "candidates" / judged.name
    where = str(folder) if folder.is_dir() else judged.identity.location
    outcome = judged.verdict.outcome
    if outcome is Outcome.EQUIVALENT:
        steps = [f"the candidate is in {where}; trusteq report {search.directory / CONFIRMED} makes the audit's page"]
        return [*steps, *_faster(search)]
    steps = [
        "no other candidate is confirmed on these items: the best of several looks on the same items passes by luck "
        "more often than the policy's level says",
        "to try the next candidate, search again in a new folder with fresh untouched items (--test)",
    ]
    if outcome is Outcome.UNDECIDED:
        needed = _needed(judged)
        more = f" ({needed})" if needed else ""
        steps.insert(0, f"more untouched items would decide{more}; they must not have been looked at before")
    return steps


def _faster(search: Search) -> list[str]:
    """Which candidates passed on development items as well and are faster than the choice, if any."""
    chosen = search.chosen
    speed = None if chosen is None else chosen.price.speed
    faster = [e for e in search.passed if e is not chosen and speed and e.price.speed and e.price.speed > speed]
    if not faster:
        return []
    named = listed(f"{entry.name} ({entry.price.words()})" for entry in faster)
    verb = "passes" if len(faster) == 1 else "pass"
    return [
        f"larger but faster: {named} also {verb} on development items; the untouched ones confirm only the smallest"
    ]


def _nearest(entry: Entry) -> str:
    judged = entry.judged
    if judged is None:
        return ""
    broken = rules_with(judged.verdict, Outcome.NOT_EQUIVALENT)
    words = f"the nearest is {entry.name}: {entry.reason}"
    needed = "" if broken else _needed(judged)
    return f"{words}; {needed}" if needed else words


def _needed(judged: AuditedCandidate) -> str:
    """How many items would decide its open rules, as far as that is known."""
    needs = [
        f"{title(rule.measure)}: {needed}"
        for part in judged.verdict.dimensions
        if part.required
        for rule in part.rules
        if rule.outcome is Outcome.UNDECIDED and (needed := rule.needed(part.dimension))
    ]
    return "; ".join(needs)
