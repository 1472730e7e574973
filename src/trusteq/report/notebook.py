"""An audit in a notebook: the verdict table and the rules behind it, as HTML."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from trusteq.policy import DIMENSIONS
from trusteq.report.clean import clean
from trusteq.report.wording import MARKS, URGENT, interval, margin, percent, rule_words, sides, title

if TYPE_CHECKING:
    from trusteq.result import Audit
    from trusteq.verdict import Outcome


def html(audit: Audit) -> str:
    """The audit as an HTML fragment; every text in it is escaped."""
    head = _row("th", "candidate", "verdict", *DIMENSIONS)
    body = "".join(
        _row("td", c.name, _outcome(c.verdict.outcome), *(_outcome(d.outcome) for d in c.verdict.dimensions))
        for c in audit.comparisons
    )
    parts = [
        f"<p>May it replace <b>{_text(audit.reference.name)}</b>? {len(audit.items):,} items, "
        f"policy {_text(audit.policy.name)}</p>",
        f"<table><thead>{head}</thead><tbody>{body}</tbody></table>",
        *(f"<p><b>! {_text(f.model)}</b>: {_text(f.message)}</p>" for f in audit.findings if f.kind in URGENT),
    ]
    for c in audit.comparisons:
        flat = {name: e for group in c.measures.values() for name, e in group.items()}
        rows = "".join(
            _row(
                "td",
                title(r.measure),
                *sides(r.measure, flat),
                "not measured" if r.estimate is None else interval(r.estimate),
                margin(r),
                f"{MARKS[r.outcome]} {rule_words(r)}",
            )
            for d in c.verdict.dimensions
            for r in d.rules
        )
        level = percent(audit.policy.level)
        header = _row("th", "measure", "reference", "candidate", f"difference [{level}]", "margin", "")
        advice = "".join(f"<li>{_text(sentence)}</li>" for sentence in c.advice)
        parts.append(
            f"<p><b>{_text(c.name)}</b> is <b>{_text(c.verdict.outcome)}</b>: {_text(c.verdict.reason)}</p>"
            f"<table><thead>{header}</thead><tbody>{rows}</tbody></table><ul>{advice}</ul>"
        )
    return f'<div class="trusteq">{"".join(parts)}</div>'


def _row(tag: str, *cells: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{_text(cell)}</{tag}>" for cell in cells) + "</tr>"


def _outcome(value: Outcome) -> str:
    return f"{MARKS[value]} {value}"


def _text(text: str) -> str:
    return escape(clean(text))
