"""A candidate of a document judged again, from its estimates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.errors import PolicyError
from trusteq.verdict import judge

if TYPE_CHECKING:
    from trusteq.policy import Policy
    from trusteq.record.document import AuditDocument, AuditedCandidate
    from trusteq.verdict import Verdict


def judged_by(policy: Policy, candidate: AuditedCandidate, document: AuditDocument) -> Verdict:
    """The verdict on one candidate of a document, or its peer, under a policy."""
    return judge(
        candidate.measures,
        policy,
        cluster_size=document.cluster_size,
        explained_clusters=candidate.explained_clusters,
        own_measures=document.own_measures,
        task=document.task,
        chosen=document.chosen,
        copies=document.items.copies,
        explained_copies=candidate.explained_copies,
    )


def refuse_other_level(policy: Policy, candidate: AuditedCandidate) -> None:
    """Stop if a policy judges by intervals of another level than those that were computed."""
    levels = {estimate.level for estimate in candidate.flat.values()}
    if levels and levels != {policy.level}:
        raise PolicyError(
            f"policy {policy.name} needs {policy.level:.10g} intervals, but this run has {min(levels):.10g}; set "
            f"the policy's level to {min(levels):.10g}, or audit again with this policy"
        )
