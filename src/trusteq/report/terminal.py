"""The audit in the terminal: verdicts first, then the few numbers behind them, then what to do and to look at."""

from __future__ import annotations

from dataclasses import replace
from io import StringIO
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trusteq.comparing.behaviour import FLIP_MEASURES
from trusteq.comparing.measures import METHODS, PUBLISHED_METHODS, method_title
from trusteq.data.clean import clean
from trusteq.errors import in_python
from trusteq.explain.unit_names import plural
from trusteq.record.document import PatchSummary
from trusteq.report.by_task import by_task
from trusteq.report.decisions import to_do, to_look_at
from trusteq.report.outlook_words import outlooks, sentence
from trusteq.report.patch_rows import patch_rows
from trusteq.report.responsive_table import ResponsiveTable
from trusteq.report.waiver_words import of_candidate
from trusteq.report.wording import (
    BESIDE_ALIGNMENT,
    MARKS,
    URGENT,
    answered_differently,
    beside_alignment,
    dimension_words,
    judged,
    margin,
    number,
    p_value,
    percent,
    policy_words,
    rule_words,
    sides,
    title,
    unit_of,
    urgent,
)
from trusteq.verdict import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rich.console import RenderableType

    from trusteq.comparing.patches import PatchAgreement
    from trusteq.comparing.published import PairAgreement
    from trusteq.models.base import Finding
    from trusteq.policy import Policy
    from trusteq.record.audit import Audit
    from trusteq.record.document import ProtocolSummary
    from trusteq.record.evidence import Evidence
    from trusteq.stats.estimate import Estimate, PairedTest
    from trusteq.verdict import RuleVerdict, Verdict

PLAIN_WIDTH = 120
"""Characters in a line of what `str` gives."""
STYLES = {
    Outcome.EQUIVALENT: "bold green",
    Outcome.NOT_EQUIVALENT: "bold red",
    Outcome.UNDECIDED: "bold yellow",
    Outcome.NOT_MEASURED: "dim",
}


def render(audit: Audit) -> RenderableType:
    """The whole audit."""
    return render_evidence(audit.evidence)


