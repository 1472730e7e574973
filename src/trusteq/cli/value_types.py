"""What the value of an option is: a list of names, a path, a policy, a run. The shell completes it accordingly."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from collections.abc import Iterator


class _Names(click.ParamType):  # type: ignore[type-arg]
    """Names with commas between them, such as columns or labels."""

    name = "names"


class _Place(click.ParamType):  # type: ignore[type-arg]
    """A path, or what else says where something is: a hub id, an address such as s3://..."""

    name = "path"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Files and folders, which the shell lists itself."""
        return [CompletionItem(incomplete, type="file")]


class _Hub(_Place):
    """A path, or an id on the Hugging Face hub."""


class _Policy(_Place):
    """The name of a policy that comes with trusteq, or a file."""

    name = "policy"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The presets, and YAML files; where there are none, all files and folders."""
        from trusteq.policy import PRESETS

        found = [CompletionItem(name) for name in PRESETS if name.startswith(incomplete)]
        found += [CompletionItem(str(path)) for path in _paths(incomplete) if path.suffix in YAML]
        return found or super().shell_complete(ctx, param, incomplete)


class _Run(_Place):
    """A finished run: its directory or address."""

    name = "run"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Run directories; where there are none, all files and folders."""
        found = [CompletionItem(str(path)) for path in _paths(incomplete) if (path / "manifest.json").is_file()]
        return found or super().shell_complete(ctx, param, incomplete)


def _paths(incomplete: str) -> Iterator[Path]:
    """The files and folders whose path begins so, in order."""
    folder, _, start = incomplete.rpartition("/")
    where = Path(folder + "/" if incomplete.startswith("/") else folder)
    if where.is_dir():
        yield from sorted(path for path in where.iterdir() if path.name.startswith(start))


YAML = (".yaml", ".yml")
NAMES, PLACE, POLICY, RUN = _Names(), _Place(), _Policy(), _Run()
MODEL, ITEMS = _Hub(), _Hub()
