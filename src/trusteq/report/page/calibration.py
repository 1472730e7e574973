"""How confident the models are: calibration by bins, the usual scores, cut-offs, and whether a temperature helps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trusteq.auditing.advice import TARGETS
from trusteq.compare.measures import in_words
from trusteq.report.page.html_table import Table, difference_rows, figure, share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trusteq.compare.confidence import Bin
    from trusteq.compare.thresholds import Threshold
    from trusteq.record.document import AuditedCandidate
    from trusteq.record.evidence import Evidence
    from trusteq.stats.estimate import Estimate

SCORES = {
    "smooth_ece": None,
    "ece": None,
    "ece_debiased": None,
    "mce": "MCE, the largest gap in any bin",
    "ece_quantile": "ECE over the published scripts' quantile bins",
    "mce_quantile": "MCE over the published scripts' quantile bins",
    "brier": "Brier score, summed over labels",
    "nll": "negative log likelihood",
    "overconfidence": "overconfidence: mean confidence minus accuracy",
    "discrimination": None,
    "aurc": "area under the risk-coverage curve",
}

CHOICES = {
    "mass": "mass: the probability of all choices together",
    "order_effect": "order effect: how far probabilities move in another order of the choices",
}
"""What confidence does not say where it is a share of the choices' probability."""


@dataclass(frozen=True)
class Calibration:
    """One candidate's confidence compared with the reference's."""

    mean: tuple[str, str] | None
    choices: Table | None
    scores: Table | None
    usable: Table | None
    bins: Table
    cut_offs: Table
    remedies: Table | None


def calibration(evidence: Evidence, candidate: AuditedCandidate) -> Calibration:
    """The confidence of one candidate."""
    measures = candidate.flat
    means = [measures.get(f"confidence_{side}") for side in ("reference", "candidate")]
    rows, of_choices = difference_rows(measures, SCORES), difference_rows(measures, CHOICES)
    heads = ("score", "reference", "candidate", "difference")
    return Calibration(
        mean=None if None in means else (share(means[0]), share(means[1])),
        choices=Table("Confidence is shared out among the choices", ("", *heads[1:]), of_choices)
        if of_choices
        else None,
        scores=Table("Calibration scores, with intervals", heads, rows) if rows else None,
        usable=_usable(measures),
        bins=_bins(evidence.document.reference.reliability, candidate.reliability),
        cut_offs=_cut_offs(candidate.thresholds),
        remedies=_remedies(candidate),
    )


def _usable(measures: Mapping[str, Estimate]) -> Table | None:
    """The share of items that can be answered at a given accuracy, most confident first."""
    rows = []
    for accuracy in (90, 95, 99):
        sides = [measures.get(f"usable_{accuracy}_{side}") for side in ("reference", "candidate", "difference")]
        if any(sides):
            rows.append((f"{accuracy}% right", *(share(e) for e in sides)))
    heads = ("accuracy", "reference", "candidate", "difference")
    return (
        Table("Share of items that can be answered at a given accuracy, most confident first", heads, rows)
        if rows
        else None
    )


def _bins(reference: Sequence[Bin], candidate: Sequence[Bin]) -> Table:
    """Both models' reliability by bins of confidence."""
    rows = []
    for a, b in zip(reference, candidate, strict=True):
        cells = [f"{a['low']:.1f} to {a['high']:.1f}"]
        for side in (a, b):
            confidence = side["confidence"]
            cells += [f"{side['count']:,}", "–" if confidence is None else f"{confidence:.3f}", share(side["accuracy"])]
        rows.append(tuple(cells))
    sides = ("reference", "candidate")
    heads = ("confidence", *(f"{side}: {column}" for side in sides for column in ("items", "mean confidence", "right")))
    return Table("Confidence and share of right answers by bin", heads, rows)


def _cut_offs(thresholds: Sequence[Threshold]) -> Table:
    """The effect of the same cut-offs on both models."""
    labelled = any("accuracy_reference" in row for row in thresholds)
    heads = ["cut-off", "reference accepts", "candidate accepts", "accepted by one only"]
    if labelled:
        heads += ["reference right", "candidate right", "cut-off that keeps the reference's accuracy"]
    rows = []
    for row in thresholds:
        cells = [f"{row['cut_off']:g}"]
        cells += [share(row["coverage_reference"]), share(row["coverage_candidate"]), share(row["crossing"])]
        if labelled:
            cells += [share(row["accuracy_reference"]), share(row["accuracy_candidate"])]
            other = row["replacement"]
            cells.append("–" if other is None else f"{other['cut_off']:.3f} accepts {other['coverage']:.1%}")
        rows.append(tuple(cells))
    return Table("Effect of a confidence cut-off", heads, rows)


def _remedies(candidate: AuditedCandidate) -> Table | None:
    """The judged calibration measures as they are, and after each temperature."""
    remedies, measures = candidate.remedies, candidate.flat
    targets = [target for target in TARGETS if f"temperature_{target}" in remedies]
    if not targets:
        return None
    judged = [
        rule.measure
        for dimension in candidate.verdict.dimensions
        if dimension.dimension == "calibration"
        for rule in dimension.rules
    ]
    rows = [("T that divides the logits", "1", *(figure(remedies[f"temperature_{target}"]) for target in targets))]
    for name in judged:
        after = [remedies.get(f"{name}_{target}") for target in targets]
        rows.append((in_words(name), figure(measures.get(name)), *(figure(e) for e in after)))
    heads = ("measure", "as it is", *(f"T {TARGETS[target]}" for target in targets))
    return Table("Effect of one temperature", heads, rows)
