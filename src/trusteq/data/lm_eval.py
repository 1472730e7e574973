"""The samples that lm-evaluation-harness 0.4 stores with ``--log_samples``: ``samples_TASK_TIME.jsonl``.

A row is one document under one filter. Numbers are stored as texts. The position of the right answer is not stored as
such: ``target`` is that position, or the right answer's text, and which of the two is decided by ``acc``.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Any

from trusteq.data import jsonl
from trusteq.data.choice_results import (
    ChoiceResults,
    Note,
    Question,
    checked_log_probabilities,
    chosen,
    prompt_and_options,
)
from trusteq.data.lines import lines
from trusteq.data.table import shown
from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_NAME = re.compile(r"samples_(?P<task>.+?)(?P<time>_\d{4}-\d\d-\d\dT[\d:.-]+)?\.jsonl(\.gz)?")
_KEYS = ("doc_id", "doc", "target", "arguments", "filtered_resps", "filter")


def recognises(path: Path) -> bool:
    """Whether this is a file of samples, or a folder with some in it or in one of its folders."""
    if path.is_dir():
        return bool(_in_folder(path))
    return path.is_file() and path.name.lower().endswith((".jsonl", ".jsonl.gz")) and _starts_like_samples(path)


def read(path: Path) -> ChoiceResults:
    """The multiple-choice questions of a file or a folder; tasks of another kind are left out, with a note."""
    files = _in_folder(path) if path.is_dir() else [path]
    folders = sorted({str(file.parent) for file in files})
    if len(folders) > 1:
        raise DataError(f"{path}: holds samples of {len(folders)} models, in {', '.join(folders)}; name one folder")
    tasks = [_task(file) for file in files]
    for task, count in Counter(tasks).items():
        if count > 1:
            runs = ", ".join(file.name for file, name in zip(files, tasks, strict=True) if name == task)
            raise DataError(f"{path}: holds {count} runs of task {task!r} ({runs}); name one file, or move the others")
    questions: list[Question] = []
    notes: list[Note] = []
    for file, task in zip(files, tasks, strict=True):
        try:
            of_task, its_notes = _questions(file, task)
        except _LeftOutError as reason:
            notes.append(Note("task left out", f"task {task} was left out: {reason}", 1.0))
        else:
            questions += of_task
            notes += its_notes
    if not questions:
        raise DataError(f"{path}: no multiple-choice questions: {'; '.join(note.message for note in notes)}")
    return ChoiceResults(str(path), tuple(questions), tuple(map(str, files)), tuple(notes))


def is_named_after_task(name: str) -> bool:
    """Whether a file has the name that lm-evaluation-harness gives to samples, in a folder named after the model."""
    match = _NAME.fullmatch(name)
    return match is not None and match["time"] is not None


def why_no_samples(path: Path) -> str | None:
    """Why nothing here can be audited, if there are scores of lm-evaluation-harness without the samples behind them."""
    files = sorted([*path.glob("results_*.json"), *path.glob("*/results_*.json")]) if path.is_dir() else [path]
    found = next((file for file in files if fnmatch(file.name, "results_*.json") and _are_scores(file)), None)
    if found is None or (path.is_dir() and _in_folder(path)):
        return None
    if beside := _in_folder(found.parent):
        return f"{path} has scores of lm-evaluation-harness; its samples are beside it: name {beside[0].parent}"
    return (
        f"{path} has scores of lm-evaluation-harness, but no samples_*.jsonl, which hold the answers; run it again "
        "with --log_samples --output_path DIR"
    )


def _are_scores(file: Path) -> bool:
    """Whether this is the file of scores that lm-evaluation-harness writes."""
    if not file.is_file():
        return False
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(content, dict) and content.keys() >= {"results", "configs", "versions", "n-shot"}


class _LeftOutError(Exception):
    """A task that does not have one right answer among choices; the message says why."""


@dataclass(frozen=True)
class _Sample:
    """One row: its texts and log-likelihoods, with what is needed to find the right option."""

    id: str
    contexts: tuple[str, ...]
    continuations: tuple[str, ...]
    log_likelihoods: tuple[float, ...]
    target: str
    accuracy: float | None
    record: dict[str, Any]
    place: str


def _in_folder(folder: Path) -> list[Path]:
    """The files of samples in a folder, or else in its folders."""
    for pattern in ("samples_*.jsonl*", "*/samples_*.jsonl*"):
        if found := sorted(file for file in folder.glob(pattern) if _NAME.fullmatch(file.name)):
            return found
    return []


def _task(file: Path) -> str:
    name = _NAME.fullmatch(file.name)
    return name["task"] if name else file.name.removesuffix(".gz").removesuffix(".jsonl")


def _starts_like_samples(path: Path) -> bool:
    """Whether the first line has the keys of a sample."""
    try:
        row = json.loads(next(lines(path), ""))
    except (ValueError, RecursionError, DataError):
        return False
    return isinstance(row, dict) and row.keys() >= set(_KEYS)


def _questions(file: Path, task: str) -> tuple[list[Question], list[Note]]:
    """The questions of a file, and what was noticed in it."""
    samples, notes = _without_repeats(_samples(file, task), file)
    options = [prompt_and_options(sample.contexts, sample.continuations) for sample in samples]
    gold = _gold(samples, [texts for _, texts in options])
    questions = [
        Question(sample.id, task, prompt, texts, position, sample.log_likelihoods, sample.record, sample.place)
        for sample, (prompt, texts), position in zip(samples, options, gold, strict=True)
    ]
    return questions, notes


def _samples(file: Path, task: str) -> list[_Sample]:
    """The rows of one filter."""
    available = jsonl.read(file, None, 0).columns
    table = jsonl.read(file, [*_KEYS, *(["acc"] if "acc" in available else [])], None)
    filters = list(dict.fromkeys(map(str, table.columns["filter"])))
    kept = "none" if "none" in filters else filters[0]
    samples = []
    for row in range(table.rows):
        record = {name: table.columns[name][row] for name in table.columns}
        if str(record["filter"]) != kept:
            continue
        place = f"{file}: {table.place(row)}"
        contexts, continuations = _arguments(record["arguments"], place)
        responses = record["filtered_resps"]
        if not isinstance(responses, list) or len(responses) != len(contexts):
            raise DataError(f"{place}: filtered_resps is {shown(responses)} for {len(contexts)} requests")
        if not all(isinstance(response, list) and len(response) == 2 for response in responses):
            raise _LeftOutError("its answers are generated texts, which have no probabilities")
        numbers = [response[0] for response in responses]
        half = len(contexts) // 2
        if half > 1 and continuations[:half] == continuations[half:] and not any(contexts[half:]):
            # With acc_mutual_info, the answers without the question follow.
            contexts, continuations, numbers = contexts[:half], continuations[:half], numbers[:half]
        if len(contexts) < 2:
            raise _LeftOutError("it has one answer per document, not several to choose from")
        if len(filters) > 1 and kept != "none":
            raise _LeftOutError(f"it has answers under {len(filters)} filters ({', '.join(filters)}), not under 'none'")
        samples.append(
            _Sample(
                f"{task}/{record['doc_id']}",
                contexts,
                continuations,
                checked_log_probabilities(numbers, place),
                str(record["target"]),
                _number(record.get("acc")),
                {"doc": record["doc"], "doc_id": record["doc_id"]},
                place,
            )
        )
    return samples


def _arguments(arguments: Any, place: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The contexts and the continuations of a row's requests."""
    requests = arguments
    if isinstance(arguments, dict):
        requests = [arguments.get(f"gen_args_{i}") for i in range(len(arguments))]
    pairs = []
    for request in requests if isinstance(requests, list) else [None]:
        pair = list(request.values()) if isinstance(request, dict) else request
        if not isinstance(pair, list) or not pair or not isinstance(pair[0], str):
            raise DataError(f"{place}: arguments are {shown(arguments)}, not those of lm-evaluation-harness 0.4")
        if len(pair) != 2 or not isinstance(pair[1], str):
            raise _LeftOutError("its answers are texts, which have no probabilities to choose by")
        pairs.append((pair[0], pair[1]))
    if not pairs:
        raise DataError(f"{place}: no arguments; write the file again")
    contexts, continuations = zip(*pairs, strict=True)
    return contexts, continuations


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) else None


