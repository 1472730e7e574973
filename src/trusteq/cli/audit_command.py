"""The command whose models and options may also come from an audit file."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

from trusteq.cli.model_options import ModelCommand
from trusteq.cli.value_types import YAML

AUDIT_FILE = "trusteq.audit_file"
"""Under this key, the context holds the content of the audit file, if there is one."""

GIVEN = (ParameterSource.COMMANDLINE, ParameterSource.DEFAULT_MAP)
"""The sources of what the user wrote, on the command line or in an audit file."""


class AuditCommand(ModelCommand):
    """``trusteq audit``: takes a reference and candidates, or an audit file in their place."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click parses them; what the command line does not say, an audit file says."""
        typed, _, parameters = self.make_parser(ctx).parse_args(args=list(args))
        reference: Any = typed.get("reference")
        if not isinstance(reference, str) or not reference.lower().endswith(YAML) or ctx.resilient_parsing:
            rest = super().parse_args(ctx, args)
            if not ctx.params["candidates"] and not ctx.resilient_parsing:
                both = "An audit compares models: name the reference, then one candidate or more"
                missing = next(p for p in self.params if p.name == "candidates")
                raise click.MissingParameter(both, ctx=ctx, param=missing)
            return rest
        from trusteq.cli.audit_file import read_audit_file

        if isinstance(typed.get("candidates"), tuple | list) and typed["candidates"]:
            raise click.UsageError(f"{reference} is an audit file, which names all models itself; leave the others out")
        options = {parameter.name or "" for parameter in parameters if isinstance(parameter, click.Option)}
        file = read_audit_file(reference, self, overridden=frozenset(options))
        ctx.meta[AUDIT_FILE] = file.content
        ctx.default_map = dict(file.options)
        rest = super().parse_args(ctx, args)
        for name, value in (("reference", file.models[0]), ("candidates", file.models[1:])):
            ctx.params[name] = value
            ctx.set_parameter_source(name, ParameterSource.DEFAULT_MAP)
        return rest
