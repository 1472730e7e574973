"""What an audit file may hold: a key for each option of ``trusteq audit``, in sections as ``--help`` has them.

``python -m trusteq.cli.audit_file_schema`` prints the JSON Schema.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

import click
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, create_model

from trusteq.cli.value_types import ITEMS, NAMES, PLACE, POLICY
from trusteq.policy import policy_schema

if TYPE_CHECKING:
    from trusteq.cli.audit_command import AuditCommand

SECTIONS = {"Models": "models", "Data": "data", "Explanations": "explain", "Where it runs": "run"}
"""The section of each group of options; options of other groups are keys of the file itself."""

OUTSIDE = ("task",)
"""Keys of the file itself, although their options are in a group that has a section."""

NOT_HERE = ("as_json", "quiet", "progress_json", "no_explain", "help")
"""Options that the file does not have: how results are shown, and what it says in another way."""

STRICT = ConfigDict(extra="forbid", frozen=True, strict=True)


@dataclass(frozen=True)
class Key:
    """A key of the file: its section ("" for none), its name there, and the option that it stands for."""

    section: str
    name: str
    option: click.Option


def audit_file_schema(command: AuditCommand) -> dict[str, Any]:
    """The JSON Schema of audit files."""
    schema, policy = audit_file_model(command).model_json_schema(), policy_schema()
    schema["$defs"] |= policy.pop("$defs") | {"Policy": policy}
    schema["properties"]["policy"]["anyOf"] = [{"type": ["string", "null"]}, {"$ref": "#/$defs/Policy"}]
    return schema


def text() -> str:
    """The published schema."""
    from trusteq.cli.audit import audit

    return json.dumps(audit_file_schema(audit), indent=2) + "\n"


def keys_of(command: AuditCommand) -> list[Key]:
    """Every key that stands for an option."""
    options = [
        parameter
        for parameter in command.get_params(click.Context(command))
        if isinstance(parameter, click.Option) and parameter.expose_value and parameter.name not in (*NOT_HERE, "peer")
    ]
    # Options of a plugin's models are in no group.
    groups = {flag: SECTIONS.get(heading, "") for heading, flags in command.groups.items() for flag in flags}
    keys = []
    for option in options:
        section = "" if option.name in OUTSIDE else groups.get(option.opts[0], "models")
        name = option.opts[0].lstrip("-").replace("-", "_")
        name = "location" if name == "data" else name.removeprefix("explain_") if section == "explain" else name
        keys.append(Key(section, name, option))
    order = [flag for flags in command.groups.values() for flag in flags]
    return sorted(keys, key=lambda key: order.index(key.option.opts[0]) if key.option.opts[0] in order else len(order))


@cache
def audit_file_model(command: AuditCommand) -> type[BaseModel]:
    """What an audit file must look like, as a model of pydantic's."""
    fields: dict[str, dict[str, Any]] = {section: {} for section in ("", *SECTIONS.values())}
    per_model: dict[str, Any] = {}
    for key in keys_of(command):
        about = command.model_options.get(key.option.name or "")
        kind = Literal[about.value] if about and isinstance(about.value, tuple) else _type(key.option)
        field = (kind | None, Field(None, description=(key.option.help or "").replace("[NAME=]", "")))
        fields[key.section][key.name] = field
        if key.section == "models" and key.option.multiple:
            per_model[key.name] = field
    models = _models(fields["models"], per_model, peer=_help(command, "peer"))
    data: Any = create_model("Data", __config__=STRICT, **fields["data"])
    explain: Any = create_model("Explain", __config__=STRICT, **fields["explain"])
    run = create_model("Run", __config__=STRICT, **fields["run"])
    return create_model(
        "AuditFile",
        __config__=STRICT,
        models=(models, Field(description="The models that are compared, and options for all of them.")),
        data=(
            Annotated[data | None, BeforeValidator(_located), _OrText()],
            Field(
                None, description="The items and what their columns mean; a path alone, if no column has to be named."
            ),
        ),
        **fields[""],
        explain=(
            Annotated[explain | None, BeforeValidator(_explained), _OrFalse()],
            Field(None, description="How models are explained, or false to skip explanations, the slowest part."),
        ),
        run=(run | None, Field(None, description="Where the work is done.")),
    )


