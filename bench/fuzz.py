"""Every reader of foreign files, given spoilt ones: a value or one clear line must come of each, and nothing else.

    python bench/fuzz.py [--seconds 60] [--reader NAME ...] [--seed 0] [--plain]

Valid files are spoilt in their bytes, their blocks and the values of their structure (tests/hostile/spoil.py) and read
(tests/hostile/readers.py) for so many seconds a reader, each reader in a process of its own. Where atheris is installed
it drives: what reaches lines of trusteq that nothing reached before is spoilt further; --plain does without. "Anything
else" counts other exceptions, warnings, messages that are long or of several lines, inputs that take seconds or a
gigabyte, and processes that die; the first of each kind is kept in the folder that is named, with what came of it.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

TESTS = Path(__file__).parents[1] / "tests"
MEMORY = 8 * 2**30
"""Bytes of addresses that a process may take beyond what it has when the reader is ready."""

GRACE = 180
"""Seconds after its time at which a process is ended: to import, and for one input too long that nothing stops."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--reader", nargs="+", default=None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plain", action="store_true")
    parser.add_argument("--here", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.here is not None:
        fuzz(asked.reader[0], asked.here, asked.seconds, asked.seed, guided=not asked.plain)
        return
    sys.path.insert(0, str(TESTS))
    names = asked.reader or list(importlib.import_module("hostile.readers").READERS)
    guided = not asked.plain and atheris() is not None
    kept = Path(tempfile.mkdtemp(prefix="fuzz-"))
    print(f"{asked.seconds:g} s a reader, seed {asked.seed}, {'led by coverage' if guided else 'at random'}\n")
    print("| reader | inputs tried | read | refused with one line | anything else |\n| --- | --- | --- | --- | --- |")
    problems: list[str] = []
    for number, name in enumerate(names):
        place = kept / f"{number:02d}"
        place.mkdir()
        told = in_a_process(name, place, asked.seconds, asked.seed, guided=guided)
        counts = Counter(told["counts"])
        other = counts.total() - counts["read"] - counts["refused"]
        cells = (counts.total(), counts["read"], counts["refused"], other)
        print(f"| {name} | {' | '.join(f'{cell:,}' for cell in cells)} |", flush=True)
        problems += [f"{name}: {problem}" for problem in told["problems"]]
    if problems:
        print(f"\nwith --seed {asked.seed}:\n\n" + "\n".join(f"- {problem}" for problem in problems))
        sys.exit(1)


def in_a_process(name: str, place: Path, seconds: float, seed: int, *, guided: bool) -> dict[str, Any]:
    """What came of one reader's inputs; one that ends its process is tried and told like the others."""
    words = [sys.executable, __file__, "--here", str(place), "--reader", name, "--seconds", f"{seconds}"]
    words += ["--seed", str(seed), *([] if guided else ["--plain"])]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    env["RUST_BACKTRACE"] = "0"  # a panic is told in one line; its stack takes a second to write
    with (place / "said").open("wb") as said:
        try:
            code = subprocess.run(
                words, env=env, stdout=said, stderr=said, timeout=seconds + GRACE, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            code = -9
    told: dict[str, Any] = {"counts": {}, "problems": [], "done": False}
    if (place / "told.json").is_file():
        told = json.loads((place / "told.json").read_text())
    if not told["done"]:
        told["counts"][f"ended with {code}"] = 1
        told["problems"].append(f"its process ended with {code}; its input is {place}/now-*, what it said {place}/said")
    return told


def fuzz(name: str, place: Path, seconds: float, seed: int, *, guided: bool) -> None:
    """Spoil and read for so long, and write down what came of it."""
    sys.path.insert(0, str(TESTS))
    fuzzer = atheris() if guided else None
    if fuzzer is not None:
        with fuzzer.instrument_imports(include=["trusteq"]):
            import_all()
    folder = place / "files"
    folder.mkdir()
    reader = importlib.import_module("hostile.readers").READERS[name](folder)
    taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, taken + MEMORY))
    tally = Tally(place, reader)
    for file in list(reader.seeds)[:1]:
        if (found := reader.outcome(file, reader.seeds[file])) != "read":
            raise SystemExit(f"{file} is not valid: {found}")
    until = time.monotonic() + seconds
    if fuzzer is None:
        number = 0
        while time.monotonic() < until:
            tally.took(*reader.spoilt(Random(f"{seed} {name} {number}")))  # noqa: S311
            number += 1
        tally.write(done=True)
    else:
        lead(fuzzer, tally, until, seed)


