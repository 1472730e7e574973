"""Answers to multiple-choice questions as an evaluation tool stored them: the items, and what one model answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.items import Items
from trusteq.data.label_sets import enumerated
from trusteq.data.surrogates import is_unicode
from trusteq.data.table import shown
from trusteq.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

PROMPT, TOKENS = "prompt", "tokens"
"""The segments of the items: what the model read before each of the options; and a mark of the tokens that it read,
if the tool did not store the complete text."""


@dataclass(frozen=True)
class Question:
    """One question as a model read it, and the model's answer.

    id: unique among the results. task: the evaluation that it belongs to. prompt and options: the texts that the model
    read; an option continues the prompt. gold: the position of the right option. log_probabilities: of each option as a
    continuation of the prompt [options], in nats. record: everything that the tool stored of it. place: where it is
    stored, for messages. tokens: a mark of the tokens that the model read, if its text is not known completely.
    """

    id: str
    task: str
    prompt: str
    options: tuple[str, ...]
    gold: int
    log_probabilities: tuple[float, ...]
    record: Mapping[str, Any]
    place: str
    tokens: str = ""

    def __post_init__(self) -> None:
        for text in (self.id, self.task, self.prompt, *self.options):
            if not is_unicode(text):
                raise DataError(
                    f"{self.place}: {shown(text)} has half of a surrogate pair; write the complete character"
                )

    @property
    def distinct_options(self) -> tuple[str, ...]:
        """The options, those of equal text numbered."""
        repeated = {option for option in self.options if self.options.count(option) > 1}
        return tuple(f"{o} ({i})" if o in repeated else o for i, o in enumerate(self.options, 1))


@dataclass(frozen=True)
class Note:
    """Something about the results that their reader will want to know: a kind, a sentence and its number."""

    kind: str
    message: str
    value: float


@dataclass(frozen=True)
class ChoiceResults:
    """All questions of some results, in the order of the files.

    files: hashed to identify the results. rules: how their log-probabilities may become probabilities, the usual first.
    """

    source: str
    questions: tuple[Question, ...]
    files: tuple[str, ...]
    notes: tuple[Note, ...] = ()
    rules: tuple[str, ...] = ("sum", "per_byte")

    @property
    def shared_options(self) -> tuple[str, ...]:
        """The options of all questions if they are the same for all, else ()."""
        options = {question.distinct_options for question in self.questions}
        return next(iter(options)) if len(options) == 1 else ()

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of the tasks, in the order of the files."""
        return tuple(dict.fromkeys(question.task for question in self.questions))

    @property
    def fields(self) -> tuple[str, ...]:
        """What ``slices`` and ``cluster`` can name: the fields of each task's first record, in the files' order."""
        first = {question.task: question.record for question in reversed(self.questions)}
        return tuple(dict.fromkeys(field for task in self.tasks for field in _paths(first[task])))

    def items(self, *, slices: Sequence[str] = (), cluster: str | None = None) -> Items:
        """The questions as items. ``slices`` and ``cluster`` are fields of the stored records, e.g. "doc.subject"."""
        shared = self.shared_options
        positions = range(max(len(question.options) for question in self.questions))
        columns = {name: self._field(name, [""] * len(self.questions)) for name in slices}
        if len(self.tasks) > 1:
            columns = {"task": [question.task for question in self.questions], **columns}
        ids = [question.id for question in self.questions]
        segments = {PROMPT: [question.prompt for question in self.questions]}
        if any(question.tokens for question in self.questions):
            segments[TOKENS] = [question.tokens for question in self.questions]
        return Items(
            ids=ids,
            segments=segments,
            labels=np.array([question.gold for question in self.questions], dtype=np.int64),
            label_names=shared or tuple(map(str, positions)),
            options=None if shared else [question.distinct_options for question in self.questions],
            columns=columns,
            clusters=None if cluster is None else self._field(cluster, ids),
            source=self.source,
        )

    def _field(self, path: str, otherwise: Sequence[str]) -> list[str]:
        """A field of each record as text, qualified by the task if there are several.

        Questions of a task whose records do not have it get the text in ``otherwise``.
        """
        values = [_at(question.record, path) for question in self.questions]
        having = {question.task for question, value in zip(self.questions, values, strict=True) if value is not None}
        if not having:
            meant = next((f"use {name!r}" for name in self.fields if name.endswith(f".{path}")), "")
            listed = f"the fields are {enumerated(self.fields)}"
            raise DataError(f"{self.source}: no field {path!r} in any record; {meant or listed}")
        texts = []
        for question, value, default in zip(self.questions, values, otherwise, strict=True):
            if question.task not in having:
                texts.append(default or "(missing)")
                continue
            if value is None or isinstance(value, dict | list):
                raise DataError(
                    f"{question.place}: field {path!r} is {shown(value)}, where a text or a number is expected; "
                    f"such fields are {enumerated(_paths(question.record))}"
                )
            texts.append(f"{question.task}: {value}" if len(self.tasks) > 1 and default else str(value))
        return texts


