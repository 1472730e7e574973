"""What other packages add to trusteq by entry points: models, readers, tasks, segments, units, measures and figures.

    [project.entry-points."trusteq.measures"]
    asymmetric_cost = "my_package.costs:ASYMMETRIC_COST"

A group is looked up when it is first needed; nothing in it is imported before.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

from trusteq.errors import PluginError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.metadata import EntryPoint

T = TypeVar("T")

GROUPS = (
    "trusteq.models",
    "trusteq.readers",
    "trusteq.tasks",
    "trusteq.segments",
    "trusteq.units",
    "trusteq.measures",
    "trusteq.figures",
)
"""The groups of entry points; the objects of a group are of one kind."""


def with_plugins(group: str, builtin: Mapping[str, T], kind: Any) -> dict[str, T]:
    """trusteq's own entries of a group and those that installed packages add, by name.

    An error if an entry cannot be imported, is not of its ``kind`` or has a name that is already in use.
    """
    entries = dict(builtin)
    for name, (point, value) in _plugins(group).items():
        where = _where(point)
        if name in builtin:
            raise PluginError(f"{where} has a name that trusteq itself uses; the package must rename it")
        if not (callable(value) if kind is callable else isinstance(value, kind)):
            expected = "a function" if kind is callable else f"a {kind.__name__}"
            raise PluginError(f"{where} is {type(value).__name__} {str(value)[:60]!r}, where {expected} is expected")
        entries[name] = value
    return entries


def entry(value: str) -> Any:
    """The object at "module:name", as an entry point names it; its module is imported when it is asked for."""
    from importlib.metadata import EntryPoint

    return EntryPoint("", value, "").load()


def packages() -> dict[str, str]:
    """The version of each installed package that adds something, by the package's name."""
    from importlib.metadata import entry_points

    installed = entry_points()
    points = (point for group in GROUPS for point in installed.select(group=group))
    return {point.dist.name: point.dist.version for point in points if point.dist is not None}


@cache
def _plugins(group: str) -> dict[str, tuple[EntryPoint, Any]]:
    """Each entry point of a group and the object it refers to, by name, in alphabetical order."""
    from importlib.metadata import entry_points

    loaded: dict[str, tuple[EntryPoint, Any]] = {}
    for point in sorted(entry_points(group=group), key=lambda point: (point.name, _package(point))):
        if point.name in loaded:
            raise PluginError(f"{_where(point)} is also added by {_package(loaded[point.name][0])}; uninstall one")
        try:
            value = point.load()
        except Exception as error:  # importing another package's module can raise anything
            why = f"{type(error).__name__}: {error}"
            raise PluginError(f"{_where(point)} cannot be imported ({why}); repair or uninstall the package") from None
        loaded[point.name] = (point, value)
    return loaded


def _where(point: EntryPoint) -> str:
    return f"plugin {_package(point)}: {point.group} {point.name!r}"


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.value
