"""An audit as JUnit XML, which CI servers show with the tests.

A suite per candidate, in it a case per dimension, so that a cause is one failure. A required dimension that is not
EQUIVALENT fails: NOT EQUIVALENT, UNDECIDED and NOT MEASURED are types of failure, so a file without failures means exit
code 0. The first failure that decides the verdict also says what to do. A dimension that is not required is skipped
unless it is EQUIVALENT. What was waived still fails, with the waiver in its text: a waiver counts until a day, and a
report knows no days. The file is valid by Ant's schema and by Jenkins's; a run stores no times, so the timestamp that
Ant's schema demands is a constant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from trusteq.comparing.measures import in_words
from trusteq.data.clean import clean
from trusteq.report.decisions import to_do, to_look_at
from trusteq.report.outlook_words import outlooks, sentence
from trusteq.report.waiver_words import of_candidate
from trusteq.report.wording import NOT_JUDGED, beside_alignment, interval, margin, not_measured, rule_words, urgent
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trusteq.record.document import AuditedCandidate
    from trusteq.record.evidence import Evidence
    from trusteq.verdict import DimensionVerdict, RuleVerdict

TIMESTAMP = "1970-01-01T00:00:00"


def junit(evidence: Evidence) -> str:
    """The XML file, in ASCII."""
    root = ET.Element("testsuites")
    for number, candidate in enumerate(evidence.document.candidates):
        root.append(_suite(evidence, candidate, number))
    ET.indent(root)
    content: bytes = ET.tostring(root, encoding="us-ascii", xml_declaration=True)
    return f"{content.decode('ascii')}\n"


def _suite(evidence: Evidence, candidate: AuditedCandidate, number: int) -> ET.Element:
    cases = [_case(candidate, d) for d in candidate.verdict.dimensions]
    failures = [failure for case in cases if (failure := case.find("failure")) is not None]
    decisive = [failure for failure in failures if failure.get("type") == candidate.verdict.outcome] or failures
    if decisive:
        waived = of_candidate(evidence.waivers, candidate.name)
        said = [*waived, *map(str, [*to_do(evidence, candidate), *to_look_at(candidate)])]
        decisive[0].text = "\n".join([decisive[0].text or "", *map(clean, said)])
    suite = ET.Element("testsuite", name=_name(candidate.name), package="trusteq", id=str(number))
    suite.set("hostname", "localhost")
    suite.set("timestamp", TIMESTAMP)
    suite.set("tests", str(len(cases)))
    suite.set("failures", str(sum(case.find("failure") is not None for case in cases)))
    suite.set("errors", "0")
    suite.set("skipped", str(sum(case.find("skipped") is not None for case in cases)))
    suite.set("time", "0")
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(evidence, candidate):
        ET.SubElement(properties, "property", name=name, value=clean(value))
    suite.extend(cases)
    ET.SubElement(suite, "system-out").text = "\n".join(_lines(evidence, candidate))
    ET.SubElement(suite, "system-err").text = ""
    return suite


def _case(candidate: AuditedCandidate, dimension: DimensionVerdict) -> ET.Element:
    case = ET.Element("testcase", name=dimension.dimension, classname=f"trusteq.{_name(candidate.name)}", time="0")
    if dimension.outcome is Outcome.EQUIVALENT:
        return case
    open_ = {Outcome.UNDECIDED, Outcome.NOT_MEASURED} if dimension.outcome is Outcome.UNDECIDED else {dimension.outcome}
    reason = "; ".join(rule.reason for rule in dimension.rules if rule.outcome in open_)
    reason = reason or not_measured(dimension, candidate.flat)
    if dimension.required:
        _failure(case, dimension.outcome, reason, [rule.reason for rule in dimension.rules])
    else:
        told = NOT_JUDGED if dimension.outcome is Outcome.NOT_MEASURED else f"{dimension.outcome}: {reason}"
        ET.SubElement(case, "skipped", message=clean(f"not required; {told}"))
    return case


def _failure(case: ET.Element, outcome: Outcome, reason: str, more: Sequence[str]) -> None:
    message = f"undecided is not a pass: {reason}" if outcome is Outcome.UNDECIDED else f"{outcome.lower()}: {reason}"
    failure = ET.SubElement(case, "failure", type=str(outcome), message=clean(message))
    failure.text = "\n".join(clean(line) for line in more)


def _properties(evidence: Evidence, candidate: AuditedCandidate) -> Iterator[tuple[str, str]]:
    """What was compared, and every estimate that a rule judges."""
    document = evidence.document
    yield "reference", document.reference.name
    yield "verdict", candidate.verdict.outcome
    yield "policy", document.policy.name
    yield "policy.sha256", document.policy.content()
    yield "items", str(document.items.n)
    yield "trusteq", str(evidence.manifest.get("trusteq", ""))
    for dimension in candidate.verdict.dimensions:
        for rule in dimension.rules:
            if rule.estimate is not None:
                e, stem = rule.estimate, f"{dimension.dimension}.{rule.measure}"
                yield stem, f"{e.value:.6g}"
                yield f"{stem}.low", f"{e.low:.6g}"
                yield f"{stem}.high", f"{e.high:.6g}"
                yield f"{stem}.n", str(e.n)


def _lines(evidence: Evidence, candidate: AuditedCandidate) -> Iterator[str]:
    """What must be read before any number, what was waived, and a line per rule."""
    yield from map(clean, urgent(evidence.findings))
    yield from map(clean, of_candidate(evidence.waivers, candidate.name))
    for dimension in candidate.verdict.dimensions:
        for rule in dimension.rules:
            yield f"{dimension.dimension}: {_judged(rule, required=dimension.required)}"
    yield from map(clean, beside_alignment(candidate))
    for name, rule in outlooks(candidate.verdict):
        yield f"{name}: {sentence(name, rule)}"


def _judged(rule: RuleVerdict, *, required: bool) -> str:
    estimate = "" if rule.estimate is None else f"{interval(rule.estimate)} "
    return f"{in_words(rule.measure)} {estimate}(margin {margin(rule)}): {rule_words(rule, required=required)}"


def _name(name: str) -> str:
    return clean(name).strip() or "unnamed"
