"""The audit in the terminal: verdicts first, then the few numbers behind them, then what to look at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trusteq.compare.behaviour import FLIP_MEASURES
from trusteq.compare.measures import DIMENSIONS, METHODS, PUBLISHED_METHODS, method_title
from trusteq.data.clean import clean
from trusteq.report.fitting import Fitting
from trusteq.report.wording import (
    MARKS,
    URGENT,
    interval,
    margin,
    number,
    p_value,
    percent,
    policy_words,
    rule_words,
    sides,
    title,
    urgent,
)
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import RenderableType

    from trusteq.compare.published import PairAgreement
    from trusteq.models.base import Finding
    from trusteq.policy import Policy
    from trusteq.record.audit import Audit
    from trusteq.record.document import ProtocolSummary
    from trusteq.record.evidence import Evidence
    from trusteq.stats.estimate import Estimate, PairedTest
    from trusteq.verdict import RuleVerdict, Verdict

STYLES = {
    Outcome.EQUIVALENT: "bold green",
    Outcome.NOT_EQUIVALENT: "bold red",
    Outcome.UNDECIDED: "bold yellow",
    Outcome.NOT_MEASURED: "dim",
}


def render(audit: Audit) -> RenderableType:
    """The whole audit."""
    return render_evidence(audit.evidence)


def render_evidence(evidence: Evidence) -> RenderableType:
    """The same of an audit in memory or a finished run."""
    told = evidence.document
    parts: list[RenderableType] = [
        headline(told.reference.name, told.items.n, told.policy, told.items.ignored, told.explained),
        verdicts([(c.name, c.verdict) for c in told.candidates]),
        *warnings(evidence.findings),
    ]
    for c in told.candidates:
        parts += [
            reason(c.name, c.verdict),
            Padding(rules(c.verdict, c.flat, told.policy), (0, 0, 0, 2)),
            _indented(context(c.flat, c.tests)),
        ]
        if c.advice:
            parts += [Text("\n  what to look at", style="bold"), _bullets(c.advice)]
    if told.peer is not None:
        heading = f"\n{clean(told.peer.name)}, the reference trained once more, by the same rules"
        table = rules(told.peer.verdict, told.peer.flat, told.policy)
        parts += [Text(heading, style="bold"), Padding(table, (0, 0, 0, 2))]
    if told.protocol is not None:
        title = f"\n{published_title(told.protocol, told.k)}"
        parts += [Text(title, style="bold"), published_pairs(told.protocol.pairs)]
    if told.pies:
        share = "1 item is" if len(told.pies) == 1 else f"{len(told.pies):,} items are"
        parts.append(Text(f"\n{share} answered unlike the reference by most candidates (pies in audit.json)"))
    parts += findings(evidence.findings)
    return Group(*parts)


def headline(reference: str, n: int, policy: Policy, ignored: int = 0, explained: int | None = None) -> Text:
    """What was asked, of how many items, under which policy, how many items were left out and how many explained."""
    left_out = f" ({ignored:,} ignored by label)" if ignored else ""
    left_out += f", {explained:,} of them explained" if explained is not None else ""
    return Text.assemble(
        "\nMay it replace ",
        (clean(reference), "bold"),
        f"?   {n:,} items{left_out}, policy {clean(policy_words(policy))}, {percent(policy.level)} intervals\n",
    )


def verdicts(named: Iterable[tuple[str, Verdict]]) -> RenderableType:
    """One line a candidate: overall, then dimension by dimension."""
    lines: list[Text] = []
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for column in ("candidate", "verdict", *DIMENSIONS):
        table.add_column(column, header_style="dim", no_wrap=column != "candidate")
    for name, verdict in named:
        by_dimension = [
            outcome(d.outcome) if d.required else Text(f"({d.outcome.lower()})", style="dim")
            for d in verdict.dimensions
        ]
        table.add_row(Text(clean(name), style="bold"), outcome(verdict.outcome), *by_dimension)
        lines.append(Text.assemble((clean(name), "bold"), ": ", outcome(verdict.outcome), overflow="fold"))
        lines += [Text.assemble(f"  {d}: ", said) for d, said in zip(DIMENSIONS, by_dimension, strict=True)]
    return Fitting(table, Group(*lines))


def outcome(value: Outcome) -> Text:
    """An outcome, told by word, sign and colour."""
    return Text(f"{MARKS[value]} {value}", style=STYLES[value])


def rule_outcome(rule: RuleVerdict) -> Text:
    """A rule's outcome."""
    return Text(f"{MARKS[rule.outcome]} {rule_words(rule)}", style=STYLES[rule.outcome])


def reason(name: str, verdict: Verdict) -> Text:
    """The verdict on one candidate and why."""
    said = Text.assemble("\n", (clean(name), "bold"), " is ", outcome(verdict.outcome), ": ", clean(verdict.reason))
    said.overflow = "fold"
    return said


def rules(verdict: Verdict, measures: Mapping[str, Estimate], policy: Policy) -> RenderableType:
    """One line a rule: both models' figures, what is judged with its interval, the margin, the outcome."""
    lines: list[Text] = []
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("measure", header_style="dim", min_width=14)
    for column in ("reference", "candidate"):
        table.add_column(column, header_style="dim", justify="right", no_wrap=True)
    for column in (f"difference [{percent(policy.level)}]", "margin", ""):
        table.add_column(column, header_style="dim")
    for dimension in verdict.dimensions:
        if dimension.outcome is Outcome.NOT_MEASURED and not dimension.required:
            continue
        for rule in dimension.rules:
            judged = "not measured" if rule.estimate is None else interval(rule.estimate)
            own = sides(rule.measure, measures)
            table.add_row(title(rule.measure), *own, judged, margin(rule), rule_outcome(rule))
            beside = f" {own[0]} -> {own[1]}, difference" if all(own) else ""
            lines.append(
                Text.assemble(f"{title(rule.measure)}{beside} {judged}, margin {margin(rule)}: ", rule_outcome(rule))
            )
    return Fitting(table, Group(*lines))


