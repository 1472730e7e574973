"""An audit as LaTeX tables: verdicts, and tables like those of arXiv 2508.13533.

Those are accuracy and cost, calibration, confidence, agreement.

They need the package booktabs and nothing else. What OT1, the encoding that LaTeX starts with, has no sign for is named
by its code point.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trusteq.compare.measures import DIMENSIONS, METHODS, method_title
from trusteq.data.clean import clean
from trusteq.report.cost_words import MISSING, cost_words, where
from trusteq.report.wording import number, percent, policy_words, urgent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from trusteq.record.document import AuditDocument, ProtocolSummary
    from trusteq.record.evidence import Evidence
    from trusteq.stats.estimate import Estimate

LONGEST, LONGEST_SENTENCE = 80, 800
"""Characters of a name, and of a sentence."""

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    "…": r"\ldots{}",
    # After the end of a row these would be its options.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
}
_LIGATURES = re.compile(r"(?<=[-'`,<>!?])(?=[-'`,<>])")
_KNOWN = re.compile(r"[ -~À-ÖØ-öø-ÿ]")
_UNKNOWN = frozenset("ÐðÞþ")


def latex(evidence: Evidence) -> str:
    """The tables, to be read into a paper."""
    told, manifest = evidence.document, evidence.manifest
    tables = [
        _verdicts(evidence),
        _accuracy(evidence),
        _calibration(told),
        _bins(told),
        *(_agreement(told, method) for method in _methods(told.protocol)),
        _alignment(told),
    ]
    head = [
        "% Tables of a trusteq audit; they need \\usepackage{booktabs}.",
        f"% trusteq {_comment(manifest['trusteq'])}, items {_comment(manifest['data']['content'])}",
        *(f"% {_comment(model['name'])}: {_comment(model['content'] or 'no hash')}" for model in manifest["models"]),
    ]
    return "\n".join(head) + "\n\n" + "\n\n".join(table for table in tables if table) + "\n"


def escaped(text: str, longest: int = LONGEST) -> str:
    """A stranger's text for LaTeX: shown as it is, or by its code points."""
    shown = clean(text)
    shown = shown if len(shown) <= longest else f"{shown[: longest - 1]}…"
    return "{}".join("".join(_sign(character) for character in part) for part in _LIGATURES.split(shown))


