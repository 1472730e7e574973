"""Audits under load: what the command line takes as a whole process, on inputs that it makes itself.

    OMP_NUM_THREADS=1 python bench/load.py [--only WORDS ...] [--beside SRC] [--repeats 3] [--short]

Processor seconds (user and system), seconds by the clock and peak memory of `trusteq audit`, every case as a process of
its own. --beside takes the src folder of another version, to be measured in turn with this one. --short has inputs a
hundredth as large, to see that everything runs. The largest inputs need 2 GB of disk.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

# What makes the inputs is imported where it is used, and runs in a process of its own: a process starts with the peak
# memory of the one that started it.

SRC = Path(__file__).resolve().parents[1] / "src"
REQUIRED = ("--label", "label", "--dimensions", "behaviour,calibration", "--quiet")
DONE = {0, 1, 3}


@dataclass(frozen=True)
class Case:
    """What is audited: its files, made in the current folder at a scale of 1 or less, and the words of the command."""

    name: str
    make: Callable[[float], None]
    words: tuple[str, ...] = ("large.parquet", "small-00.parquet")


@dataclass(frozen=True)
class Taken:
    """What one run took: seconds of the processor and by the clock, and megabytes."""

    processor: float
    clock: float
    peak: float


def predictions(scale: float, *, items: int, labels: int, suffix: str = ".parquet", candidates: int = 1) -> None:
    """A reference with gold labels and its candidates, a little less sure and in another order."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(0)
    n = max(200, round(items * scale))
    names = [f"label {i}" for i in range(labels)]
    gold = rng.integers(0, labels, n)
    logits = rng.normal(size=(n, labels))
    logits[np.arange(n), gold] += 2.5
    ids = [f"item {i}" for i in range(n)]
    large = pd.DataFrame(softmax(2 * logits), columns=names)
    write(large.assign(id=ids, label=[names[code] for code in gold]), f"large{suffix}")
    for candidate in range(candidates):
        small = pd.DataFrame(softmax(1.6 * logits + 0.3 * rng.normal(size=logits.shape)), columns=names).assign(id=ids)
        write(small.iloc[rng.permutation(n)] if candidate == 0 else small, f"small-{candidate:02}{suffix}")


def softmax(logits: Any) -> Any:
    import numpy as np

    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


def write(frame: Any, name: str) -> None:
    frame.to_csv(name, index=False) if name.endswith(".csv") else frame.to_parquet(name, index=False)


def long_texts(scale: float, *, gigabytes: float) -> None:
    """Predictions of a fifth of a million items, whose texts are in a CSV of so many gigabytes."""
    import numpy as np
    import pandas as pd

    items = 200_000
    predictions(scale, items=items, labels=3)
    large = pd.read_parquet("large.parquet", columns=["id", "label"])
    words = np.array([f"word{i:04}" for i in range(5_000)])
    rng, length = np.random.default_rng(1), round(gigabytes * 1e9 / items / 9)
    with Path("items.csv").open("w", encoding="utf-8") as stream:
        stream.write("id,label,topic,text\n")
        for name, label in zip(large["id"], large["label"], strict=True):
            text = " ".join(words[rng.integers(0, len(words), length)])
            stream.write(f'{name},{label},topic {rng.integers(20)},"{text}, and ""so"" on"\n')


def many_values(scale: float, *, items: int, values: int) -> None:
    """Predictions with a column of many values to slice by."""
    import pandas as pd

    predictions(scale, items=items, labels=3)
    large = pd.read_parquet("large.parquet")
    values = max(2, round(values * scale))
    write(large.assign(topic=[f"topic {i * i % values}" for i in range(len(large))]), "large.parquet")


