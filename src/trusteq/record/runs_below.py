"""The finished runs in a folder and below it."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from trusteq.errors import RunError
from trusteq.record.integrity import MANIFEST

if TYPE_CHECKING:
    from pathlib import Path

DEPTH = 4
"""How many folders deep runs are looked for."""

MOST_RUNS = 1_000
MOST_FOLDERS = 20_000
"""Beyond these, somebody has named a folder that is not one of runs, such as all of a disk."""


def is_run(folder: Path) -> bool:
    """Whether a folder looks like a run, perhaps a damaged one: other programs have a manifest.json, too."""
    return (folder / MANIFEST).is_file() and any((folder / name).exists() for name in ("audit.json", "policy.yaml"))


def runs_below(folder: Path) -> list[Path]:
    """Directories of runs, in the natural order of their names: 1.9 before 1.10.

    Links and hidden folders are not followed, folders that cannot be read are passed over, and nothing is looked for
    inside a run.
    """
    found: list[Path] = []
    seen, level = 0, [folder]
    for _ in range(DEPTH + 1):
        below = []
        for path in level:
            seen += 1
            if is_run(path):
                found.append(path)
            else:
                below += _folders(path)
            if len(found) > MOST_RUNS or seen > MOST_FOLDERS:
                raise RunError(
                    f"{folder}: more than {MOST_RUNS:,} runs or {MOST_FOLDERS:,} folders; name a folder further down"
                )
        level = below
    return sorted(found, key=lambda path: natural(path.relative_to(folder).as_posix()))


def natural(name: str) -> list[tuple[int, str]]:
    """What names are sorted by so that the numbers in them count as numbers."""
    parts = re.split(r"([0-9]+)", name)
    return [(int(part[:300]), "") if i % 2 else (-1, part) for i, part in enumerate(parts)]


def _folders(path: Path) -> list[Path]:
    try:
        with os.scandir(path) as entries:
            names = [e.name for e in entries if e.is_dir(follow_symlinks=False) and not e.name.startswith(".")]
    except OSError:
        return []
    return [path / name for name in sorted(names)]
