"""How confident the models are: calibration by bins, the usual scores, cut-offs, and whether a temperature helps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trusteq.auditing.calibration_advice import TARGETS, map_in_words, place_in_words
from trusteq.comparing.measures import in_words
from trusteq.report.page.html_table import Table, difference_rows, figure, share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trusteq.comparing.calibration_fault import Fault, FaultKind
    from trusteq.comparing.confidence import Bin
    from trusteq.comparing.remedies import Recalibration, TriedMap
    from trusteq.comparing.thresholds import Threshold
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

FAULTS: dict[FaultKind, str] = {
    "everywhere": "The fault is the same everywhere: one temperature corrects it.",
    "label": "It is one label's fault.",
    "slice": "It is the fault of one slice of the items.",
    "confidence": "It is the fault of one range of confidence.",
    "information": "Information is lost: confidence separates right answers from wrong ones less well than the "
    "reference's, and no map of confidence brings that back.",
    "reference": "The candidate is better calibrated than the reference. Do not make it match: cut-offs move.",
    "unknown": "It is not shown to lie in one part of the items, nor that information is lost.",
}
"""What each kind of fault means."""

OWN = {"nll": "its own NLL", "smooth_ece": "its own smooth ECE"}
"""A candidate's own scores, whose change by a map is shown."""

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
    new_cut_offs: Table | None
    fault: str
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
        new_cut_offs=_new_cut_offs(candidate.recalibration),
        fault="" if candidate.recalibration is None else _fault(candidate.recalibration.fault),
        remedies=_remedies(candidate) if candidate.recalibration is None else _maps(candidate, candidate.recalibration),
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


def _fault(fault: Fault) -> str:
    """What kind of fault it is, with the part of the items that it lies in."""
    place = place_in_words(fault)
    return FAULTS[fault.kind] if place is None else f"{FAULTS[fault.kind]} {place[0].upper()}{place[1:]}."


def _maps(candidate: AuditedCandidate, recalibration: Recalibration) -> Table:
    """Every map tried: what it does, the judged calibration measures after it, and how the candidate's scores move."""
    judged = [r.measure for d in candidate.verdict.dimensions if d.dimension == "calibration" for r in d.rules]
    own = [name for name in OWN if any(name in tried.own for tried in recalibration.maps)]
    rows = [("as it is", "", *(figure(candidate.flat.get(name)) for name in judged), *("" for _ in own))]
    rows += [
        (
            map_in_words(tried),
            _done(tried),
            *(figure(tried.after.get(name)) for name in judged),
            *(figure(tried.own.get(name)) for name in own),
        )
        for tried in recalibration.maps
    ]
    heads = ("map", "what it does", *map(in_words, judged), *(f"change of {OWN[name]}" for name in own))
    return Table("Effect of maps of confidence, on held-out folds", heads, rows, words=frozenset({0, 1}))


def _done(tried: TriedMap) -> str:
    """What a map mends and what it makes worse, in words."""
    mends = ", ".join(in_words(name) for name in tried.mends)
    words = [f"mends {mends}" if mends else "mends no rule"]
    harms = [in_words(harm.measure) if harm.column is None else f"{harm.column} = {harm.value}" for harm in tried.harms]
    if harms:
        more = f" and {len(harms) - 4} more" if len(harms) > 4 else ""
        words.append(f"makes worse: {', '.join(harms[:4])}{more}")
    return f"recommended: {'; '.join(words)}" if tried.recommended else "; ".join(words)


def _new_cut_offs(recalibration: Recalibration | None) -> Table | None:
    """The candidate's cut-offs in place of the reference's, and what they do on items they were not chosen on."""
    if recalibration is None or not recalibration.cut_offs:
        return None
    rows = [
        (f"{row['of_reference']:g}", f"{row['cut_off']:.3f}", share(row["coverage"]), share(row["accuracy"]))
        for row in recalibration.cut_offs
    ]
    keeps = recalibration.cut_offs[0]["keeps"]
    heads = ("reference's cut-off", "candidate's cut-off", "accepts", "of these right")
    return Table(f"Cut-offs that keep the reference's {keeps}, on held-out folds", heads, rows)
