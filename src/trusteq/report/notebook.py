"""An audit in a notebook, as HTML: the verdicts, a figure of the rules where matplotlib is loaded, and the rules."""

from __future__ import annotations

import sys
from html import escape
from typing import TYPE_CHECKING, Any

from trusteq.data.clean import clean
from trusteq.errors import in_python
from trusteq.report.decisions import to_do, to_look_at
from trusteq.report.outlook_words import outlooks, sentence
from trusteq.report.waiver_words import waiver_words
from trusteq.report.wording import (
    MARKS,
    URGENT,
    beside_alignment,
    dimension_words,
    judged,
    margin,
    percent,
    rule_words,
    sides,
    title,
)

if TYPE_CHECKING:
    from trusteq.record.document import AuditedCandidate
    from trusteq.record.evidence import Evidence
    from trusteq.record.finished import Finished
    from trusteq.verdict import DimensionVerdict, Outcome


def html(audit: Finished[Any]) -> str:
    """The audit as an HTML fragment; every text in it is escaped."""
    evidence = audit.evidence
    document = evidence.document
    head = _row("th", "candidate", "verdict", *document.dimensions)
    body = "".join(
        _row("td", c.name, _outcome(c.verdict.outcome), *map(_dimension, c.verdict.dimensions))
        for c in document.candidates
    )
    scope = f"{document.items.n:,} items, policy {_text(document.policy.name)}"
    parts = [
        f"<p>May it replace <b>{_text(document.reference.name)}</b>? {scope}</p>",
        f"<table><thead>{head}</thead><tbody>{body}</tbody></table>",
        *(
            f"<p><b>! {_text(f.model)}</b>: {_text(in_python(f.message))}</p>"
            for f in evidence.findings
            if f.kind in URGENT
        ),
        _figure(evidence),
        *(f"<p><b>{_text(w.candidate)}</b>: {_text(waiver_words(w))}</p>" for w in evidence.waivers),
        *(_candidate(evidence, c, percent(document.policy.level)) for c in document.candidates),
    ]
    return f'<div class="trusteq">{"".join(parts)}</div>'


def _candidate(evidence: Evidence, c: AuditedCandidate, level: str) -> str:
    """The rules behind a verdict, what to do and what to look at."""
    rows = "".join(
        _row(
            "td",
            title(r.measure),
            *sides(r.measure, c.flat),
            judged(r, required=d.required),
            margin(r),
            f"{MARKS[r.outcome]} {rule_words(r, required=d.required)}",
        )
        for d in c.verdict.dimensions
        for r in d.rules
    )
    header = _row("th", "measure", "reference", "candidate", f"difference [{level}]", "margin", "")
    said = [
        *beside_alignment(c),
        *(sentence(dimension, rule) for dimension, rule in outlooks(c.verdict)),
        *map(str, [*to_do(evidence, c), *to_look_at(c)]),
    ]
    # Who reads a notebook writes Python.
    advice = "".join(f"<li>{_text(in_python(text))}</li>" for text in said)
    return (
        f"<p><b>{_text(c.name)}</b> is <b>{_text(c.verdict.outcome)}</b>: {_text(c.verdict.reason)}</p>"
        f"<table><thead>{header}</thead><tbody>{rows}</tbody></table><ul>{advice}</ul>"
    )


def _figure(evidence: Evidence) -> str:
    """Every rule's interval against its margin; nothing where matplotlib is not loaded yet."""
    if "matplotlib.figure" not in sys.modules:
        return ""
    from trusteq.report.figures.catalog import make
    from trusteq.report.figures.inline import inline_svg

    display = make(evidence, "intervals")
    return "" if display is None else inline_svg(display, label="every rule's interval against its margin")


def _row(tag: str, *cells: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{_text(cell)}</{tag}>" for cell in cells) + "</tr>"


def _outcome(value: Outcome) -> str:
    return f"{MARKS[value]} {value}"


def _dimension(d: DimensionVerdict) -> str:
    return _outcome(d.outcome) if d.required else f"({dimension_words(d)})"


def _text(text: str) -> str:
    return escape(clean(text))
