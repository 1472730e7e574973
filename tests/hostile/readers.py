"""Every reader of foreign files, with valid files of its own."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hostile.history_reader import histories
from hostile.model_readers import (
    configurations,
    graph,
    graphs_elsewhere,
    named_weights,
    tokenizer,
    tokenizer_files,
    transformer,
)
from hostile.reader import Reader
from hostile.run_readers import older_run, run_loaded, run_page, run_printed, run_verified

import trusteq
from trusteq import TrusteqError, open_model

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS: list[dict[str, Any]] = [
    {"id": f"i{n}", "text": f'the film was "good", {n}', "other": "straße 電影", "label": ("no", "maybe", "yes")[n % 3],
     "group": n % 2, "cluster": f"c{n // 2}", "score": n / 8}
    for n in range(9)
]  # fmt: skip
NAMES = tuple(ROWS[0])


def delimited(rows: list[dict[str, Any]], sign: str) -> bytes:
    """The rows as CSV or TSV."""
    cells = [list(rows[0]), *([str(value) for value in row.values()] for row in rows)]
    quoted = [['"' + cell.replace('"', '""') + '"' if '"' in cell else cell for cell in row] for row in cells]
    return "".join(sign.join(row) + "\n" for row in quoted).encode()


def json_lines(rows: list[dict[str, Any]]) -> bytes:
    """The rows as JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def data_files(folder: Path, *names: str) -> Reader:
    """Items in files of these names."""
    made = {
        "t.csv": delimited(ROWS, ","),
        "t.tsv": delimited(ROWS, "\t"),
        "t.jsonl": json_lines(ROWS),
        "t.csv.gz": gzip.compress(delimited(ROWS, ","), mtime=0),
        "t.jsonl.gz": gzip.compress(json_lines(ROWS), mtime=0),
    }
    for name in names:
        if name.endswith(".parquet"):
            notes = {"info": {"features": {"label": {"_type": "ClassLabel", "names": ["no", "maybe", "yes"]}}}}
            codes = [{**row, "label": n % 3, "list": [n, 0.5]} for n, row in enumerate(ROWS)]
            table = pa.Table.from_pylist(ROWS if name == "t.parquet" else codes)
            table = table.replace_schema_metadata({"huggingface": json.dumps(notes)} if name != "t.parquet" else None)
            pq.write_table(table, folder / name)
        else:
            (folder / name).write_bytes(made[name])

    def read(name: str) -> None:
        items = trusteq.read_items(
            folder / name, text=("text", "other"), label="label", slices="group", cluster="cluster"
        )
        items.content()
        trusteq.read_items(folder / name, text="text", id="text", slices=("score", "label"), by_row=False)

    return Reader.of(folder, read, *names)


def predictions(folder: Path) -> Reader:
    """Probabilities in files of four kinds."""
    rng = np.random.default_rng(0)
    rows = [
        {"id": f"i{n}", **dict(zip("abc", map(float, p), strict=True))}
        for n, p in enumerate(rng.dirichlet((1, 1, 1), 6))
    ]
    (folder / "p.csv").write_bytes(delimited(rows, ","))
    (folder / "p.jsonl").write_bytes(json_lines(rows))
    pq.write_table(pa.Table.from_pylist(rows), folder / "p.parquet")
    pq.write_table(pa.Table.from_pylist([{**row, "__index_level_0__": 1} for row in rows]), folder / "q.parquet")
    items = trusteq.Items(ids=[row["id"] for row in rows])

    def read(name: str) -> None:
        answers = np.asarray(open_model(folder / name, name="m").predict(items))
        assert np.isfinite(answers).all()
        assert np.abs(answers.sum(axis=1) - 1).max() < 1e-9

    return Reader.of(folder, read, "p.csv", "p.jsonl", "p.parquet", "q.parquet")


