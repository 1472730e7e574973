"""The stored answers of a model to multiple-choice questions, as an evaluation tool wrote them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from trusteq.data.choice_results import PROMPT, TOKENS, Question, probabilities
from trusteq.data.hashing import content_hash
from trusteq.data.label_sets import enumerated
from trusteq.data.results import INSPECT, LIGHTEVAL, LM_EVAL, ResultsFormat
from trusteq.data.table import shown
from trusteq.errors import ModelError, OptionError
from trusteq.models.backend import Backend
from trusteq.models.base import Finding, Identity
from trusteq.models.options import SCORE
from trusteq.models.traits import Traits
from trusteq.tasks.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from trusteq.data.choice_results import ChoiceResults, Note
    from trusteq.data.items import Items


@dataclass(frozen=True, eq=False)
class StoredChoices:
    """A model that answers the questions of its results, and no others.

    rule: how log-probabilities become probabilities of the options: `data.choice_results.probabilities`.
    """

    name: str
    labels: tuple[str, ...]
    identity: Identity
    questions: Mapping[str, Question]
    rule: str
    notes: tuple[Note, ...] = ()

    @property
    def traits(self) -> Traits:
        """Its answers are stored, so it cannot run on anything else."""
        return Traits(task="choices", rule=self.rule, runs=False, changeable=False)

    def predict(self, items: Items) -> Rows:
        """A row for each option of each item; the items must be the same questions, to the letter."""
        questions = self._matched(items)
        parts = []
        for question in questions:
            raw = np.exp(np.array(question.log_probabilities))
            parts.append(np.stack([probabilities(question, self.rule), raw, np.full(len(raw), np.nan)], axis=1))
        return Rows(np.concatenate(parts), np.array([len(part) for part in parts], dtype=np.int64))

    def findings(self) -> tuple[Finding, ...]:
        """What was noticed when the results were read."""
        return tuple(Finding(self.name, note.kind, note.message, note.value) for note in self.notes)

    def _matched(self, items: Items) -> list[Question]:
        """The question of each item; an error unless both have exactly the same questions."""
        where = f"model {self.name}: {self.identity.location}"
        if PROMPT not in items.segments:
            raise ModelError(f"{where}: stored answers need the items of such results; leave out --data and --text")
        missing = [id_ for id_ in items.ids if id_ not in self.questions]
        extra = sorted(self.questions.keys() - set(items.ids))
        if missing or extra:
            count = f"{len(missing):,} of {len(items):,}" if missing else f"{len(extra):,} more than the {len(items):,}"
            verb = "lacks" if missing else "has"
            raise ModelError(
                f"{where}: {verb} {count} questions of {items.source}, e.g. {(missing or extra)[0]!r}; "
                f"{self._way_out(items, missing, extra)}"
            )
        questions = [self.questions[id_] for id_ in items.ids]
        tokens = items.segments.get(TOKENS, [""] * len(items))
        options = items.options or [items.label_names] * len(items)
        expected = [(p, t, *o) for p, t, o in zip(items.segments[PROMPT], tokens, options, strict=True)]
        actual = [(q.prompt, q.tokens, *q.distinct_options) for q in questions]
        different = [i for i, (one, other) in enumerate(zip(actual, expected, strict=True)) if one != other]
        if different:
            first = different[0]
            question, difference = questions[first], _difference(actual[first], expected[first])
            raise ModelError(
                f"{where}: {len(different):,} of {len(items):,} questions were put in other words than in "
                f"{items.source}, e.g. {question.id!r}: {difference}; run both models with the same shots, options and "
                "chat template"
            )
        if items.labels is not None:
            self._refuse_other_gold(questions, items)
        return questions

    def _way_out(self, items: Items, missing: Sequence[str], extra: Sequence[str]) -> str:
        """What to do if some questions are only here or only there: a whole task can be left out."""
        here = {id_: question.task for id_, question in self.questions.items()}
        there = dict(zip(items.ids, items.columns.get("task", ()), strict=False))
        shared = {here[id_] for id_ in here.keys() - {*extra}}
        apart = {here[id_] for id_ in extra} | {there.get(id_) for id_ in missing}
        if not shared:
            asked = enumerated(sorted({*here.values()}))
            return f"they share no question (this model was asked {asked}); name two that do"
        if None not in apart and not apart & shared:
            tasks = enumerated(sorted(map(str, apart)))
            return f"only one of them was asked {tasks}: name a file of one task of each model, or a folder without it"
        return "run both models on the same tasks and documents, with the same --limit if there is one"

    def _refuse_other_gold(self, questions: Sequence[Question], items: Items) -> None:
        gold = np.array([question.gold for question in questions])
        different = np.flatnonzero(gold != items.labels)
        if different.size:
            first = int(different[0])
            raise ModelError(
                f"model {self.name}: {self.identity.location}: {different.size:,} of {len(items):,} questions have "
                f"another right option than in {items.source}, e.g. {questions[first].id!r}: option {gold[first] + 1}; "
                "use one version of the data for both models"
            )


def _difference(texts: Sequence[str], others: Sequence[str]) -> str:
    """Where prompt, mark of tokens and options first differ from others, with a few characters from there."""
    if len(texts) != len(others):
        return f"{len(texts) - 2} options, not {len(others) - 2}"
    i, (text, other) = next((i, pair) for i, pair in enumerate(zip(texts, others, strict=True)) if pair[0] != pair[1])
    at = next((at for at, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), min(len(text), len(other)))
    if i == 1:
        return f"the model read {text or 'texts'}, not {other or 'texts'}"
    part = "the prompt" if i == 0 else f"option {i - 1}"
    return f"character {at + 1} of {part} begins {shown(text[at : at + 30])}, not {shown(other[at : at + 30])}"


def open_choices(location: str, *, name: str, score: str | None = None, form: ResultsFormat) -> StoredChoices:
    """The results at a file or folder as a model; ``score`` is one of its rules."""
    results: ChoiceResults = form.read(Path(location).expanduser())
    digest = hashlib.sha256("".join(content_hash(file) for file in results.files).encode())
    rule = score or results.rules[0]
    if rule not in results.rules:
        raise OptionError(
            f"model {name}: score {rule!r} is not {' or '.join(results.rules)}, as {form.words} can be scored"
        )
    details = {"score": rule, "tasks": list(results.tasks)}
    return StoredChoices(
        name=name,
        labels=results.shared_options,
        identity=Identity(form.kind, location, digest.hexdigest(), details),
        # Without the stored records, which only the items need.
        questions={question.id: replace(question, record={}) for question in results.questions},
        rule=rule,
        notes=results.notes,
    )


def _backend(form: ResultsFormat) -> Backend:
    return Backend(
        kind=form.kind,
        words=form.words,
        recognises=lambda _, path: form.recognises(path),
        open=partial(open_choices, form=form),
        options=(SCORE,),
    )


CHOICE_RESULTS = tuple(_backend(form) for form in (LM_EVAL, LIGHTEVAL, INSPECT))
"""A backend for each tool whose results are read."""
