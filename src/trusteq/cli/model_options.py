"""Options about the models: those that their backends take, and which of them each model gets."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trusteq.cli.grouped import Grouped
from trusteq.cli.lists import comma_separated
from trusteq.cli.value_types import NAMES, PLACE
from trusteq.errors import PluginError
from trusteq.models.backend import Backend
from trusteq.models.options import GIVEN
from trusteq.plugins import with_plugins

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trusteq.models.options import Option

AFTER = "split"
"""The options about models are listed after this option about the items."""


class ModelCommand(Grouped):
    """A command with the options of every backend; they are looked up when the command is used, not before."""

    @cached_property
    def model_options(self) -> dict[str, Option]:
        """Every backend's options that are given on the command line, by name."""
        none: dict[str, Backend] = {}
        of_plugins = (
            option
            for backend in with_plugins("trusteq.models", none, Backend).values()
            for option in backend.options
            if option.help
        )
        return {option.name: option for option in (*GIVEN, *of_plugins)}

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """The command's own parameters, and among them those of the backends."""
        parameters = super().get_params(ctx)
        flags = {flag for parameter in parameters for flag in parameter.opts}
        for option in self.model_options.values():
            if option.flag in flags:
                raise PluginError(
                    f"a plugin's model has the option {option.flag}, which {self.name} itself has; rename the plugin's"
                )
        after = next(i for i, parameter in enumerate(parameters, 1) if parameter.name == AFTER)
        return [*parameters[:after], *self._model_parameters, *parameters[after:]]

    @cached_property
    def _model_parameters(self) -> list[click.Parameter]:
        return [_parameter(option) for option in self.model_options.values()]


def _parameter(option: Option) -> click.Option:
    if option.value == "nothing":
        return click.Option([option.flag, option.name], is_flag=True, help=option.help)
    kinds: dict[Any, Any] = {"count": click.IntRange(min=1), "path": PLACE}
    kind = NAMES if option.several else kinds.get(option.value, click.STRING)
    return click.Option([option.flag, option.name], type=kind, multiple=option.per_model, help=option.help)


def model_backends(locations: Sequence[tuple[str, str]], *, download: bool = False) -> dict[str, Backend]:
    """The backend of each model, by the model's name."""
    from trusteq.models.open import backend_of

    return {name: backend_of(location, name, download=download) for name, location in locations}


def refuse_unused(
    options: Mapping[str, Any], model_options: Mapping[str, Option], backends: Mapping[str, Backend]
) -> None:
    """Stop at an option that none of the models takes, or that the model it is given for does not take."""
    data = options.get("data")
    elsewhere = data is not None and not Path(data).expanduser().exists()
    for option in model_options.values():
        if not options[option.name] or (option.permits and elsewhere):
            continue
        users = [name for name, backend in backends.items() if option in backend.options]
        if not users:
            raise no_effect(option.flag, backends)
        for entry in options[option.name] if option.per_model else ():
            target, sign, _ = entry.partition("=")
            if sign and target in backends and target not in users:
                raise click.UsageError(f"{option.flag} {entry} has no effect: {target} does not take it; remove it")


def no_effect(flag: str, backends: Mapping[str, Backend]) -> click.UsageError:
    """The error about an option that no model takes."""
    return click.UsageError(f"{flag} has no effect: no model here ({', '.join(backends)}) takes it; remove it")


def options_for(
    name: str, backends: Mapping[str, Backend], options: Mapping[str, Any], matching: Mapping[str, Any]
) -> dict[str, Any]:
    """One model's options: those given on the command line, and by ``matching`` how its rows are matched to items."""
    chosen = {}
    for option in backends[name].options:
        value = options[option.name] if option.help else matching.get(option.name)
        if option.per_model:
            value = _for_model(options[option.name], name, list(backends), option)
        if value is not None and value is not False and value != ():
            chosen[option.name] = comma_separated(value) if option.several and isinstance(value, str) else value
    return chosen


def _for_model(entries: Sequence[str], name: str, names: Sequence[str], option: Option) -> str | None:
    """The value given for this model by NAME=value, else the one given for all."""
    values: dict[str, str] = {}
    for entry in entries:
        target, sign, value = entry.partition("=")
        target, value = (target, value) if sign else ("", entry)
        if target and target not in names:
            raise click.BadParameter(
                f"no model named {target!r}; choose from {', '.join(names)}", param_hint=option.flag
            )
        if target in values:
            model = target or "all models"
            raise click.BadParameter(
                f"given twice for {model}: {values[target]!r} and {value!r}", param_hint=option.flag
            )
        values[target] = value
    chosen = values.get(name, values.get(""))
    if chosen is not None and isinstance(option.value, tuple) and chosen not in option.value:
        raise click.BadParameter(f"{chosen!r} is not one of {', '.join(option.value)}", param_hint=option.flag)
    return chosen
