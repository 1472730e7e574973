"""Finished shards on disk: what an interrupted audit goes on from, and what a second candidate need not repeat.

A shard is done if and only if its file is there, named after the SHA-256 of everything that decides its answer: the
model's files, versions and options, the items or perturbed texts, the settings. Each file is Parquet: one column a
label, and in its metadata the key again and a hash of the content. There is no index, no lock and no pickle; several
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
_NO_SHARD = (pa.ArrowException, OSError, ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError)


class ShardFiles:
    """The files of a folder. ``say`` is told of a file that is no good.

    asked: how many shards were looked for; taken_up: how many of them were there before.
    """

    def __init__(self, where: str | Path, say: Callable[[str], None] = lambda line: None) -> None:
        self.folder = folder_at(where)
        self.say = say
        self.asked = self.taken_up = 0
        self._own: set[str] = set()

    def read(self, key: str, size: int, columns: int) -> Answered | None:
        """The answer of the shard with this key; None where there is none, or what is there is damaged."""
        name = f"{key}.parquet"
        content = self.folder.read(name)
        if content is None:
            return None
        try:
            return _unpacked(content, key, size, columns)
        except _NO_SHARD as error:
            reason = clean(" ".join(str(error).split())[:100])
            self.say(
                f"{clean(str(self.folder))}/{name[:12]}...: set aside, it is damaged or foreign ({reason}); done again"
            )
            self.folder.set_aside(name)
            return None

    def count(self, key: str, found: bool) -> None:
        """Count a shard that was looked for; what this process wrote itself was not taken up."""
        self.asked += 1
        self.taken_up += found and key not in self._own

    def write(self, key: str, answer: Answered) -> None:
        """Keep an answer."""
        self._own.add(key)
        self.folder.write(f"{key}.parquet", _packed(key, answer))


def _packed(key: str, answer: Answered) -> bytes:
    rows = np.ascontiguousarray(answer.rows, dtype="<f8")
    told = {"schema_version": SCHEMA_VERSION, "key": key, "cut": dict(answer.cut), "sha256": _content(rows, answer)}
    if answer.counts is not None:
        told["counts"] = answer.counts.tolist()
    table = pa.table({str(i): column for i, column in enumerate(rows.T)})
    out = BytesIO()
    pq.write_table(table.replace_schema_metadata({_METADATA: json.dumps(told, ensure_ascii=False)}), out)
    return out.getvalue()


def _unpacked(content: bytes, key: str, size: int, columns: int) -> Answered:
    file = pq.ParquetFile(BytesIO(content))
    told = json.loads((file.schema_arrow.metadata or {})[_METADATA])
    if told["schema_version"] != SCHEMA_VERSION or told["key"] != key:
        raise ValueError("it is of other work")
    # Told before anything is unpacked: a small file can claim to hold a great deal.
    found = (file.metadata.num_rows, file.metadata.num_columns)
    counts = None if told.get("counts") is None else np.array(told["counts"], dtype=np.int64)
    if counts is not None:
        if counts.ndim != 1 or len(counts) != size or (counts < 0).any():
            raise ValueError(f"it does not say how many rows each of {size} items has")
        size = int(counts.sum())
    if found != (size, columns) or any(field.type != pa.float64() for field in file.schema_arrow):
        raise ValueError(f"it holds {found[0]} x {found[1]} values, not {size} x {columns} numbers")
    rows = np.stack([column.to_numpy() for column in file.read().columns], axis=1)
    cut = {str(id_): int(tokens) for id_, tokens in told["cut"].items()}
    answer = Answered(rows, cut, counts)
    if told["sha256"] != _content(rows, answer):
        raise ValueError("its content is not what was written")
    return answer


def _content(rows: NDArray[np.float64], answer: Answered) -> str:
    held = hashlib.sha256(np.ascontiguousarray(rows, dtype="<f8").tobytes())
    held.update(digest(sorted(answer.cut.items())).encode())
    if answer.counts is not None:
        held.update(digest(answer.counts.tolist()).encode())
    return held.hexdigest()


@dataclass(frozen=True)
class Kept:
    """An executor whose answers are kept: shards that are done are read, the others done and written at once.

    Without ``resume`` whatever is there is done anew.
    """

    files: ShardFiles
    executor: Executor = HERE
    resume: bool = True

    @property
    def threads(self) -> int:
        """Its own."""
        return self.executor.threads

    def answers(self, model: Model, shards: Sequence[Shard], advance: Advance) -> Iterator[tuple[int, Answered]]:
        """Each shard's number and answer: first those that are there."""
        opening = traits_of(model).opening()
        if opening is None:  # nobody knows what it is, so nobody can tell whether it still is
            yield from self.executor.answers(model, shards, advance)
            return
        made_by = opening.content(), self.executor.threads
        keys = [digest(SCHEMA_VERSION, *made_by, shard.content()) for shard in shards]
        missing, columns = [], len(task_of(model).columns(model.labels))
        for number, (key, shard) in enumerate(zip(keys, shards, strict=True)):
            found = self.files.read(key, shard.size, columns) if self.resume else None
            self.files.count(key, found is not None)
            if found is None:
                missing.append(number)
            else:
                advance(shard.items)
                yield number, found
        for at, answer in self.executor.answers(model, [shards[number] for number in missing], advance):
            self.files.write(keys[missing[at]], answer)
            yield missing[at], answer