def _at(record: Mapping[str, Any], path: str) -> Any:
    """The value at a path of keys separated by dots; None if there is none."""
    value: Any = record
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _paths(record: Mapping[str, Any]) -> list[str]:
    """The paths of a record's texts and numbers."""
    paths = []
    for key, value in record.items():
        if isinstance(value, dict):
            paths += [f"{key}.{path}" for path in _paths(value)]
        elif value is not None and not isinstance(value, list):
            paths.append(key)
    return paths


def prompt_and_options(contexts: Sequence[str], continuations: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """One prompt, and for each context and continuation the rest of their text.

    What all contexts begin with is the prompt; if they are equal, so is the white space that all continuations begin
    with.
    """
    prompt = _common_start(contexts)
    rests = [context[len(prompt) :] + text for context, text in zip(contexts, continuations, strict=True)]
    if len(set(contexts)) == 1:
        start = _common_start(rests)
        blank = start[: len(start) - len(start.lstrip())]
        prompt, rests = prompt + blank, [rest[len(blank) :] for rest in rests]
    return prompt, tuple(rests)


def _common_start(texts: Sequence[str]) -> str:
    """The longest text that all begin with."""
    first, last = min(texts), max(texts)
    if first == last:
        return first
    length = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))
    return first[:length]


def checked_log_probabilities(values: Sequence[Any], place: str) -> tuple[float, ...]:
    """Log-probabilities as numbers; an error if they cannot be log-probabilities of a model that was run."""
    numbers = []
    for value in values:
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise DataError(f"{place}: log-likelihood {shown(value)} is not a number; write the file again") from None
        if not np.isfinite(number) or number > 1e-6:
            raise DataError(
                f"{place}: log-likelihood {number:g} is not the logarithm of a probability; the model's precision may "
                "be too low (NaN), or its results damaged"
            )
        numbers.append(min(number, 0.0))
    if len(numbers) > 1 and not any(numbers):
        raise DataError(
            f"{place}: all {len(numbers)} log-likelihoods are exactly 0, as written for an API that returns no "
            "log-probabilities of the prompt; such results say nothing about the model: use an API that returns them"
        )
    return tuple(numbers)


def chosen(log_probabilities: Sequence[float]) -> int:
    """The position of the most probable option, the first of equals."""
    return int(np.argmax(log_probabilities))


def probabilities(question: Question, rule: str) -> NDArray[np.float64]:
    """The softmax [options] of the log-probabilities, or by the rule "per_byte" of each divided by its bytes."""
    scores = np.array(question.log_probabilities)
    if rule == "per_byte":
        scores = scores / np.array([len(option.encode("utf-8", "surrogatepass")) for option in question.options])
    powers = np.exp(scores - scores.max())
    return np.asarray(powers / powers.sum())
