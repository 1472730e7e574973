"""Every reader of foreign files, with valid files of its own, and what it makes of them when they are spoilt."""

from __future__ import annotations

import gzip
import json
import resource
import shutil
import signal
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hostile.spoil import spoilt

import trusteq
from trusteq.errors import TrusteqError
from trusteq.models.open import open_model

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

LONGEST = 600
"""Characters that the one line of an error must stay below."""

MOST_KIB = 2**20
"""KiB by which one input may raise the peak of the process's memory."""

RUN = Path(__file__).parents[1] / "runs" / "golden" / "schema-1"


@dataclass(frozen=True)
class Reader:
    """Files in a folder, of which one at a time is spoilt, and what reads them given that one's name.

    seconds: how long one input may take.
    """

    folder: Path
    seeds: dict[str, bytes]
    read: Callable[[str], object]
    seconds: float = 5
    others: dict[str, list[bytes]] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path, read: Callable[[str], object], *names: str, seconds: float = 5) -> Reader:
        """The reader of these files, which are in the folder and valid."""
        seeds = {name: (folder / name).read_bytes() for name in names}
        kin = {
            n: [c for other, c in seeds.items() if other != n and Path(other).suffix == Path(n).suffix] for n in names
        }
        return cls(folder, seeds, read, seconds, kin)

    def spoilt(self, rng: Random) -> tuple[str, bytes]:
        """The name of one of its files and what it might hold."""
        name = rng.choice(list(self.seeds))
        return name, spoilt(rng, name, self.seeds[name], self.others[name])

    def outcome(self, name: str, content: bytes) -> str:
        """What comes of the file with this content: "read", "refused", or what should never come."""
        (self.folder / name).write_bytes(content)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began = time.perf_counter()
        try:
            with within(self.seconds), warnings.catch_warnings():
                warnings.simplefilter("error")
                self.read(name)
            ended = "read"
        except TrusteqError as error:
            line = str(error)
            ended = "refused"
            if "\n" in line or "\r" in line or len(line) >= LONGEST:
                ended = f"a message of {len(line)} characters and {len(line.splitlines())} lines: {line[:200]!r}"
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            at = error.__traceback__
            place = ""
            while at is not None:
                if "trusteq" in at.tb_frame.f_code.co_filename:
                    place = f"{Path(at.tb_frame.f_code.co_filename).name}:{at.tb_lineno}"
                at = at.tb_next
            ended = f"{type(error).__name__} at {place}: {str(error)[:200]!r}"
        finally:
            (self.folder / name).write_bytes(self.seeds[name])
        took = time.perf_counter() - began
        more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak
        if ended in {"read", "refused"} and took > self.seconds:
            return f"{took:.0f} seconds"
        return f"{more // 1024} MiB more" if more > MOST_KIB else ended