def lead(fuzzer: Any, tally: Tally, until: float, seed: int) -> None:
    """The same with atheris in the lead; an input is the number of the file in a byte, then what it holds."""
    names = list(tally.reader.seeds)
    spoilt = importlib.import_module("hostile.spoil").spoilt
    corpus = tally.place / "corpus"
    corpus.mkdir()
    for i, name in enumerate(names):
        (corpus / f"seed-{i}").write_bytes(bytes([i]) + tally.reader.seeds[name])

    def changed(data: bytes, most: int, number: int) -> bytes:
        rng = Random(number)  # noqa: S311
        if not data or data[0] >= len(names) or rng.randrange(20) == 0:
            i = rng.randrange(len(names))
            data = bytes([i]) + tally.reader.seeds[names[i]]
        if rng.randrange(5) == 0:
            return data[:1] + bytes(fuzzer.Mutate(data[1:], most - 1))
        name = names[data[0]]
        return (data[:1] + bytes(spoilt(rng, name, data[1:], tally.reader.others[name])))[:most]

    def one(data: bytes) -> None:
        if data and data[0] < len(names):
            tally.took(names[data[0]], data[1:])
        if time.monotonic() > until:
            tally.write(done=True)
            os._exit(0)  # libFuzzer itself would end only at its next pause

    # Inputs are timed, and memory is bounded, by what reads them.
    words = [sys.argv[0], str(corpus), f"-seed={seed + 1}", "-timeout=0", "-rss_limit_mb=0", "-max_len=1048576"]
    fuzzer.Setup(
        [*words, "-len_control=0", "-detect_leaks=0", f"-artifact_prefix={tally.place}/"], one, custom_mutator=changed
    )
    fuzzer.Fuzz()


@dataclass
class Tally:
    """What came of a reader's inputs so far, on disk too, so that it outlives the process."""

    place: Path
    reader: Any
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    written: float = 0

    def took(self, name: str, content: bytes) -> None:
        """Read a file with this content, and count what came of it."""
        now = self.place / f"now-{Path(name).name}"
        now.write_bytes(content)
        found = self.reader.outcome(name, content)
        now.unlink()
        kind = found.split(": ")[0]
        if kind not in {"read", "refused"} and kind not in self.counts:
            kept = self.place / f"{len(self.problems):03d}-{Path(name).name}"
            kept.write_bytes(content)
            self.problems.append(f"{found}; {kept} in place of {name}")
        self.counts[kind] += 1
        if time.monotonic() - self.written > 1:
            self.write(done=False)

    def write(self, *, done: bool) -> None:
        """Put it on disk."""
        told = {"counts": self.counts, "problems": self.problems, "done": done}
        (self.place / "told.json").write_text(json.dumps(told))
        self.written = time.monotonic()


def atheris() -> Any:
    """The module, or None where it is not installed."""
    try:
        return importlib.import_module("atheris")
    except ImportError:
        return None


def import_all() -> None:
    """What is read with, so that its lines are watched."""
    for name in (
        "data.read",
        "models.open",
        "policy",
        "study.plan",
        "record.run",
        "cli.report",
        "work.shard_files",
    ):
        importlib.import_module(f"trusteq.{name}")
    for name in ("page.page", "markdown", "model_card", "junit", "latex", "item_terminal", "difference_terminal"):
        importlib.import_module(f"trusteq.report.{name}")


if __name__ == "__main__":
    main()
