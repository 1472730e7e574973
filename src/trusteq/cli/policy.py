"""``trusteq policy``: the presets, the schema and the measures that rules can name."""

from __future__ import annotations

import math

import click

from trusteq.cli.no_repeats import NoRepeats
from trusteq.cli.screen import print_json


@click.group()
def policy() -> None:
    """Show presets, the JSON Schema of policies, and the measures that rules can name."""


@policy.command(cls=NoRepeats)
@click.argument("name", default="default")
def show(name: str) -> None:
    """Print a preset, as a start for a policy of your own, or check a policy file."""
    from trusteq.data.yaml_file import dumped
    from trusteq.policy import read_policy

    content = read_policy(name).model_dump(mode="json", exclude_none=True)
    click.echo(dumped(content), nl=False)


@policy.command(cls=NoRepeats)
def schema() -> None:
    """Print the JSON Schema of policies."""
    from trusteq.policy import policy_schema

    print_json(policy_schema())


@policy.command(cls=NoRepeats)
def measures() -> None:
    """Print every measure that a rule can name: by dimension, its name, what it is called, and its bounds."""
    from trusteq.comparing.measures import DIMENSIONS, find_measure, names_of

    for dimension in DIMENSIONS:
        click.echo(f"{dimension}:")
        known = [measure for name in names_of(dimension) if (measure := find_measure(name))]
        widest = max(len(measure.name) for measure in known)
        for measure in known:
            click.echo(f"  {measure.name:<{widest}}  {measure.title}: {_range(*measure.bounds)}")


def _range(low: float, high: float) -> str:
    """The values from low to high, in words."""
    if math.isinf(low):
        return "any number" if math.isinf(high) else f"at most {high:.4g}"
    return f"{low:.4g} or more" if math.isinf(high) else f"{low:.4g} to {high:.4g}"
