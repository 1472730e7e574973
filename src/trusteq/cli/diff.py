"""``trusteq diff``: what changed between two finished runs."""

from __future__ import annotations

import click

from trusteq.cli.no_repeats import Once
from trusteq.cli.screen import print_json, show


@click.command(cls=Once)
@click.argument("older", metavar="RUN1", type=click.Path(path_type=str))
@click.argument("newer", metavar="RUN2", type=click.Path(path_type=str))
@click.option("--policy", default=None, help="Judge both runs by this preset or YAML file; default: each by its own.")
@click.option("--json", "as_json", is_flag=True, help="Print everything that is known of the difference as JSON.")
def diff(older: str, newer: str, policy: str | None, as_json: bool) -> int:
    """Tell what changed from RUN1 to RUN2: verdicts, estimates with intervals of their change, answers, settings.

    Candidates are matched by name; where each run has one, these are. Runs of the same items beside the same reference
    are compared item by item.

    \b
    trusteq diff audits/1.0 audits/1.1

    Exit codes: 0 no verdict got worse, 1 a candidate's verdict or that of a required dimension got worse, 2 error.
    EQUIVALENT is best, NOT EQUIVALENT worst; UNDECIDED and NOT MEASURED stand between.
    """  # noqa: D301
    from trusteq.policy import read_policy
    from trusteq.record.directory import evidence, load_run, rejudge
    from trusteq.report.difference import difference
    from trusteq.report.difference_document import difference_document
    from trusteq.report.difference_terminal import render

    runs = [load_run(older), load_run(newer)]
    judged_by = None if policy is None else read_policy(policy)
    was, is_ = [None, None] if judged_by is None else [rejudge(run, judged_by) for run in runs]
    found = difference(*map(evidence, runs), older_verdicts=was, newer_verdicts=is_, policy=judged_by)
    if as_json:
        print_json(difference_document(found))
    else:
        show(render(found, older, newer))
    return found.exit_code
