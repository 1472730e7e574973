"""``trusteq diff``: what changed between two finished runs."""

from __future__ import annotations

import click

from trusteq.cli.no_repeats import NoRepeats
from trusteq.cli.screen import print_json, show


@click.command(cls=NoRepeats)
@click.argument("older", metavar="RUN1", type=click.Path(path_type=str))
@click.argument("newer", metavar="RUN2", type=click.Path(path_type=str))
@click.option("--policy", default=None, help="Judge both runs by this preset or YAML file; default: each by its own.")
@click.option("--json", "as_json", is_flag=True, help="Print the whole comparison as JSON.")
def diff(older: str, newer: str, policy: str | None, as_json: bool) -> int:
    """Show what changed from RUN1 to RUN2: verdicts, estimates with intervals of their change, answers, settings.

    Candidates are matched by name; if each run has only one, these two are compared. Runs with the same items and the
    same reference are compared item by item.

    \b
    trusteq diff audits/1.0 audits/1.1

    Exit codes: 0 no verdict got worse, 1 a candidate's verdict or that of a required dimension got worse, 2 error.
    EQUIVALENT is best, NOT EQUIVALENT worst; UNDECIDED and NOT MEASURED are in between.
    """  # noqa: D301
    from trusteq.policy import read_policy
    from trusteq.record.evidence import evidence
    from trusteq.record.run import load_run, rejudge
    from trusteq.report.difference import difference
    from trusteq.report.difference_document import difference_document
    from trusteq.report.difference_terminal import render

    runs = [load_run(older), load_run(newer)]
    judged_by = (
        None if policy is None else read_policy(policy, [one for run in runs for one in run.document.own_measures])
    )
    before, after = [None, None] if judged_by is None else [rejudge(run, judged_by) for run in runs]
    result = difference(*map(evidence, runs), older_verdicts=before, newer_verdicts=after, policy=judged_by)
    if as_json:
        print_json(difference_document(result))
    else:
        show(render(result, older, newer))
    return result.exit_code
