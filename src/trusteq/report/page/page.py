"""The whole report: one HTML file that needs nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trusteq.comparing.measures import DIMENSIONS, method_title, missing_need
from trusteq.data.clean import clean
from trusteq.explain.unit_names import plural
from trusteq.report.bounded import SHARE, bounded
from trusteq.report.decisions import to_do, to_look_at
from trusteq.report.outlook_words import leaning
from trusteq.report.page import provenance
from trusteq.report.page.advice_steps import Step, advice_step
from trusteq.report.page.assets import assets
from trusteq.report.page.behaviour import Behaviour, behaviour
from trusteq.report.page.calibration import Calibration, calibration
from trusteq.report.page.cascade import CascadePart, cascade
from trusteq.report.page.command import command
from trusteq.report.page.costs import costs
from trusteq.report.page.distribution import Distribution, distribution
from trusteq.report.page.embed import block
from trusteq.report.page.explanation import ExplanationPart, explanation
from trusteq.report.page.figures import MOST_DRAWN, added, drawer, pairs, patches
from trusteq.report.page.glossary import GLOSSARY
from trusteq.report.page.html_table import Table, every_estimate, every_test
from trusteq.report.page.in_common import in_common
from trusteq.report.page.items import browser
from trusteq.report.page.margin_bars import CAPTION, margin_axis, margin_bar
from trusteq.report.page.sentence import Name, answer, reasons
from trusteq.report.page.slices import Slices, slices
from trusteq.report.page.texts import fragment
from trusteq.report.page.undecided import undecided
from trusteq.report.waiver_words import waiver_words
from trusteq.report.wording import (
    MARKS,
    URGENT,
    about,
    answered_differently,
    described,
    interval,
    judged,
    margin,
    percent,
    rule_words,
    sides,
    title,
    unit_of,
)
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from jinja2 import Environment

    from trusteq.record.advice import Advice
    from trusteq.record.document import AuditedCandidate
    from trusteq.record.evidence import Evidence


@dataclass(frozen=True)
class Candidate:
    """One candidate, section by section."""

    judged: AuditedCandidate
    reasons: str
    action: str
    to_do: list[Step]
    to_look_at: list[Step]
    behaviour: Behaviour
    common: Table | None
    calibration: Calibration
    explanation: ExplanationPart
    distribution: Distribution
    slices: Slices
    cascade: CascadePart | None
    estimates: Table
    tests: Table

    @property
    def name(self) -> str:
        """The candidate's name."""
        return self.judged.name


def page(evidence: Evidence, *, images: bool = True) -> str:
    """The report of a finished audit, the same bytes for the same run; ``images``: with pictures and sounds, if any."""
    document = evidence.document
    unit, items, figure = unit_of(document), browser(evidence, images=images), drawer(evidence)
    return (
        environment()
        .get_template("page.html")
        .render(
            assets=assets(run=provenance.run_hash(evidence), images=items.has_images),
            data_items=block(items.items),
            data_words=None if items.words is None else block(items.words),
            answer=answer(document.reference.name, document.candidates, unit),
            unit=unit,
            units=plural(unit),
            document=document,
            many=len(document.candidates) > 1,
            level=percent(document.policy.level),
            candidates=[_candidate(evidence, judged, unit) for judged in document.candidates],
            waivers=[(waiver.candidate, waiver_words(waiver)) for waiver in evidence.waivers],
            warnings=[f for f in evidence.findings if f.kind in URGENT],
            findings=[f for f in evidence.findings if f.kind not in URGENT],
            figure=figure,
            added_figures=added(evidence, figure),
            most_drawn=MOST_DRAWN,
            browser=items,
            costs=costs(evidence),
            models=provenance.models(evidence),
            facts=provenance.facts(evidence),
            looked_for_common=document.settings["with_slices"] and not document.task.several_outcomes,
            patches=patches(document),
            pairs=pairs(evidence) if len(document.candidates) > 1 else None,
            command=command(evidence),
            margin_caption=CAPTION,
            not_measured=provenance.not_measured(evidence),
            task_file=provenance.task_file(evidence),
            glossary=GLOSSARY,
            manifest=evidence.manifest,
        )
    )


def _candidate(evidence: Evidence, judged: AuditedCandidate, unit: str) -> Candidate:
    because = reasons(judged.verdict, judged.flat, unit)
    answers = behaviour(evidence, judged)
    return Candidate(
        judged,
        f"{because[:1].upper()}{because[1:]}.",
        _action(judged),
        _steps(to_do(evidence, judged), unit),
        _steps(to_look_at(judged), unit),
        answers,
        in_common(judged),
        calibration(evidence, judged),
        explanation(evidence, judged, unit),
        distribution(evidence, judged),
        slices(evidence, judged),
        cascade(evidence, judged),
        every_estimate(judged.measures, evidence.document.policy.level, unit),
        every_test(judged.tests),
    )


def _steps(said: Sequence[Advice], unit: str) -> list[Step]:
    return [step._replace(word=about(step.word, unit)) for step in map(advice_step, said)]


def _action(judged: AuditedCandidate) -> str:
    """What to do with a candidate, in one sentence."""
    if judged.verdict.outcome is Outcome.UNDECIDED and any(advice.kind == "decide" for advice in judged.advice):
        return "More items alone are not likely to decide: take the decision yourself, on the record."
    return _ACTIONS[judged.verdict.outcome]


_ACTIONS = {
    Outcome.EQUIVALENT: "By this policy and on these items, it may replace the reference.",
    Outcome.NOT_EQUIVALENT: "Do not replace the reference with it as it is.",
    Outcome.UNDECIDED: "Do not decide yet.",
}


def environment() -> Environment:
    """Templates in which every value is escaped and no text can control what displays it."""
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    def harmless(value: object) -> object:
        return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(
        loader=PackageLoader("trusteq.report.page", "templates"),
        autoescape=True,
        finalize=harmless,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
        "DIMENSIONS": DIMENSIONS,
        "SHARE": SHARE,
        "MARKS": MARKS,
        "about": about,
        "bounded": bounded,
        "described": described,
        "answered_differently": answered_differently,
        "is_name": lambda part: isinstance(part, Name),
        "lacking": missing_need,
        "method_title": method_title,
        "interval": interval,
        "judged_value": judged,
        "leaning": leaning,
        "margin": margin,
        "margin_axis": margin_axis,
        "margin_bar": margin_bar,
        "rule_words": rule_words,
        "sides": sides,
        "title": title,
        "undecided": undecided,
        "fragment": fragment,
    }
    return environment
