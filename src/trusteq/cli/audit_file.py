"""The audit file: everything that ``trusteq audit`` is told, as YAML.

Its keys are the command's options, in sections as ``--help`` has them, and its values are checked as theirs are: the
file is turned into the values of these options, so that it cannot say anything else than they can.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from trusteq.cli.audit_file_schema import audit_file_model, keys_of
from trusteq.cli.model_names import names_and_locations
from trusteq.cli.value_types import ITEMS, MODEL, PLACE, POLICY
from trusteq.data.yaml_file import read_yaml, validated
from trusteq.errors import OptionError
from trusteq.models.hub import is_hub_id
from trusteq.policy import PRESETS, parse_policy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Set

    from trusteq.cli.audit_command import AuditCommand


@dataclass(frozen=True)
class AuditFile:
    """What an audit file says.

    content: its bytes. models: the reference and the candidates, as on the command line. options: values of other
    options, by their parameters' names.
    """

    content: bytes
    models: tuple[str, ...]
    options: Mapping[str, Any]


def read_audit_file(path: str, command: AuditCommand, *, overridden: Set[str] = frozenset()) -> AuditFile:
    """The audit file at a path, without the options that are overridden (and those that would contradict them)."""
    content = read_yaml(path, missing="no such audit file", error=OptionError)
    said = checked(content, command, where=path)
    folder = os.path.dirname(path)  # noqa: PTH120 - a Path would change how locations are written
    entries = {"reference": [said.models.reference], "candidates": said.models.candidates, "peer": []}
    if said.models.peer is not None and "peer" not in overridden and "no_explain" not in overridden:
        entries["peer"] = [said.models.peer]
    specs = [_spec(entry, folder) for role in entries.values() for entry in role]
    names = [name for name, _ in names_and_locations(specs)]
    options = _options(said, command, folder, where=path)
    if content.get("explain") is False:
        options["no_explain"] = True
    for name, entry in zip(names, (entry for role in entries.values() for entry in role), strict=True):
        for key in keys_of(command):
            value = getattr(entry, key.name, None) if key.option.multiple else None
            if value is not None:
                if "=" in name:
                    raise OptionError(
                        f"{path}: {key.name} of {name!r} cannot be told from its name, which has '='; give it a name: "
                        "of its own"
                    )
                options.setdefault(key.option.name or "", []).append(f"{name}={_found(value, key.option, folder)}")
    if entries["peer"]:
        options["peer"] = specs[-1]
    for one, other in _exclusive(command):
        for mine, others in ((one, other), (other, one)):
            if mine & overridden:
                options = {name: value for name, value in options.items() if name not in others}
    # Another policy means what it says, whatever dimensions the file's was narrowed to.
    gone = overridden | ({"dimensions"} if "policy" in overridden else set())
    options = {name: value for name, value in options.items() if name not in gone}
    return AuditFile(Path(path).read_bytes(), tuple(specs[: 1 + len(entries["candidates"])]), options)


def checked(content: Any, command: AuditCommand, *, where: str) -> Any:
    """The content as a model of pydantic's, or one clear line about the first thing wrong with it."""
    said = validated(content, audit_file_model(command), where=where, what="audit file", error=OptionError)
    if isinstance(policy := getattr(said, "policy", None), dict):
        parse_policy(policy, where=f"{where}: policy")
    return said


def _exclusive(command: AuditCommand) -> Iterator[tuple[Set[str], Set[str]]]:
    """Options that exclude each other: what is given on the command line removes the others from the file."""
    explain = {key.option.name or "" for key in keys_of(command) if key.section == "explain"}
    yield {"no_explain"}, explain
    yield {"protocol"}, explain - {"protocol", "explain_items"}
    yield {"explain_ids"}, {"explain_items"}
    yield {"no_slices"}, {"slices"}
    yield {"by_row"}, {"id_column"}
    yield {"ray"}, {"ray_address"}


def _spec(entry: Any, folder: str) -> str:
    """The model as the command line has it: its location, or NAME=LOCATION."""
    location = entry.location
    name, sign, rest = location.partition("=")
    if entry.name is None and sign and name and rest and not set(name) & set("/\\") and not _exists(location, folder):
        return f"{name}={_path(rest, folder, MODEL)}"
    found = _path(location, folder, MODEL)
    return found if entry.name is None else f"{entry.name}={found}"


def _options(said: Any, command: AuditCommand, folder: str, *, where: str) -> dict[str, Any]:
    """The values of all options that are not about one model."""
    options: dict[str, Any] = {}
    for key in keys_of(command):
        section = getattr(said, key.section) if key.section else said
        value = None if section is None else getattr(section, key.name)
        if value is None or value is False:
            continue
        found = _found(value, key.option, folder)
        if isinstance(value, dict):
            found = parse_policy(value, where=f"{where}: policy")
        options[key.option.name or ""] = [found] if key.option.multiple else found
    return options


def _found(value: Any, option: click.Option, folder: str) -> Any:
    """The value; a path in the file's folder as it is seen from here."""
    is_path = option.type in (PLACE, ITEMS, POLICY) or isinstance(option.type, click.Path)
    return _path(value, folder, option.type) if is_path and isinstance(value, str) else value


def _path(text: str, folder: str, kind: Any) -> str:
    on_hub = kind in (MODEL, ITEMS) and is_hub_id(text) and not _exists(text, folder) and not _exists(text, "")
    if on_hub or "://" in text or text.startswith("~") or (kind is POLICY and text in PRESETS):
        return text
    return os.path.join(folder, text)  # noqa: PTH118 - a Path would change how locations are written


def _exists(text: str, folder: str) -> bool:
    return Path(folder, text).exists()
