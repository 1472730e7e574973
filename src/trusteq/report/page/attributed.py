"""The explained items as the page holds them: each word's weight in every model, or the published top words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.compare.measures import METHODS, method_title
from trusteq.compare.published import word_jaccard
from trusteq.compare.vectors import cosine
from trusteq.errors import RunError
from trusteq.explain.explanation import ExplainSettings
from trusteq.explain.units import unit_named
from trusteq.report.placed import placed

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from trusteq.record.evidence import Evidence

DIGITS = 100_000
"""Attributions are whole numbers of this part."""

MOST_NUMBERS = 2_500_000
MOST_EXPLAINED = 20_000


@dataclass(frozen=True)
class Attributed:
    """The explained items.

    at: their places among all items. agreement: of each method that an item can be seen by, how it was measured in a
    word or two (``name``) and in more (``what``), and its ``values`` [candidates][explained]. words: the data block.
    left_out: how many more were explained than the page holds. texts: by segment and item, the words in which units
    that are no words stand.
    """

    at: NDArray[np.int64]
    agreement: list[dict[str, Any]]
    words: dict[str, Any]
    left_out: int = 0
    texts: Mapping[str, Mapping[int, str]] = field(default_factory=dict)


def attributed(evidence: Evidence, answers: NDArray[np.int64]) -> Attributed | None:
    """The explained items of a run; None where nothing was explained. ``answers`` are [models, items]."""
    frame = evidence.attributions
    if frame is not None and len(frame):
        return _weighed(evidence, frame, answers)
    tops = evidence.table("top_words")
    return None if tops is None or not len(tops) else _published(evidence, tops)


def _weighed(evidence: Evidence, frame: pd.DataFrame, answers: NDArray[np.int64]) -> Attributed:
    parts = [frame[frame["model"] == name] for name in evidence.models]
    ids = parts[0]["id"].to_numpy()
    if any(not np.array_equal(part["id"].to_numpy(), ids) for part in parts):
        raise RunError(
            f"{evidence.directory or 'this audit'}: attributions are cut off or of other models; audit again"
        )
    starts = np.flatnonzero(np.r_[True, ids[1:] != ids[:-1]])
    lengths = np.diff(np.r_[starts, len(ids)])
    place = {id_: i for i, id_ in enumerate(evidence.items["id"])}
    at = np.array([place[id_] for id_ in ids[starts]])
    methods = [name for name in reversed(METHODS) if name in frame.columns]
    padded = np.arange(lengths.max()) < lengths[:, None]

    def table(part: pd.DataFrame, method: str) -> NDArray[np.float64]:
        made = np.zeros(padded.shape)
        made[padded] = part[method].to_numpy()
        return made

    scores = [
        np.stack([cosine(table(parts[0], method), table(part, method), lengths) for part in parts[1:]])
        for method in methods
    ]
    keep = _telling(at, scores[0], answers, lengths * len(parts) * len(methods) * 2)
    rows = [slice(starts[i], starts[i] + lengths[i]) for i in keep]

    def whole(part: pd.DataFrame, column: str) -> list[list[int | None]]:
        values = part[column].to_numpy(dtype=np.float64) * DIGITS
        if np.isfinite(values).all():
            rounded = np.rint(values).astype(np.int64)
            return [rounded[row].tolist() for row in rows]
        return [[round(x) if np.isfinite(x) else None for x in values[row]] for row in rows]

    code = {label: k for k, label in enumerate(evidence.labels)}
    spans, texts = placed(evidence.segments, parts[0], starts, at)
    settings = evidence.document.settings["explain"] or ExplainSettings()
    words = {
        "kind": "weights",
        "methods": methods,
        "digits": DIGITS,
        "unit": unit_named(settings.units),
        "k": settings.k,
        "scale": settings.scale,
        "merged": settings.units == "words-merged",
        "spans": [spans[row].ravel().tolist() for row in rows],
        "targets": [[code[label] for label in part["label"].to_numpy()[starts[keep]]] for part in parts],
        "values": [[whole(part, method) for part in parts] for method in methods],
        "errors": [[whole(part, f"{method}_error") for part in parts] for method in methods],
    }
    agreement = [
        {
            "name": f"cosine, {method_title(method)}",
            "what": f"cosine of the two {method_title(method)} attributions",
            "values": [_or_none(row[keep]) for row in found],
        }
        for method, found in zip(methods, scores, strict=True)
    ]
    return Attributed(at[keep], agreement, words, len(at) - len(keep), texts)


def _telling(
    at: NDArray[np.int64], scores: NDArray[np.float64], answers: NDArray[np.int64], numbers: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The explained items that the page holds: all, or those whose answer changes and the least aligned first."""
    if numbers.sum() <= MOST_NUMBERS and len(at) <= MOST_EXPLAINED:
        return np.arange(len(at))
    changed = (answers[1:, at] != answers[0, at]).any(axis=0)
    order = np.lexsort((np.nan_to_num(scores, nan=1.0).min(axis=0), ~changed))
    return np.sort(order[np.cumsum(numbers[order]) <= MOST_NUMBERS][:MOST_EXPLAINED])


def _published(evidence: Evidence, tops: pd.DataFrame) -> Attributed:
    """The top words of the first run, and how far they agree over all runs."""
    place = {id_: i for i, id_ in enumerate(evidence.items["id"])}
    methods = list(dict.fromkeys(tops["method"]))
    by: dict[tuple[str, str, int], list[tuple[str, ...]]] = {}
    for method, model, run, top in zip(tops["method"], tops["model"], tops["run"], tops["words"], strict=True):
        by.setdefault((method, model, run), []).append(tuple(top))
    (reference, *candidates), method = evidence.models, methods[0]
    at = np.array([place[id_] for id_ in tops["id"][: len(by[method, reference, 1])]])
    runs = sorted(run for m, model, run in by if (m, model) == (method, reference))
    scores = [
        np.mean([word_jaccard(by[method, reference, run], by[method, name, run]) for run in runs], axis=0)
        for name in candidates
    ]
    words = {
        "kind": "tops",
        "methods": methods,
        "tops": [[by[m, model, 1][:MOST_EXPLAINED] for model in evidence.models] for m in methods],
    }
    what = "Jaccard index of the two models' top words by LIME" + (f", mean of {len(runs)} runs" if runs[1:] else "")
    agreement = {"name": "Jaccard, LIME", "what": what, "values": [_or_none(row[:MOST_EXPLAINED]) for row in scores]}
    return Attributed(at[:MOST_EXPLAINED], [agreement], words, max(len(at) - MOST_EXPLAINED, 0))


def _or_none(values: NDArray[np.float64]) -> list[float | None]:
    return [round(float(x), 4) if np.isfinite(x) else None for x in values]
