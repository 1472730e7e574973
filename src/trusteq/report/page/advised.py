"""What kind of step each sentence of advice is, where on the page its evidence stands, and the item it names."""

from __future__ import annotations

import re
from typing import NamedTuple


class Step(NamedTuple):
    """A sentence of advice under a word or two, with the section that it rests on.

    item: the id of the item that the sentence names; it stands between ``before`` and ``after``. None where it names
    none; then ``before`` is all of it.
    """

    word: str
    section: str
    before: str
    item: str | None
    after: str


_KINDS = (
    ("calibration is mended by", "Recalibrate", "remedies"),
    ("no single temperature", "Calibration", "remedies"),
    ("leans unlike the reference", "Words", "words"),
    ("alignment could not be measured", "Explanations", "explanation"),
    ("explanations need models", "Explanations", "explanation"),
    ("suffers more than the rest", "Slice", "slices"),
    ("a cut-off of", "Cut-off", "cut-offs"),
    ("answer changes", "Changed answer", "behaviour"),
    ("answers change", "Changed answers", "behaviour"),
    ("would decide", "Measure more", "dimensions"),
)

_NEW_MISTAKES = re.compile(r", [1-9][\d,]* from right to wrong; ")


def advised(sentence: str, first: str | None = None) -> Step:
    """The step that a sentence of `auditing.advice` asks for; ``first`` is the changed item that advice speaks of."""
    found = ((word, section) for phrase, word, section in _KINDS if phrase in sentence)
    word, section = next(found, ("Look at", "estimates"))
    most = "the most confident new mistake" if _NEW_MISTAKES.search(sentence) else "the most confident change"
    sentence = sentence.replace("; the most confident: item ", f"; {most}: item ", 1)
    before, named, after = sentence.partition(f": item {first}, ")
    if section != "behaviour" or first is None or not named:
        return Step(word, section, _arrows(sentence), None, "")
    return Step(word, section, f"{before}: item ", first, f", {_arrows(after)}")


def _arrows(text: str) -> str:
    return text.replace(" -> ", " → ")
