"""One item as two models see it: both predictions, and both models' attributions on one scale."""

from __future__ import annotations

import difflib
import io
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.comparing.behaviour import FLIPS
from trusteq.comparing.measures import METHODS
from trusteq.comparing.padded_arrays import rounded
from trusteq.comparing.top_k import top_k
from trusteq.data.clean import clean
from trusteq.errors import RunError
from trusteq.explain.explanation import ExplainSettings
from trusteq.record.item_table import SEGMENT
from trusteq.report.drawn.drawing import Marks
from trusteq.report.drawn.kinds import drawn, is_drawn
from trusteq.report.segment_text import segment_texts
from trusteq.report.unit_spans import marks, unit_spans
from trusteq.report.wording import unit_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from trusteq.record.evidence import Evidence
    from trusteq.report.drawn.drawing import Drawing

METHOD = "shapley"
SURE = 2
"""An attribution closer to zero than this many standard errors may be no effect at all."""

MOST_COMPARED = 20_000
"""Ids that an unknown id is compared with; more would take seconds."""


@dataclass(frozen=True)
class Prediction:
    """One model's answer to the item."""

    model: str
    answer: str
    confidence: float
    probabilities: Mapping[str, float]


@dataclass(frozen=True)
class Word:
    """A word, its place (segment's name, first character, end), and what it contributes to each model's answer.

    ``_error`` are standard errors; ``_top`` says whether it is one of the model's k words with the most weight.
    """

    word: str
    segment: str
    start: int
    end: int
    reference: float
    candidate: float
    reference_error: float
    candidate_error: float
    reference_top: bool
    candidate_top: bool

    @property
    def reference_unsure(self) -> bool:
        """Whether its weight in the reference may be 0."""
        return abs(self.reference) < SURE * self.reference_error

    @property
    def candidate_unsure(self) -> bool:
        """Whether its weight in the candidate may be 0."""
        return abs(self.candidate) < SURE * self.candidate_error


@dataclass(frozen=True)
class Words:
    """Both models' attributions of one item by one method, and the label that each explains.

    unit: what one of the words is called; other kinds of segments have other units.
    """

    method: str
    scale: str
    k: int
    reference_label: str
    candidate_label: str
    words: tuple[Word, ...]
    unit: str = "word"

    @property
    def largest(self) -> float:
        """The largest attribution of either model, the end of their shared scale."""
        return max((abs(a) for word in self.words for a in (word.reference, word.candidate)), default=0.0)


@dataclass(frozen=True)
class TopWords:
    """Both models' top words under the published protocol, in LIME's first run or SHAP's only one."""

    method: str
    reference: tuple[str, ...]
    candidate: tuple[str, ...]


@dataclass(frozen=True)
class ItemView:
    """One item with both models' answers to it, and their attributions where it was explained.

    answers: how many answers a model gives to the item. drawings: of its segments that are not shown as texts, with
    their units in the order of the words.
    """

    id: str
    segments: Mapping[str, str]
    columns: Mapping[str, str]
    gold: str | None
    reference: Prediction
    candidate: Prediction
    explained: Words | None
    top_words: tuple[TopWords, ...]
    answers: int = 1
    drawings: Mapping[str, Drawing] = field(default_factory=dict)

    @property
    def change(self) -> str:
        """The kind of change from the reference's answer to the candidate's, in words."""
        before, now = self.reference.answer, self.candidate.answer
        if before == now:
            return "same answer"
        if self.gold is None:
            return "other answer"
        return FLIPS[0] if before == self.gold else FLIPS[1] if now == self.gold else FLIPS[2]

    @property
    def summary(self) -> str | None:
        """How many answers change, where the item does not have just one."""
        if self.answers == 1:
            return None
        if not self.answers:
            return "no answers"
        changed = self.reference.answer != self.candidate.answer
        return self.candidate.answer if changed else f"none of {self.answers:,} answers changed"

    def __str__(self) -> str:
        from rich.console import Console

        from trusteq.report.item_terminal import render

        out = io.StringIO()
        Console(file=out, width=100, highlight=False, markup=False, emoji=False, color_system=None).print(render(self))
        return "\n".join(line.rstrip() for line in out.getvalue().split("\n")).strip("\n")

    def _repr_html_(self) -> str:
        from trusteq.report.item_html import html

        return html(self)


