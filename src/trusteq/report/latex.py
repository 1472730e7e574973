"""An audit as LaTeX tables: verdicts, and tables like those of arXiv 2508.13533.

The latter are accuracy and cost, calibration, confidence, and agreement. They need the package booktabs and nothing
else. Intervals are cut at the bounds of what they are about (`bounded`). A character that OT1, LaTeX's default
encoding, does not have is printed as its code point.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from trusteq.comparing.measures import METHODS, method_title
from trusteq.data.clean import clean
from trusteq.explain.unit_names import plural
from trusteq.record.document import PatchSummary, ProtocolSummary
from trusteq.report.bounded import SHARE, bounded
from trusteq.report.cost_words import MISSING, cost_words, where
from trusteq.report.patch_rows import patch_rows
from trusteq.report.wording import beside_alignment, dimension_words, number, percent, policy_words, unit_of, urgent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from trusteq.record.document import AuditDocument
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
    """The tables, to include in a paper."""
    document, manifest = evidence.document, evidence.manifest
    tables = [
        _verdicts(evidence),
        _accuracy(evidence),
        _calibration(document),
        _bins(document),
        *(_agreement(document, method) for method in _methods(document.protocol)),
        _patches(document.protocol),
        _alignment(document),
    ]
    head = [
        "% Tables of a trusteq audit; they need \\usepackage{booktabs}.",
        f"% trusteq {_comment(manifest['trusteq'])}, items {_comment(manifest['data']['content'])}",
        *(f"% {_comment(model['name'])}: {_comment(model['content'] or 'no hash')}" for model in manifest["models"]),
    ]
    return "\n".join(head) + "\n\n" + "\n\n".join(table for table in tables if table) + "\n"


def escaped(text: str, longest: int = LONGEST) -> str:
    """Untrusted text for LaTeX: each character as it is, or as its code point."""
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
    """A text inside a comment, on a single line."""
    return clean(text)[:LONGEST]


def tabular(caption: str, label: str, columns: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; ``columns`` says how each is set, and every text is LaTeX already."""
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


def _models(document: AuditDocument) -> Iterator[tuple[str, Mapping[str, Estimate], str]]:
    """Each model's name, the estimates with its figures, and the suffix of their names."""
    yield document.reference.name, document.candidates[0].flat, "reference"
    for candidate in document.candidates:
        yield candidate.name, candidate.flat, "candidate"


def _verdicts(evidence: Evidence) -> str:
    """Each candidate's verdict, by dimension too, and how many answers change."""
    document = evidence.document
    rows = [
        [
            escaped(candidate.name),
            *(d.outcome.lower() if d.required else f"({dimension_words(d)})" for d in candidate.verdict.dimensions),
            candidate.verdict.outcome,
            _estimate(bounded(candidate.flat.get("disagreement"), "disagreement")),
        ]
        for candidate in document.candidates
    ]
    caption = (
        f"May it replace {escaped(document.reference.name)}? Policy {escaped(policy_words(document.policy))}; "
        "dimensions that it does not require are in parentheses; share of answers that differ, with its "
        f"{_percent(document)} interval."
    )
    caption += "".join(f" Read this first: {escaped(s, LONGEST_SENTENCE)}." for s in urgent(evidence.findings))
    head = ["Candidate", *(dimension.capitalize() for dimension in document.dimensions), "Verdict", "Changed"]
    return tabular(caption, "verdicts", "l" + "l" * (len(document.dimensions) + 1) + "r", head, rows)


def _accuracy(evidence: Evidence) -> str | None:
    """Accuracy, size and latency of every model; None where neither was measured."""
    document = evidence.document
    costs = {} if evidence.costs is None else {c.name: c for c in cost_words(evidence.costs)}
    if not document.items.labelled and not costs:
        return None
    head = ["Model", *(["Accuracy"] if document.items.labelled else [])]
    head += ["Parameters", "On disk", "Latency"] if costs else []
    rows = []
    for name, flat, side in _models(document):
        row = [escaped(name)]
        if document.items.labelled:
            row.append(_estimate(bounded(flat.get(f"accuracy_{side}"), f"accuracy_{side}")))
        if costs:
            cost = costs.get(name)
            row += [MISSING] * 3 if cost is None else [cost.parameters, cost.disk, cost.latency]
        rows.append(row)
    caption = f"{document.items.n:,} items, with {_percent(document)} intervals."
    if evidence.costs is not None:
        caption += f" Latency of one item: median and quartiles, {escaped(where(evidence.costs))}."
    return tabular(caption, "accuracy", "l" + "r" * (len(head) - 1), head, rows)


def _calibration(document: AuditDocument) -> str | None:
    if not document.items.labelled:
        return None
    measures = {"ece": "ECE", "mce": "MCE", "brier": "Brier"}
    caption = (
        f"Calibration, with {_percent(document)} intervals: ECE and MCE over 10 bins of equal width, Brier score "
        "summed over labels."
    )
    if "ece_quantile_reference" in document.candidates[0].flat:
        measures |= {"ece_quantile": "ECE (quantile)", "mce_quantile": "MCE (quantile)"}
        caption = f"{caption[:-1]}; quantile: over the 10 quantile bins of the published scripts."
    rows = [
        [
            escaped(name),
            *(_estimate(bounded(flat.get(f"{measure}_{side}"), f"{measure}_{side}")) for measure in measures),
        ]
        for name, flat, side in _models(document)
    ]
    return tabular(caption, "calibration", "l" + "r" * len(measures), ["Model", *measures.values()], rows)


