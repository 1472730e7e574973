"""Advice on what the changed items have in common: the few conditions that say most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.comparing.in_common import sentence
from trusteq.record.advice import Advice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.comparing.in_common import Common, Question

SAID: dict[Question, int] = {"changed": 2, "right to wrong": 1, "sure and wrong": 1, "moved": 1}
"""The most conditions that are put into words, by question; all are in the report."""


def in_common_advice(common: Sequence[Common]) -> list[Advice]:
    """A sentence for each condition that no sentence before it has.

    That it is close calls that change, where the reference is unsure, is so of nearly every candidate: it is said once,
    of the changed answers, and does not count against the most.
    """
    said: list[Common] = []
    for question, most in SAID.items():
        of_question = [one for one in common if one.question == question]
        telling = [one for one in of_question if not _close_call(one)][:most]
        once = [one for one in of_question if _close_call(one)][:1] if question == "changed" else []
        new = [one for one in of_question if one in telling or one in once]
        said += [one for one in new if all(one.terms != other.terms for other in said)]
    return [Advice("common", sentence(one)) for one in said]


def _close_call(common: Common) -> bool:
    return all(term.kind == "confidence" for term in common.terms)
