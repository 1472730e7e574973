"""What the models expect next: KL beside the reference's own noise, and where in the texts they differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trusteq.comparing.measures import in_words, judged_as
from trusteq.comparing.slices import POSITION, REFERENCE_CONFIDENCE
from trusteq.report.page.html_table import Table, difference_rows, figure
from trusteq.report.page.slices import row, slice_estimates

if TYPE_CHECKING:
    from trusteq.record.document import AuditedCandidate
    from trusteq.record.evidence import Evidence

KL = ("token_kl", "token_kl_to_reference")
AT_LEAST = tuple(f"{stem}_at_least" for stem in KL)
PARTS = {
    "": "mean over tokens",
    "_floor": "of the reference against itself",
    "_excess": "in excess of that",
    "_by_document": "mean over documents",
    "_q50": "half of the tokens are below",
    "_q90": "90% are below",
    "_q99": "99% are below",
    "_q99.9": "99.9% are below",
}
SINGLE = (
    "same_top",
    "token_probability_change",
    "token_probability_change_rms",
    "nll_per_byte_ratio",
    "token_tail",
    "token_kl_at_least_tail",
)
BY_PART = ("token_kl_excess", "same_top", "token_probability_change_rms", "nll_per_byte_ratio")


@dataclass(frozen=True)
class Distribution:
    """One candidate's next tokens compared with the reference's; None for what was not measured."""

    divergence: Table | None
    others: Table | None
    bytes: Table | None
    by_part: Table | None


def distribution(evidence: Evidence, candidate: AuditedCandidate) -> Distribution:
    """The next tokens of one candidate."""
    measures = candidate.flat
    bounds = AT_LEAST[0] in measures
    stems = AT_LEAST if bounds else KL
    divergence = [
        (words, *(figure(measures.get(f"{stem}{part}")) for stem in stems))
        for part, words in PARTS.items()
        if f"{stems[0]}{part}" in measures
    ]
    others = [(in_words(name), figure(measures[name])) for name in SINGLE if name in measures]
    likelihood = difference_rows(measures, {"nll_per_byte": "nats per byte"})
    estimates = slice_estimates(evidence, candidate)
    by_part = tuple(judged_as(name, measures) for name in BY_PART)
    parts = [
        row(part, by_part, estimates) for part in candidate.slices if part.column in (REFERENCE_CONFIDENCE, POSITION)
    ]
    heads = ("nats, at least" if bounds else "nats", "KL(reference || candidate)", "KL(candidate || reference)")
    return Distribution(
        divergence=Table("Divergence of the next token's probabilities", heads, divergence) if divergence else None,
        others=Table("Tokens and texts", ("measure", "value"), others) if others else None,
        bytes=Table(
            "Negative log-likelihood of the texts", ("measure", "reference", "candidate", "difference"), likelihood
        )
        if likelihood
        else None,
        by_part=Table(
            "By the reference's confidence, and by how many tokens of context precede",
            ("tokens with", "documents", *map(in_words, by_part)),
            parts,
        )
        if parts
        else None,
    )