def _sign(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if _KNOWN.match(character) and character not in _UNKNOWN:
        return character
    return f"{{[}}U+{ord(character):04X}{{]}}"


def _comment(text: str) -> str:
    """A text inside a comment, on its one line."""
    return clean(text)[:LONGEST]


def _table(caption: str, label: str, columns: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [
        r"\begin{table}",
        r"  \centering",
        rf"  \caption{{{caption}}}",
        rf"  \label{{tab:trusteq-{label}}}",
        rf"  \begin{{tabular}}{{{columns}}}",
        r"    \toprule",
        f"    {' & '.join(head)} \\\\",
        r"    \midrule",
        *(f"    {' & '.join(row)} \\\\" for row in rows),
        r"    \bottomrule",
        r"  \end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines)


def _models(told: AuditDocument) -> Iterator[tuple[str, Mapping[str, Estimate], str]]:
    """Each model's name, the estimates that hold its own figures, and the ending of their names."""
    yield told.reference.name, told.candidates[0].flat, "reference"
    for candidate in told.candidates:
        yield candidate.name, candidate.flat, "candidate"


def _verdicts(evidence: Evidence) -> str:
    """Each candidate's verdict, by dimension too, and how many answers change."""
    told = evidence.document
    rows = [
        [
            escaped(candidate.name),
            *(d.outcome.lower() if d.required else f"({d.outcome.lower()})" for d in candidate.verdict.dimensions),
            candidate.verdict.outcome,
            _estimate(candidate.flat.get("disagreement")),
        ]
        for candidate in told.candidates
    ]
    caption = (
        f"May it replace {escaped(told.reference.name)}? Policy {escaped(policy_words(told.policy))}, in parentheses "
        f"what it does not require; share of answers that differ, with its {_percent(told)} interval."
    )
    caption += "".join(f" To be read first: {escaped(s, LONGEST_SENTENCE)}." for s in urgent(evidence.findings))
    head = ["Candidate", *(dimension.capitalize() for dimension in DIMENSIONS), "Verdict", "Changed"]
    return _table(caption, "verdicts", "l" + "l" * (len(DIMENSIONS) + 1) + "r", head, rows)


def _accuracy(evidence: Evidence) -> str | None:
    """Accuracy, size and latency of every model; None where neither was measured."""
    told = evidence.document
    costs = {} if evidence.costs is None else {c.name: c for c in cost_words(evidence.costs)}
    if not told.items.labelled and not costs:
        return None
    head = ["Model", *(["Accuracy"] if told.items.labelled else [])]
    head += ["Parameters", "On disk", "Latency"] if costs else []
    rows = []
    for name, flat, side in _models(told):
        row = [escaped(name)]
        if told.items.labelled:
            row.append(_estimate(flat.get(f"accuracy_{side}")))
        if costs:
            own = costs.get(name)
            row += [MISSING] * 3 if own is None else [own.parameters, own.disk, own.latency]
        rows.append(row)
    caption = f"{told.items.n:,} items, with {_percent(told)} intervals."
    if evidence.costs is not None:
        caption += f" Latency of one item: median and quartiles, {escaped(where(evidence.costs))}."
    return _table(caption, "accuracy", "l" + "r" * (len(head) - 1), head, rows)


def _calibration(told: AuditDocument) -> str | None:
    if not told.items.labelled:
        return None
    measures = {"ece": "ECE", "mce": "MCE", "brier": "Brier"}
    caption = (
        f"Calibration, with {_percent(told)} intervals: ECE and MCE over 10 bins of equal width, Brier score summed "
        "over labels."
    )
    if "ece_quantile_reference" in told.candidates[0].flat:
        measures |= {"ece_quantile": "ECE (quantile)", "mce_quantile": "MCE (quantile)"}
        caption = f"{caption[:-1]}; quantile: over the 10 quantile bins of the published scripts."
    rows = [
        [escaped(name), *(_estimate(flat.get(f"{measure}_{side}")) for measure in measures)]
        for name, flat, side in _models(told)
    ]
    return _table(caption, "calibration", "l" + "r" * len(measures), ["Model", *measures.values()], rows)


def _bins(told: AuditDocument) -> str:
    """The share of predictions in each bin of confidence; bins that no model uses are left out."""
    models = [told.reference, *told.candidates]
    rows = []
    for row in zip(*(model.reliability for model in models), strict=True):
        if any(cell["count"] for cell in row):
            end = "]" if row[0]["high"] == 1 else ")"
            bin_ = f"$[{row[0]['low']:.1f}, {row[0]['high']:.1f}{end}$"
            rows.append([bin_, *(f"{100 * cell['count'] / told.items.n:.2f}" for cell in row)])
    head = ["Confidence", *(escaped(name) for name, _, _ in _models(told))]
    caption = r"Share of predictions in each bin of confidence, in \%."
    return _table(caption, "confidence", "l" + "r" * len(models), head, rows)


def _methods(protocol: ProtocolSummary | None) -> list[str]:
    return [] if protocol is None else list(dict.fromkeys(pair.method for pair in protocol.pairs))


def _agreement(told: AuditDocument, method: str) -> str | None:
    """Every two models' Jaccard under the published protocol: each run, mean and variance."""
    protocol = told.protocol
    pairs = [pair for pair in protocol.pairs if pair.method == method] if protocol else []
    if protocol is None or not pairs:
        return None
    runs = len(pairs[0].runs)
    several = runs > 1
    rows = [
        [
            f"{escaped(pair.first)} vs.\\ {escaped(pair.second)}",
            *([_number(run) for run in pair.runs] if several else []),
            _estimate(pair.mean),
            *([f"{pair.variance.value:.6f}"] if several else []),
        ]
        for pair in pairs
    ]
    each = [f"Run {run}" for run in range(1, runs + 1)] if several else []
    head = ["Models", *each, "Mean", *(["Variance"] if several else [])]
    once = "" if several else ", run once"
    caption = (
        f"Jaccard of the top {told.k} words by {method_title(method)}, protocol {escaped(protocol.name)}, "
        f"{protocol.items:,} items{once}."
    )
    return _table(caption, f"jaccard-{method}", "l" + "r" * (len(head) - 1), head, rows)


def _alignment(told: AuditDocument) -> str | None:
    """Alignment and Jaccard between floor and ceiling, a row a candidate and method; None where nothing is aligned."""
    rows, long = [], None
    for candidate in told.candidates:
        for method in METHODS:
            names = ("alignment", "jaccard_halves", "jaccard_halves_chance", "jaccard_ceiling_reference")
            found = [candidate.flat.get(f"{name}_{method}") for name in names]
            if any(e is not None for e in found):
                rows.append([escaped(candidate.name), method_title(method), *(_estimate(e) for e in found)])
            halves = candidate.flat.get(f"jaccard_halves_{method}")
            long = long if halves is None else halves.n
    if not rows or told.protocol is not None:
        return None
    of_these = "" if long in (None, told.explained) else f", {long:,} items of more words than those"
    caption = (
        f"Agreement of attributions with those of {escaped(told.reference.name)}, {told.explained:,} items, with "
        f"{_percent(told)} intervals: cosine without the explainer's noise; Jaccard of the top words on independent "
        f"masks{of_these}, beside what chance gives and what the reference scores against itself."
    )
    head = ["Model", "Method", "Alignment", "Jaccard", "Chance", "Ceiling"]
    return _table(caption, "alignment", "llrrrr", head, rows)


def _percent(told: AuditDocument) -> str:
    return percent(told.policy.level).replace("%", r"\%")


def _estimate(estimate: Estimate | None) -> str:
    if estimate is None:
        return MISSING
    return f"{_number(estimate.value)} {{\\footnotesize [{_number(estimate.low)}, {_number(estimate.high)}]}}"


def _number(value: float) -> str:
    """A figure; what is tiny in powers of ten."""
    said = number(value)
    stem, sign, power = said.partition("e")
    return f"${stem} \\times 10^{{{int(power)}}}$" if sign else f"${said}$"
