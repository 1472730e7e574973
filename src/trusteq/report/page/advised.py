"""What kind of step each sentence of advice is, and where on the page its evidence stands."""

from __future__ import annotations

from typing import NamedTuple


class Step(NamedTuple):
    """A sentence of advice under a word or two, with the id of the section that it rests on."""

    word: str
    section: str
    sentence: str


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


def advised(sentence: str) -> Step:
    """The step that a sentence of `trusteq.advice` asks for."""
    for phrase, word, section in _KINDS:
        if phrase in sentence:
            return Step(word, section, sentence)
    return Step("Look at", "evidence", sentence)