def item_view(evidence: Evidence, item: str, candidate: str | None = None, *, method: str = METHOD) -> ItemView:
    """One item with the reference's and a candidate's answers; the only candidate if none is named."""
    if candidate is None and len(evidence.models) > 2:
        raise RunError(f"the run has several candidates; name one of {', '.join(evidence.models[1:])}")
    if method not in METHODS:
        raise RunError(f"no method {method!r}; choose from {', '.join(METHODS)}")
    name = evidence.candidate(candidate or evidence.models[1]).name
    row = position(evidence, item)
    table = evidence.items
    values = {str(key): table[key].iloc[row] for key in table if not str(key).startswith(SEGMENT)}
    fields = {key: str(value) for key, value in values.items() if value is not None}
    item = fields["id"]
    segments = {name: segment_texts(segment, [row])[0] for name, segment in evidence.segments.items()}
    explained, with_units = _words(evidence, item, row, name, method)
    segments |= with_units
    return ItemView(
        item,
        segments,
        {key.removeprefix("column "): text for key, text in fields.items() if key.startswith("column ")},
        _gold(evidence, row),
        _prediction(evidence, 0, row),
        _prediction(evidence, evidence.models.index(name), row),
        explained,
        _top_words(evidence, item, name),
        len(_answer_positions(evidence, 0, row)),
        _drawings(evidence, item, row),
    )


def item_document(views: list[ItemView]) -> dict[str, Any]:
    """One item's views, one per candidate, as plain values."""
    first = views[0]
    return {
        "id": first.id,
        "segments": dict(first.segments),
        "columns": dict(first.columns),
        "gold": first.gold,
        "reference": asdict(first.reference),
        "candidates": [
            {
                **asdict(view.candidate),
                "change": view.change,
                "explained": None if view.explained is None else asdict(view.explained),
                "top_words": [asdict(top) for top in view.top_words],
            }
            for view in views
        ],
    }


def position(evidence: Evidence, item: str) -> int:
    """The item's row in the run's tables; an unknown id is an error that suggests similar ones."""
    ids: list[str] = evidence.items["id"].tolist()
    for same in (lambda id_: id_ == item, lambda id_: clean(id_) == item):
        rows = [row for row, id_ in enumerate(ids) if same(id_)]
        if len(rows) == 1:
            return rows[0]
    longer = sorted((id_ for id_ in ids if item and id_.startswith(item)), key=len)
    near = list(dict.fromkeys([*longer, *difflib.get_close_matches(item, _comparable(item, ids), n=3, cutoff=0.5)]))[:3]
    hint = f"did you mean {' or '.join(repr(id_) for id_ in near)}?" if near else f"ids look like {ids[0]!r}"
    raise RunError(f"{evidence.directory or 'this audit'}: no item {item[:80]!r}; {hint}")


def _comparable(item: str, ids: list[str]) -> list[str]:
    """The ids worth comparing with: all, or if there are very many, those that contain its last number or word."""
    if len(ids) <= MOST_COMPARED:
        return ids
    parts = [part for part in re.findall(r"\d+|[^\W\d_]{2,}", item) if len(part) > 1]
    return [id_ for id_ in ids if id_.casefold() == item.casefold() or all(part in id_ for part in parts[-1:])][
        :MOST_COMPARED
    ]


def _prediction(evidence: Evidence, model: int, row: int) -> Prediction:
    outcomes, task, labels = evidence.outcomes[model], evidence.task, evidence.labels
    at = _answer_positions(evidence, model, row)
    shares = dict(task.shares(evidence.rows[model], row, evidence.bare_items, labels))
    if len(at) != 1:
        changed = int((outcomes.answer[at] != evidence.outcomes[0].answer[at]).sum())
        confidence = float(outcomes.confidence[at].sum() / max(len(at), 1))
        return Prediction(evidence.models[model], several(len(at), changed), confidence, shares)
    (answer,) = task.answer_texts(outcomes.answer[at].astype(np.int64), np.array([row]), evidence.bare_items, labels)
    return Prediction(evidence.models[model], answer, float(outcomes.confidence[at[0]]), shares)


