"""The data of the item browser: texts, answers and attributions, rounded and limited to what a page can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.clean import clean
from trusteq.data.surrogates import readable
from trusteq.explain.unit_names import plural
from trusteq.report.drawn.kinds import is_area
from trusteq.report.page.answers import DIGITS, ItemAnswers, item_answers, probabilities
from trusteq.report.page.drawings import drawings
from trusteq.report.page.explained_items import ExplainedItems, explained_items
from trusteq.report.page.in_common import matching_items
from trusteq.report.page.slices import columns, natural
from trusteq.report.segment_text import segment_texts
from trusteq.report.wording import about, unit_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.record.evidence import Evidence

MOST_ITEMS = 25_000
MOST_CHARACTERS = 8_000_000


@dataclass(frozen=True)
class Browser:
    """The browser's two data blocks, and sentences about what was left out to keep the page small."""

    items: dict[str, Any]
    words: dict[str, Any] | None
    left_out: tuple[str, ...]

    @property
    def has_images(self) -> bool:
        """Whether any item is shown with an image."""
        return any(one is not None and one.get("images") for one in self.items.get("drawings", ()))


def browser(evidence: Evidence, *, images: bool = True) -> Browser:
    """The items of a run as the page stores them; ``images``: whether pictures and sounds may be shown."""
    all_answers, n = item_answers(evidence), len(evidence.items)
    answers, gold = all_answers.answers, all_answers.gold
    explained = explained_items(evidence, all_answers)
    chosen = _chosen(all_answers, explained)
    texts, cut = _within(_texts(evidence, chosen, explained))
    made = drawings(evidence.segments, chosen, answers, explained, images=images)
    left_out = [*made.left_out]
    if len(chosen) < n:
        left_out.append(
            f"This page holds {len(chosen):,} of {n:,} items: explained ones, those whose answer changes, those a "
            "model gets wrong with high confidence, and a regular sample of the rest. All are in items.parquet."
        )
    if cut:
        left_out.append(f"Texts are truncated after {cut:,} characters; the full texts are in items.parquet.")
    if explained is not None and explained.left_out:
        left_out.append(
            f"{plural(unit_of(evidence.document)).capitalize()} are marked in {len(explained.positions):,} of "
            f"{len(explained.positions) + explained.left_out:,} explained items; the others are in "
            "attributions.parquet."
        )
    items = {
        "labels": list(all_answers.labels),
        "models": [clean(name) for name in evidence.models],
        "ids": [readable(str(id_)) for id_ in evidence.items["id"].to_numpy()[chosen]],
        "segments": [clean(name) for name in texts],
        "texts": list(texts.values()),
        "gold": None if gold is None else gold[chosen].tolist(),
        "answers": answers[:, chosen].tolist(),
        "digits": DIGITS,
        **probabilities(evidence, all_answers, chosen),
        "columns": _columns(evidence, chosen),
        "common": matching_items(evidence, chosen),
        "explained": None,
        "agreement": None,
        "unexplained": _unexplained(evidence, explained),
    }
    if any(made.segments):
        items["drawings"] = list(made.segments)
    items["labels"] = [clean(label) for label in items["labels"]]
    if explained is None:
        return Browser(items, None, tuple(left_out))
    position_on_page = np.full(n, -1)
    position_on_page[chosen] = np.arange(len(chosen))
    items |= {"explained": position_on_page[explained.positions].tolist(), "agreement": explained.agreement}
    return Browser(items, explained.words, tuple(left_out))


def _chosen(all_answers: ItemAnswers, explained: ExplainedItems | None) -> NDArray[np.int64]:
    """The items that the page holds, in their order: all, or the most relevant."""
    answers, gold, n = all_answers.answers, all_answers.gold, all_answers.answers.shape[1]
    if n <= MOST_ITEMS:
        return np.arange(n)
    relevance = (answers[1:] != answers[0]).any(axis=0) * 2.0
    if explained is not None:
        relevance[explained.positions] += 4.0
    if gold is not None:
        relevance += np.where(answers == gold, 0.0, all_answers.confidence).max(axis=0)
    # Of equally relevant ones, a regular sample: multiples of the golden ratio are spread evenly.
    spread = np.arange(n) * 0.6180339887498949 % 1
    return np.sort(np.lexsort((spread, -relevance))[:MOST_ITEMS])


def _texts(evidence: Evidence, chosen: NDArray[np.int64], explained: ExplainedItems | None) -> dict[str, list[str]]:
    """The texts that show the chosen items, by segment; explained items with the names of their units."""
    texts = {
        # Only a few pictures and sounds are decoded for a page.
        name: [""] * len(chosen) if is_area(segment) else segment_texts(segment, chosen.tolist())
        for name, segment in evidence.segments.items()
    }
    if explained is not None:
        positions = set(explained.positions.tolist())
        for name, with_units in explained.texts.items():
            both = zip(chosen.tolist(), texts[name], strict=True)
            texts[name] = [with_units[i] if i in positions else text for i, text in both]
    return texts


def _within(texts: dict[str, list[str]]) -> tuple[dict[str, list[str]], int | None]:
    """The texts, and the length they were truncated to where they were too long in total."""
    readable_texts = {name: list(map(readable, values)) for name, values in texts.items()}
    lengths = np.array([len(text) for values in readable_texts.values() for text in values])
    if lengths.sum() <= MOST_CHARACTERS:
        return readable_texts, None
    limits = np.unique(lengths)
    totals = [int(np.minimum(lengths, limit).sum()) for limit in limits]
    fits = [int(limit) for limit, total in zip(limits, totals, strict=True) if total <= MOST_CHARACTERS]
    limit = max([*fits, MOST_CHARACTERS // len(lengths)])
    return {name: [text[:limit] for text in values] for name, values in readable_texts.items()}, limit


def _columns(evidence: Evidence, chosen: NDArray[np.int64]) -> list[dict[str, Any]]:
    """The columns to filter items by: each one's values, and the code of every item's value."""
    coded = []
    for name, values in columns(evidence).items():
        of_items = [values[i] for i in chosen.tolist()]
        distinct = sorted(set(of_items), key=natural)
        code_of = {value: code for code, value in enumerate(distinct)}
        codes = [code_of[value] for value in of_items]
        coded.append({"name": clean(name), "values": [clean(value) for value in distinct], "codes": codes})
    return coded


def _unexplained(evidence: Evidence, explained: ExplainedItems | None) -> str:
    """What the page says about an item that was not explained, and how to explain more."""
    if explained is None:
        return "Nothing was explained in this run."
    text = "This item was not explained."
    if explained.left_out:
        text = about(
            "This page has no word weights for this item: it was not explained, or they are only in "
            "attributions.parquet.",
            unit_of(evidence.document),
        )
    settings = evidence.document.settings["explain"]
    if settings is None or settings.items is None:
        return text
    n, total = len(explained.positions) + explained.left_out, len(evidence.items)
    return (
        f"{text} An audit explains a random sample, here {n:,} of {total:,} items; --explain-items N explains more, "
        "--explain-items all explains every one."
    )
