"""The details that lighteval 0.13 stores with ``--save-details``: ``details_TASK_TIME.parquet``.

The text that the model read is not stored, only its tokens: whether two models read the same is decided by these.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from trusteq.data import parquet
from trusteq.data.choice_results import (
    ChoiceResults,
    Note,
    Question,
    checked_log_probabilities,
    prompt_and_options,
)
from trusteq.data.table import shown
from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_COLUMNS = ["doc", "metric", "model_response"]
_DEEPEST = 5
"""How many folders below the one that is named: details, the model's owner and name, the time."""


def recognises(path: Path) -> bool:
    """Whether this is a file of details, or a folder with some in it or below."""
    if path.is_dir():
        return bool(_in_folder(path))
    if not path.is_file() or path.suffix.lower() != ".parquet":
        return False
    try:
        return {"doc", "model_response"} <= set(pq.read_schema(path).names)
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        return False


def read(path: Path) -> ChoiceResults:
    """The multiple-choice questions of a file or a folder; tasks of another kind are left out, with a note."""
    files = _in_folder(path) if path.is_dir() else [path]
    folders = sorted({str(file.parent) for file in files})
    if len(folders) > 1:
        raise DataError(f"{path}: holds details of {len(folders)} runs, in {', '.join(folders)}; name one folder")
    questions: dict[str, Question] = {}
    left_out: dict[str, str] = {}
    for file in files:
        table = parquet.read(file, _COLUMNS, None)
        for row in range(table.rows):
            doc, response = table.columns["doc"][row], table.columns["model_response"][row]
            place = f"{file}: {table.place(row)}"
            if not isinstance(doc, dict) or not isinstance(response, dict):
                raise DataError(f"{place}: doc is {shown(doc)}, not as lighteval 0.13 stores it; run it again")
            task = str(doc.get("task_name"))
            reason = _unfit(doc, response)
            if reason is not None:
                left_out[task] = reason
                continue
            try:
                question = _question(doc, response, task, place)
            except (KeyError, TypeError, ValueError, OverflowError) as error:
                problem = f"it has no {error}" if isinstance(error, KeyError) else error
                raise DataError(f"{place}: is not as lighteval 0.13 stores it ({problem}); run it again") from None
            if question.id in questions:
                raise DataError(f"{place}: {question.id} appears twice; name the files of one run")
            questions[question.id] = question
    notes = [Note("task left out", f"task {task} was left out: {reason}", 1.0) for task, reason in left_out.items()]
    kept = sorted((q for q in questions.values() if q.task not in left_out), key=lambda q: (len(q.id), q.id))
    if not kept:
        raise DataError(f"{path}: no multiple-choice questions: {'; '.join(note.message for note in notes) or 'empty'}")
    return ChoiceResults(str(path), tuple(kept), tuple(map(str, files)), tuple(notes))


def _in_folder(folder: Path) -> list[Path]:
    """The files of details in a folder, or else in the nearest folders below it that have some."""
    for depth in range(_DEEPEST):
        if found := sorted(folder.glob(f"{'*/' * depth}details_*.parquet")):
            return found
    return []


def _unfit(doc: Mapping[str, Any], response: Mapping[str, Any]) -> str | None:
    """Why a document is not a question with one right option and a log-probability of each; None if it is."""
    choices, logs, gold = doc.get("choices") or [], response.get("logprobs") or [], _gold(doc)
    if not isinstance(choices, list) or not isinstance(logs, list):
        return f"its choices are {shown(choices)} and their log-probabilities {shown(logs)}, where lists are expected"
    if len(choices) < 2 or not logs:
        return "its answers are texts, which have no probabilities to choose by"
    if len(logs) != len(choices):
        return f"it has {len(logs)} log-probabilities for {len(choices)} choices"
    if type(gold) is not int or not 0 <= gold < len(choices):
        return f"its right answers are {shown(gold)}, not one of the choices"
    return None


def _gold(doc: Mapping[str, Any]) -> Any:
    gold = doc.get("gold_index")
    return gold[0] if isinstance(gold, list) and len(gold) == 1 else gold


def _question(doc: Mapping[str, Any], response: Mapping[str, Any], task: str, place: str) -> Question:
    query = "\n\n".join(str(part) for part in (doc.get("instruction"), doc["query"]) if part)
    prompt, options = prompt_and_options([query] * len(doc["choices"]), [str(choice) for choice in doc["choices"]])
    ids = [int(token) for token in response.get("input_tokens") or []]
    digest = hashlib.sha256(" ".join(map(str, ids)).encode()).hexdigest()[:16]
    if response.get("truncated_tokens_count"):
        raise DataError(
            f"{place}: {response['truncated_tokens_count']} tokens of its prompt were cut off to fit the model; use "
            "fewer shots or a longer context"
        )
    return Question(
        f"{task}/{doc['id']}",
        task,
        prompt,
        options,
        _gold(doc),
        checked_log_probabilities(response["logprobs"], place),
        {"doc": doc},
        place,
        f"{len(ids)} tokens, {digest}",
    )