def _bins(document: AuditDocument) -> str:
    """The share of predictions in each bin of confidence; bins that no model uses are left out."""
    models = [document.reference, *document.candidates]
    rows = []
    for row in zip(*(model.reliability for model in models), strict=True):
        if any(cell["count"] for cell in row):
            end = "]" if row[0]["high"] == 1 else ")"
            bin_ = f"$[{row[0]['low']:.1f}, {row[0]['high']:.1f}{end}$"
            rows.append([bin_, *(f"{100 * cell['count'] / document.items.n:.2f}" for cell in row)])
    head = ["Confidence", *(escaped(name) for name, _, _ in _models(document))]
    caption = r"Share of predictions in each bin of confidence, in \%."
    return tabular(caption, "confidence", "l" + "r" * len(models), head, rows)


def _methods(protocol: ProtocolSummary | PatchSummary | None) -> list[str]:
    return (
        [] if not isinstance(protocol, ProtocolSummary) else list(dict.fromkeys(pair.method for pair in protocol.pairs))
    )


def _agreement(document: AuditDocument, method: str) -> str | None:
    """Each pair of models' Jaccard under the published protocol: each run, mean and variance."""
    protocol = document.protocol
    if not isinstance(protocol, ProtocolSummary):
        return None
    pairs = [pair for pair in protocol.pairs if pair.method == method]
    if not pairs:
        return None
    runs = len(pairs[0].runs)
    several = runs > 1
    rows = [
        [
            f"{escaped(pair.first)} vs.\\ {escaped(pair.second)}",
            *([_number(run) for run in pair.runs] if several else []),
            _estimate(bounded(pair.mean, SHARE)),
            *([f"{pair.variance.value:.6f}"] if several else []),
        ]
        for pair in pairs
    ]
    each = [f"Run {run}" for run in range(1, runs + 1)] if several else []
    head = ["Models", *each, "Mean", *(["Variance"] if several else [])]
    once = "" if several else ", run once"
    caption = (
        f"Jaccard of the top {document.k} words by {method_title(method)}, protocol {escaped(protocol.name)}, "
        f"{protocol.items:,} items{once}."
    )
    return tabular(caption, f"jaccard-{method}", "l" + "r" * (len(head) - 1), head, rows)


def _patches(protocol: ProtocolSummary | PatchSummary | None) -> str | None:
    """Each pair of models' Jaccard of the pixels of their top patches, with chance and ceiling, a column for each k."""
    if not isinstance(protocol, PatchSummary) or not protocol.pairs:
        return None
    table = patch_rows(protocol.pairs)
    rows = [
        [
            *([f"{escaped(first)} vs.\\ {escaped(second)}", method_title(method)] if i == 0 else ["", ""]),
            title,
            *(MISSING if e is None else _number(e.value) for e in estimates),
        ]
        for (first, second), method, lines in table.groups
        for i, (title, estimates) in enumerate(lines.items())
    ]
    caption = (
        f"Jaccard of the pixels of the top patches, protocol {escaped(protocol.name)}, {protocol.items:,} items "
        f"({protocol.occluded:,} by occlusion)."
    )
    head = ["Models", "Method", "", *(f"Top {k}" for k in table.ks)]
    return tabular(caption, "patches", "lll" + "r" * len(table.ks), head, rows)


def _alignment(document: AuditDocument) -> str | None:
    """Alignment and Jaccard between floor and ceiling, a row per candidate and method; None if not measured."""
    rows, items, items_of_halves = [], None, None
    for candidate in document.candidates:
        for method in METHODS:
            stems = ("alignment", "jaccard_halves", "jaccard_halves_chance", "jaccard_ceiling_reference")
            names = [f"{stem}_{method}" for stem in stems]
            estimates = [bounded(candidate.flat.get(name), name) for name in names]
            if any(e is not None for e in estimates):
                rows.append([escaped(candidate.name), method_title(method), *(_estimate(e) for e in estimates)])
                items = next(e.n for e in estimates if e is not None) if items is None else items
            halves = candidate.flat.get(f"jaccard_halves_{method}")
            items_of_halves = items_of_halves if halves is None else halves.n
    if not rows or document.protocol is not None:
        return None
    units = plural(unit_of(document))
    on_items = "" if items_of_halves in (None, items) else f", {items_of_halves:,} items of more {units} than those"
    caption = (
        f"Agreement of attributions with those of {escaped(document.reference.name)}, {items:,} items, "
        f"with {_percent(document)} intervals: cosine without the explainer's noise; Jaccard of the top {units} on "
        f"independent masks{on_items}, with the chance level and the reference's score against itself."
    )
    said = [f"{c.name}: {words}" for c in document.candidates for words in beside_alignment(c)]
    caption += "".join(f" {escaped(words, LONGEST_SENTENCE)}." for words in said)
    head = ["Model", "Method", "Alignment", "Jaccard", "Chance", "Ceiling"]
    return tabular(caption, "alignment", "llrrrr", head, rows)


def _percent(document: AuditDocument) -> str:
    return percent(document.policy.level).replace("%", r"\%")


def _estimate(estimate: Estimate | None) -> str:
    if estimate is None:
        return MISSING
    return f"{_number(estimate.value)} {{\\footnotesize [{_number(estimate.low)}, {_number(estimate.high)}]}}"


def _number(value: float) -> str:
    """A figure; a tiny one with a power of ten."""
    text = number(value)
    stem, sign, power = text.partition("e")
    return f"${stem} \\times 10^{{{int(power)}}}$" if sign else f"${text}$"