def context(measures: Mapping[str, Estimate], tests: Mapping[str, PairedTest]) -> list[str]:
    """The paper's figures and the flips, in two lines."""
    said: list[str] = []
    if "regressions" in measures:
        counts = [f"{measures[m].value:.1%} {words}" for m, words in FLIP_MEASURES.items()]
        said.append(f"flips: {', '.join(counts)}; McNemar {p_value(tests['mcnemar'])}")
    if paper := _moved(measures, _PAPER):
        said.append(f"{paper} (10 bins; Brier summed over labels)")
    if scripts := _moved(measures, _SCRIPTS):
        said.append(f"{scripts} (10 quantile bins, as the published scripts)")
    if "jaccard_lime_chance" in measures:
        return [*said, *(published_words(measures, method) for method in PUBLISHED_METHODS)]
    said += [top_words(measures, method) for method in METHODS if f"jaccard_{method}" in measures]
    return said


def _moved(measures: Mapping[str, Estimate], named: Sequence[tuple[str, str]]) -> str:
    """What each of these measures is for the reference and for the candidate, of those there are."""
    return ", ".join(
        f"{words} {number(measures[f'{m}_reference'].value)} -> {number(measures[f'{m}_candidate'].value)}"
        for m, words in named
        if f"{m}_reference" in measures
    )


def published_words(measures: Mapping[str, Estimate], method: str) -> str:
    """Jaccard of the top words under the published protocol, between its floor and its ceiling."""
    j, chance = (number(measures[f"jaccard_{method}{part}"].value) for part in ("", "_chance"))
    said = f"top words by {method_title(method)}: Jaccard {j}, where chance gives {chance}"
    ceiling = measures.get(f"jaccard_{method}_ceiling")
    return said if ceiling is None else f"{said} and the reference against itself {number(ceiling.value)}"


def published_title(protocol: ProtocolSummary, k: int | None) -> str:
    """What the table of all pairs shows."""
    return (
        f"Jaccard of the top {k} words, protocol {protocol.name}, {protocol.items:,} items, "
        f"LIME's seeds {', '.join(str(seed) for seed in protocol.seeds)}"
    )


def published_pairs(pairs: Sequence[PairAgreement]) -> RenderableType:
    """Every two models' agreement as the paper prints it: each run, their mean and variance."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("", "", "method", "runs", "mean", "variance"):
        table.add_column(column, header_style="dim", no_wrap=bool(column))
    for pair in pairs:
        runs = ", ".join(f"{run:.3f}" for run in pair.runs)
        names = (Text(clean(name), overflow="fold") for name in (pair.first, pair.second))
        variance = f"{pair.variance.value:.6f}" if len(pair.runs) > 1 else "run once"
        table.add_row(*names, method_title(pair.method), runs, f"{pair.mean.value:.3f}", variance)
    return Padding(table, (0, 0, 0, 2))


def top_words(measures: Mapping[str, Estimate], method: str) -> str:
    """Jaccard of the top words between its floor and its ceiling."""
    j = {name: measures.get(f"jaccard_{name}_{method}") for name in ("halves_chance", "halves", "ceiling_reference")}
    said = f"top words by {method_title(method)}: Jaccard {number(measures[f'jaccard_{method}'].value)} on shared masks"
    if f"jaccard_chance_{method}" in measures:
        said += f" (chance {number(measures[f'jaccard_chance_{method}'].value)})"
    if j["halves"] is not None and j["ceiling_reference"] is not None and j["halves_chance"] is not None:
        said += (
            f"; on independent masks {number(j['halves'].value)}, where chance gives "
            f"{number(j['halves_chance'].value)} and the reference against itself "
            f"{number(j['ceiling_reference'].value)}"
        )
    return said


def warnings(found: Sequence[Finding]) -> list[RenderableType]:
    """What a reader must know before any number."""
    return sentences(urgent(found))


def sentences(first: Sequence[str]) -> list[RenderableType]:
    """The same in words."""
    return [Text(), _bullets(first, sign="!", style="bold yellow")] if first else []


def findings(found: Sequence[Finding]) -> list[RenderableType]:
    """What else was found out about the models themselves."""
    rest = [f"{f.model}: {f.message}" for f in found if f.kind not in URGENT]
    return [Text("\nabout the models", style="bold"), _bullets(rest)] if rest else []


_PAPER = (("ece", "ECE"), ("mce", "MCE"), ("brier", "Brier"))
_SCRIPTS = (("ece_quantile", "ECE"), ("mce_quantile", "MCE"))


def _bullets(sentences: Sequence[str], *, sign: str = "-", style: str = "") -> RenderableType:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(width=3, justify="right")
    table.add_column(overflow="fold")
    for sentence in sentences:
        table.add_row(sign, Text(clean(sentence)), style=style)
    return table


def _indented(lines: Sequence[str]) -> Any:
    return Padding(Text("\n".join(lines), style="dim"), (0, 0, 0, 2))
