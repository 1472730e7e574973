"""A finished run read back: complete, unchanged, and judged again by its own policy."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from trusteq.data.segment import is_described
from trusteq.errors import RunError
from trusteq.record.address import fetched, is_address
from trusteq.record.consistency import refuse_inconsistent
from trusteq.record.costs import FILE as COSTS
from trusteq.record.costs import read_costs
from trusteq.record.document import SCHEMA_VERSION, AuditDocument, AuditedCandidate, read_document
from trusteq.record.finished import Finished, in_a_line
from trusteq.record.history import FILE as HISTORY
from trusteq.record.history import read_history
from trusteq.record.integrity import MANIFEST, checked_verdicts, is_listed, refuse_changed
from trusteq.record.item_table import other_segments
from trusteq.record.json_file import read_json
from trusteq.record.judging import judged_by, refuse_other_level
from trusteq.record.manifest import Manifest
from trusteq.record.older_versions import refuse_later_fields, upgraded
from trusteq.record.parquet_table import checked, unpacked
from trusteq.record.plain import plain
from trusteq.record.reading import read
from trusteq.record.table_checks import refuse_damaged_table

if TYPE_CHECKING:
    import pandas as pd

    from trusteq.data.segment import Segment
    from trusteq.policy import Policy
    from trusteq.record.evidence import Evidence
    from trusteq.record.history import History
    from trusteq.verdict import Verdict


AGREEMENT_SINCE = 3
"""The schema version since which the agreement of each explained item is a table of the run."""


@dataclass(frozen=True, repr=False)
class Run(Finished[AuditedCandidate]):
    """A finished run: its directory, manifest, ``audit.json`` and, if it has one, ``costs.json``.

    copied: whether the directory is a temporary copy, so that the runs next to it have nothing to do with this one.
    """

    directory: Path
    manifest: dict[str, Any]
    document: AuditDocument
    costs: dict[str, Any] | None = None
    history: History | None = None
    copied: bool = False

    @cached_property
    def evidence(self) -> Evidence:
        """What reports and figures are drawn from."""
        from trusteq.record.evidence import evidence

        return evidence(self)

    @property
    def compared(self) -> tuple[AuditedCandidate, ...]:
        """Each candidate as ``audit.json`` has it."""
        return self.document.candidates

    def __repr__(self) -> str:
        document = self.document
        line = in_a_line(document.items.n, document.reference.name, document.candidates)
        return f"<Run {self.directory} of {line}>"

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
        """Whether a file belongs to this run: it exists, and the manifest lists its hash if it lists any."""
        return is_listed(file, self.manifest) and (self.directory / file).is_file()

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of its tables, such as "estimates" or "predictions/00-large"."""
        files = sorted(self.directory.rglob("*.parquet"))
        names = [file.relative_to(self.directory).as_posix() for file in files]
        return tuple(name.removesuffix(".parquet") for name in names if self.holds(name))

    def table(self, name: str) -> pd.DataFrame:
        """One of the run's `tables`, which are Parquet files."""
        try:
            frame: pd.DataFrame = self._arrow(name).to_pandas(ignore_metadata=True)
        except (pa.ArrowException, ValueError, OverflowError, LookupError) as error:  # e.g. an unknown time zone
            raise RunError(f"{self.directory / name}.parquet: damaged: {error}; copy the run again") from error
        return frame

    def other_segments(self) -> dict[str, Segment]:
        """The segments that are not texts, by name, as far as a file can store them."""
        path = self.directory / "items.parquet"
        if not any(is_described(field) for field in checked(path, pq.read_schema)):
            return {}
        try:
            return other_segments(self._arrow("items"))
        except ValueError as error:
            raise RunError(f"{path}: damaged: {error}; copy the run again or audit again") from None

    def _arrow(self, name: str) -> pa.Table:
        path = self.directory / f"{name}.parquet"
        if not self.holds(f"{name}.parquet"):
            raise RunError(f"{self.directory}: no table {name!r}; it has {', '.join(self.tables)}")
        table = checked(path, unpacked)
        refuse_damaged_table(path, name, table, self.document, None if name == "items" else self._ids)
        return table

    @cached_property
    def _ids(self) -> pa.ChunkedArray:
        """The items' ids, as stored in the file."""
        path = self.directory / "items.parquet"
        ids = checked(path, lambda file: unpacked(file, ["id"]))["id"]
        if not (pa.types.is_string(ids.type) or pa.types.is_large_string(ids.type)) or ids.null_count:
            raise RunError(f"{path}: damaged: column 'id' holds {ids.type}, or has gaps; copy the run again")
        return ids.cast(pa.string())


