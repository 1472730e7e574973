"""One item in a notebook: both models' probabilities, and its text with each model's weights on one shared scale.

Colours are transparent, so that they work in light and dark notebooks. Blue and orange can be told apart by people who
are colour-blind, and what opposes a label is underlined, too.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from trusteq.compare.measures import method_title
from trusteq.data.clean import clean
from trusteq.report.item_terminal import MOST_LABELS, legible
from trusteq.report.wording import plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from trusteq.report.item import ItemView, Prediction, TopWords, Word, Words

FOR, AGAINST = "31,119,180", "255,127,14"
LONGEST = 5_000
"""Characters of a text; a notebook that holds more becomes slow."""


def html(view: ItemView) -> str:
    """The item as an HTML fragment without scripts; every text in it is escaped."""
    parts = [f"<p><b>item {_text(view.id)}</b>: {_text(_answers(view))}</p>", _probabilities(view)]
    if view.explained is None:
        parts += [f"<p><b>{_text(name)}</b>: {_text(text[:LONGEST])}</p>" for name, text in view.segments.items()]
    else:
        labels = dict.fromkeys((view.explained.reference_label, view.explained.candidate_label))
        targets = " and ".join(_text(label) for label in labels)
        unit, units = _text(view.explained.unit), _text(plural(view.explained.unit))
        parts.append(
            f"<p>what each {unit} contributes to {targets}, by {method_title(view.explained.method)}: "
            f"{_mark('supports', 1.0)} it, {_mark('opposes', -1.0)} it; <b>bold</b> is one of a model's top "
            f"{view.explained.k} {units}; {_mark('faint and dotted', 0.5, unsure=True)} is within two standard errors "
            "of 0, so there may be no effect</p>"
        )
        parts += [
            _texts(view.reference, view.segments, view.explained, "reference"),
            _texts(view.candidate, view.segments, view.explained, "candidate"),
        ]
    parts += [_top_words(view, top) for top in view.top_words]
    return f'<div class="trusteq">{"".join(parts)}</div>'


def _answers(view: ItemView) -> str:
    if view.summary is not None:
        return view.summary
    gold = "" if view.gold is None else f" (gold {view.gold})"
    if view.reference.answer == view.candidate.answer:
        return f"both answer {view.reference.answer}{gold}"
    return f"{view.reference.answer} -> {view.candidate.answer}, {view.change}{gold}"


def _probabilities(view: ItemView) -> str:
    a, b = view.reference.probabilities, view.candidate.probabilities
    shown = set(sorted(a, key=lambda label: -max(a[label], b[label]))[:MOST_LABELS]) | {view.gold}
    head = "".join(f"<th>{_text(x)}</th>" for x in ("probability", view.reference.model, view.candidate.model))
    rows = "".join(
        f"<tr><td>{_text(label)}{' (gold)' if label == view.gold else ''}</td>"
        + "".join(_probability(p, label) for p in (view.reference, view.candidate))
        + "</tr>"
        for label in a
        if label in shown
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _probability(prediction: Prediction, label: str) -> str:
    number = f"{prediction.probabilities[label]:.4f}"
    return f"<td><b>{number}</b></td>" if label == prediction.answer else f"<td>{number}</td>"


def _texts(prediction: Prediction, segments: Mapping[str, str], explained: Words, side: str) -> str:
    """One model's view of the texts."""
    lines = "".join(
        f"<br>{_text(name)}: {''.join(_segment(text, name, explained, side))}" for name, text in segments.items()
    )
    return f"<p><b>{_text(prediction.model)}</b> ({_text(side)}){lines}</p>"


def _segment(text: str, name: str, explained: Words, side: str) -> Iterator[str]:
    """A text with its words marked."""
    shown, done = legible(text), 0
    for word in _in_order(explained.words, name):
        if word.start < done or word.end > min(len(shown), LONGEST):
            continue
        value, error, top, unsure = (
            (word.reference, word.reference_error, word.reference_top, word.reference_unsure)
            if side == "reference"
            else (word.candidate, word.candidate_error, word.candidate_top, word.candidate_unsure)
        )
        yield escape(shown[done : word.start])
        strength = value / explained.largest if explained.largest > 0 else 0.0
        yield _mark(shown[word.start : word.end], strength, bold=top, unsure=unsure, title=f"{value:+.4f} ±{error:.4f}")
        done = word.end
    yield escape(shown[done:LONGEST])


def _in_order(words: Sequence[Word], segment: str) -> list[Word]:
    return sorted((word for word in words if word.segment == segment), key=lambda word: word.start)


def _mark(text: str, strength: float, *, bold: bool = False, unsure: bool = False, title: str = "") -> str:
    """A word on a background as strong as its share of the largest attribution; faint where that may be 0."""
    colour = FOR if strength >= 0 else AGAINST
    line = ";text-decoration:underline dotted" if unsure else "" if strength >= 0 else ";text-decoration:underline"
    weight = ";font-weight:bold" if bold else ""
    style = f"background:rgba({colour},{min(abs(strength), 1.0) * (0.2 if unsure else 0.8):.2f}){line}{weight}"
    tooltip = f' title="{escape(title)}"' if title else ""
    return f'<span style="{style}"{tooltip}>{escape(text)}</span>'


def _top_words(view: ItemView, top: TopWords) -> str:
    both = set(top.reference) & set(top.candidate)
    rows = "".join(
        f"<tr><td>{_text(prediction.model)}</td><td>"
        + ", ".join(f"<b>{_text(word)}</b>" if word in both else _text(word) for word in words)
        + "</td></tr>"
        for prediction, words in ((view.reference, top.reference), (view.candidate, top.candidate))
    )
    return (
        f"<p>top words by {method_title(top.method)}; <b>bold</b> in both lists</p><table><tbody>{rows}</tbody></table>"
    )


def _text(text: str) -> str:
    return escape(clean(text))
