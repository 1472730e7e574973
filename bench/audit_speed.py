"""How an audit of prediction files feels: seconds of whole commands, alone and beside a process that is always busy.

    python bench/audit_speed.py [--beside SRC] [--repeats 3] [--only WORDS ...] [--items 5000]

Each command runs as a process of its own with the environment as it is: no number of threads is set; only compiled
modules are kept, as an installed package has them. --beside takes the src folder of another version, to be measured in
turn with this one. Told are medians of the processor's seconds (user
and system) and of seconds by the clock; where others use the machine, only the processor's seconds mean something.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

SRC = Path(__file__).resolve().parents[1] / "src"
MAKE = """
import sys
import numpy as np
import pandas as pd

rng, n = np.random.default_rng(0), int(sys.argv[1])
names = ["entailment", "neutral", "contradiction"]
gold = rng.integers(0, 3, n)
logits = rng.normal(size=(n, 3))
logits[np.arange(n), gold] += 2
ids = [f"item {i}" for i in range(n)]

def write(name, logits, **columns):
    powers = np.exp(logits)
    pd.DataFrame(powers / powers.sum(axis=1, keepdims=True), columns=names).assign(id=ids, **columns).to_csv(name)

topics = {"topic": rng.integers(8, size=n).astype(str), "genre": rng.integers(4, size=n).astype(str)}
write("large.csv", 1.5 * logits, label=[names[code] for code in gold], **topics)
for i in range(8):
    write(f"small{i}.csv", (1 + 0.1 * i) * logits + 0.5 * rng.normal(size=logits.shape))
"""
IN_PYTHON = """
import trusteq

items = trusteq.read_items("large.csv", id="id", label="label")
options = {"labels": ("entailment", "neutral", "contradiction")}
models = [trusteq.open_model(name, options=options) for name in ("large.csv", "small0.csv")]
trusteq.audit(*models, items, explain=False, costs="none", with_slices=False)
"""
AUDIT = ("-m", "trusteq", "audit", "large.csv")
SLICED = ("--label", "label", "--slice", "topic,genre", "--quiet", "--out", "RUN")


@dataclass(frozen=True)
class Case:
    """What is run: the words after python; RUN stands for a new folder."""

    name: str
    words: tuple[str, ...]


LABELS = "entailment,neutral,contradiction"
CASES = (
    Case("1 candidate, slices", (*AUDIT, "small0.csv", *SLICED)),
    Case(
        "1 candidate, no slices",
        (*AUDIT, "small0.csv", *SLICED[:2], "--labels", LABELS, "--no-slices", *SLICED[4:]),
    ),
    Case("8 candidates, slices", (*AUDIT, *(f"small{i}.csv" for i in range(8)), *SLICED)),
    Case("in Python, no slices", ("-c", IN_PYTHON)),
    Case("report of 1 candidate", ("-m", "trusteq", "report", "finished", "--out", "RUN.html")),
    Case("load_run of it", ("-c", "import trusteq; trusteq.load_run('finished')")),
    Case("audit --help", ("-m", "trusteq", "audit", "--help")),
)


@contextmanager
def beside_a_busy_process(busy: bool) -> Iterator[None]:
    """While this lasts, another process computes without a pause."""
    if not busy:
        yield
        return
    other = subprocess.Popen([sys.executable, "-c", "while True: sum(range(10_000))"])
    try:
        yield
    finally:
        other.kill()
        other.wait()


def run(words: tuple[str, ...], folder: Path, src: Path) -> tuple[float, float]:
    """Seconds of the processor and by the clock that a command takes."""
    new = f"run-{time.monotonic_ns()}"
    command = [sys.executable, *(word.replace("RUN", new) for word in words)]
    environment = {**os.environ, "PYTHONPATH": str(src), "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    clock = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in ({0, 1, 3} if "audit" in words else {0}):
        raise SystemExit(f"{' '.join(words)} ended with {process.returncode}")
    return used.ru_utime + used.ru_stime, clock


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--beside", type=Path, metavar="SRC", help="the src folder of another version")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORDS", help="cases named so, for example: slices")
    parser.add_argument("--items", type=int, default=5_000)
    asked = parser.parse_args()
    versions = {"": SRC} if asked.beside is None else {" before": asked.beside.resolve(), " after": SRC}
    where = ("alone", "beside a busy process")
    heads = [f"{what} {place}{side}" for what in ("CPU, s,", "clock, s,") for place in where for side in versions]
    print(f"| case | {' | '.join(heads)} |\n|{' --- |' * (1 + len(heads))}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([sys.executable, "-c", MAKE, str(asked.items)], cwd=folder, check=True)
        for number, src in enumerate(versions.values()):
            done = f"finished{number or ''}"
            run(tuple(done if word == "RUN" else word for word in CASES[0].words), folder, src)
        for case in CASES:
            if any(words in case.name for words in asked.only):
                cells = measured(case, folder, list(versions.values()), asked.repeats)
                print(f"| {case.name} | {' | '.join(cells)} |", flush=True)


def measured(case: Case, folder: Path, versions: list[Path], repeats: int) -> list[str]:
    """The medians of each version, alone and beside a busy process: the processor's seconds, then the clock's."""
    by_place = []
    for busy in (False, True):
        with beside_a_busy_process(busy):
            turns = [[run(case.words, folder, src) for src in versions] for _ in range(repeats)]
        by_place.append(turns)
    return [
        f"{statistics.median(turn[version][kind] for turn in turns):.2f}"
        for kind in (0, 1)
        for turns in by_place
        for version in range(len(versions))
    ]


if __name__ == "__main__":
    main()
