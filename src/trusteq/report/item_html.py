"""One item in a notebook: both models' probabilities, and its text with each model's weights on one shared scale.

Colours are transparent, so that they work in light and dark notebooks. Blue and orange can be told apart by people who
are colour-blind, and what opposes a label is underlined, too.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from trusteq.comparing.measures import method_title
from trusteq.data.clean import clean
from trusteq.explain.unit_names import plural
from trusteq.report.drawn.drawing import Area, Bars
from trusteq.report.drawn.svg import AGAINST, FOR, heat_map, original
from trusteq.report.drawn.weights import largest, panels
from trusteq.report.item_terminal import MOST_LABELS, legible

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from trusteq.report.drawn.drawing import Drawing
    from trusteq.report.drawn.weights import Weight
    from trusteq.report.item import ItemView, Prediction, TopWords, Word, Words

LONGEST = 5_000
"""Characters of a text; a notebook that holds more becomes slow."""


def html(view: ItemView) -> str:
    """The item as an HTML fragment without scripts; every text in it is escaped."""
    parts = [f"<p><b>item {_text(view.id)}</b>: {_text(_answers(view))}</p>", _probabilities(view)]
    if view.explained is None:
        parts += [_plain(name, text, view.drawings.get(name)) for name, text in view.segments.items()]
    else:
        labels = dict.fromkeys((view.explained.reference_label, view.explained.candidate_label))
        targets = " and ".join(_text(label) for label in labels)
        unit, units = _text(view.explained.unit), _text(plural(view.explained.unit))
        areas = any(isinstance(drawing, Area) for drawing in view.drawings.values())
        parts.append(
            f"<p>what each {unit} contributes to {targets}, by {method_title(view.explained.method)}: "
            f"{_mark('supports', 1.0)} it, {_mark('opposes', -1.0)} it; "
            f"{'outlined or ' if areas else ''}<b>bold</b> is one of a model's top "
            f"{view.explained.k} {units}; {_mark('faint and dotted', 0.5, unsure=True)} is within two standard errors "
            "of 0, so there may be no effect</p>"
        )
        texts = {name: text for name, text in view.segments.items() if name not in view.drawings}
        if texts:
            parts += [
                _texts(view.reference, texts, view.explained, "reference"),
                _texts(view.candidate, texts, view.explained, "candidate"),
            ]
        parts += [_drawn(view, view.explained, name, drawing) for name, drawing in view.drawings.items()]
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


def _plain(name: str, text: str, drawing: Drawing | None) -> str:
    """A segment without weights."""
    image = original(drawing) if isinstance(drawing, Area) else ""
    return f"<p><b>{_text(name)}</b>: {_text(text[:LONGEST])}</p>{image}"


def _drawn(view: ItemView, explained: Words, name: str, drawing: Drawing) -> str:
    """A segment that is drawn, with each model's weights and, if about the same label, their difference."""
    words = [word for word in explained.words if word.segment == name]
    models = (view.reference.model, view.candidate.model)
    title = f"<p><b>{_text(name)}</b>: {_text(view.segments[name][:LONGEST])}</p>"
    if isinstance(drawing, Bars):
        return title + _values(models, words, drawing.values, explained)
    units, scale = [word.word for word in words], largest(explained)
    titles = (*models, "candidate \u2212 reference") if len(drawing.boxes) == len(words) else ()
    panels_of = zip(titles, panels(words, explained), strict=False)
    made = [(original(drawing), "")] if drawing.image is not None else []
    made += [(heat_map(drawing, units, weights, scale, f"weights: {of}"), of) for of, weights in panels_of]
    figures = "".join(
        f'<div style="max-width:320px">{svg}<div><small>{_text(caption)}</small></div></div>' for svg, caption in made
    )
    legend = f"all drawings on one scale, whose strongest colours are {scale:.3f} and \u2212{scale:.3f}"
    return f'{title}<div style="display:flex;flex-wrap:wrap;gap:12px">{figures}</div><p><small>{legend}</small></p>'


def _values(models: Sequence[str], words: Sequence[Word], values: Sequence[str], explained: Words) -> str:
    """Each unit's value, and its weight in both models as bars on one scale, the unit with the most weight first."""
    order = sorted(range(len(words)), key=lambda i: -max(abs(words[i].reference), abs(words[i].candidate)))
    heads = "".join(f"<th>{_text(head)}</th>" for head in (explained.unit, "value", *models))
    rows = "".join(
        f"<tr><td>{_text(words[i].word)}</td><td>{_text(values[i])}</td>"
        + "".join(_bar(weight[i], explained.largest) for weight in panels(words, explained)[:2])
        + "</tr>"
        for i in order
    )
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"


def _bar(weight: Weight, end: float) -> str:
    """A bar to the right of the middle for what supports, and to the left for what opposes."""
    share = 50 * min(abs(weight.value) / end, 1.0) if end > 0 else 0.0
    start = 50.0 if weight.value >= 0 else 50 - share
    colour, alpha = (FOR if weight.value >= 0 else AGAINST), 0.3 if weight.unsure else 0.9
    bar, end_of = f"rgba({colour},{alpha})", start + share
    stops = f"transparent {start:.1f}%,{bar} {start:.1f}% {end_of:.1f}%,transparent {end_of:.1f}%"
    number = f"{weight.value:+.4f} ±{weight.error:.4f}"
    return (
        f'<td style="min-width:180px"><div style="height:8px;background:linear-gradient(90deg,{stops})"></div>'
        f"<small>{f'<b>{number}</b>' if weight.top else number}</small></td>"
    )


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
