"""Findings about a policy that is not one of trusteq's presets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.models.base import Finding
from trusteq.policy import PRESETS, comes_with_trusteq, preset, wider

if TYPE_CHECKING:
    from trusteq.policy import Policy

WIDER = "wider policy"
"""The kind of finding that is about a policy, not a run."""


def about_policy(policy: Policy) -> tuple[Finding, ...]:
    """A finding about a policy of the user's own; none if it comes with trusteq."""
    if comes_with_trusteq(policy):
        return ()
    wider_margins = wider(policy, preset("default"))
    of_tokens = preset("generative").requiring(("distribution",))
    if "distribution" in policy.required:
        wider_margins += [one for one in wider(policy, of_tokens) if one not in wider_margins]
    parts = []
    if policy.name.strip().casefold() in PRESETS:
        parts.append("differs from the preset of the same name in this trusteq")
    if wider_margins:
        parts.append(f"is more permissive than trusteq's default policy (in brackets): {'; '.join(wider_margins)}")
    if not parts:
        return ()
    return (Finding(f"policy {policy.name}", WIDER, "; it ".join(parts), float(len(wider_margins))),)