def in_python_words(evidence: Evidence) -> str:
    """The whole audit as text, with the keywords of Python in place of the options of the command line."""
    console = Console(file=StringIO(), width=PLAIN_WIDTH, color_system=None, highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        console.print(render_evidence(evidence, say=in_python))
    return "\n".join(line.rstrip() for line in captured.get().strip("\n").split("\n"))


def render_evidence(evidence: Evidence, say: Callable[[str], str] = str) -> RenderableType:
    """The whole audit, of one in memory or a finished run; ``say`` puts advice and findings in the reader's words."""
    document, unit = evidence.document, unit_of(evidence.document)
    told = [replace(f, message=say(f.message)) for f in evidence.findings]
    parts: list[RenderableType] = [
        headline(
            document.reference.name, document.items.n, document.items.ignored, document.policy, document.explained
        ),
        verdicts([(c.name, c.verdict) for c in document.candidates]),
        *warnings(told),
    ]
    for c in document.candidates:
        parts += [
            reason(c.name, c.verdict),
            *waivers(of_candidate(evidence.waivers, c.name)),
            Padding(rules(c.verdict, c.flat, document.policy), (0, 0, 0, 2)),
            _indented([*context(c.flat, c.tests, unit), *map(clean, map(say, beside_alignment(c)))]),
            *by_task(evidence, c),
            *undecided(c.verdict, say),
        ]
        for heading, advice in (("what to do", to_do(evidence, c)), ("what to look at", to_look_at(c))):
            if advice:
                parts += [Text(f"\n  {heading}", style="bold"), _bullets([say(str(one)) for one in advice])]
    if document.peer is not None:
        heading = f"\n{clean(document.peer.name)}, the retrained reference, judged by the same rules"
        table = rules(document.peer.verdict, document.peer.flat, document.policy)
        parts += [Text(heading, style="bold"), Padding(table, (0, 0, 0, 2))]
    if isinstance(document.protocol, PatchSummary):
        parts += [Text(f"\n{patches_title(document.protocol)}", style="bold"), patch_pairs(document.protocol.pairs)]
    elif document.protocol is not None:
        title = f"\n{published_title(document.protocol, document.k)}"
        parts += [Text(title, style="bold"), published_pairs(document.protocol.pairs)]
    if document.pies:
        count = answered_differently(document.pies)
        parts.append(Text(f"\nmost candidates answer {count} differently from the reference (pies in audit.json)"))
    shown = {c.name for c in document.candidates}
    parts += findings([f for f in told if f.kind != BESIDE_ALIGNMENT or f.model not in shown])
    return Group(*parts)


def headline(reference: str, n: int, ignored: int, policy: Policy, explained: int | None = None) -> Text:
    """The question, the number of items (excluded and explained ones, too), the policy and the level of intervals."""
    explained_too = f", {explained:,} of them explained" if explained is not None else ""
    return question(reference, f"{counted(n, ignored)}{explained_too}", policy)


def counted(n: int, ignored: int) -> str:
    """How many items, and how many more were excluded."""
    return f"{n:,} items" + (f" ({ignored:,} excluded by label)" if ignored else "")


def question(reference: str, basis: str, policy: Policy) -> Text:
    """The question, what the answer is based on, the policy and the level of intervals."""
    return Text.assemble(
        "\nMay it replace ",
        (clean(reference), "bold"),
        f"?   {clean(basis)}, policy {clean(policy_words(policy))}, {percent(policy.level)} intervals\n",
    )


def verdicts(candidates: Iterable[tuple[str, Verdict]]) -> RenderableType:
    """One line per candidate: overall, then dimension by dimension."""
    lines: list[Text] = []
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    candidates = list(candidates)
    dimensions = [d.dimension for d in candidates[0][1].dimensions]  # the same for every candidate
    for column in ("candidate", "verdict", *dimensions):
        table.add_column(column, header_style="dim", no_wrap=column != "candidate")
    for name, verdict in candidates:
        by_dimension = [
            outcome(d.outcome) if d.required else Text(f"({dimension_words(d)})", style="dim")
            for d in verdict.dimensions
        ]
        table.add_row(Text(clean(name), style="bold"), outcome(verdict.outcome), *by_dimension)
        lines.append(Text.assemble((clean(name), "bold"), ": ", outcome(verdict.outcome), overflow="fold"))
        lines += [Text.assemble(f"  {d}: ", result) for d, result in zip(dimensions, by_dimension, strict=True)]
    return ResponsiveTable(table, Group(*lines))


def outcome(value: Outcome) -> Text:
    """An outcome as word, sign and colour."""
    return Text(f"{MARKS[value]} {value}", style=STYLES[value])


def rule_outcome(rule: RuleVerdict, *, required: bool = True) -> Text:
    """A rule's outcome; ``required``: whether the verdict depends on it."""
    return Text(f"{MARKS[rule.outcome]} {rule_words(rule, required=required)}", style=STYLES[rule.outcome])


def reason(name: str, verdict: Verdict) -> Text:
    """The verdict on one candidate and why."""
    text = Text.assemble("\n", (clean(name), "bold"), " is ", outcome(verdict.outcome), ": ", clean(verdict.reason))
    text.overflow = "fold"
    return text


def waivers(sentences: Sequence[str]) -> list[RenderableType]:
    """What was waived, as marked lines; nothing where nothing was."""
    return [_bullets(sentences, sign="~", style="yellow")] if sentences else []


def rules(verdict: Verdict, measures: Mapping[str, Estimate], policy: Policy) -> RenderableType:
    """One line per rule: both models' figures, what is judged with its interval, the margin, the outcome."""
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
            value, said = (
                judged(rule, required=dimension.required),
                rule_outcome(rule, required=dimension.required),
            )
            both = sides(rule.measure, measures)
            table.add_row(title(rule.measure), *both, value, margin(rule), said)
            change = f" {both[0]} -> {both[1]}, difference" if all(both) else ""
            lines.append(Text.assemble(f"{title(rule.measure)}{change} {value}, margin {margin(rule)}: ", said))
    return ResponsiveTable(table, Group(*lines))


def undecided(verdict: Verdict, say: Callable[[str], str] = str) -> list[RenderableType]:
    """Which way the undecided rules lean, and how more items are likely to end; nothing where there are none."""
    sentences = [say(sentence(dimension, rule)) for dimension, rule in outlooks(verdict)]
    return [Text("\n  what is undecided", style="bold"), _bullets(sentences)] if sentences else []


def context(measures: Mapping[str, Estimate], tests: Mapping[str, PairedTest], unit: str = "word") -> list[str]:
    """The flips, the paper's figures, and the agreement on what explanations weigh, each in a line."""
    lines: list[str] = []
    if "regressions" in measures:
        counts = [f"{measures[m].value:.1%} {words}" for m, words in FLIP_MEASURES.items()]
        lines.append(f"flips: {', '.join(counts)}; McNemar {p_value(tests['mcnemar'])}")
    if mass := _moved(measures, _MASS):
        lines.append(f"{mass} (the probability of all choices together)")
    if order := _moved(measures, _ORDER):
        lines.append(f"{order} (how far probabilities move in another order of the choices)")
    if paper := _moved(measures, _PAPER):
        lines.append(f"{paper} (10 bins; Brier summed over labels)")
    if scripts := _moved(measures, _SCRIPTS):
        lines.append(f"{scripts} (10 quantile bins, as the published scripts)")
    if "jaccard_lime_chance" in measures:
        return [*lines, *(published_words(measures, method) for method in PUBLISHED_METHODS)]
    lines += [top_words(measures, method, unit) for method in METHODS if f"jaccard_{method}" in measures]
    return lines


def _moved(measures: Mapping[str, Estimate], titles: Sequence[tuple[str, str]]) -> str:
    """The reference's and the candidate's figure of each of these measures that the run has."""
    return ", ".join(
        f"{name} {number(measures[f'{m}_reference'].value)} -> {number(measures[f'{m}_candidate'].value)}"
        for m, name in titles
        if f"{m}_reference" in measures
    )


def published_words(measures: Mapping[str, Estimate], method: str) -> str:
    """Jaccard of the top words under the published protocol, between its floor and its ceiling."""
    j, chance = (number(measures[f"jaccard_{method}{part}"].value) for part in ("", "_chance"))
    ceiling = measures.get(f"jaccard_{method}_ceiling")
    itself = "" if ceiling is None else f", reference against itself {number(ceiling.value)}"
    return f"top words by {method_title(method)}: Jaccard {j} (chance {chance}{itself})"


def published_title(protocol: ProtocolSummary, k: int | None) -> str:
    """The title of the table of all pairs."""
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


def patches_title(protocol: PatchSummary) -> str:
    """The title of the table of all pairs' patches."""
    few = protocol.occluded < protocol.items
    by_occlusion = f" ({protocol.occluded:,} by occlusion, those that all models answer rightly)" if few else ""
    return f"Jaccard of the pixels of the top patches, protocol {protocol.name}, {protocol.items:,} items{by_occlusion}"


def patch_pairs(pairs: Sequence[PatchAgreement]) -> RenderableType:
    """Every two models' agreement on their top patches, a column for each k; chance and ceiling below it."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    rows = patch_rows(pairs)
    for column in ("", "", "method", "", *(f"top {k}" for k in rows.ks)):
        table.add_column(column, header_style="dim", no_wrap=bool(column))
    for names, method, lines in rows.groups:
        for i, (what, estimates) in enumerate(lines.items()):
            of = [Text(clean(name), overflow="fold") for name in names] if i == 0 else ["", ""]
            figures = ("" if e is None else f"{e.value:.3f}" for e in estimates)
            table.add_row(*of, method_title(method) if i == 0 else "", what, *figures)
    return Padding(table, (0, 0, 0, 2))


def top_words(measures: Mapping[str, Estimate], method: str, unit: str = "word") -> str:
    """Jaccard of the top words, or other units, with its floor and its ceiling."""
    j = {name: measures.get(f"jaccard_{name}_{method}") for name in ("halves_chance", "halves", "ceiling_reference")}
    value = number(measures[f"jaccard_{method}"].value)
    text = f"top {plural(unit)} by {method_title(method)}: Jaccard {value} on shared masks"
    if f"jaccard_chance_{method}" in measures:
        text += f" (chance {number(measures[f'jaccard_chance_{method}'].value)})"
    if j["halves"] is not None and j["ceiling_reference"] is not None and j["halves_chance"] is not None:
        text += (
            f"; on independent masks {number(j['halves'].value)} (chance {number(j['halves_chance'].value)}, "
            f"reference against itself {number(j['ceiling_reference'].value)})"
        )
    return text


def warnings(all_findings: Sequence[Finding]) -> list[RenderableType]:
    """What must be read before any number."""
    return warning_lines(urgent(all_findings))


def warning_lines(warned: Sequence[str]) -> list[RenderableType]:
    """Warnings as marked lines; nothing where there are none."""
    return [Text(), _bullets(warned, sign="!", style="bold yellow")] if warned else []


def findings(all_findings: Sequence[Finding]) -> list[RenderableType]:
    """What else was found about the models."""
    rest = [f"{f.model}: {f.message}" for f in all_findings if f.kind not in URGENT]
    return [Text("\nabout the models", style="bold"), _bullets(rest)] if rest else []


_MASS, _ORDER = (("mass", "mass"),), (("order_effect", "order effect"),)
_PAPER = (("ece", "ECE"), ("mce", "MCE"), ("brier", "Brier"))
_SCRIPTS = (("ece_quantile", "ECE"), ("mce_quantile", "MCE"))


def _bullets(sentences: Sequence[str], *, sign: str = "-", style: str = "") -> RenderableType:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(width=3, justify="right")
    table.add_column(overflow="fold")
    for text in sentences:
        table.add_row(sign, Text(clean(text)), style=style)
    return table


def _indented(lines: Sequence[str]) -> Any:
    return Padding(Text("\n".join(lines), style="dim"), (0, 0, 0, 2))
