"""Items as a language model is asked about them: the whole prompt, and what it would write for each choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trusteq.data.label_sets import enumerated
from trusteq.errors import DataError, ModelError, TaskFileError
from trusteq.prompts.task_file import LETTERS
from trusteq.prompts.template import Choice, template

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from trusteq.data.items import Items
    from trusteq.prompts.task_file import TaskFile

    Chat = Callable[[list[dict[str, str]]], str]


@dataclass(frozen=True)
class Asked:
    """One item as a language model is asked about it, in one order of its choices.

    prompt: the whole of it. continuations: what the model would write for each choice, in the item's order.
    unconditional: the whole prompt without a question; None unless it is subtracted. order: by how many letters the
    choices are shifted, 0 without letters. item: its position.
    """

    prompt: str
    continuations: tuple[str, ...]
    unconditional: str | None
    order: int
    item: int


def asked(task_file: TaskFile, items: Items, chat: Chat | None) -> list[Asked]:
    """Each item in each of its orders, item by item; ``chat`` makes one text of messages as the model's template does.

    An error for the first item that cannot be asked about.
    """
    if task_file.chat == "model" and chat is None:
        raise ModelError("the task file has chat: model, but the model has no chat template; write chat: none")
    texts = segment_texts(task_file, items)
    whole = _in_chat(task_file, chat) if task_file.chat == "model" and chat is not None else _in_text(task_file)
    unconditional = _unconditional(task_file, chat)
    questions = []
    for item, options in enumerate(_options(task_file, items)):
        segments = {name: values[item] for name, values in texts.items()}
        for order in range(_orders(task_file, len(options))):
            question, continuations = _asked(task_file, segments, options, order, f"item {items.ids[item]!r}")
            questions.append(Asked(whole(question), continuations, unconditional, order, item))
    return questions


def segment_texts(task_file: TaskFile, items: Items) -> dict[str, Sequence[str]]:
    """The texts that the task file's template reads, by name; an error unless they are just the items' segments."""
    names = task_file.columns or tuple(items.segments)[:1]
    has = f"{items.source} has {enumerated(list(items.segments)) or 'none'}"
    for name in names:
        if name not in items.segments:
            raise TaskFileError(
                f"the task file reads a text {name!r}; {has}; write one of these, or add it with --text"
            )
    if unread := [name for name in items.segments if name not in names]:
        raise TaskFileError(
            f"the task file never reads the text {unread[0]!r}; {has}; write {{{{ {unread[0]} }}}} in its template, or "
            "leave the text out of --text"
        )
    return dict(zip(items.segments, items.texts(), strict=True))


def _options(task_file: TaskFile, items: Items) -> Sequence[tuple[str, ...]]:
    """The texts of each item's choices; an error for the first item without proper ones."""
    if task_file.choices is not None:
        if items.options is not None:
            raise DataError(
                f"{items.source}: read with each item's own options, but the task file's choices are the same for all; "
                "read the items without them, or write options in place of choices"
            )
        return [tuple(text.strip() for text in task_file.choices.values())] * len(items)
    if items.options is None:
        raise DataError(
            f"{items.source}: read without options, but the task file takes each item's own from column "
            f"{task_file.options!r}; read the items with that column"
        )
    for item, texts in enumerate(items.options):
        if (problem := task_file.problem_of(texts)) is not None:
            raise DataError(f"{items.source}: item {items.ids[item]!r} {problem}")
    return items.options


def _orders(task_file: TaskFile, choices: int) -> int:
    """How many orders are asked: for letters two at least, so that it is seen how much the order matters."""
    if task_file.score != "letters":
        return 1
    return choices if task_file.orders == "cyclic" else 2


def _asked(
    task_file: TaskFile, segments: Mapping[str, str], options: Sequence[str], order: int, where: str
) -> tuple[str, tuple[str, ...]]:
    """The question and what the model would write for each of these choices."""
    shown: dict[str, str | Sequence[Choice]] = dict(segments)
    letters = task_file.score == "letters"
    if letters:
        k = len(options)
        by_letter = [options[(position - order) % k] for position in range(k)]
        shown["choices"] = [Choice(letter, text.strip()) for letter, text in zip(LETTERS, by_letter, strict=False)]
    try:
        question = template(task_file.prompt or "").rendered(shown)
        if letters:
            return question, task_file.continuations_of([LETTERS[(j + order) % k] for j in range(k)])
        if task_file.choices is not None:
            return question, tuple(task_file.choices.values())
        return question, task_file.continuations_of(options)
    except ValueError as problem:
        raise TaskFileError(f"the task file's template cannot be used for {where}: {problem}") from None


def _shots(task_file: TaskFile) -> list[tuple[str, str]]:
    """The question and the answer of each shot, its choices always in their given order."""
    shots = []
    for number, shot in enumerate(task_file.shots, 1):
        shared = task_file.choices or {}
        options = shot.options if shot.options is not None else tuple(text.strip() for text in shared.values())
        names = shot.options if shot.options is not None else tuple(shared)
        question, continuations = _asked(task_file, shot.texts, options, 0, f"shot {number}")
        shots.append((question, continuations[names.index(shot.answer)]))
    return shots


def _in_text(task_file: TaskFile) -> Callable[[str], str]:
    """What makes a whole prompt of a question: what precedes it, and itself."""
    system = "" if task_file.system is None else f"{task_file.system}\n\n"
    before = system + "".join(f"{question}{answer}{task_file.between}" for question, answer in _shots(task_file))
    return lambda question: before + question


def _in_chat(task_file: TaskFile, chat: Chat) -> Callable[[str], str]:
    """What makes a whole prompt of a question, with shots as earlier turns of the conversation."""
    before = [] if task_file.system is None else [_message("system", task_file.system)]
    for question, answer in _shots(task_file):
        before += [_message("user", question), _message("assistant", answer)]
    return lambda question: chat([*before, _message("user", question)])


def _unconditional(task_file: TaskFile, chat: Chat | None) -> str | None:
    if task_file.unconditional is None or chat is None or task_file.chat == "none":
        return task_file.unconditional
    return chat([_message("user", task_file.unconditional)])


def _message(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}
