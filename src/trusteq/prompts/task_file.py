"""Task files: how an item becomes a question to a language model, and how its answer is read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from trusteq.data.table import shown
from trusteq.data.yaml_file import read_yaml, validated
from trusteq.errors import TaskFileError
from trusteq.prompts.template import template

if TYPE_CHECKING:
    from collections.abc import Sequence

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
BETWEEN = "\n\n"


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("must be a text; YAML reads yes, no, on and off as true and false, so put it in quotes")
    if not isinstance(value, str):
        raise ValueError("must be a text; put it in quotes")
    return value


Text = Annotated[str, BeforeValidator(_text)]


class Shot(BaseModel):
    """An example that stands before each question, with its answer; further keys are the segments' texts."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Text] = Field(init=False)

    answer: Text = Field(description="The right choice: its label, or one of the shot's own options.")
    options: tuple[Text, ...] | None = Field(None, description="The shot's own options, if items have their own.")

    @property
    def texts(self) -> Mapping[str, str]:
        """The texts of its segments, by name."""
        return self.__pydantic_extra__


class TaskFile(BaseModel):
    """What a language model is asked about items: part of what an audit is about, as the items are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: Literal["choices", "tokens"] = Field(
        description="choices: which of its choices the model prefers, for each item. tokens: each next token of a text."
    )
    prompt: Text | None = Field(None, description="The question: a Jinja template of the items' columns.")
    system: Text | None = Field(None, description="What precedes all else; with chat: model, the system message.")
    shots: tuple[Shot, ...] = Field((), description="Examples with their answers, before each question.")
    between: Text = Field(BETWEEN, description="What separates the shots and the question.")
    chat: Literal["none", "model"] = Field(
        "none", description="none: the prompt as it is. model: as messages, in the model's own chat template."
    )
    choices: dict[Text, Text] | None = Field(
        None, description="The choices of all items: the text that the model would write for each label."
    )
    options: Text | None = Field(None, description="The column with each item's own list of options.")
    continuation: Text | None = Field(
        None,
        description="A template of what the model would write for an option or a letter; by default it has a space "
        "before it, but none with chat: model.",
    )
    score: Literal["sum", "per_byte", "letters"] = Field(
        "sum",
        description="sum: the log-probability of the whole continuation. per_byte: divided by its length in UTF-8. "
        "letters: the choices are shown with letters, and the letters are scored.",
    )
    minus_unconditional: bool = Field(
        False, description="Whether each continuation's log-probability after the unconditional prompt is subtracted."
    )
    unconditional: Text | None = Field(None, description='The prompt without a question, such as "Answer:".')
    orders: Literal["one", "cyclic"] = Field(
        "one",
        description="With letters. one: the choices in their order; a second order only shows how much it matters. "
        "cyclic: the mean over all cyclic orders.",
    )
    text: Text | None = Field(
        None, description="With task: tokens, a template of the text; by default the items' only column."
    )

    @field_validator("prompt", "text")
    @classmethod
    def _is_template(cls, source: str | None) -> str | None:
        if source is not None and not template(source).names:
            raise ValueError("reads no column of the items; name one, such as {{ sentence }}")
        return source

    @field_validator("continuation")
    @classmethod
    def _is_template_of_an_option(cls, source: str | None) -> str | None:
        if source is not None and template(source).names != ("option",):
            raise ValueError("must be a template of {{ option }}, which is an option's text or its letter, and no more")
        return source

    @field_validator("system", "unconditional")
    @classmethod
    def _is_no_template(cls, text: str | None) -> str | None:
        if text is not None and not text.strip():
            raise ValueError("is empty; leave it out")
        if text is not None and ("{{" in text or "{%" in text):
            raise ValueError("is the same for all items, so it cannot be a template; move that part to the prompt")
        return text

    @field_validator("choices")
    @classmethod
    def _are_choices(cls, choices: dict[str, str] | None) -> dict[str, str] | None:
        if choices is None:
            return None
        if len(choices) < 2:
            raise ValueError("needs two or more")
        for label, text in choices.items():
            if not label.strip():
                raise ValueError("a label is empty; name it")
            if not text.strip():
                raise ValueError(f"the text of {label!r} is empty; write what the model would")
        return choices

    @model_validator(mode="after")
    def _fits_together(self) -> TaskFile:
        if self.task == "tokens":
            self._refuse_besides("task: tokens", {"task", "text"})
            return self
        if self.prompt is None:
            raise ValueError('task: choices needs a prompt, such as "Review: {{ sentence }}\\nSentiment:"')
        if not self.columns:
            raise ValueError("the prompt reads no column of the items; name one, such as {{ question }}")
        if (self.choices is None) == (self.options is None):
            count = "neither choices nor options" if self.choices is None else "both choices and options"
            raise ValueError(
                f"has {count}; give choices, the same for all items, or options, the column of each item's own"
            )
        self._refuse_ineffective()
        self._check_letters()
        self._check_unconditional()
        self._check_continuations()
        self._check_shots()
        return self

    def _given(self) -> list[str]:
        """The keys that are not as they are by default."""
        fields = type(self).model_fields
        return [name for name, field in fields.items() if getattr(self, name) != field.get_default()]

    def _refuse_besides(self, what: str, allowed: set[str]) -> None:
        if others := [name for name in self._given() if name not in allowed]:
            raise ValueError(f"{what} does not read {', '.join(others)}; remove it")

    def _refuse_ineffective(self) -> None:
        given = self._given()
        ineffective = {
            "text": "only task: tokens reads it",
            **({} if self.shots and self.chat == "none" else {"between": "it separates shots, without chat: model"}),
            **({} if self.score == "letters" else {"orders": "only letters have orders"}),
            **(
                {"continuation": "choices are what the model would write"}
                if self.choices is not None and self.score != "letters"
                else {}
            ),
        }
        for name, reason in ineffective.items():
            if name in given:
                raise ValueError(f"{name} would have no effect: {reason}; remove it")

    def _check_letters(self) -> None:
        shows_choices = "choices" in template(self._question).names
        if self.score != "letters":
            if shows_choices:
                raise ValueError("the prompt reads 'choices', which have letters only with score: letters")
            return
        if not shows_choices:
            raise ValueError(
                "score: letters, but the prompt does not show them; write "
                "{% for choice in choices %}{{ choice.letter }}. {{ choice.text }}{{ '\\n' }}{% endfor %}"
            )
        if self.minus_unconditional:
            raise ValueError(
                "minus_unconditional with score: letters: a letter means nothing without its question; remove one"
            )
        if self.choices is not None and len(self.choices) > len(LETTERS):
            raise ValueError(f"{len(self.choices)} choices for {len(LETTERS)} letters; use score: sum or per_byte")
        texts = [text.strip() for text in (self.choices or {}).values()]
        if len(set(texts)) < len(texts):
            raise ValueError("two choices have the same text; write different ones")

    def _check_unconditional(self) -> None:
        if self.minus_unconditional != (self.unconditional is not None):
            raise ValueError(
                "minus_unconditional and unconditional need each other: write both, as in minus_unconditional: true "
                'and unconditional: "Answer:", or neither'
            )

    def _check_continuations(self) -> None:
        """Refuse shared choices of which one begins with another, and two blanks between prompt and continuation."""
        if self.choices is not None and self.score != "letters":
            continuations = list(self.choices.values())
            if (pair := overlapping(continuations)) is not None:
                raise ValueError(
                    f"choices: the text {pair[1]!r} begins with another choice's, {pair[0]!r}, so its "
                    "probability is part of the other's; write texts of which none begins with another"
                )
        else:
            continuations = [self.option_template.partition("{{")[0]]
        blank = all(continuation[:1].isspace() for continuation in continuations)
        for name, text in (("prompt", self.prompt), ("unconditional", self.unconditional)):
            if blank and text is not None and text[-1:].isspace():
                raise ValueError(
                    f"the {name} ends in {text[-1]!r} and what follows begins with {continuations[0][0]!r}; remove "
                    "one of them (in YAML, |- leaves out the last line break and | keeps it)"
                )

    def _check_shots(self) -> None:
        if self.shots and (reserved := {"answer", "options"}.intersection(self.columns)):
            name = min(reserved)
            raise ValueError(f"the prompt reads the column {name!r}, but shots have another {name}; rename the column")
        for number, shot in enumerate(self.shots, 1):
            where = f"shot {number}"
            if missing := [name for name in self.columns if name not in shot.texts]:
                raise ValueError(f"{where} lacks {missing[0]!r}, which the prompt reads; write its text")
            if unknown := [name for name in shot.texts if name not in self.columns]:
                raise ValueError(
                    f"{where}: the prompt does not read {unknown[0]!r}; it reads {', '.join(self.columns)}"
                )
            if (shot.options is None) != (self.options is None):
                raise ValueError(
                    f"{where} has options of its own, but all items share the choices; remove them"
                    if self.options is None
                    else f"{where} lacks options, which each item has; write its list"
                )
            if shot.options is not None and (problem := self.problem_of(shot.options)):
                raise ValueError(f"{where} {problem}")
            known = shot.options if shot.options is not None else tuple(self.choices or ())
            if shot.answer not in known:
                raise ValueError(f"{where}: the answer {shot.answer!r} is none of {', '.join(map(repr, known))}")

    @property
    def columns(self) -> tuple[str, ...]:
        """The segments that the prompt or text reads, in order of first use; none if it is the items' only one."""
        names = template(self._question).names if self._question is not None else ()
        return tuple(name for name in names if name != "choices" or self.task == "tokens")

    @property
    def _question(self) -> str | None:
        return self.text if self.task == "tokens" else self.prompt

    @property
    def option_template(self) -> str:
        """The template of what a model would write for an option or a letter."""
        if self.continuation is not None:
            return self.continuation
        return " {{ option }}" if self.chat == "none" else "{{ option }}"

    def continuations_of(self, options: Sequence[str]) -> tuple[str, ...]:
        """What a model would write for each option of an item, or for each of these letters."""
        written = template(self.option_template)
        return tuple(written.rendered({"option": option}) for option in options)

    def problem_of(self, options: Sequence[str]) -> str | None:
        """What is wrong with an item's own options, in words; None if nothing is."""
        if len(options) < 2:
            return f"has {len(options)} of the two or more options that a choice needs; add some or drop the item"
        if empty := [number for number, option in enumerate(options, 1) if not option.strip()]:
            return f"has an empty option, number {empty[0]}; fill it in or drop the item"
        if len({option.strip() for option in options}) < len(options):
            twice = next(option for option in options if sum(o.strip() == option.strip() for o in options) > 1)
            return f"has the option {shown(twice)} twice; keep one or drop the item"
        if self.score == "letters":
            if len(options) > len(LETTERS):
                return f"has {len(options)} options for {len(LETTERS)} letters; use score: sum or per_byte"
            return None
        if (pair := overlapping(self.continuations_of(options))) is not None:
            return (
                f"has an option, {shown(pair[1])}, that begins with another, {shown(pair[0])}, so its "
                "probability is part of the other's; use score: letters or drop the item"
            )
        return None

    def content(self) -> str:
        """SHA-256 of everything that decides a question and how its answer is read."""
        decides = self.model_dump(mode="json") | {
            "continuation": self.option_template,
            # Of mappings only the choices have an order that matters.
            "choices": None if self.choices is None else list(self.choices.items()),
        }
        text = json.dumps(decides, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def overlapping(continuations: Sequence[str]) -> tuple[str, str] | None:
    """A continuation and another that begins with it or is the same; None if there is no such pair."""
    # Whatever is sorted between a text and another that begins with it begins with it too.
    return next(((a, b) for a, b in pairwise(sorted(continuations)) if b.startswith(a)), None)


def task_schema() -> dict[str, Any]:
    """The JSON Schema of task files."""
    return TaskFile.model_json_schema()


def read_task_file(source: str | Path | Mapping[str, Any] | TaskFile) -> TaskFile:
    """A task file from its path, a mapping of the same content, or a `TaskFile` itself."""
    if isinstance(source, TaskFile):
        return source
    if isinstance(source, Mapping):
        return _parsed(dict(source), "task file")
    if not isinstance(source, str | Path):
        raise TaskFileError(f"task is {shown(source)}; give a YAML file, a mapping or a trusteq.TaskFile")
    return _parsed(read_yaml(source, missing="no such task file", error=TaskFileError), str(source))


def _parsed(content: Any, where: str) -> TaskFile:
    return validated(content, TaskFile, where=where, what="task file", error=TaskFileError)