CASES = (
    Case("2,000,000 predictions x 3 labels, Parquet", partial(predictions, items=2_000_000, labels=3)),
    Case(
        "the same as CSV",
        partial(predictions, items=2_000_000, labels=3, suffix=".csv"),
        ("large.csv", "small-00.csv"),
    ),
    Case("100,000 predictions x 100 labels, Parquet", partial(predictions, items=100_000, labels=100)),
    Case(
        "a CSV of 1 GB, 200,000 texts with their labels",
        partial(long_texts, gigabytes=1.0),
        ("large.parquet", "small-00.parquet", "--data", "items.csv", "--text", "text", "--slice", "topic"),
    ),
    Case(
        "the same, its texts not read",
        partial(long_texts, gigabytes=1.0),
        ("large.parquet", "small-00.parquet", "--data", "items.csv"),
    ),
    Case(
        "200,000 items with a column of 10,000 values to slice by",
        partial(many_values, items=200_000, values=10_000),
        ("large.parquet", "small-00.parquet", "--slice", "topic"),
    ),
    *(
        Case(
            f"{count} candidate{'s' if count > 1 else ''} of 5,000 items",
            partial(predictions, items=5_000, labels=3, candidates=count),
            ("large.parquet", *(f"small-{i:02}.parquet" for i in range(count))),
        )
        for count in (1, 10, 50)
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORDS", help="cases named so, for example: slice")
    parser.add_argument("--beside", type=Path, metavar="SRC", help="the src folder of another version")
    parser.add_argument("--repeats", type=int, default=1, help="the run with the fewest processor seconds is told")
    parser.add_argument("--short", action="store_true", help="inputs a hundredth as large")
    parser.add_argument("--limit", type=float, default=1800, help="seconds after which a run is given up")
    parser.add_argument("--make", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    scale = 0.01 if asked.short else 1.0
    if asked.make is not None:
        CASES[asked.make].make(scale)
        return
    versions = {"": SRC} if asked.beside is None else {" before": asked.beside.resolve(), " after": SRC}
    heads = [f"{what}{side}" for what in ("CPU, s", "clock, s", "peak, MB") for side in versions]
    print(f"| case | {' | '.join(heads)} |\n|{' --- |' * (1 + len(heads))}", flush=True)
    for number, case in enumerate(CASES):
        if not any(words in case.name for words in asked.only):
            continue
        with tempfile.TemporaryDirectory() as folder:
            make = [sys.executable, str(Path(__file__).resolve()), "--make", str(number)]
            subprocess.run([*make, "--short"] if asked.short else make, cwd=folder, check=True)
            turns = [list(versions.values())] * asked.repeats
            runs = [[run(case, Path(folder), src, asked.limit) for src in turn] for turn in turns]
        best = [least(found) for found in zip(*runs, strict=True)]
        cells = [told(one, what) for what in ("processor", "clock", "peak") for one in best]
        print(f"| {case.name} | {' | '.join(cells)} |", flush=True)


def run(case: Case, folder: Path, src: Path, limit: float) -> Taken | None:
    """What the command takes; None where it is given up."""
    words = [sys.executable, "-m", "trusteq", "audit", *case.words, *REQUIRED, "--out", f"run-{time.monotonic_ns()}"]
    started = time.perf_counter()
    audit = subprocess.Popen(words, cwd=folder, env={**os.environ, "PYTHONPATH": str(src)}, stdout=subprocess.DEVNULL)
    watch = threading.Timer(limit, audit.kill)
    watch.start()
    _, status, used = os.wait4(audit.pid, 0)
    clock = time.perf_counter() - started
    watch.cancel()
    code = audit.returncode = os.waitstatus_to_exitcode(status)
    if code == -9:
        return None
    if code not in DONE:
        raise SystemExit(f"{case.name}: {' '.join(words)} ended with {code}")
    return Taken(used.ru_utime + used.ru_stime, clock, used.ru_maxrss * 1024 / 1e6)


def least(runs: tuple[Taken | None, ...]) -> Taken | None:
    return min((one for one in runs if one is not None), key=lambda one: one.processor, default=None)


def told(taken: Taken | None, what: str) -> str:
    number = None if taken is None else getattr(taken, what)
    return "given up" if number is None else f"{number:,.1f}" if number < 100 else f"{number:,.0f}"


if __name__ == "__main__":
    main()