def load_run(directory: str | Path) -> Run:
    """The finished run at a path or address, or a one-line error that says why there is none."""
    path = fetched(str(directory)) if is_address(directory) else Path(directory)
    manifest, text = _read_upgraded(path, MANIFEST)
    _refuse_incomplete(path, manifest)
    read(text, Manifest, where=str(path / MANIFEST))
    content, text = _read_upgraded(path, "audit.json")
    document = read_document(text, where=str(path / "audit.json"))
    refuse_inconsistent(path, manifest, content)
    names = [model.name for model in (document.reference, *document.candidates)]
    costs = read_costs(path, names) if is_listed(COSTS, manifest) else None
    refuse_changed(path, manifest)
    document = checked_verdicts(path, manifest, document)
    history = read_history(path) if is_listed(HISTORY, manifest) else None
    return Run(path, manifest, document, costs, history, copied=is_address(directory))


def rejudge(run: Run, policy: Policy) -> dict[str, Verdict]:
    """Each candidate's verdict under another policy, from the run's estimates."""
    verdicts = {}
    for candidate in run.document.candidates:
        refuse_other_level(policy, candidate)
        verdicts[candidate.name] = judged_by(policy, candidate, run.document)
    return verdicts


def _read_upgraded(path: Path, name: str) -> tuple[dict[str, Any], str]:
    """One of the two JSON files that every run has, as content and text, in the present schema version."""
    try:
        content, text = read_json(path / name)
    except FileNotFoundError:
        raise RunError(f"{path}: not a run directory (no {name})") from None
    version = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise RunError(f"{path / name}: unknown schema version {version!r}; copy the run again or audit again")
    if version > SCHEMA_VERSION:
        raise RunError(
            f"{path / name}: schema version {version!r}; this trusteq reads up to {SCHEMA_VERSION}; upgrade trusteq"
        )
    if version < SCHEMA_VERSION:
        refuse_later_fields(path / name, content)
        content = upgraded(name, content)
        text = json.dumps(content)
    return content, text


def _refuse_incomplete(path: Path, manifest: dict[str, Any]) -> None:
    """Stop if a table of the run is missing or truncated."""
    models = manifest.get("models")
    listed = models if isinstance(models, list) else []
    files: list[Any] = [model.get("predictions") for model in listed if isinstance(model, dict)]
    if not files or not all(isinstance(file, str) for file in files):
        raise RunError(f"{path / MANIFEST}: damaged: it names no models or no predictions; copy the run again")
    for file in files:
        if not re.fullmatch(r"predictions/[A-Za-z0-9._-]+\.parquet", file):
            raise RunError(f"{path / MANIFEST}: damaged: {file!r} is not a predictions file of a run")
    if manifest.get("plan") is not None:
        values = [file.replace("predictions/", "values/", 1) for file in files]
        files += ["plan.parquet", "attributions.parquet", "words.parquet", *values]
        files += ["agreement.parquet"] if manifest.get("schema_version", 1) >= AGREEMENT_SINCE else []
    for file in ("audit.json", "policy.yaml", "items.parquet", "estimates.parquet", "flips.parquet", *files):
        if isinstance(manifest.get("files"), dict) and not is_listed(file, manifest):
            raise RunError(f"{path / MANIFEST}: damaged: it holds no hash of {file}; copy the run again")
        if not (path / file).is_file():
            raise RunError(f"{path}: incomplete: no {file}; copy the run again or audit again")
        if file.endswith(".parquet"):
            checked(path / file, pq.read_metadata)
