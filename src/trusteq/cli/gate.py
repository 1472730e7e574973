"""``trusteq gate``: judge a finished run again, without any model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from trusteq.cli import dates
from trusteq.cli.lists import comma_separated
from trusteq.cli.no_repeats import NoRepeats
from trusteq.cli.screen import print_json, show
from trusteq.cli.streams import print_or_warn
from trusteq.cli.value_types import RUN
from trusteq.data.clean import clean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trusteq.models.base import Finding
    from trusteq.policy import Policy
    from trusteq.record.run import Run
    from trusteq.record.waivers import Passed
    from trusteq.verdict import Verdict


@click.command(cls=NoRepeats)
@click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=RUN)
@click.option(
    "--policy",
    "policy_name",
    default=None,
    help="Preset (default, generative, paper) or YAML file; default: the run's own.",
)
@click.option("--dimensions", default=None, help="Dimensions that EQUIVALENT requires, e.g. behaviour,calibration.")
@click.option("--candidate", "only", multiple=True, help="Judge only this candidate; may be repeated.")
@click.option("--waivers", "with_waivers", is_flag=True, help="Let rules pass that trusteq waive let pass until today.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdicts as JSON.")
def gate(
    runs: tuple[str, ...],
    policy_name: str | None,
    dimensions: str | None,
    only: tuple[str, ...],
    with_waivers: bool,
    as_json: bool,
) -> int:
    """Judge the finished RUN directory by a policy; no model is loaded.

    Several runs of the same models, such as one of choices and one of tokens, are judged together: every dimension that
    the policy requires must be EQUIVALENT in each run that measures it.

    With --waivers, the exit code leaves out the rules that somebody waived (trusteq waive) for this margin and whose
    last day is today (UTC) or later. The verdicts stay as they are.

    Exit codes: 0 every candidate is EQUIVALENT, 1 at least one is NOT EQUIVALENT, 3 UNDECIDED, 2 error.
    """
    from trusteq.policy import read_policy
    from trusteq.record.audit import exit_code
    from trusteq.record.evidence import notices_of
    from trusteq.record.policy_findings import about_policy
    from trusteq.record.run import load_run
    from trusteq.record.runs_together import judged_together, shared_policy
    from trusteq.record.waivers import passed
    from trusteq.report.wording import URGENT

    run, every = runs[0], [load_run(run) for run in runs]
    own = tuple(dict.fromkeys(one for each in every for one in each.document.own_measures))
    policy = shared_policy(every) if policy_name is None else read_policy(policy_name, own)
    if dimensions is not None:
        policy = policy.requiring(comma_separated(dimensions), own)
    judged = judged_together(every, policy)
    unknown = next((name for name in only if name not in judged), None)
    if unknown is not None:
        raise click.UsageError(f"--candidate {unknown}: {run} has no such candidate; choose from {', '.join(judged)}")
    judged = {name: verdict for name, verdict in judged.items() if name in only or not only}
    left: dict[str, Passed] = {}
    if with_waivers:
        left = {name: one for name, one in passed(every, policy, dates.today()).items() if name in judged}
    code = exit_code(verdict.outcome for verdict in judged.values())
    if with_waivers:
        code = max((one.exit_code for one in left.values()), key=(0, 3, 1).index)
    findings = tuple(
        dict.fromkeys(finding for each in every for finding in (*notices_of(each), *each.document.findings))
    )
    warnings = (*about_policy(policy), *(f for f in findings if f.kind in URGENT))
    with print_or_warn(code, run):
        if as_json:
            print_json(_document(policy, code, judged, warnings, left))
        else:
            _show(every, policy, judged, warnings, left)
    return code


def _show(
    runs: Sequence[Run],
    policy: Policy,
    judged: Mapping[str, Verdict],
    warnings: Sequence[Finding],
    left: Mapping[str, Passed],
) -> None:
    from trusteq.record.runs_together import measured_alone
    from trusteq.report import terminal
    from trusteq.report.waiver_words import waived_words
    from trusteq.report.wording import listed

    document = runs[0].document
    counts = [(run.document.items.n, run.document.items.ignored) for run in runs]
    if len(runs) == 1:
        show(terminal.headline(document.reference.name, *counts[0], policy))
    else:
        named = [f"{terminal.counted(*count)} in {run.directory}" for count, run in zip(counts, runs, strict=True)]
        show(terminal.question(document.reference.name, listed(named), policy))
    show(terminal.verdicts(judged.items()))
    if lines := terminal.warnings(warnings):
        show(*lines)
    for candidate in document.candidates:
        if (verdict := judged.get(candidate.name)) is not None:
            show(terminal.reason(candidate.name, verdict))
            if candidate.name in left:
                told = [*map(waived_words, left[candidate.name].waived)]
                if left[candidate.name].exit_code == 0 and told:
                    told.append("so it passes this gate; the verdict stays what it is")
                show(*terminal.waivers(told))
            if len(runs) == 1:
                show(terminal.rules(verdict, candidate.flat, policy))
            for run in runs if len(runs) > 1 else ():
                show(clean(f"in {run.directory}, {run.document.items.n:,} items:"))
                (own,) = (one for one in run.document.candidates if one.name == candidate.name)
                show(terminal.rules(measured_alone(run, candidate.name, policy), own.flat, policy))


def _document(
    policy: Policy, code: int, judged: Mapping[str, Verdict], warnings: Sequence[Finding], left: Mapping[str, Passed]
) -> dict[str, Any]:
    from trusteq.record.plain import plain

    waived = [(name, one) for name, passing in left.items() for one in passing.waived]
    return {
        "exit_code": code,
        "policy": policy.model_dump(mode="json"),
        "policy_sha256": policy.content(),
        "candidates": plain(judged),
        "notices": plain(warnings),
        "waivers": [
            {
                "candidate": name,
                "honoured": one.honoured,
                "outcome": one.rule.outcome,
                **one.waiver.model_dump(mode="json"),
            }
            for name, one in waived
        ],
    }