def results(folder: Path) -> Reader:
    """Answers to questions as four tools stored them, with the log of one as JSON."""
    from trusteq.data.inspect_log import _from_zip

    stored = Path(__file__).parent.parent / "results"
    (mood,), (ends,) = (stored.glob(f"lm_eval/reference/samples_tiny_{task}_*") for task in ("mood", "ends"))
    header, samples = _from_zip(stored / "inspect" / "reference.eval")
    small = [{key: value for key, value in sample.items() if key not in {"events", "store"}} for sample in samples]
    files = {
        "mood.jsonl": mood.read_bytes(),
        "ends.jsonl": ends.read_bytes(),
        "log.json": json.dumps({**header, "samples": small}).encode(),
        "log.eval": (stored / "inspect" / "reference.eval").read_bytes(),
        "details.parquet": (stored / "lighteval" / "reference" / "details_tiny_ends.parquet").read_bytes(),
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)

    def read(name: str) -> None:
        items = trusteq.read_items(folder / name)
        items.content()
        rows = open_model(folder / name, name="m").predict(items)
        sums = np.add.reduceat(rows.values[:, 0], np.cumsum(rows.counts) - rows.counts)
        assert np.abs(sums - 1).max() < 1e-9

    return Reader.of(folder, read, *files)


def token_probabilities(folder: Path) -> Reader:
    """What llama.cpp stored of two models, and what it printed."""
    from trusteq.data.llama_cpp_log import read as read_log
    from trusteq.models.stored_logits import compared

    stored = Path(__file__).parent.parent / "results" / "llama_cpp"
    names = ("reference.kld", "candidate.kld", "candidate.log")
    for name in names:
        (folder / name).write_bytes((stored / name).read_bytes())

    def read(name: str) -> None:
        if name.endswith(".log"):
            read_log(folder / name)
            return
        items = trusteq.read_items(folder / names[0])
        items.content()
        for model in compared([open_model(folder / file, name=file) for file in names[:2]]):
            model.predict(items)
            model.findings()

    return Reader.of(folder, read, *names)


# what users write


def policies(folder: Path) -> Reader:
    """The two presets."""
    from importlib import resources

    for name in ("default", "paper"):
        source = resources.files("trusteq.policies").joinpath(f"{name}.yaml")
        (folder / f"{name}.yaml").write_bytes(source.read_bytes())
    return Reader.of(folder, lambda name: str(trusteq.read_policy(folder / name)), "default.yaml", "paper.yaml")


def studies(folder: Path) -> Reader:
    """Two of the studies that are shipped."""
    from importlib import resources

    from trusteq.study.plan import read_study

    names = ("mini-nli.yaml", "noise-floor.yaml")
    for name in names:
        (folder / name).write_bytes(resources.files("trusteq.study.shipped").joinpath(name).read_bytes())
    return Reader.of(folder, lambda name: read_study(folder / name).in_order(), *names)


def shards(folder: Path) -> Reader:
    """Finished work: nothing, or the very rows that were written."""
    from trusteq.work.shard import Answered
    from trusteq.work.shard_files import ShardFiles

    rng = np.random.default_rng(0)
    answers = {f"{n}" * 64: Answered(rng.random((8, 3)), {"i7": 99, "ü": 70} if n else {}) for n in range(2)}
    files = ShardFiles(folder)
    for key, answer in answers.items():
        files.write(key, answer)

    def read(name: str) -> None:
        key = name.removesuffix(".parquet")
        found = files.read(key, 8, 3)
        (folder / f"{name}.damaged").unlink(missing_ok=True)
        if found is None:
            raise TrusteqError("set aside")
        assert np.array_equal(found.rows, answers[key].rows)
        assert found.cut == answers[key].cut

    return Reader.of(folder, read, *(f"{key}.parquet" for key in answers))


READERS: dict[str, Callable[[Path], Reader]] = {
    "CSV, TSV": lambda folder: data_files(folder, "t.csv", "t.tsv"),
    "JSON lines": lambda folder: data_files(folder, "t.jsonl"),
    "packed data": lambda folder: data_files(folder, "t.csv.gz", "t.jsonl.gz"),
    "Parquet": lambda folder: data_files(folder, "t.parquet", "codes.parquet"),
    "predictions": predictions,
    "results": results,
    "token probabilities": token_probabilities,
    "policy": policies,
    "study": studies,
    "run": run_loaded,
    "run of an older version": older_run,
    "run, verified": run_verified,
    "run, printed": run_printed,
    "run, page": run_page,
    "shard": shards,
    "history of work": histories,
    "transformer": transformer,
    "configurations": configurations,
    "tokenizer": tokenizer,
    "tokenizer, in transformers": tokenizer_files,
    "ONNX graph": graph,
    "ONNX graph, weights elsewhere": graphs_elsewhere,
    "ONNX graph, files named": named_weights,
}
