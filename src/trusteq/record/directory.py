"""The run directory: everything an audit was made from and found, readable without trusteq.

    manifest.json        what was compared: content hashes, versions, settings, seed; the SHA-256 of every other file
    audit.json           verdicts and every estimate of the whole
    policy.yaml          the policy it was judged by
    items.parquet        id, texts and arrays, label, cluster, slice columns
    predictions/*.parquet  one file a model: id and one column a label
    estimates.parquet    every estimate, slices included, one row each
    flips.parquet        the items whose answer changed
    plan.parquet, values/*.parquet, removed/*.parquet, attributions.parquet, words.parquet   explanations, see
                         `record.explained`
    costs.json           size, speed and memory of the models on this machine, see `models.cost`
    work.json            finished work that was taken up, and other audits of the same, see `record.history`

It is written under a temporary name and renamed when whole, so a directory that is there is complete. The same
audit gives the same bytes: no times, no paths of this machine but those the user typed. Only ``costs.json`` and
``work.json`` tell how it went this time, and with them their hashes in ``manifest.json``.
"""

from __future__ import annotations

import errno
import glob
import hashlib
import json
import os
import platform
import re
import shutil
import tempfile
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from importlib import metadata
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import yaml

import trusteq
from trusteq.data import parquet
from trusteq.data.segment import is_described
from trusteq.errors import PolicyError, RunError
from trusteq.plugins import packages
from trusteq.record.address import fetched, is_address
from trusteq.record.audit import estimate_rows
from trusteq.record.costs import FILE as COSTS
from trusteq.record.costs import read_costs
from trusteq.record.document import SCHEMA_VERSION, AuditDocument, document, read_document
from trusteq.record.evidence import Evidence
from trusteq.record.explained import (
    attribution_columns,
    plan_columns,
    removed_columns,
    top_word_columns,
    value_columns,
    word_columns,
)
from trusteq.record.history import FILE as HISTORY
from trusteq.record.history import attempt_of, beside, notices, read_history
from trusteq.record.integrity import (
    MANIFEST,
    NO_HASHES,
    file_hashes,
    is_listed,
    judged_again,
    refuse_changed,
)
from trusteq.record.item_table import frame, item_columns, other_segments, write_table
from trusteq.record.json_file import read_json
from trusteq.record.older import as_today, refuse_newer
from trusteq.record.plain import plain
from trusteq.record.reading import read
from trusteq.record.saved import Manifest, refuse_strangers
from trusteq.record.tables import refuse_damaged_table
from trusteq.verdict import judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pandas as pd

    from trusteq.data.segment import Segment
    from trusteq.models.base import Finding
    from trusteq.policy import Policy
    from trusteq.record.audit import Audit, ModelResult
    from trusteq.record.history import History
    from trusteq.verdict import Verdict

_TAKEN = {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}
"""How it fails to take the place of what is there."""

_VERSIONS = ("numpy", "scipy", "scikit-learn", "pyarrow", "torch", "transformers", "tokenizers", "onnxruntime")


@dataclass(frozen=True)
class Run:
    """A finished run read back: its directory, manifest, ``audit.json`` and, where it has one, ``costs.json``.

    copied: whether the directory is a copy, so that what lies beside it is nothing of the run's.
    """

    directory: Path
    manifest: dict[str, Any]
    document: AuditDocument
    costs: dict[str, Any] | None = None
    history: History | None = None
    copied: bool = False

    @property
    def policy(self) -> Policy:
        """The policy that it was judged by."""
        return self.document.policy

    @cached_property
    def audit(self) -> dict[str, Any]:
        """``audit.json`` as JSON values."""
        content: dict[str, Any] = plain(self.document)
        return content

    def holds(self, file: str) -> bool:
        """Whether a file is of this run: it is there, and its hash is in the manifest, where that has any."""
        return is_listed(file, self.manifest) and (self.directory / file).is_file()

    def table(self, name: str) -> pd.DataFrame:
        """One of the run's Parquet tables: "estimates", "flips", "items" or "predictions/<file>"."""
        try:
            frame: pd.DataFrame = self._arrow(name).to_pandas(ignore_metadata=True)
        except (pa.ArrowException, ValueError, OverflowError, LookupError) as error:  # a time zone that nobody knows
            raise RunError(f"{self.directory / name}.parquet: damaged: {error}; copy the run again") from error
        return frame

    def other_segments(self) -> dict[str, Segment]:
        """What the models read beside texts, by name, where a file can hold it."""
        path = self.directory / "items.parquet"
        if not any(is_described(field) for field in _read(path, pq.read_schema)):
            return {}
        try:
            return other_segments(self._arrow("items"))
        except ValueError as error:
            raise RunError(f"{path}: damaged: {error}; copy the run again or audit again") from None

    def _arrow(self, name: str) -> pa.Table:
        path = self.directory / f"{name}.parquet"
        if not self.holds(f"{name}.parquet"):
            raise RunError(f"{self.directory}: no table {name!r}")
        table = _read(path, _unpacked)
        refuse_damaged_table(path, name, table, self.document, None if name == "items" else self._ids)
        return table

    @cached_property
    def _ids(self) -> pa.ChunkedArray:
        """The items' ids, as the file has them."""
        path = self.directory / "items.parquet"
        ids = _read(path, lambda file: _unpacked(file, ["id"]))["id"]
        if not (pa.types.is_string(ids.type) or pa.types.is_large_string(ids.type)) or ids.null_count:
            raise RunError(f"{path}: damaged: column 'id' holds {ids.type}, or has gaps; copy the run again")
        return ids.cast(pa.string())


