"""Waivers in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.comparing.measures import in_words

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trusteq.record.waivers import Waived, Waiver


def waiver_words(waiver: Waiver) -> str:
    """A waiver in a sentence: what, by whom, until when and why."""
    rule = f"{in_words(waiver.measure)} {waiver.rule}"
    if waiver.until is None:
        return f"{rule}: the waiver is taken back by {waiver.by}, because {waiver.because}"
    return f"{rule} is waived by {waiver.by} until {waiver.until}, because {waiver.because}"


def of_candidate(waivers: Iterable[Waiver], candidate: str) -> list[str]:
    """The waivers of one candidate, in words."""
    return [waiver_words(waiver) for waiver in waivers if waiver.candidate == candidate]


def waived_words(waived: Waived) -> str:
    """A waiver of a rule as it stands today: honoured, or past."""
    rule, waiver = f"{in_words(waived.rule.measure)} {waived.waiver.rule}", waived.waiver
    if waived.honoured:
        return f"{rule} ({waived.rule.outcome}) is waived by {waiver.by} until {waiver.until}, because {waiver.because}"
    if waiver.rule != waived.rule.rule:
        named = f"{in_words(waived.rule.measure)} {waived.rule.rule}"
        return f"{named} ({waived.rule.outcome}) is not waived: {waiver.by} waived another margin, {waiver.rule}"
    return f"{rule} ({waived.rule.outcome}) is no longer waived: the waiver by {waiver.by} ended on {waiver.until}"
