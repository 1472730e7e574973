"""Each sentence of advice as a step: what to do in a word, the section with its evidence, and the item it names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from trusteq.record.advice import Advice, AdviceKind


class Step(NamedTuple):
    """A sentence of advice under a heading of a word or two, with the section that has its evidence.

    item: the id of the item that the sentence names, between ``before`` and ``after``. None where it names
    none; then ``before`` is the whole sentence.
    """

    word: str
    section: str
    before: str
    item: str | None
    after: str


PLACES: dict[AdviceKind, tuple[str, str]] = {
    "ship": ("Ship", "dimensions"),
    "temperature": ("Recalibrate", "remedies"),
    "calibration": ("Calibration", "remedies"),
    "words": ("Words", "words"),
    "labels": ("Labels", "dimensions"),
    "explanations": ("Explanations", "explanation"),
    "slice": ("Slice", "slices"),
    "explained slice": ("Slice", "explanation"),
    "cut-off": ("Cut-off", "cut-offs"),
    "common": ("In common", "common"),
    "cascade": ("Cascade", "cascade"),
    "route": ("Route", "cascade"),
    "retrain": ("Retrain", "behaviour"),
    "changes": ("Changed answers", "behaviour"),
    "measure more": ("Measure more", "dimensions"),
    "decide": ("Decide", "dimensions"),
    "other": ("Look at", "estimates"),
}
"""By what the advice is about: the heading, and the section with its evidence."""

_NEW_MISTAKES = re.compile(r", [1-9][\d,]* from right to wrong; ")


def advice_step(advice: Advice) -> Step:
    """The step that this advice suggests."""
    word, section = PLACES[advice.kind]
    subject = "the most confident new mistake" if _NEW_MISTAKES.search(advice.sentence) else "the most confident change"
    sentence = advice.sentence.replace("; the most confident: item ", f"; {subject}: item ", 1)
    before, separator, after = sentence.partition(f": item {advice.item}, ")
    if advice.item is None or not separator:
        return Step(word, section, _arrows(sentence), None, "")
    return Step(word, section, f"{before}: item ", advice.item, f", {_arrows(after)}")


def _arrows(text: str) -> str:
    return text.replace(" -> ", " → ")