def free_directory(directory: str | Path | None) -> Path:
    """Where a run may be written: the named directory if it is free, else "trusteq-run" or the next free number."""
    if directory is not None:
        path = Path(directory)
        if path.is_symlink():
            raise RunError(f"{path}: is a symbolic link (to {path.readlink()}); name the directory itself")
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise RunError(f"{path}: already exists; choose another --out or remove it")
        parent = path.resolve().parent
        while not parent.exists():
            parent = parent.parent
        try:
            # Rights alone do not tell: tried, so that it fails before the models run and not after.
            with tempfile.TemporaryDirectory(prefix=".trusteq-", dir=parent):
                return path
        except OSError as error:
            reason = error.strerror or error
            raise RunError(f"{path}: cannot be written in {parent} ({reason}); choose another --out") from None
    path = Path("trusteq-run")
    return free_directory(_free_name(path) if path.exists() else path)


def save(audit: Audit, directory: str | Path) -> Path:
    """Write the run directory whole, or not at all; returns where."""
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
                if error.errno not in _TAKEN:
                    raise
                beside = _free_name(path)
                draft.rename(beside)
                raise RunError(f"{path}: another command wrote there meanwhile; this run is {beside}") from None
    except OSError as error:
        raise RunError(f"{path}: cannot be written: {error.strerror or error}") from None
    return path


def _free_name(path: Path) -> Path:
    """The first of NAME-2, NAME-3 ... that is free."""
    return next(other for n in count(2) if not os.path.lexists(other := path.with_name(f"{path.name}-{n}")))


@contextmanager
def _draft_of(path: Path) -> Iterator[Path]:
    """An empty folder beside ``path``; those that killed processes left are removed."""
    for left in path.parent.glob(f".{glob.escape(path.name)}.*.part"):
        if not _alive(left.name.split(".")[-3]):
            shutil.rmtree(left, ignore_errors=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex}.part")
    draft.mkdir()
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _alive(pid: str) -> bool:
    """Whether there is such a process; what is no number, or not ours to ask, counts as one."""
    if not pid.isdecimal():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def load_run(directory: str | Path) -> Run:
    """A finished run at a path or address, or one clear line about why there is none."""
    path = fetched(str(directory)) if is_address(directory) else Path(directory)
    manifest, text = _read_today(path, MANIFEST)
    _refuse_incomplete(path, manifest)
    read(text, Manifest, where=str(path / MANIFEST))
    content, text = _read_today(path, "audit.json")
    document = read_document(text, where=str(path / "audit.json"))
    refuse_strangers(path, manifest, content)
    names = [model.name for model in (document.reference, *document.candidates)]
    costs = read_costs(path, names) if is_listed(COSTS, manifest) else None
    refuse_changed(path, manifest)
    document = judged_again(path, manifest, document)
    history = read_history(path) if is_listed(HISTORY, manifest) else None
    return Run(path, manifest, document, costs, history, copied=is_address(directory))