class Hung(BaseException):
    """An input took too long; nothing that reads files catches it."""


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """An error where the block takes longer."""

    def stop(*_: object) -> None:
        raise Hung(f"more than {seconds:g} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# data files

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


# runs and finished work


def run_files(folder: Path) -> tuple[Path, list[str]]:
    """A finished run with costs, and the names of its files."""
    from finished_runs import costs_of

    run = folder / "run"
    shutil.copytree(RUN, run)
    costs = costs_of(("honest", "nearly", "shortcut"))
    (run / "costs.json").write_text(json.dumps(costs), "utf-8")
    return run, sorted(path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_file())


def run_loaded(folder: Path) -> Reader:
    """A run opened, its tables read, and judged again."""
    from trusteq.runs.directory import load_run, rejudge

    run, names = run_files(folder)

    def read(name: str) -> None:
        found = load_run(run)
        if name.endswith(".parquet"):
            found.table(name.removesuffix(".parquet"))
        rejudge(found, found.policy)

    return Reader.of(run, read, *names)


def run_shown(folder: Path) -> Reader:
    """A run as trusteq show, diff and report print it, but for the page."""
    from trusteq.cli.report import FORMATS, maker
    from trusteq.report.difference import difference
    from trusteq.report.difference_terminal import render as render_difference
    from trusteq.report.item import item_document, item_view
    from trusteq.report.item_terminal import render
    from trusteq.report.size_and_speed import size_and_speed
    from trusteq.report.summary import summary
    from trusteq.report.terminal import render_summary
    from trusteq.runs.directory import evidence, load_run

    run, names = run_files(folder)
    sound = evidence(load_run(RUN))

    def read(name: str) -> None:
        found = evidence(load_run(run))
        printed([render_summary(summary(found.document))])
        if found.costs is not None:
            printed([size_and_speed(found.costs)])
        views = [item_view(found, "review-3", candidate) for candidate in found.models[1:]]
        json.dumps(item_document(views))
        printed([render(view) for view in views])
        for form in FORMATS:
            if form != "html":
                maker(form)(found).encode()
        printed([render_difference(difference(sound, found), "a", "b")])

    return Reader.of(run, read, *(name for name in names if name != "policy.yaml"))


def run_page(folder: Path) -> Reader:
    """A run as the page of trusteq report."""
    from trusteq.cli.report import maker
    from trusteq.runs.directory import evidence, load_run

    run, names = run_files(folder)

    def read(name: str) -> None:
        maker("html")(evidence(load_run(run))).encode()

    return Reader.of(run, read, *(name for name in names if name != "policy.yaml"), seconds=40)


def printed(parts: list[Any]) -> None:
    """What a terminal would show, thrown away."""
    import io

    from rich.console import Console

    Console(file=io.StringIO(), width=100).print(*parts)


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


# models


def bert(folder: Path) -> Reader:
    """A tiny checkpoint with its tokenizer, asked about two texts."""
    from oracles.tiny_models import save

    save("bert", folder)
    items = trusteq.Items(ids=["a", "b"], segments={"text": ["the film was good", "bad"]})
    names = ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors")
    return Reader.of(folder, lambda _: open_model(folder, name="m").predict(items), *names)


def graph(folder: Path) -> Reader:
    """A tiny ONNX graph that reads tokens, with its tokenizer, asked about two texts."""
    import onnx
    from oracles.tiny_models import LABELS, save

    save("bert", folder)
    (folder / "model.safetensors").unlink()
    config = json.loads((folder / "config.json").read_text())
    kept = ("model_type", "pad_token_id", "max_position_embeddings", "id2label")
    (folder / "config.json").write_text(json.dumps({key: config[key] for key in kept}))
    weights = np.random.default_rng(0).normal(size=(config["vocab_size"], len(LABELS))).astype(np.float32)
    node, tensor = onnx.helper.make_node, onnx.numpy_helper.from_array
    made = onnx.helper.make_graph(
        [node("Gather", ["w", "input_ids"], ["v"]), node("ReduceSum", ["v", "axis"], ["logits"], keepdims=0)],
        "g",
        [onnx.helper.make_tensor_value_info("input_ids", onnx.TensorProto.INT64, ["r", "t"])],
        [onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["r", 3])],
        [tensor(weights, "w"), tensor(np.array([1]), "axis")],
    )
    onnx.save(
        onnx.helper.make_model(made, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9), folder / "m.onnx"
    )
    items = trusteq.Items(ids=["a", "b"], segments={"text": ["the film was good", "bad"]})
    names = ("m.onnx", "m.onnx", "config.json", "tokenizer.json", "tokenizer_config.json")
    return Reader.of(folder, lambda _: open_model(folder / "m.onnx", name="m").predict(items), *names)


READERS: dict[str, Callable[[Path], Reader]] = {
    "CSV, TSV": lambda folder: data_files(folder, "t.csv", "t.tsv"),
    "JSON lines": lambda folder: data_files(folder, "t.jsonl"),
    "packed data": lambda folder: data_files(folder, "t.csv.gz", "t.jsonl.gz"),
    "Parquet": lambda folder: data_files(folder, "t.parquet", "codes.parquet"),
    "predictions": predictions,
    "policy": policies,
    "study": studies,
    "run": run_loaded,
    "run, printed": run_shown,
    "run, page": run_page,
    "shard": shards,
    "transformer": bert,
    "ONNX graph": graph,
}
