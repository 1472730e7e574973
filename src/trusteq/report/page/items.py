"""What the item browser is made from: texts, answers and attributions, rounded and no more than a page can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.clean import clean
from trusteq.data.surrogates import readable
from trusteq.report.page.answers import DIGITS, ItemAnswers, item_answers, probabilities
from trusteq.report.page.attributed import Attributed, attributed
from trusteq.report.page.slices import columns, natural
from trusteq.report.shown import shown

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.record.evidence import Evidence

MOST_ITEMS = 25_000
MOST_CHARACTERS = 8_000_000


@dataclass(frozen=True)
class Browser:
    """The browser's two data blocks, and what was left out to keep the page small, in sentences."""

    items: dict[str, Any]
    words: dict[str, Any] | None
    left_out: tuple[str, ...]


def browser(evidence: Evidence) -> Browser:
    """The items of a run as the page holds them."""
    held, n = item_answers(evidence), len(evidence.items)
    answers, gold = held.answers, held.gold
    found = attributed(evidence, answers)
    at = _chosen(held, found)
    texts, cut = _within(_texts(evidence, at, found))
    left_out = []
    if len(at) < n:
        left_out.append(
            f"This page holds {len(at):,} of {n:,} items: explained ones, those whose answer changes, those a "
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
        "labels": list(held.labels),
        "models": [clean(name) for name in evidence.models],
        "ids": [readable(str(id_)) for id_ in evidence.items["id"].to_numpy()[at]],
        "segments": [clean(name) for name in texts],
        "texts": list(texts.values()),
        "gold": None if gold is None else gold[at].tolist(),
        "answers": answers[:, at].tolist(),
        "digits": DIGITS,
        **probabilities(evidence, held, at),
        "columns": _columns(evidence, at),
        "explained": None,
        "agreement": None,
        "unexplained": _unexplained(evidence, found),
    }
    items["labels"] = [clean(label) for label in items["labels"]]
    if found is None:
        return Browser(items, None, tuple(left_out))
    place = np.full(n, -1)
    place[at] = np.arange(len(at))
    items |= {"explained": place[found.at].tolist(), "agreement": found.agreement}
    return Browser(items, found.words, tuple(left_out))


def _chosen(held: ItemAnswers, found: Attributed | None) -> NDArray[np.int64]:
    """The items that the page holds, in their order: all, or the most telling."""
    answers, gold, n = held.answers, held.gold, held.answers.shape[1]
    if n <= MOST_ITEMS:
        return np.arange(n)
    telling = (answers[1:] != answers[0]).any(axis=0) * 2.0
    if found is not None:
        telling[found.at] += 4.0
    if gold is not None:
        telling += np.where(answers == gold, 0.0, held.confidence).max(axis=0)
    # Of equally telling ones, a regular sample: places by the golden ratio are spread evenly.
    spread = np.arange(n) * 0.6180339887498949 % 1
    return np.sort(np.lexsort((spread, -telling))[:MOST_ITEMS])


def _texts(evidence: Evidence, at: NDArray[np.int64], found: Attributed | None) -> dict[str, list[str]]:
    """The chosen items in words, by segment; of explained ones with the names of units that are no words."""
    texts = {name: shown(segment, at.tolist()) for name, segment in evidence.segments.items()}
    explained = set() if found is None else set(found.at.tolist())
    for name, said in ({} if found is None else found.texts).items():
        texts[name] = [said[i] if i in explained else text for i, text in zip(at.tolist(), texts[name], strict=True)]
    return texts


def _within(texts: dict[str, list[str]]) -> tuple[dict[str, list[str]], int | None]:
    """The texts, and the length they were cut to where all together were too long."""
    chosen = {name: list(map(readable, values)) for name, values in texts.items()}
    lengths = np.array([len(text) for values in chosen.values() for text in values])
    if lengths.sum() <= MOST_CHARACTERS:
        return chosen, None
    limits = np.unique(lengths)
    totals = [int(np.minimum(lengths, limit).sum()) for limit in limits]
    fits = [int(limit) for limit, total in zip(limits, totals, strict=True) if total <= MOST_CHARACTERS]
    limit = max([*fits, MOST_CHARACTERS // len(lengths)])
    return {name: [text[:limit] for text in values] for name, values in chosen.items()}, limit


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
    how = evidence.document.settings["explain"]
    if how is None or how.items is None:
        return said
    n, of = len(found.at) + found.left_out, len(evidence.items)
    return (
        f"{said} An audit explains a random sample, here {n:,} of {of:,} items; --explain-items N explains more, "
        "--explain-items all every one."
    )
