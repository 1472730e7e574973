"""Can a model be compressed so that it keeps more than its accuracy? Every way of making it, measured alike.

    python bench/keeping_trust.py --data FOLDER --out FOLDER [--stop-after 110]
    python bench/keeping_trust.py --data FOLDER --out FOLDER --table

The first makes models and measures them until all is done or so many minutes have passed; the second prints the tables
of docs/keeping-trust.md from what is there. FOLDER of --data holds {snli,qqp,sst2}_{train,test}.jsonl.gz (id, label,
text or text_a and text_b). Every cell is one training or one measurement, stored as JSON under the name of all that it
depends on; a cell that is there is not computed again, and a lock keeps two processes from the same cell, so that any
number may run on one folder, one thread each.

Teachers are MiniLM (6 layers) fine-tuned with the recipe small-data. Everything else is made of a teacher, and compared
with it. The learning rate of every arm is the best of three on the first teacher of a task, each tried on a third of
the rows, by the mean KL from the teacher's to the model's answers on development items.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sys
import time
import traceback
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

sys.path.insert(0, str(Path(__file__).parent))

import keeping_trust_tables
from keeping_trust_arms import (
    BY_DEFAULT,
    COMPRESSED,
    CORRECTED,
    GPTQ,
    HEALED,
    HEALED_GPTQ,
    LEARNING,
    RATES,
    STUDENTS,
    TASKS,
    Arm,
    compress,
    data_of,
    healed,
    healed_by_labels,
    in_bfloat16,
    make_teacher,
    opened,
    student,
)
from keeping_trust_measures import EXPLAINED, MASKS_OTHERWISE, OTHERWISE, STEPS, measured

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

TEACHERS = 3
ROWS, ROWS_TO_HEAL = 2400, 3200
"""Rows that a student learns from, unless it gets a multiple or another's seconds; and a healed model."""
FIRST_RATE = 3
"""A rate is tried on one part in so many of the rows."""
VERSION = 1
NAMED = {arm.name: arm for arm in (*STUDENTS, *HEALED, HEALED_GPTQ)}


class BusyError(Exception):
    """A cell that this one needs is missing, and another process works on it."""


@dataclass(frozen=True)
class Study:
    """Where the data and the results are."""

    data: Path
    out: Path

    def folder(self, task: str, number: int, name: str) -> Path:
        """The folder of what is made of the teacher of this number."""
        return self.out / "models" / task / f"made-of-{number}" / name

    def teacher(self, task: str, number: int) -> Path:
        """The folder of a teacher, made if it is missing."""
        folder = self.out / "models" / task / f"teacher-{number}"
        self.once(folder, lambda: make_teacher(data_of(self.data, task), number, folder))
        return folder

    def compressed(self, task: str, number: int, how: str) -> Path:
        """The folder of a teacher's rounded or pruned model, made if it is missing."""
        folder = self.folder(task, number, how)
        if how in COMPRESSED:
            self.once(folder, lambda: compress(self.teacher(task, number), how, folder))
        if not folder.exists():
            raise BusyError(f"{folder}: made by bench/keeping_trust_gptq.py")
        return folder

    def once(self, folder: Path, make: Callable[[], None]) -> None:
        """Make what is missing, in one process."""
        if folder.exists():
            return
        with locked(folder):
            if not folder.exists():
                make()

    def cell(self, key: dict[str, Any], compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """The stored results of this key, computed if they are missing."""
        document = {**key, "version": VERSION}
        digest = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:12]
        name = plain("-".join(str(key[part]) for part in ("task", "teacher", "what", "arm")))
        file = self.out / "cells" / f"{name}-{digest}.json"
        if not file.exists():
            with locked(file):
                if not file.exists():
                    started = time.process_time()
                    results = compute()
                    spent = time.process_time() - started
                    draft = file.with_suffix(".part")
                    draft.write_text(json.dumps({"key": document, "spent": spent, **results}), "utf-8")
                    draft.replace(file)
                    print(f"{time.strftime('%H:%M')} {name}: {spent:.0f} s", flush=True)
        stored: dict[str, Any] = json.loads(file.read_text("utf-8"))
        return stored


