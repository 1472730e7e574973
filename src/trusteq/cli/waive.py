"""``trusteq waive``: let a rule pass on purpose, by name, until a day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from trusteq.cli import dates
from trusteq.cli.no_repeats import NoRepeats
from trusteq.cli.value_types import RUN
from trusteq.data.clean import clean

if TYPE_CHECKING:
    from datetime import date


@click.command(cls=NoRepeats)
@click.argument("run", type=RUN)
@click.option("--candidate", required=True, help="The candidate that may pass.")
@click.option(
    "--rule", "rules", multiple=True, required=True, help="The rule's measure, e.g. disagreement; may be repeated."
)
@click.option("--because", required=True, help="The reason.")
@click.option("--by", required=True, help="Who decides.")
@click.option("--until", default=None, help="The last day on which the waiver counts (UTC), as YYYY-MM-DD.")
@click.option(
    "--policy", "policy_name", default=None, help="Preset or YAML file that has the rule; default: the run's."
)
@click.option("--revoke", is_flag=True, help="Take back the waiver of this rule.")
def waive(
    run: str,
    candidate: str,
    rules: tuple[str, ...],
    because: str,
    by: str,
    until: str | None,
    policy_name: str | None,
    revoke: bool,
) -> int:
    """Let a candidate of the finished RUN directory pass rules that it does not meet, on the record.

    The verdict stays what it is: the waiver is written beside the run, into waivers.json, shown in every report, and
    counts only for trusteq gate --waivers, until its last day. A later waiver of the same rule replaces it; both are
    kept.

    \b
    trusteq waive trusteq-run --candidate int8 --rule disagreement \\
        --by "A. Lee" --until 2027-01-31 \\
        --because "two answers over the margin, both reviewed"

    Exit codes: 0 written, 2 error.
    """  # noqa: D301
    from trusteq.policy import read_policy
    from trusteq.record.address import is_address
    from trusteq.record.run import load_run
    from trusteq.record.waivers import LONGEST, Waiver, counting, in_one_line, read_waivers, waivable, write_waivers
    from trusteq.report.waiver_words import waiver_words

    today = dates.today()
    last = _last_day(until, today, revoke=revoke)
    for flag, value in (("--because", because), ("--by", by)):
        if not in_one_line(value):
            raise click.UsageError(f"{flag} is empty; say {'why' if flag == '--because' else 'who decides'}")
        if len(value) > LONGEST:
            raise click.UsageError(f"{flag} has {len(value):,} characters; at most {LONGEST:,} can be kept")
    if is_address(run):
        raise click.UsageError(
            f"{run}: a waiver is written into a folder; waive in a copy, and upload its waivers.json"
        )
    found = load_run(run)
    policy = found.policy if policy_name is None else read_policy(policy_name, found.document.own_measures)
    judged = [waivable(found, policy, candidate, rule) for rule in dict.fromkeys(rules)]
    waivers = [
        Waiver(
            candidate=candidate,
            measure=rule.measure,
            rule=rule.rule,
            because=in_one_line(because),
            by=in_one_line(by),
            made=today,
            until=last,
        )
        for rule in judged
    ]
    if revoke:
        given = {waiver.key for waiver in counting(read_waivers(found))}
        missing = next((waiver.measure for waiver in waivers if waiver.key not in given), None)
        if missing is not None:
            raise click.UsageError(f"--rule {missing}: there is no waiver of it for {candidate} to take back")
    path = write_waivers(found, waivers)
    for rule, waiver in zip(judged, waivers, strict=True):
        click.echo(clean(f"{candidate}: {waiver_words(waiver)}; the rule stays {rule.outcome}"))
    click.echo(clean(f"written to {path}"), err=True)
    return 0


def _last_day(until: str | None, today: date, *, revoke: bool) -> date | None:
    """The last day of a waiver, which is today or later; None for one that is taken back."""
    if revoke:
        if until is not None:
            raise click.UsageError(
                "--until has no effect with --revoke, which counts from now on; remove one of the two"
            )
        return None
    if until is None:
        raise click.UsageError("name the last day on which the waiver counts, --until YYYY-MM-DD")
    last = dates.day(until, "--until")
    if last < today:
        raise click.UsageError(f"--until {last} is past (today is {today}, UTC); name today or a later day")
    return last