def _models(fields: dict[str, Any], per_model: dict[str, Any], *, peer: str | None) -> type[BaseModel]:
    """The section about models: options for all of them, and options that each may have."""
    location = (Location, Field(description="Where the model is: a file, a folder or a hub id; or what --help names."))
    name: Any = (
        ModelName | None,
        Field(None, description="Its name in the results.  [default: after its file or folder]"),
    )
    entry: Any = create_model("Model", __config__=STRICT, location=location, name=name, **per_model)
    entry_or_text: Any = Annotated[entry, BeforeValidator(_located), _OrText()]
    return create_model(
        "Models",
        __config__=STRICT,
        reference=(entry_or_text, Field(description="The large model, which is to be replaced.")),
        candidates=(
            Annotated[tuple[entry_or_text, ...], Field(min_length=1, strict=False), BeforeValidator(_several)],
            Field(description="The models that may replace it."),
        ),
        peer=(
            Annotated[entry | None, BeforeValidator(_located), _OrText()],
            Field(None, description=peer),
        ),
        **fields,
    )


def _help(command: AuditCommand, name: str) -> str | None:
    return next(p.help for p in command.params if isinstance(p, click.Option) and p.name == name)


def _type(option: click.Option) -> Any:
    """What a value of this option is in the file."""
    kind = option.type
    if option.is_flag:
        return bool
    if option.type is POLICY:
        return Annotated[str | dict[str, Any], BeforeValidator(_policy), WithJsonSchema({"type": ["string", "object"]})]
    if kind is NAMES:
        return Names
    if isinstance(kind, click.Choice):
        return Literal[tuple(kind.choices)]
    if isinstance(kind, click.IntRange):
        return Annotated[int, Field(ge=kind.min, le=kind.max)]
    if kind is click.FLOAT:
        return Annotated[float, Field(strict=False)]
    return Location if kind in (PLACE, ITEMS) or isinstance(kind, click.Path) else Text


def _text(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("must be a text; YAML reads yes, no, on, off and dates as something else, so put it in quotes")
    if not str(value).strip():
        raise ValueError("is empty; leave it out")
    return str(value)


def _names(value: Any) -> Any:
    """Names with commas between them, as on the command line."""
    names = [_text(name) for name in (value if isinstance(value, list) else [value])]
    if isinstance(value, list) and (comma := next((name for name in names if "," in name), None)):
        raise ValueError(f"{comma!r} has a comma, which separates names on the command line; rename it")
    if not names:
        raise ValueError("is empty; leave it out")
    return ",".join(names)


def _name(value: Any) -> Any:
    if set(text := str(_text(value))) & set("/\\="):
        raise ValueError("must not contain '/', '\\' or '='")
    return text


def _policy(value: Any) -> Any:
    return value if isinstance(value, dict) else _text(value)


def _located(value: Any) -> Any:
    """A location alone as a mapping."""
    return {"location": value} if isinstance(value, str) else _mapping(value, "the path, or a mapping of options")


def _several(value: Any) -> Any:
    if not isinstance(value, list):
        raise ValueError("must be a list, even of one model")
    return value


def _explained(value: Any) -> Any:
    """The mapping; ``explain: false`` is left for later."""
    return None if value is False else _mapping(value, "false, or a mapping of options")


def _mapping(value: Any, wanted: str) -> Any:
    if value is not None and not isinstance(value, dict | BaseModel):
        raise ValueError(f"must be {wanted}")
    return value


Text = Annotated[str, BeforeValidator(_text), WithJsonSchema({"type": ["string", "integer"]})]
Location = Annotated[str, BeforeValidator(_text), WithJsonSchema({"type": "string"})]
ModelName = Annotated[str, BeforeValidator(_name), WithJsonSchema({"type": "string"})]
Names = Annotated[
    str,
    BeforeValidator(_names),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": ["string", "integer"]},
                {"type": "array", "items": {"type": ["string", "integer"]}, "minItems": 1},
            ]
        }
    ),
]


class _OrText:
    """In the schema: a text may stand for the mapping that has only this location."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, handler(schema)]}


class _OrFalse:
    """In the schema: false may stand in place of the mapping."""

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [{"const": False}, handler(schema)]}


if __name__ == "__main__":
    print(text(), end="")
