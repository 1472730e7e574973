"""Folders of pictures or sounds: a subfolder for each label, or a metadata file that says more of each file.

    photos/cat/1.jpg             photos/metadata.csv (or .jsonl), with a column file_name
    photos/dog/2.jpg             photos/1.jpg

A folder of such folders has them as its splits. Files that are neither, and hidden ones, are passed over.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import TYPE_CHECKING, Any, Literal

from trusteq.data import delimited, jsonl, picture_decoding
from trusteq.data.table import Table, selected
from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Medium = Literal["picture", "sound"]

SUFFIXES: dict[str, Medium] = {
    **dict.fromkeys(sorted(picture_decoding.SUFFIXES), "picture"),
    **dict.fromkeys((".wav", ".flac", ".mp3", ".ogg", ".oga", ".opus", ".aiff", ".aif", ".au"), "sound"),
}
"""What a file is, by the end of its name."""
FILE_NAME, LABEL = "file_name", "label"
"""The columns with a file's path in the folder, and its subfolder."""
METADATA = {"metadata.csv": delimited.read_csv, "metadata.jsonl": jsonl.read}

_DATASET = ("dataset_dict.json", "state.json", "dataset_info.json")
"""A dataset that the `datasets` library saved has one of these."""
_DATA = {".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".arrow", ".gz"}


def medium_of(folder: Path, split: str | None = None) -> Medium | None:
    """What this folder is one of; None if it is none, such as a dataset or a folder of tables."""
    if not folder.is_dir() or any((folder / name).exists() for name in _DATASET):
        return None
    if split is not None and (folder / split).is_dir():
        return medium_of(folder / split)
    names = {path.name for path in _inside(folder)}
    if not names & METADATA.keys() and any(Path(name).suffix.lower() in _DATA for name in names):
        return None
    return next((SUFFIXES[Path(name).suffix.lower()] for name in _media(folder)), None)


def read(folder: Path, columns: Sequence[str] | None, limit: int | None, split: str | None) -> Table:
    """The requested columns: file_name, picture or sound, and label or those of the metadata file."""
    root = _root(folder, split)
    medium = medium_of(root)
    if medium is None:
        raise DataError(f"{root}: no pictures or sounds; a split has a subfolder for each label, or a metadata file")
    metadata = [name for name in METADATA if (root / name).is_file()]
    if len(metadata) > 1:
        raise DataError(f"{root}: has {' and '.join(metadata)}; keep the one that describes the files")
    table = METADATA[metadata[0]](root / metadata[0], None, None) if metadata else _by_subfolder(root)
    if FILE_NAME not in table.columns:
        raise DataError(f"{table.source}: no column {FILE_NAME!r}; name each row's file there")
    if medium in table.columns:
        raise DataError(f"{table.source}: column {medium!r} has the name that the files themselves get; rename it")
    files = [{"path": name} for name in table.texts(FILE_NAME)]
    everything: dict[str, Any] = {**table.columns, medium: files}
    names = selected(list(everything), columns, str(root))
    rows = table.rows if limit is None else min(table.rows, limit)
    lines = None if table.lines is None else table.lines[:rows]
    return Table(str(root), {name: everything[name][:rows] for name in names}, rows, lines=lines, typed=table.typed)


def file_named(table: Table, row: int, name: str, path: str) -> Path:
    """The file that a cell of column ``name`` names, in the folder of the table; an error if it leads out of it."""
    source = Path(table.source)
    if not source.exists():  # a data frame, whose maker says where files are
        return Path(path)
    parts = {*PurePosixPath(path).parts, *PureWindowsPath(path).parts}
    if ".." in parts or "\x00" in path or PurePosixPath(path).is_absolute() or PureWindowsPath(path).anchor:
        folder = source if source.is_dir() else source.parent
        raise table.error(
            row, name, f"leads out of the folder {folder}: {path!r}; name files in it, such as 'photos/1.jpg'"
        )
    return (source if source.is_dir() else source.parent) / path


def _root(folder: Path, split: str | None) -> Path:
    """The folder itself, or that of a split."""
    splits = _splits(folder)
    if split is None and not splits:
        return folder
    if split is None:
        raise DataError(f"{folder}: has the splits {', '.join(splits)}; choose one with --split")
    if split not in splits:
        raise DataError(
            f"{folder}: no split {split!r}; " + (f"choose from {', '.join(splits)}" if splits else "it has none")
        )
    return folder / split


def _splits(folder: Path) -> list[str]:
    """Subfolders that are folders of pictures or sounds themselves, if the folder's own files are all in them."""
    if any((folder / name).is_file() for name in METADATA):
        return []
    depths = {len(PurePosixPath(name).parts) for name in _media(folder)}
    inside = [path.name for path in _inside(folder) if path.is_dir()]
    described = [name for name in inside if any((folder / name / own).is_file() for own in METADATA)]
    return [name for name in inside if any(_media(folder / name))] if depths == {3} else described


def _media(folder: Path, depth: int = 3) -> Iterator[str]:
    """The paths of pictures and sounds in the folder, in order, at most so many levels down."""
    for path in _inside(folder):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            yield from (f"{path.name}/{name}" for name in (_media(path, depth - 1) if depth > 1 else ()))
        elif path.suffix.lower() in SUFFIXES:
            yield path.name


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({error.strerror or error}); check its permissions") from None


def _by_subfolder(root: Path) -> Table:
    """The files and the subfolders that they are in."""
    files = list(_media(root))
    kinds = sorted({SUFFIXES[Path(name).suffix.lower()] for name in files})
    if len(kinds) > 1:
        raise DataError(
            f"{root}: holds pictures and sounds; put them into a folder each, or name files in metadata.csv"
        )
    levels = {len(PurePosixPath(name).parts): name for name in reversed(files)}
    if set(levels) not in ({1}, {2}):
        odd = levels.get(1) or levels[max(levels)]
        raise DataError(f"{root}: {odd}: not in a subfolder named after its label, as others are; move or remove it")
    columns: dict[str, Any] = {FILE_NAME: files}
    if 2 in levels:
        columns[LABEL] = [PurePosixPath(name).parts[0] for name in files]
    return Table(str(root), columns, len(files))