def _read_today(path: Path, name: str) -> tuple[dict[str, Any], str]:
    """One of the two JSON files that every run has, as content and as text; of an older version as today's."""
    try:
        content, text = read_json(path / name)
    except FileNotFoundError:
        raise RunError(f"{path}: not a run directory (no {name})") from None
    version = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise RunError(f"{path / name}: schema version {version!r} is none; copy the run again or audit again")
    if version > SCHEMA_VERSION:
        raise RunError(
            f"{path / name}: schema version {version!r}; this trusteq reads up to {SCHEMA_VERSION}; upgrade trusteq"
        )
    if version < SCHEMA_VERSION:
        refuse_newer(path / name, content)
        content = as_today(name, content)
        text = json.dumps(content)
    return content, text


def _refuse_incomplete(path: Path, manifest: dict[str, Any]) -> None:
    """Stop where a table of the run is missing or cut off."""
    models = manifest.get("models")
    listed = models if isinstance(models, list) else []
    files: list[Any] = [model.get("predictions") for model in listed if isinstance(model, dict)]
    if not files or not all(isinstance(file, str) for file in files):
        raise RunError(f"{path / 'manifest.json'}: damaged: it names no models or no predictions; copy the run again")
    for file in files:
        if not re.fullmatch(r"predictions/[A-Za-z0-9._-]+\.parquet", file):
            raise RunError(f"{path / 'manifest.json'}: damaged: {file!r} is no predictions file of a run")
    if manifest.get("plan") is not None:
        values = [file.replace("predictions/", "values/", 1) for file in files]
        files += ["plan.parquet", "attributions.parquet", "words.parquet", *values]
    for file in ("audit.json", "policy.yaml", "items.parquet", "estimates.parquet", "flips.parquet", *files):
        if isinstance(manifest.get("files"), dict) and not is_listed(file, manifest):
            raise RunError(f"{path / 'manifest.json'}: damaged: it holds no hash of {file}; copy the run again")
        if not (path / file).is_file():
            raise RunError(f"{path}: incomplete: no {file}; copy the run again or audit again")
        if file.endswith(".parquet"):
            _read(path / file, pq.read_metadata)


def _read(path: Path, read: Callable[[Path], Any]) -> Any:
    """What ``read`` makes of a Parquet file, or one clear line."""
    try:
        return read(path)
    except (pa.ArrowException, OSError, ValueError) as error:  # the last: names and texts that are not UTF-8
        reason = str(error).strip().split("\n")[0]
        raise RunError(f"{path}: damaged or cut off ({reason}); copy the run again or audit again") from None


def _unpacked(path: Path, names: Sequence[str] | None = None) -> pa.Table:
    """The named columns, by default all, as the file says they are; texts are shown to be text."""
    with parquet.opened(path) as file:
        schema = _with_metadata(file.metadata.schema.to_arrow_schema(), file.schema_arrow)
        odd = next((name for name in names or () if schema.names.count(name) != 1), None)
        if odd is not None:
            raise RunError(
                f"{path}: damaged: {schema.names.count(odd)} columns {odd!r}; copy the run again or audit again"
            )
        schema = schema if names is None else pa.schema([schema.field(name) for name in names])
        found = parquet.batches(file, schema.names, path)
        table = pa.Table.from_batches([batch.cast(schema) for batch in found], schema)
    table.validate(full=True)
    return table


def _with_metadata(schema: pa.Schema, told: pa.Schema) -> pa.Schema:
    """The schema with what the file tells of its columns beside their types."""
    if schema.names != told.names:
        return schema
    return pa.schema([field.with_metadata(other.metadata) for field, other in zip(schema, told, strict=True)])


def rejudge(run: Run, policy: Policy) -> dict[str, Verdict]:
    """Each candidate's verdict under another policy, from the run's estimates."""
    verdicts = {}
    for candidate in run.document.candidates:
        levels = {e.level for e in candidate.flat.values()}
        if levels and levels != {policy.level}:
            raise PolicyError(
                f"policy {policy.name} asks for {policy.level:.10g} intervals, but this run's are {min(levels):.10g}; "
                "set its level to that, or audit again with it"
            )
        verdicts[candidate.name] = judge(
            candidate.measures, policy, cluster_size=run.document.cluster_size, own=run.document.own_measures
        )
    return verdicts


def _write(audit: Audit, draft: Path) -> None:
    for name, columns in tables(audit).items():
        path = draft / f"{name}.parquet"
        path.parent.mkdir(exist_ok=True)
        write_table(columns(), path)
    policy = audit.policy.model_dump(mode="json", exclude_none=True)
    (draft / "policy.yaml").write_text(yaml.safe_dump(policy, sort_keys=False, allow_unicode=True), "utf-8")
    _json(draft / "audit.json", plain(document(audit)))
    if audit.costs is not None:
        _json(draft / COSTS, audit.costs.document())
    if audit.history is not None:
        _json(draft / HISTORY, audit.history.model_dump(mode="json"))
    _json(draft / MANIFEST, {**manifest(audit), "files": file_hashes(draft)})


