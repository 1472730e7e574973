"""What a user may say about the models: the options that their backends take, and which of them each model gets."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import click

from trusteq.cli.lists import listed
from trusteq.cli.no_repeats import Once
from trusteq.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trusteq.models.backend import Backend
    from trusteq.models.options import Option

AFTER = "split"
"""The options about models come after this one about the items."""


class OpensModels(Once):
    """A command with the options of every backend, which are not looked up before the command is used."""

    @cached_property
    def model_options(self) -> dict[str, Option]:
        """Every backend's options that are given on the command line, by name."""
        from trusteq.models.open import backends

        return {option.name: option for backend in backends() for option in backend.options if option.help}

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's own parameters, and among them those of the backends."""
        own = super().get_params(ctx)
        taken = {flag for parameter in own for flag in parameter.opts}
        for option in self.model_options.values():
            if option.flag in taken:
                raise PluginError(
                    f"a plugin's model takes {option.flag}, which {self.name} has itself; rename its option"
                )
        place = next(i for i, parameter in enumerate(own, 1) if parameter.name == AFTER)
        return [*own[:place], *self._model_parameters, *own[place:]]

    @cached_property
    def _model_parameters(self) -> list[click.Parameter]:
        return [_parameter(option) for option in self.model_options.values()]


def _parameter(option: Option) -> click.Option:
    if option.value == "nothing":
        return click.Option([option.flag, option.name], is_flag=True, help=option.help)
    kind = click.IntRange(min=1) if option.value == "count" else click.STRING
    return click.Option([option.flag, option.name], type=kind, multiple=option.per_model, help=option.help)


def model_backends(named: Sequence[tuple[str, str]]) -> dict[str, Backend]:
    """How each model is run, by its name."""
    from trusteq.models.open import backend_of

    return {name: backend_of(location, name) for name, location in named}


def refuse_unused(asked: Mapping[str, Any], options: Mapping[str, Option], backends: Mapping[str, Backend]) -> None:
    """Stop at an option that none of the models takes, or not the one that it was given for."""
    for option in options.values():
        if not asked[option.name] or option.permits:
            continue
        users = [name for name, backend in backends.items() if option in backend.options]
        if not users:
            raise no_effect(option.flag, backends)
        for entry in asked[option.name] if option.per_model else ():
            target, sign, _ = entry.partition("=")
            if sign and target in backends and target not in users:
                raise click.UsageError(f"{option.flag} {entry} has no effect: {target} does not take it; leave it out")


def no_effect(flag: str, backends: Mapping[str, Backend]) -> click.UsageError:
    """The error about an option that no model takes."""
    return click.UsageError(f"{flag} has no effect: no model here ({', '.join(backends)}) takes it; leave it out")


def options_for(
    name: str, backends: Mapping[str, Backend], asked: Mapping[str, Any], of_items: Mapping[str, Any]
) -> dict[str, Any]:
    """What was said of one model, on the command line or by how the items are read, without what concerns others."""
    chosen = {}
    for option in backends[name].options:
        value = of_items.get(option.name) if not option.help else asked[option.name]
        if option.per_model:
            value = _for_model(asked[option.name], name, list(backends), option)
        if value is not None and value is not False and value != ():
            chosen[option.name] = listed(value) if option.several and isinstance(value, str) else value
    return chosen


def _for_model(given: Sequence[str], name: str, names: Sequence[str], option: Option) -> str | None:
    """The value given for this model by NAME=value, else the one given for all."""
    values: dict[str, str] = {}
    for entry in given:
        target, sign, value = entry.partition("=")
        target, value = (target, value) if sign else ("", entry)
        if target and target not in names:
            raise click.BadParameter(
                f"no model is called {target!r}; there are {', '.join(names)}", param_hint=option.flag
            )
        if target in values:
            whom = target or "all models"
            raise click.BadParameter(
                f"given twice for {whom}: {values[target]!r} and {value!r}", param_hint=option.flag
            )
        values[target] = value
    chosen = values.get(name, values.get(""))
    if chosen is not None and isinstance(option.value, tuple) and chosen not in option.value:
        neither = f"is neither {' nor '.join(option.value)}"
        raise click.BadParameter(f"{chosen!r} {neither}", param_hint=option.flag)
    return chosen
