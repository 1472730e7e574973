"""What sharing out and keeping work costs, what it brings, and how memory grows with items. Real weights for speed.

    python bench/classifiers.py --data FOLDER --out build/classifiers      # once
    OMP_NUM_THREADS=1 python bench/scale.py --data FOLDER --models build/classifiers [--part NAME ...]

speed   one model's predictions and value tables: the bare model on the same shards, this process, this process keeping
        every shard on disk, 1 and 2 worker processes and 1 and 2 actors of Ray, each of one thread and started
        beforehand. Ways take turns; medians
keeping seconds that writing and reading shards takes, by itself, beside what the model takes for them
resume  seconds of a whole audit, and of the same with all its work there
memory  peak resident memory of an audit of 1,000, 10,000 and 100,000 items, two tiny random models, in a process each
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from faults import save_tiny

import trusteq
from trusteq.explain.explanation import ExplainSettings, explain
from trusteq.explain.respondent import respondents
from trusteq.work.processes import Processes
from trusteq.work.ray_cluster import RayCluster
from trusteq.work.shard import HERE, Answered, Here, predict_at
from trusteq.work.shard_files import CachingExecutor, ShardFiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from trusteq.data.items import Items
    from trusteq.models.base import Model
    from trusteq.work.shard import Advance, Executor, Shard

PREDICTED, EXPLAINED = 1200, 40


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    parser.add_argument("--models", type=Path)
    parser.add_argument("--part", nargs="*", default=["speed", "keeping", "resume", "memory"])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--model", default="base", help="whose speed is taken: base, layers-4, layers-2")
    parser.add_argument("--explained", type=int, default=EXPLAINED, help="items, where speed is taken")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.child:
        folder, count, out = asked.child
        audit_tiny(Path(folder), int(count), Path(out))
        return
    if {"speed", "keeping", "resume"} & set(asked.part):
        path = asked.data / "snli_test.jsonl.gz"
        items = trusteq.read_items(path, text=["text_a", "text_b"], label="label", id="id").take(range(PREDICTED))
    if "speed" in asked.part:
        speed(asked.models / "snli" / asked.model, items, asked.explained, asked.repeats)
    if "keeping" in asked.part:
        keeping(asked.models / "snli" / "base", items)
    if "resume" in asked.part:
        resume(asked.models / "snli", items, asked.repeats)
    if "memory" in asked.part:
        memory()


def speed(location: Path, items: Items, explained: int, repeats: int) -> None:
    model = trusteq.open_model(location, name=location.name)

    def work(place: Executor) -> float:
        started = time.perf_counter()
        predicted = predict_at(place, model, items).values
        settings = ExplainSettings(items=explained)
        explain(respondents([model], [predicted], model.labels, executor=place), items, settings, gold=None)
        return time.perf_counter() - started

    listing = Listing()
    work(listing)  # and warms up

    def bare() -> float:
        started = time.perf_counter()
        for shard in listing.shards:
            shard.run(model, lambda n: None)
        return time.perf_counter() - started

    with tempfile.TemporaryDirectory() as scratch, ExitStack() as stack:
        folders = itertools.count()

        def cached() -> float:
            return work(CachingExecutor(ShardFiles(Path(scratch) / str(next(folders)))))

        ways: dict[str, Callable[[], float]] = {
            "the bare model on the same shards": bare,
            "this process": lambda: work(HERE),
            "this process, every shard kept": cached,
        }
        first = items.take(range(300))
        for count in (1, 2):
            workers = stack.enter_context(Processes(count))
            predict_at(workers, model, first)  # each has opened the model
            ways[f"{count} worker{'s' * (count > 1)}"] = partial(work, workers)
        for count in (1, 2):
            ways[f"{count} actor{'s' * (count > 1)} of Ray"] = partial(on_ray, count, model, first, work)
        took: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(repeats):
            for name, way in ways.items():
                took[name].append(way())
    base = median(took["the bare model on the same shards"])
    print(
        f"{PREDICTED:,} items predicted and {explained} explained in {len(listing.shards)} shards, {repeats} times:\n"
    )
    print("| way | seconds | to the bare model, round by round | pairs a second |\n| --- | --- | --- | --- |")
    for name, times in took.items():
        ratio = median(a / b for a, b in zip(times, took["the bare model on the same shards"], strict=True))
        print(f"| {name} | {median(times):.1f} | {ratio:.3f} | {PREDICTED / median(times):.1f} |")
    print(f"\nspread of the bare model: {min(took['the bare model on the same shards']) / base:.3f} to ", end="")
    print(f"{max(took['the bare model on the same shards']) / base:.3f}")


class Listing(Here):
    """This process, and which shards it was given."""

    def __init__(self) -> None:
        self.shards: list[Shard] = []

    def answers(self, model: Model, shards: Sequence[Shard], advance: Advance) -> Iterator[tuple[int, Answered]]:
        self.shards += shards
        yield from super().answers(model, shards, advance)


def on_ray(count: int, model: Model, first: Items, work: Callable[[Executor], float]) -> float:
    with RayCluster(count) as place:
        predict_at(place, model, first)  # each actor has opened the model
        return work(place)


def keeping(location: Path, items: Items) -> None:
    model = trusteq.open_model(location, name="base")
    listing = Listing()
    started = time.perf_counter()
    predicted = predict_at(listing, model, items).values
    settings = ExplainSettings(items=EXPLAINED)
    explain(respondents([model], [predicted], model.labels, executor=listing), items, settings, gold=None)
    asked = time.perf_counter() - started
    took = []
    with tempfile.TemporaryDirectory() as scratch:
        for folder in ("first", "second", "second"):
            kept = CachingExecutor(ShardFiles(Path(scratch) / folder), Instant(len(model.labels)))
            started = time.perf_counter()
            list(kept.answers(model, listing.shards, lambda n: None))
            took.append(time.perf_counter() - started)
    first, written, read = took
    rows = sum(shard.size for shard in listing.shards)
    print(
        f"\n{len(listing.shards)} shards, {rows:,} rows: the model takes {asked:.1f} s, writing them {written:.3f} s ",
        end="",
    )
    print(
        f"({written / asked:.2%}), reading them {read:.3f} s; what is looked up once a process {first - written:.3f} s"
    )


class Instant(Here):
    """Answers that take no time."""

    def __init__(self, labels: int) -> None:
        self.labels = labels

    def answers(self, model: Model, shards: Sequence[Shard], advance: Advance) -> Iterator[tuple[int, Answered]]:
        for number, shard in enumerate(shards):
            yield number, Answered(np.full((shard.size, self.labels), 1 / self.labels))


def resume(folder: Path, items: Items, repeats: int) -> None:
    found: dict[str, list[float]] = {"from nothing": [], "all its work there": []}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as scratch:
            for name in found:
                started = time.perf_counter()
                models = [trusteq.open_model(folder / name, name=name) for name in ("base", "layers-2")]
                with trusteq.executor(keep=Path(scratch) / "w") as place:
                    trusteq.audit(
                        models[0],
                        models[1],
                        items,
                        explain=ExplainSettings(items=EXPLAINED),
                        executor=place,
                        costs="none",
                    )
                found[name].append(time.perf_counter() - started)
    print("\n| audit | seconds |\n| --- | --- |")
    for name, seconds in found.items():
        print(f"| {name} | {median(seconds):.1f} |")


def memory() -> None:
    print("\n| items | seconds | peak, MB |\n| --- | --- | --- |")
    with tempfile.TemporaryDirectory() as scratch:
        for seed, name in enumerate(("large", "small")):
            save_tiny(Path(scratch) / name, seed=seed)
        for count in (1_000, 10_000, 100_000):
            out = Path(scratch) / f"{count}.json"
            subprocess.run([sys.executable, __file__, "--child", scratch, str(count), str(out)], check=True)
            told: dict[str, Any] = json.loads(out.read_text())
            print(f"| {count:,} | {told['seconds']:.0f} | {told['peak'] / 1e6:,.0f} |", flush=True)


def audit_tiny(folder: Path, count: int, out: Path) -> None:
    from faults import WORDS

    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, rng.integers(3, 20))) for _ in range(count)]
    items = trusteq.Items(
        [f"i{i}" for i in range(count)], {"text": texts}, labels=np.arange(count) % 2, label_names=("no", "yes")
    )
    started = time.perf_counter()
    large, small = (trusteq.open_model(folder / name, name=name) for name in ("large", "small"))
    with trusteq.executor(keep=folder / f"work-{count}") as place:
        trusteq.audit(large, small, items, executor=place, costs="none").save(folder / f"run-{count}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    out.write_text(json.dumps({"seconds": time.perf_counter() - started, "peak": peak}))


if __name__ == "__main__":
    main()