def tables(audit: Audit) -> dict[str, Callable[[], dict[str, Any]]]:
    """The columns of every table of a run, by its name, each made when called."""
    found: dict[str, Callable[[], dict[str, Any]]] = {}
    files = [file.removesuffix(".parquet") for file in prediction_files(audit).values()]
    for model, file in zip(audit.everybody, files, strict=True):
        found[file] = partial(_prediction_columns, audit, model)
    found |= {name: partial(make, audit) for name, make in _TABLES.items()}
    if audit.explanation is not None:
        found |= {name: partial(make, audit) for name, make in _EXPLAINED_TABLES.items()}
        for i, file in enumerate(files):
            found[file.replace("predictions/", "values/")] = partial(value_columns, audit, i)
            found[file.replace("predictions/", "removed/")] = partial(removed_columns, audit, i)
    if audit.published is not None:
        found["top_words"] = partial(top_word_columns, audit)
    return found


def prediction_files(audit: Audit) -> dict[str, str]:
    """The file of each model's predictions, by its name; the peer's last."""
    return {model.name: f"predictions/{i:02d}-{_slug(model.name)}.parquet" for i, model in enumerate(audit.everybody)}


def evidence(run: Run) -> Evidence:
    """What a finished run's report is made from."""

    def table(name: str) -> pd.DataFrame | None:
        return run.table(name) if run.holds(f"{name}.parquet") else None

    return Evidence(run.document, run.manifest, table, run.costs, run.directory, notices_of(run), run.other_segments)


def notices_of(run: Run) -> tuple[Finding, ...]:
    """What a reader must know of how a run came about."""
    own = attempt_of(run.manifest, run.audit)
    told = notices(run.history, () if own is None or run.copied else beside(run.directory, own))
    return told if run.manifest["files"] else (NO_HASHES, *told)


def evidence_of(audit: Audit) -> Evidence:
    """The same of an audit in memory, saved or not: what is told of it is what would be read back."""
    made = tables(audit)
    told = read_document(json.dumps(plain(document(audit))), where="this audit")

    def table(name: str) -> pd.DataFrame | None:
        return frame(made[name]()) if name in made else None

    costs = None if audit.costs is None else audit.costs.document()
    others = {name: segment for name, segment in audit.items.segments.items() if segment.about()}
    noticed = notices(audit.history, ())
    return Evidence(told, manifest(audit), table, costs, notices=noticed, others=lambda: others)


def manifest(audit: Audit) -> dict[str, Any]:
    """What was compared and how: hashes, versions, settings, seed."""
    files = prediction_files(audit)
    return {
        "schema_version": SCHEMA_VERSION,
        "trusteq": trusteq.__version__,
        "python": platform.python_version(),
        "platform": platform.platform(terse=True),
        "versions": {name: version for name in _VERSIONS if (version := _version(name))} | packages(),
        "data": {
            "source": plain(audit.items.source),
            "content": audit.items.content(),
            "asked": replace(audit.items, labels=None, label_names=(), columns={}, clusters=None).content(),
            "arrays": [name for name, segment in audit.items.segments.items() if not segment.storable],
            "items": len(audit.items),
            "ids": _hash("\n".join(audit.items.ids)),
        },
        "models": [
            {
                "name": m.name,
                "role": "reference" if i == 0 else "candidate",
                **plain(m.identity),
                "predictions": files[m.name],
            }
            for i, m in enumerate(audit.models)
        ],
        "peer": None
        if audit.peer is None
        else {
            "name": audit.peer.name,
            "role": "peer",
            **plain(audit.peer.candidate.identity),
            "predictions": files[audit.peer.name],
        },
        "labels": list(audit.labels),
        "plan": None if audit.explanation is None else audit.explanation.content(),
        "policy": audit.policy.name,
        "settings": plain(audit.settings),
        "command": None if audit.command is None else [plain(word) for word in audit.command],
        "files": {},
    }


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
_EXPLAINED_TABLES = {"plan": plan_columns, "attributions": attribution_columns, "words": word_columns}


def _json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _slug(name: str) -> str:
    """A file name of a model's name: no separators, no leading dot."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:60] or "model"
