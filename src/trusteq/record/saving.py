"""Writing a run directory: under a temporary name, renamed when complete, so that whatever exists is complete."""

from __future__ import annotations

import errno
import glob
import json
import os
import shutil
import tempfile
import uuid
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trusteq.data.yaml_file import dumped
from trusteq.errors import RunError
from trusteq.explain.patches import PublishedPatches
from trusteq.record.audit import estimate_rows
from trusteq.record.costs import FILE as COSTS
from trusteq.record.document import document
from trusteq.record.explanation_tables import (
    OUTLINED,
    agreement_columns,
    attribution_columns,
    outlined_columns,
    plan_columns,
    removed_columns,
    top_patch_columns,
    top_word_columns,
    value_columns,
    word_columns,
)
from trusteq.record.history import FILE as HISTORY
from trusteq.record.integrity import AUDIT_FILE, MANIFEST, file_hashes
from trusteq.record.item_table import item_columns, write_table
from trusteq.record.manifest import manifest, prediction_files
from trusteq.record.plain import plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from trusteq.record.audit import Audit, ModelResult

_OCCUPIED = {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}
"""Errors of renaming a directory to a path that already exists."""


def free_directory(directory: str | Path | None) -> Path:
    """Where a run can be written: the named directory if it is free, else "trusteq-run" or the next free number."""
    if directory is None:
        default = Path("trusteq-run")
        return free_directory(_free_name(default) if default.exists() else default)
    path = Path(directory)
    if path.is_symlink():
        raise RunError(f"{path}: is a symbolic link (to {path.readlink()}); name the directory itself")
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RunError(f"{path}: already exists; choose another --out or remove it")
    if path.exists() and ((mounted := path.resolve().is_mount()) or path.samefile(Path.cwd())):
        what = "a mount point" if mounted else "the folder that this runs in"
        raise RunError(f"{path}: is {what}, whose place nothing can take; name a folder inside it: {path / 'NAME'}")
    parent = path.resolve().parent
    while not parent.exists():
        parent = parent.parent
    try:
        # Permissions alone do not tell, so writing is tried: better to fail before the models run than after.
        with tempfile.TemporaryDirectory(prefix=".trusteq-", dir=parent):
            return path
    except OSError as error:
        reason = error.strerror or error
        raise RunError(f"{path}: cannot be written in {parent} ({reason}); choose another --out") from None


def save(audit: Audit, directory: str | Path) -> Path:
    """Write the complete run directory, or nothing; returns its path."""
    path = free_directory(directory)
    try:
        path.resolve().parent.mkdir(parents=True, exist_ok=True)
        with _draft_of(path.resolve()) as draft:
            _write(audit, draft)
            try:
                if path.exists():
                    path.rmdir()
                draft.rename(path)
            except OSError as error:
                if error.errno not in _OCCUPIED:
                    raise
                free = _free_name(path)
                draft.rename(free)
                raise RunError(f"{path}: another command wrote there in the meantime; this run is in {free}") from None
    except OSError as error:
        raise RunError(f"{path}: cannot be written: {error.strerror or error}") from None
    return path


def _free_name(path: Path) -> Path:
    """The first of NAME-2, NAME-3 ... that is free."""
    return next(other for n in count(2) if not os.path.lexists(other := path.with_name(f"{path.name}-{n}")))


@contextmanager
def _draft_of(path: Path) -> Iterator[Path]:
    """An empty folder next to ``path``; drafts that killed processes left behind are removed."""
    for abandoned in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        if not _is_running(abandoned.name.split(".")[-3]):
            shutil.rmtree(abandoned, ignore_errors=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex}.part")
    draft.mkdir()
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _is_running(pid: str) -> bool:
    """Whether a process has this id; true also if it is not a number, or if the system does not say."""
    if not pid.isdecimal():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _write(audit: Audit, draft: Path) -> None:
    for name, columns in tables(audit).items():
        path = draft / f"{name}.parquet"
        path.parent.mkdir(exist_ok=True)
        write_table(columns(), path)
    policy = audit.policy.model_dump(mode="json", exclude_none=True)
    (draft / "policy.yaml").write_text(dumped(policy), "utf-8")
    if audit.audit_file is not None:
        (draft / AUDIT_FILE).write_bytes(audit.audit_file)
    _write_json(draft / "audit.json", plain(document(audit)))
    if audit.costs is not None:
        _write_json(draft / COSTS, audit.costs.document())
    if audit.history is not None:
        _write_json(draft / HISTORY, audit.history.model_dump(mode="json"))
    _write_json(draft / MANIFEST, {**manifest(audit), "files": file_hashes(draft)})


def tables(audit: Audit) -> dict[str, Callable[[], dict[str, Any]]]:
    """The columns of every table of a run, by the table's name; each is computed when called."""
    columns: dict[str, Callable[[], dict[str, Any]]] = {}
    files = [file.removesuffix(".parquet") for file in prediction_files(audit).values()]
    for model, file in zip(audit.everybody, files, strict=True):
        columns[file] = partial(_prediction_columns, audit, model)
    columns |= {name: partial(make, audit) for name, make in _TABLES.items()}
    if audit.explanation is not None:
        columns |= {name: partial(make, audit) for name, make in _EXPLAINED_TABLES.items()}
        if any(table is not None for table in audit.explanation.outlined):
            columns[OUTLINED] = partial(outlined_columns, audit)
        for i, file in enumerate(files):
            columns[file.replace("predictions/", "values/")] = partial(value_columns, audit, i)
            columns[file.replace("predictions/", "removed/")] = partial(removed_columns, audit, i)
    if isinstance(audit.published, PublishedPatches):
        columns["top_patches"] = partial(top_patch_columns, audit)
    elif audit.published is not None:
        columns["top_words"] = partial(top_word_columns, audit)
    return columns


def _prediction_columns(audit: Audit, model: ModelResult) -> dict[str, Any]:
    ids = audit.items.ids
    if model.rows.counts is not None:
        ids = [ids[i] for i in model.rows.item.tolist()]
    columns = {name: model.rows.values[:, k] for k, name in enumerate(model.columns)}
    return {"id" if "id" not in columns else "item id": ids, **columns}


def _estimate_columns(audit: Audit) -> dict[str, Any]:
    rows = list(estimate_rows(audit))
    return {name: [row[name] for row in rows] for name in rows[0]}


def _flip_columns(audit: Audit) -> dict[str, Any]:
    flips = [{"candidate": c.name, **row} for c in audit.comparisons for row in c.flips]
    names = ["candidate", "id", "kind", "gold", "reference_answer", "reference_confidence"]
    names += ["candidate_answer", "candidate_confidence"]
    return {name: [row[name] for row in flips] for name in names}


_TABLES = {"items": lambda audit: item_columns(audit.items), "estimates": _estimate_columns, "flips": _flip_columns}
_EXPLAINED_TABLES = {
    "plan": plan_columns,
    "attributions": attribution_columns,
    "agreement": agreement_columns,
    "words": word_columns,
}


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
