"""Finished shards on disk: an interrupted audit resumes from them, and an audit of a second candidate reuses them.

A shard is done if and only if its file exists, named after the SHA-256 of everything that decides its answer: the
model's files, versions and options, the items or perturbed texts, the settings. Each file is Parquet: one column a
label, with the key and a hash of the content in its metadata. There is no index, no lock and no pickle; several
processes may share a folder, since they write the same bytes.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from trusteq.data.clean import clean
from trusteq.models.traits import task_of, traits_of
from trusteq.work.folder import folder_at
from trusteq.work.shard import HERE, Answered, digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from trusteq.models.base import Model
    from trusteq.work.shard import Advance, Executor, Shard

SCHEMA_VERSION = 1
_METADATA = b"trusteq"
_UNUSABLE = (
    pa.ArrowException,
    OSError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    OverflowError,
    RecursionError,
)


class ShardFiles:
    """The shard files of a folder. notify: called with a line about each unusable file.

    requested: how many shards were looked up; taken_up: how many of them an earlier process had finished.
    """

    def __init__(self, where: str | Path, notify: Callable[[str], None] = lambda line: None) -> None:
        self.folder = folder_at(where)
        self.notify = notify
        self.requested = self.taken_up = 0
        self._written: set[str] = set()

    def read(self, key: str, size: int, columns: int) -> Answered | None:
        """The answer of the shard with this key; None where there is no file, or it is damaged."""
        name = f"{key}.parquet"
        content = self.folder.read(name)
        if content is None:
            return None
        try:
            return _unpacked(content, key, size, columns)
        except _UNUSABLE as error:
            reason = clean(" ".join(str(error).split())[:100])
            self.notify(
                f"{clean(str(self.folder))}/{name[:12]}...: damaged or foreign ({reason}); "
                "the file is set aside and its work repeated"
            )
            self.folder.set_aside(name)
            return None

    def count(self, key: str, exists: bool) -> None:
        """Count a shard that was looked up; what this process wrote itself is not taken up."""
        self.requested += 1
        self.taken_up += exists and key not in self._written

    def write(self, key: str, answer: Answered) -> None:
        """Keep an answer."""
        self._written.add(key)
        self.folder.write(f"{key}.parquet", _packed(key, answer))


def _packed(key: str, answer: Answered) -> bytes:
    rows = np.ascontiguousarray(answer.rows, dtype="<f8")
    sha256 = _hash(rows, answer)
    facts = {"schema_version": SCHEMA_VERSION, "key": key, "cut": dict(answer.cut), "sha256": sha256}
    if answer.counts is not None:
        facts["counts"] = answer.counts.tolist()
    table = pa.table({str(i): column for i, column in enumerate(rows.T)})
    out = BytesIO()
    pq.write_table(table.replace_schema_metadata({_METADATA: json.dumps(facts, ensure_ascii=False)}), out)
    return out.getvalue()


def _unpacked(content: bytes, key: str, size: int, columns: int) -> Answered:
    file = pq.ParquetFile(BytesIO(content))
    facts = json.loads((file.schema_arrow.metadata or {})[_METADATA])
    if facts["schema_version"] != SCHEMA_VERSION or facts["key"] != key:
        raise ValueError("it belongs to other work")
    # Checked before anything is unpacked: a small file can claim to hold a great deal.
    shape = (file.metadata.num_rows, file.metadata.num_columns)
    counts = None if facts.get("counts") is None else np.array(facts["counts"], dtype=np.int64)
    if counts is not None:
        if counts.ndim != 1 or len(counts) != size or (counts < 0).any():
            raise ValueError(f"it does not say how many rows each of {size} items has")
        size = int(counts.sum())
    if shape != (size, columns) or any(field.type != pa.float64() for field in file.schema_arrow):
        raise ValueError(f"it holds {shape[0]} x {shape[1]} values, not {size} x {columns} numbers")
    rows = np.stack([column.to_numpy() for column in file.read().columns], axis=1)
    cut = {str(id_): int(tokens) for id_, tokens in facts["cut"].items()}
    answer = Answered(rows, cut, counts)
    if facts["sha256"] != _hash(rows, answer):
        raise ValueError("its content is not what was written")
    return answer


def _hash(rows: NDArray[np.float64], answer: Answered) -> str:
    sha256 = hashlib.sha256(np.ascontiguousarray(rows, dtype="<f8").tobytes())
    sha256.update(digest(sorted(answer.cut.items())).encode())
    if answer.counts is not None:
        sha256.update(digest(answer.counts.tolist()).encode())
    return sha256.hexdigest()


@dataclass(frozen=True)
class CachingExecutor:
    """An executor that reads finished shards from files, and writes the others as soon as they are done.

    Without ``resume``, existing files are ignored and replaced.
    """

    files: ShardFiles
    executor: Executor = HERE
    resume: bool = True

    @property
    def threads(self) -> int:
        """Those of the executor that does the work."""
        return self.executor.threads

    def answers(self, model: Model, shards: Sequence[Shard], advance: Advance) -> Iterator[tuple[int, Answered]]:
        """Each shard's number and answer, finished ones first."""
        opening = traits_of(model).opening()
        if opening is None:  # a model without a known content: an earlier answer might be another model's
            yield from self.executor.answers(model, shards, advance)
            return
        setting = opening.content(), self.executor.threads
        keys = [digest(SCHEMA_VERSION, *setting, shard.content()) for shard in shards]
        missing, columns = [], len(task_of(model).columns(model.labels))
        for number, (key, shard) in enumerate(zip(keys, shards, strict=True)):
            answer = self.files.read(key, shard.size, columns) if self.resume else None
            self.files.count(key, answer is not None)
            if answer is None:
                missing.append(number)
            else:
                advance(shard.items)
                yield number, answer
        for at, answer in self.executor.answers(model, [shards[number] for number in missing], advance):
            self.files.write(keys[missing[at]], answer)
            yield missing[at], answer