def _answer_positions(evidence: Evidence, model: int, row: int) -> NDArray[np.int64]:
    """Where a model's answers to an item are among all its answers."""
    outcomes = evidence.outcomes[model]
    return np.array([row]) if outcomes.item is None else np.flatnonzero(outcomes.item == row)


def several(answers: int, changed: int) -> str:
    """In words, how many answers an item has and how many of them differ from the reference's."""
    return f"{changed:,} of {answers:,} answers changed" if changed else f"{answers:,} answers"


def _gold(evidence: Evidence, row: int) -> str | None:
    """The item's right answer in words; None where it is unknown."""
    if evidence.gold is None:
        return None
    (answer,) = evidence.task.answer_texts(evidence.gold[[row]], np.array([row]), evidence.bare_items, evidence.labels)
    return answer


def _words(evidence: Evidence, item: str, row: int, candidate: str, method: str) -> tuple[Words | None, dict[str, str]]:
    """Both models' attributions, None where the item was not explained; and the texts that have names of units."""
    table, segments = evidence.attributions, tuple(evidence.segments)
    if table is None:
        return None, {}
    rows = table[table["id"] == item]
    a, b = (rows[rows["model"] == name] for name in (evidence.models[0], candidate))
    if not len(a) or len(a) != len(b):
        return None, {}
    if int(a["segment"].max()) >= len(segments):
        raise RunError(
            f"{evidence.directory or 'this audit'}: damaged: words of item {item!r} belong to none of its texts"
        )
    spans, texts = unit_spans(evidence.segments, a, np.zeros(1, dtype=np.int64), np.array([row]))
    settings = evidence.document.settings["explain"] or ExplainSettings()
    top_a, top_b = (_top(part, method, settings.top) for part in (a, b))
    words = tuple(
        Word(
            word=str(word),
            segment=segments[segment],
            start=start,
            end=end,
            reference=float(reference),
            candidate=float(other),
            reference_error=float(reference_error),
            candidate_error=float(other_error),
            reference_top=bool(in_a),
            candidate_top=bool(in_b),
        )
        for word, (segment, start, end), reference, other, reference_error, other_error, in_a, in_b in zip(
            a["word"],
            spans.tolist(),
            a[method],
            b[method],
            a[f"{method}_error"],
            b[f"{method}_error"],
            top_a,
            top_b,
            strict=True,
        )
    )
    first, second = (str(part["label"].iloc[0]) for part in (a, b))
    explained = Words(
        method, settings.scale or evidence.task.scale, settings.top, first, second, words, unit_of(evidence.document)
    )
    return explained, {name: by_item[row] for name, by_item in texts.items()}


def _drawings(evidence: Evidence, item: str, row: int) -> dict[str, Drawing]:
    """The drawings of the item's segments, with their units if it was explained."""
    numbered = {number: name for number, (name, held) in enumerate(evidence.segments.items()) if is_drawn(held)}
    table = evidence.attributions
    rows = None if table is None else table[(table["id"] == item) & (table["model"] == evidence.models[0])]
    made = {}
    for number, name in numbered.items():
        (units,) = marks(rows, np.zeros(1, dtype=np.int64), number) if rows is not None and len(rows) else (Marks(),)
        made[name] = drawn(evidence.segments[name], row, units)
    return made


def _top(rows: pd.DataFrame, method: str, k: int) -> NDArray[np.bool_]:
    """Which words are the k with the most weight [words]; a weight that is 0 but for rounding never counts."""
    a = rows[method].to_numpy(dtype=np.float64)[None]
    top = top_k(a, np.array([a.shape[1]], dtype=np.int64), k)[0]
    return np.asarray(top & (rounded(a)[0] != 0))


def _top_words(evidence: Evidence, item: str, candidate: str) -> tuple[TopWords, ...]:
    """Both models' top words under the published protocol; none where the run did not follow it."""
    table = evidence.table("top_words")
    if table is None:
        return ()
    rows = table[(table["id"] == item) & (table["run"] == 1)]
    by_method = []
    for method in dict.fromkeys(rows["method"]):
        sides = [
            tuple(str(word) for word in words)
            for name in (evidence.models[0], candidate)
            for words in rows[(rows["method"] == method) & (rows["model"] == name)]["words"]
        ]
        if len(sides) == 2:
            by_method.append(TopWords(str(method), *sides))
    return tuple(by_method)
