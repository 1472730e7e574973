"""What a reader must know of a policy that is none of those that come with trusteq."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.models.base import Finding
from trusteq.policy import PRESETS, comes_with_trusteq, preset, wider

if TYPE_CHECKING:
    from trusteq.policy import Policy

WIDER = "wider policy"
"""The kind of finding that is about a policy, not about a run."""


def about_policy(policy: Policy) -> tuple[Finding, ...]:
    """A finding about a policy of the user's own; nothing where it comes with trusteq."""
    if comes_with_trusteq(policy):
        return ()
    said = wider(policy, preset("default"))
    told = [f"lets more pass than trusteq's default policy (in brackets): {'; '.join(said)}"] if said else []
    if policy.name.strip().casefold() in PRESETS:
        told.insert(0, "says something else than the one that comes with this trusteq under its name")
    return (Finding(f"policy {policy.name}", WIDER, "; it ".join(told), float(len(said))),) if told else ()