@contextmanager
def locked(what: Path) -> Iterator[None]:
    """Alone with it; a lock whose process is gone is taken over."""
    lock = what.with_name(f"{what.name}.lock")
    lock.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
    except FileExistsError:
        text = lock.read_text("utf-8")
        if not text or Path(f"/proc/{text}").exists():
            raise BusyError(str(what)) from None
        lock.unlink()
        raise BusyError(str(what)) from None
    try:
        os.write(descriptor, str(os.getpid()).encode())
        os.close(descriptor)
        yield
    finally:
        lock.unlink(missing_ok=True)


def plain(name: str) -> str:
    """A name for a file."""
    return name.replace(" ", "_").replace(",", "")


@cache
def contents(data: Path, task: str) -> list[str]:
    """What the items of a task are."""
    of = data_of(data, task)
    return [items.content() for items in (of.learn, of.dev, of.test)]


def key_of(study: Study, task: str, number: int, what: str, arm: Arm | str, **more: Any) -> dict[str, Any]:
    settings = asdict(arm) if isinstance(arm, Arm) else {}
    if not settings.get("rank"):
        settings.pop("rank", None)
    for name in ("like", "rate"):  # both say what the rate is, and the key holds it
        settings.pop(name, None)
    return {
        "task": task,
        "teacher": number,
        "what": what,
        "arm": arm.name if isinstance(arm, Arm) else arm,
        "settings": settings,
        "items": contents(study.data, task),
        **more,
    }


def trained(study: Study, task: str, number: int, arm: Arm, seed: int) -> tuple[Path, dict[str, Any]]:
    """The folder of an arm's model at its best rate, and what training it cost."""
    rate, rows = rate_of(study, task, arm), rows_of(study, task, number, arm, seed)
    folder = study.folder(task, number, f"{plain(arm.name)}-{seed}-{rows}-{rate:g}")
    key = key_of(study, task, number, "trained", arm, seed=seed, rows=rows, rate=rate)
    return folder, study.cell(key, partial(train, study, task, number, arm, rows, rate, seed, folder))


def train(
    study: Study, task: str, number: int, arm: Arm, rows: int, rate: float, seed: int, out: Path | None
) -> dict[str, Any]:
    """What training an arm cost and how near it came; saved to ``out``, unless that is None."""
    teacher, data = study.teacher(task, number), data_of(study.data, task)
    chosen: dict[str, Any] = {"rows": rows, "rate": rate, "seed": seed}
    folder = out or study.folder(task, number, f"tried-{os.getpid()}")
    shutil.rmtree(folder, ignore_errors=True)
    with in_bfloat16(LEARNING):
        if arm.start is None:
            made = student(opened(teacher), data, arm, **chosen)
        else:
            start = study.compressed(task, number, arm.start)
            made = (healed_by_labels if arm.hard else healed)(start, teacher, data, arm, **chosen, out=folder)
    if out is not None and made.save is not None:
        out.mkdir(parents=True)
        made.save(out)
    if out is None:
        shutil.rmtree(folder, ignore_errors=True)
    return {name: value for name, value in vars(made).items() if name != "save"}


def rate_of(study: Study, task: str, arm: Arm) -> float:
    """The best of the rates tried on the first teacher."""
    if arm.rate is not None:
        return arm.rate
    tuned = NAMED[arm.like or arm.name]
    rows = (ROWS if tuned.start is None else ROWS_TO_HEAL) // FIRST_RATE

    def tried(rate: float) -> float:
        key = key_of(study, task, 0, "rate", tuned, rows=rows, rate=rate)
        return float(study.cell(key, partial(train, study, task, 0, tuned, rows, rate, 0, None))["dev_kl"])

    return min(RATES[tuned.start], key=tried)


def rows_of(study: Study, task: str, number: int, arm: Arm, seed: int) -> int:
    """How many whole rows an arm gets."""
    if arm.as_long_as is None:
        return round((ROWS if arm.start is None else ROWS_TO_HEAL) * arm.times)
    both = (NAMED[arm.as_long_as], NAMED[str(arm.like)])
    given, usual = (float(trained(study, task, number, of, seed)[1]["seconds"]) for of in both)
    return round(ROWS * given / usual / 32) * 32


