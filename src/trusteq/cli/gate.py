"""``trusteq gate``: judge a finished run again, without any model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from trusteq.cli.lists import comma_separated
from trusteq.cli.no_repeats import NoRepeats
from trusteq.cli.screen import print_json, show
from trusteq.cli.streams import print_or_warn

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trusteq.models.base import Finding
    from trusteq.policy import Policy
    from trusteq.record.run import Run
    from trusteq.verdict import Verdict


@click.command(cls=NoRepeats)
@click.argument("run", type=click.Path(path_type=str))
@click.option(
    "--policy",
    "policy_name",
    default=None,
    help="Preset (default, generative, paper) or YAML file; default: the run's own.",
)
@click.option("--dimensions", default=None, help="Dimensions that EQUIVALENT requires, e.g. behaviour,calibration.")
@click.option("--candidate", "only", multiple=True, help="Judge only this candidate; may be repeated.")
@click.option("--json", "as_json", is_flag=True, help="Print the verdicts as JSON.")
def gate(run: str, policy_name: str | None, dimensions: str | None, only: tuple[str, ...], as_json: bool) -> int:
    """Judge the finished RUN directory by a policy; no model is loaded.

    Exit codes: 0 every candidate is EQUIVALENT, 1 at least one is NOT EQUIVALENT, 3 UNDECIDED, 2 error.
    """
    from trusteq.policy import read_policy
    from trusteq.record.audit import exit_code
    from trusteq.record.evidence import notices_of
    from trusteq.record.policy_findings import about_policy
    from trusteq.record.run import load_run, rejudge
    from trusteq.report.wording import URGENT

    finished = load_run(run)
    own = finished.document.own_measures
    policy = finished.policy if policy_name is None else read_policy(policy_name, own)
    if dimensions is not None:
        policy = policy.requiring(comma_separated(dimensions), own)
    judged = rejudge(finished, policy)
    unknown = next((name for name in only if name not in judged), None)
    if unknown is not None:
        raise click.UsageError(f"--candidate {unknown}: {run} has no such candidate; choose from {', '.join(judged)}")
    judged = {name: verdict for name, verdict in judged.items() if name in only or not only}
    code = exit_code(verdict.outcome for verdict in judged.values())
    findings = (*notices_of(finished), *finished.document.findings)
    warnings = (*about_policy(policy), *(f for f in findings if f.kind in URGENT))
    with print_or_warn(code, run):
        if as_json:
            print_json(_document(policy, code, judged, warnings))
        else:
            _show(finished, policy, judged, warnings)
    return code


def _show(finished: Run, policy: Policy, judged: Mapping[str, Verdict], warnings: Sequence[Finding]) -> None:
    from trusteq.report import terminal

    document = finished.document
    show(terminal.headline(document.reference.name, document.items.n, policy, document.items.ignored))
    show(terminal.verdicts(judged.items()))
    if lines := terminal.warnings(warnings):
        show(*lines)
    for candidate in document.candidates:
        if (verdict := judged.get(candidate.name)) is not None:
            show(terminal.reason(candidate.name, verdict))
            show(terminal.rules(verdict, candidate.flat, policy))


def _document(policy: Policy, code: int, judged: Mapping[str, Verdict], warnings: Sequence[Finding]) -> dict[str, Any]:
    from trusteq.record.plain import plain

    return {
        "exit_code": code,
        "policy": policy.model_dump(mode="json"),
        "policy_sha256": policy.content(),
        "candidates": plain(judged),
        "notices": plain(warnings),
    }
