"""Advice on what the changed items have in common: the few conditions that say most."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.compare.in_common import sentence
from trusteq.record.advice import Advice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.compare.in_common import Common, Question

SAID: dict[Question, int] = {"changed": 2, "right to wrong": 1, "sure and wrong": 1, "moved": 1}
"""The most conditions that are put into words, by question; all are in the report."""


def in_common_advice(common: Sequence[Common]) -> list[Advice]:
    """A sentence for each condition that no sentence before it has.

    That answers change where the reference is unsure is so of nearly every candidate: such conditions do not count
    against the most, and are left out where only confidence moves.
    """
    said: list[Common] = []
    for question, most in SAID.items():
        left = most
        for one in (one for one in common if one.question == question):
            close_call = all(term.kind == "confidence" for term in one.terms)
            if left and not (close_call and question == "moved") and all(one.terms != other.terms for other in said):
                said.append(one)
            left -= left > 0 and not close_call
    return [Advice("common", sentence(one)) for one in said]
