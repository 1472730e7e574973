"""What the item browser is made from: texts, answers and attributions, rounded and no more than a page can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.clean import clean
from trusteq.data.surrogates import readable
from trusteq.report.page.attributed import Attributed, attributed
from trusteq.report.page.slices import columns, natural
from trusteq.report.page.texts import segments
from trusteq.stats.rows import largest_column

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.record.evidence import Evidence

DIGITS = 10_000
"""Probabilities are whole numbers of this part."""

MOST_ITEMS = 25_000
MOST_CHARACTERS = 8_000_000
MOST_LABELS = 12
"""With more labels an item shows only those that some model gives weight, and its own."""
TOP_LABELS = 3


@dataclass(frozen=True)
class Browser:
    """The browser's two data blocks, and what was left out to keep the page small, in sentences."""

    items: dict[str, Any]
    words: dict[str, Any] | None
    left_out: tuple[str, ...]


def browser(evidence: Evidence) -> Browser:
    """The items of a run as the page holds them."""
    p, gold = evidence.probabilities, evidence.gold
    answers = np.stack([largest_column(model)[0] for model in p])
    found = attributed(evidence, answers)
    at = _chosen(answers, gold, p, found)
    texts, cut = _within(segments(evidence), at)
    left_out = []
    if len(at) < p.shape[1]:
        left_out.append(
            f"This page holds {len(at):,} of {p.shape[1]:,} items: explained ones, those whose answer changes, those a "
            "model is surely wrong about, and a regular sample of the rest. All are in items.parquet."
        )
    if cut:
        left_out.append(f"Texts are cut after {cut:,} characters; they are whole in items.parquet.")
    if found is not None and found.left_out:
        left_out.append(
            f"Words are marked in {len(found.at):,} of {len(found.at) + found.left_out:,} explained items; the others "
            "are in attributions.parquet."
        )
    items = {
        "labels": [clean(label) for label in evidence.labels],
        "models": [clean(name) for name in evidence.models],
        "ids": [readable(str(id_)) for id_ in evidence.items["id"].to_numpy()[at]],
        "segments": [clean(name) for name in texts],
        "texts": list(texts.values()),
        "gold": None if gold is None else gold[at].tolist(),
        "answers": answers[:, at].tolist(),
        "digits": DIGITS,
        **_probabilities(p[:, at], None if gold is None else gold[at]),
        "columns": _columns(evidence, at),
        "explained": None,
        "agreement": None,
        "unexplained": _unexplained(evidence, found),
    }
    if found is None:
        return Browser(items, None, tuple(left_out))
    place = np.full(p.shape[1], -1)
    place[at] = np.arange(len(at))
    items |= {"explained": place[found.at].tolist(), "agreement": found.agreement}
    return Browser(items, found.words, tuple(left_out))


def _chosen(
    answers: NDArray[np.int64], gold: NDArray[np.int64] | None, p: NDArray[np.float64], found: Attributed | None
) -> NDArray[np.int64]:
    """The items that the page holds, in their order: all, or the most telling."""
    n = answers.shape[1]
    if n <= MOST_ITEMS:
        return np.arange(n)
    telling = (answers[1:] != answers[0]).any(axis=0) * 2.0
    if found is not None:
        telling[found.at] += 4.0
    if gold is not None:
        telling += np.where(answers == gold, 0.0, p.max(axis=2)).max(axis=0)
    # Of equally telling ones, a regular sample: places by the golden ratio are spread evenly.
    spread = np.arange(n) * 0.6180339887498949 % 1
    return np.sort(np.lexsort((spread, -telling))[:MOST_ITEMS])


def _within(texts: dict[str, list[str]], at: NDArray[np.int64]) -> tuple[dict[str, list[str]], int | None]:
    """The texts of the chosen items, and the length they were cut to where all together were too long."""
    chosen = {name: [readable(values[i]) for i in at.tolist()] for name, values in texts.items()}
    lengths = np.array([len(text) for values in chosen.values() for text in values])
    if lengths.sum() <= MOST_CHARACTERS:
        return chosen, None
    limits = np.unique(lengths)
    totals = [int(np.minimum(lengths, limit).sum()) for limit in limits]
    fits = [int(limit) for limit, total in zip(limits, totals, strict=True) if total <= MOST_CHARACTERS]
    limit = max([*fits, MOST_CHARACTERS // len(lengths)])
    return {name: [text[:limit] for text in values] for name, values in chosen.items()}, limit


def _probabilities(p: NDArray[np.float64], gold: NDArray[np.int64] | None) -> dict[str, Any]:
    """Each model's probabilities [items, labels] in a row, or of many labels the few that matter to an item."""
    whole = np.rint(p * DIGITS).astype(np.int64)
    confidences = whole.max(axis=2).tolist()
    if p.shape[2] <= MOST_LABELS:
        return {"confidences": confidences, "shown": None, "probabilities": [model.ravel().tolist() for model in whole]}
    top = np.argsort(-p, axis=2, kind="stable")[:, :, :TOP_LABELS]
    own = [] if gold is None else [gold[:, None]]
    shown = [list(dict.fromkeys(row)) for row in np.concatenate([*top, *own], axis=1).tolist()]
    values = [[[model[i][k] for k in labels] for i, labels in enumerate(shown)] for model in whole.tolist()]
    return {"confidences": confidences, "shown": shown, "probabilities": values}


def _columns(evidence: Evidence, at: NDArray[np.int64]) -> list[dict[str, Any]]:
    """What items can be filtered by: each column's values, and which of them every item has."""
    coded = []
    for name, values in columns(evidence).items():
        chosen = [values[i] for i in at.tolist()]
        kinds = sorted(set(chosen), key=natural)
        code = {kind: k for k, kind in enumerate(kinds)}
        codes = [code[value] for value in chosen]
        coded.append({"name": clean(name), "values": [clean(kind) for kind in kinds], "codes": codes})
    return coded


def _unexplained(evidence: Evidence, found: Attributed | None) -> str:
    """What the page says of an item without words, and how to explain more."""
    if found is None:
        return "Nothing was explained in this run."
    said = "This item was not explained."
    if found.left_out:
        said = "This page has no words of this item: it was not explained, or they are in attributions.parquet only."
    asked = evidence.document["settings"]["explain"] or {}
    if asked.get("items") is None:
        return said
    n, of = len(found.at) + found.left_out, evidence.probabilities.shape[1]
    return (
        f"{said} An audit explains a random sample, here {n:,} of {of:,} items; --explain-items N explains more, "
        "--explain-items all every one."
    )
