"""The explained items as the page stores them: each word's weight in every model, or the published top words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.comparing.measures import METHODS, method_title
from trusteq.comparing.published import word_jaccard
from trusteq.comparing.weight_similarity import cosine
from trusteq.errors import RunError
from trusteq.explain.explanation import ExplainSettings
from trusteq.explain.unit_names import plural
from trusteq.report.drawn.kinds import is_drawn
from trusteq.report.unit_spans import marks, unit_spans
from trusteq.report.wording import unit_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from trusteq.record.evidence import Evidence
    from trusteq.report.drawn.drawing import Marks
    from trusteq.report.page.answers import ItemAnswers

DIGITS = 100_000
"""Attributions are stored as whole numbers, in this fraction of 1."""

MOST_NUMBERS = 2_500_000
MOST_EXPLAINED = 20_000


@dataclass(frozen=True)
class ExplainedItems:
    """The explained items.

    positions: among all items. agreement: for each method, the short ``name`` of the score, what it is in full
    (``what``), and its ``values`` [candidates][explained]. words: the data block. left_out: how many more were
    explained than the page holds. texts: by segment and item, the texts that mark units of segments that are neither
    texts nor drawn. marks: by segment that is drawn, the units of each item [explained].
    """

    positions: NDArray[np.int64]
    agreement: list[dict[str, Any]]
    words: dict[str, Any]
    left_out: int = 0
    texts: Mapping[str, Mapping[int, str]] = field(default_factory=dict)
    marks: Mapping[str, Sequence[Marks]] = field(default_factory=dict)


def explained_items(evidence: Evidence, answers: ItemAnswers) -> ExplainedItems | None:
    """The explained items of a run; None where nothing was explained."""
    frame = evidence.attributions
    if frame is not None and len(frame):
        return _weights(evidence, frame, answers)
    tops = evidence.table("top_words")
    return None if tops is None or not len(tops) else _published(evidence, tops)


def _weights(evidence: Evidence, frame: pd.DataFrame, item_answers: ItemAnswers) -> ExplainedItems:
    """The items with every unit's weight."""
    answers = item_answers.answers
    parts = [frame[frame["model"] == name] for name in evidence.models]
    ids = parts[0]["id"].to_numpy()
    if any(not np.array_equal(part["id"].to_numpy(), ids) for part in parts):
        raise RunError(
            f"{evidence.directory or 'this audit'}: attributions are incomplete or of other models; audit again"
        )
    starts = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1]])
    lengths = np.diff(np.r_[starts, len(ids)])
    position_of = {id_: i for i, id_ in enumerate(evidence.items["id"])}
    positions = np.array([position_of[id_] for id_ in ids[starts]])
    methods = [name for name in reversed(METHODS) if name in frame.columns]
    padded = np.arange(lengths.max()) < lengths[:, None]

    def table(part: pd.DataFrame, method: str) -> NDArray[np.float64]:
        values = np.zeros(padded.shape)
        values[padded] = part[method].to_numpy()
        return values

    scores = [
        np.stack([cosine(table(parts[0], method), table(part, method), lengths) for part in parts[1:]])
        for method in methods
    ]
    keep = _most_relevant(positions, scores[0], answers, lengths * len(parts) * len(methods) * 2)
    rows = [slice(starts[i], starts[i] + lengths[i]) for i in keep]

    def integers(part: pd.DataFrame, column: str) -> list[list[int | None]]:
        values = part[column].to_numpy(dtype=np.float64) * DIGITS
        if np.isfinite(values).all():
            rounded = np.rint(values).astype(np.int64)
            return [rounded[row].tolist() for row in rows]
        return [[round(x) if np.isfinite(x) else None for x in values[row]] for row in rows]

    code = {label: k for k, label in enumerate(item_answers.labels)}
    spans, texts = unit_spans(evidence.segments, parts[0], starts, positions)
    unit = unit_of(evidence.document)
    settings = evidence.document.settings["explain"] or ExplainSettings()
    words = {
        "kind": "weights",
        "methods": methods,
        "digits": DIGITS,
        "unit": unit,
        "units": plural(unit),
        "k": settings.top,
        "scale": settings.scale,
        "merged": settings.units == "words-merged",
        "spans": [spans[row].ravel().tolist() for row in rows],
        "targets": [[code[label] for label in part["label"].to_numpy()[starts[keep]]] for part in parts],
        "values": [[integers(part, method) for part in parts] for method in methods],
        "errors": [[integers(part, f"{method}_error") for part in parts] for method in methods],
    }
    agreement = [
        {
            "name": f"cosine, {method_title(method)}",
            "what": f"cosine of the two {method_title(method)} attributions",
            "values": [_or_none(row[keep]) for row in by_candidate],
        }
        for method, by_candidate in zip(methods, scores, strict=True)
    ]
    marked = {
        name: [units[i] for i in keep]
        for number, (name, segment) in enumerate(evidence.segments.items())
        if is_drawn(segment)
        for units in [marks(parts[0], starts, number)]
    }
    return ExplainedItems(positions[keep], agreement, words, len(positions) - len(keep), texts, marked)


def _most_relevant(
    positions: NDArray[np.int64], scores: NDArray[np.float64], answers: NDArray[np.int64], numbers: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The explained items that the page holds: all, or those with changed answers and the least aligned first."""
    if numbers.sum() <= MOST_NUMBERS and len(positions) <= MOST_EXPLAINED:
        return np.arange(len(positions))
    changed = (answers[1:, positions] != answers[0, positions]).any(axis=0)
    order = np.lexsort((np.nan_to_num(scores, nan=1.0).min(axis=0), ~changed))
    return np.sort(order[np.cumsum(numbers[order]) <= MOST_NUMBERS][:MOST_EXPLAINED])


def _published(evidence: Evidence, tops: pd.DataFrame) -> ExplainedItems:
    """The top words of the first run, and how much they agree over all runs."""
    position_of = {id_: i for i, id_ in enumerate(evidence.items["id"])}
    methods = list(dict.fromkeys(tops["method"]))
    top_words: dict[tuple[str, str, int], list[tuple[str, ...]]] = {}
    for method, model, run, top in zip(tops["method"], tops["model"], tops["run"], tops["words"], strict=True):
        top_words.setdefault((method, model, run), []).append(tuple(top))
    (reference, *candidates), method = evidence.models, methods[0]
    positions = np.array([position_of[id_] for id_ in tops["id"][: len(top_words[method, reference, 1])]])
    runs = sorted(run for m, model, run in top_words if (m, model) == (method, reference))
    scores = [
        np.mean([word_jaccard(top_words[method, reference, run], top_words[method, name, run]) for run in runs], axis=0)
        for name in candidates
    ]
    words = {
        "kind": "tops",
        "methods": methods,
        "tops": [[top_words[m, model, 1][:MOST_EXPLAINED] for model in evidence.models] for m in methods],
    }
    what = "Jaccard index of the two models' top words by LIME" + (f", mean of {len(runs)} runs" if runs[1:] else "")
    agreement = {"name": "Jaccard, LIME", "what": what, "values": [_or_none(row[:MOST_EXPLAINED]) for row in scores]}
    return ExplainedItems(positions[:MOST_EXPLAINED], [agreement], words, max(len(positions) - MOST_EXPLAINED, 0))


def _or_none(values: NDArray[np.float64]) -> list[float | None]:
    return [round(float(x), 4) if np.isfinite(x) else None for x in values]
