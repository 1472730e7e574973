"""Each sentence of advice as a step: what to do in a word, the section with its evidence, and the item it names."""

from __future__ import annotations

import re
from typing import NamedTuple


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


_KINDS = (
    ("corrected by T =", "Recalibrate", "remedies"),
    ("mended by T =", "Recalibrate", "remedies"),
    ("no single temperature", "Calibration", "remedies"),
    ("differently from the reference", "Words", "words"),
    ("leans unlike the reference", "Words", "words"),
    ("without gold labels", "Labels", "dimensions"),
    ("alignment could not be measured", "Explanations", "explanation"),
    ("explanations need models", "Explanations", "explanation"),
    ("does worse than the rest", "Slice", "slices"),
    ("suffers more than the rest", "Slice", "slices"),
    ("a cut-off of", "Cut-off", "cut-offs"),
    ("answer changes", "Changed answer", "behaviour"),
    ("answers change", "Changed answers", "behaviour"),
    ("would decide", "Measure more", "dimensions"),
)
"""By a phrase of the sentence: today's wording, and that of runs made by an earlier trusteq."""

_NEW_MISTAKES = re.compile(r", [1-9][\d,]* from right to wrong; ")


def advice_step(sentence: str, first: str | None = None) -> Step:
    """The step that a sentence of `auditing.advice` suggests; ``first`` is the id of the changed item it may name."""
    kinds = ((word, section) for phrase, word, section in _KINDS if phrase in sentence)
    word, section = next(kinds, ("Look at", "estimates"))
    subject = "the most confident new mistake" if _NEW_MISTAKES.search(sentence) else "the most confident change"
    sentence = sentence.replace("; the most confident: item ", f"; {subject}: item ", 1)
    before, separator, after = sentence.partition(f": item {first}, ")
    if section != "behaviour" or first is None or not separator:
        return Step(word, section, _arrows(sentence), None, "")
    return Step(word, section, f"{before}: item ", first, f", {_arrows(after)}")


def _arrows(text: str) -> str:
    return text.replace(" -> ", " → ")