def measure(study: Study, task: str, number: int, arm: Arm | str, seed: int = 0) -> dict[str, Any]:
    """Everything measured of a model against its teacher."""
    if isinstance(arm, Arm):
        folder, cost = trained(study, task, number, arm, seed)
        made = cost["key"]
        if not folder.exists():  # no round of healing came nearer: what is shipped is the model as it was
            folder = study.compressed(task, number, str(arm.start))
    elif arm == "teacher trained again":
        folder, made = study.teacher(task, (number + 1) % TEACHERS), {}
    else:
        folder, made = study.compressed(task, number, arm), {}
    teacher = study.teacher(task, number)
    explained = [EXPLAINED, OTHERWISE, MASKS_OTHERWISE, STEPS]
    key = key_of(study, task, number, "measured", arm, made=made, explained=explained, seed=seed)
    items = data_of(study.data, task).test
    return study.cell(key, lambda: measured(teacher, folder, items, study.out / "answers" / task / str(number)))


def steps(study: Study, seeds: int, only: str) -> Iterator[Callable[[], object]]:
    """What is to be done and whose name matches, as in "snli 0 kd"; each group balanced over tasks and teachers."""
    for task, number, arm, seed in order(seeds):
        if fnmatchcase(f"{task} {number} {arm.name if isinstance(arm, Arm) else arm}", only):
            yield partial(measure, study, task, number, arm, seed)


def order(seeds: int) -> Iterator[tuple[str, int, Arm | str, int]]:
    """Task, teacher, model and seed of every measurement, the most needed first."""
    every = range(TEACHERS)
    labels, kd, mixed, halved, kept, *same, long_kd, long_halved, matching, brief = STUDENTS
    pruned = ("pruned", NAMED["pruned, healed by kd"])
    groups: tuple[tuple[Iterable[int], tuple[Arm | str, ...]], ...] = (
        (every, ("int4", *HEALED[:3])),
        (every, (kd, halved)),
        (every, (GPTQ,)),
        (range(1), pruned),
        (every, (kept,)),
        (every, (labels,)),
        (every, pruned),
        (every, (long_kd, long_halved)),
        (every, (BY_DEFAULT, CORRECTED)),
        (every, HEALED[3:]),
        (every, (mixed, matching, *same)),
        (every, ("teacher trained again", HEALED_GPTQ, brief)),
    )
    for numbers, arms in groups:
        for number in numbers:
            for task in TASKS:
                for arm in arms:
                    yield task, number, arm, 0
    for seed in range(1, seeds):
        for arm in (*STUDENTS, *HEALED):
            for number in range(TEACHERS):
                for task in TASKS:
                    yield task, number, arm, seed


def work(study: Study, seeds: int, only: str, until: float) -> None:
    """Do all that can be done until then; what other processes work on is awaited."""
    failed: set[int] = set()
    while True:
        waiting = 0
        for number, step in enumerate(steps(study, seeds, only)):
            if time.monotonic() > until:
                return
            if number in failed:
                continue
            try:
                step()
            except BusyError:
                waiting += 1
            except Exception:  # one model that cannot be made must not end the study
                traceback.print_exc()
                failed.add(number)
        if not waiting:
            return
        time.sleep(20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("build/keeping-trust"))
    parser.add_argument("--seeds", type=int, default=1, help="students' training seeds for each teacher")
    parser.add_argument("--stop-after", type=float, default=float("inf"), help="start nothing after so many minutes")
    parser.add_argument("--only", default="*", help='models that match, as in "snli 0 kd", e.g. "* 0 pruned*"')
    parser.add_argument("--table", action="store_true", help="print the tables of what is there")
    asked = parser.parse_args()
    study = Study(asked.data, asked.out)
    if asked.table:
        print(keeping_trust_tables.tables(asked.out))
        return
    torch.set_num_threads(1)
    work(study, asked.seeds, asked.only, time.monotonic() + 60 * asked.stop_after)


if __name__ == "__main__":
    main()