def _without_repeats(samples: list[_Sample], file: Path) -> tuple[list[_Sample], list[Note]]:
    """The samples without repeated ones; an error if a document has two different answers."""
    first: dict[str, _Sample] = {}
    for sample in samples:
        earlier = first.setdefault(sample.id, sample)
        asked = [(s.contexts, s.continuations, s.log_likelihoods) for s in (earlier, sample)]
        if asked[0] != asked[1]:
            raise DataError(
                f"{sample.place}: {sample.id} appears twice with different answers, first in "
                f"{earlier.place.removeprefix(f'{file}: ')}; the file holds several runs: write one run to a new file"
            )
    repeats = len(samples) - len(first)
    message = f"{repeats:,} rows of {file.name} repeat another row and were ignored"
    return list(first.values()), [Note("repeated rows ignored", message, float(repeats))] if repeats else []


def _gold(samples: Sequence[_Sample], options: Sequence[Sequence[str]]) -> list[int]:
    """The position of each sample's right option, by the first way to read ``target`` that agrees with all ``acc``."""
    ways: tuple[Callable[[_Sample, Sequence[str]], int | None], ...] = (_by_position, _by_text, _by_accuracy)
    if not any(sample.accuracy is not None for sample in samples):
        both = [[way(sample, texts) for sample, texts in zip(samples, options, strict=True)] for way in ways[:2]]
        if both[0] != both[1] and not any(None in positions for positions in both):
            target = shown(samples[0].target)
            raise _LeftOutError(
                f"its targets, e.g. {target}, may be positions or texts of choices; acc would tell which"
            )
    for way in ways:
        positions = [way(sample, texts) for sample, texts in zip(samples, options, strict=True)]
        known = [position for position in positions if position is not None]
        if len(known) == len(samples) and all(map(_agrees, samples, known)):
            return known
    target = shown(samples[0].target)
    raise _LeftOutError(f"its targets, e.g. {target}, and acc do not say which one of the choices is right")


def _agrees(sample: _Sample, position: int) -> bool:
    return sample.accuracy is None or sample.accuracy == (chosen(sample.log_likelihoods) == position)


def _by_position(sample: _Sample, options: Sequence[str]) -> int | None:
    target = sample.target
    return int(target) if target.isascii() and target.isdigit() and int(target) < len(options) else None


def _by_text(sample: _Sample, options: Sequence[str]) -> int | None:
    stripped = [option.strip() for option in options]
    return stripped.index(sample.target.strip()) if stripped.count(sample.target.strip()) == 1 else None


def _by_accuracy(sample: _Sample, options: Sequence[str]) -> int | None:
    """The model's choice if that was right, or the other one of two."""
    choice = chosen(sample.log_likelihoods)
    if sample.accuracy == 1:
        return choice
    return 1 - choice if sample.accuracy == 0 and len(options) == 2 else None
