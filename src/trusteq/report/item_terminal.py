"""One item in the terminal: both models' probabilities and weights side by side, as bars on one shared scale."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.console import Group
from rich.table import Table
from rich.text import Text

from trusteq.comparing.measures import method_title
from trusteq.data.clean import clean
from trusteq.explain.unit_names import plural
from trusteq.report.drawn.blocks import Maps
from trusteq.report.drawn.drawing import Area, Bars
from trusteq.report.drawn.weights import largest, panels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult

    from trusteq.report.drawn.drawing import Drawing
    from trusteq.report.item import ItemView, TopWords, Word, Words

MOST_LABELS = 10
MOST_WORDS = 60
LONGEST_TEXT = 2_000
SHORTEST_BAR = 10
"""Columns; standard errors are left out where bars would be shorter."""
WIDEST = 100
"""Columns; in a wider terminal the bars would only move apart."""

FOR, AGAINST = "cyan", "dark_orange"
"""What supports the explained label and what opposes it; the pattern of the bars shows the same without colour."""


def render(view: ItemView) -> RenderableType:
    """The whole item."""
    parts: list[RenderableType] = [_title(view)]
    for name, text in view.segments.items():
        if view.explained is not None and isinstance(view.drawings.get(name), Bars):
            continue  # its values stand beside their bars
        shown = legible(text)
        more = f" … ({len(shown) - LONGEST_TEXT:,} more characters)" if len(shown) > LONGEST_TEXT else ""
        line = Text.assemble((f"{clean(name)}: ", "dim"), shown[:LONGEST_TEXT], (more, "dim"))
        line.overflow = "fold"
        parts.append(line)
    if view.reference.probabilities:
        parts += [Text(), _probabilities(view)] if parts[1:] else [_probabilities(view)]
    if view.explained is not None:
        parts += [Text(), _heading(view, view.explained), *_maps(view, view.explained)]
        parts.append(_Bars(view.explained, tuple(view.segments), view.drawings))
    for top in view.top_words:
        parts += [Text(), _top_words(view, top)]
    if view.explained is None and not view.top_words and view.reference.probabilities:
        parts.append(Text("\nthis item was not explained", style="dim"))
    return Group(*parts)


def signed(value: float) -> str:
    """An attribution to three decimal places; without a sign where it rounds to 0."""
    number = f"{value:+.3f}"
    return number if float(number) else "0.000"


def legible(text: str) -> str:
    """A text on one line and without control characters, each replaced by one character so that positions stay."""
    return clean(re.sub(r"\s", " ", text))


def _title(view: ItemView) -> Text:
    changed = view.reference.answer != view.candidate.answer
    title = Text.assemble(("\n", ""), (f"item {clean(view.id)}", "bold"), ": ")
    if view.summary is not None:
        title.append(clean(view.summary), style="bold yellow" if changed else "")
    elif changed:
        answers = f"{clean(view.reference.answer)} -> {clean(view.candidate.answer)}"
        title.append(f"{answers}, {view.change}" if view.gold is not None else answers, style="bold yellow")
    else:
        title.append(f"both answer {clean(view.reference.answer)}")
        if view.gold is not None:
            title.append(", which is right" if view.gold == view.reference.answer else ", which is wrong")
    if view.gold is not None:
        title.append(f" (gold {clean(view.gold)})")
    title.append("".join(f"   {clean(name)}: {clean(value)}" for name, value in view.columns.items()), style="dim")
    title.append("\n")
    return title


def _probabilities(view: ItemView) -> Table:
    """A line per label: the gold one, and the most probable of either model."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("probability", header_style="dim", overflow="fold")
    for prediction in (view.reference, view.candidate):
        table.add_column(Text(clean(prediction.model), overflow="ellipsis"), justify="right")
    table.add_column("")
    a, b = view.reference.probabilities, view.candidate.probabilities
    chosen = set(sorted(a, key=lambda label: -max(a[label], b[label]))[:MOST_LABELS]) | {view.gold}
    for label in a:
        if label in chosen:
            cells = (
                Text(f"{p.probabilities[label]:.4f}", style="bold" if p.answer == label else "")
                for p in (view.reference, view.candidate)
            )
            marks = [
                word
                for word, holds in (
                    ("gold", label == view.gold),
                    ("<- both", label == view.reference.answer == view.candidate.answer),
                    ("<- reference", label == view.reference.answer != view.candidate.answer),
                    ("<- candidate", label == view.candidate.answer != view.reference.answer),
                )
                if holds
            ]
            table.add_row(Text(clean(label)), *cells, Text("  ".join(marks), style="dim"))
    omitted = len(a) - len(chosen & set(a))
    if omitted:
        table.add_row(Text(f"and {omitted:,} less probable labels", style="dim"), "", "", "")
    return table


def _heading(view: ItemView, explained: Words) -> Text:
    labels = dict.fromkeys((explained.reference_label, explained.candidate_label))
    targets = " and ".join(clean(label) for label in labels)
    scale = "" if explained.scale == "probability" else f" ({explained.scale})"
    return Text.assemble(
        (f"what each {explained.unit} contributes to {targets}{scale}, by {method_title(explained.method)}", "bold"),
        (f"; * one of a model's top {explained.k} {plural(explained.unit)}\n", "dim"),
        ("█ supports it", FOR),
        "   ",
        ("▒ opposes it", AGAINST),
        ("   ░ within two standard errors of 0, so there may be no effect\n", "dim"),
        (f"{clean(view.reference.model)} on the left, {clean(view.candidate.model)} on the right\n", "dim"),
    )


def _maps(view: ItemView, explained: Words) -> list[RenderableType]:
    """A map of the weights for each segment that is an area."""
    titles = (view.reference.model, view.candidate.model, "difference")
    return [
        Maps(
            drawing,
            [clean(title) for title in titles],
            panels([word for word in explained.words if word.segment == name], explained),
            largest(explained),
            (FOR, AGAINST),
        )
        for name, drawing in view.drawings.items()
        if isinstance(drawing, Area)
    ]


@dataclass(frozen=True)
class _Bars:
    """Both models' bars, back to back with the words between them, as wide as the terminal allows."""

    explained: Words
    segments: Sequence[str]
    drawings: Mapping[str, Drawing]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = min(options.max_width, WIDEST)
        shown = _shown(self.explained.words)
        labels = self._labels()
        middle = min(
            max((cell_len(legible(labels[w])) for w in shown), default=4), max(width // (3 if self.drawings else 4), 8)
        )
        figure = max((len(signed(a)) for w in shown for a in (w.reference, w.candidate)), default=6)
        error = max((len(_error(e)) for w in shown for e in (w.reference_error, w.candidate_error)), default=0)
        bar, wide = ((width - middle - 2 * (cells + len(" " + " * "))) // 2 for cells in (figure, figure + 1 + error))
        bar, error = (wide, error) if wide >= SHORTEST_BAR else (max(bar, 3), 0)
        for number, segment in enumerate(self.segments):
            words = [word for word in shown if word.segment == segment]
            if isinstance(self.drawings.get(segment), Area):
                words.sort(key=lambda word: -max(abs(word.reference), abs(word.candidate)))
            if words and len(self.segments) > 1:
                yield Text(f"{clean(segment)}", style="dim", overflow="ellipsis", no_wrap=True)
            for word in words:
                yield self._line(word, labels[word], middle, bar, figure, error)
            if words and number < len(self.segments) - 1 and any(w.segment != segment for w in shown):
                yield Text()
        if len(shown) < len(self.explained.words):
            rest = len(self.explained.words) - len(shown)
            yield Text(f"and {rest:,} {plural(self.explained.unit)} of less weight (--json has them all)", style="dim")

    def _labels(self) -> dict[Word, str]:
        """What stands in the middle of each word's line: its name, and its value if it has one."""
        labels: dict[Word, str] = {}
        for segment in self.segments:
            words = [word for word in self.explained.words if word.segment == segment]
            drawing = self.drawings.get(segment)
            lines = drawing.lines if isinstance(drawing, Bars) else [word.word for word in words]
            labels |= dict(zip(words, lines, strict=True))
        return labels

    def _line(self, word: Word, label: str, middle: int, bar: int, figure: int, error: int) -> Text:
        end = self.explained.largest
        text = legible(label)
        text = text if cell_len(text) <= middle else set_cell_size(text, middle - 1) + "…"
        blank = middle - cell_len(text)
        sides = (
            (word.reference, word.reference_error, word.reference_unsure),
            (word.candidate, word.candidate_error, word.candidate_unsure),
        )
        left, right = (_bar(a, end, bar, unsure=unsure) for a, _, unsure in sides)
        first, second = (
            signed(a).rjust(figure) + (f" {_error(e)}".ljust(error + 1) if error else "") for a, e, _ in sides
        )
        return Text.assemble(
            f"{first} ",
            (left[::-1].replace("▌", "▐").rjust(bar), _style(word.reference, unsure=word.reference_unsure)),
            " * " if word.reference_top else "   ",
            (" " * (blank // 2) + text + " " * (blank - blank // 2), "bold" if _top(word) else ""),
            " * " if word.candidate_top else "   ",
            (right.ljust(bar), _style(word.candidate, unsure=word.candidate_unsure)),
            f" {second}",
            no_wrap=True,
        )


def _shown(words: Sequence[Word]) -> list[Word]:
    """The words in reading order; if there are very many, those with the most weight."""
    if len(words) <= MOST_WORDS:
        return list(words)
    weight = [max(abs(word.reference), abs(word.candidate)) for word in words]
    heaviest = set(sorted(range(len(words)), key=lambda i: (-weight[i], i))[:MOST_WORDS])
    return [word for i, word in enumerate(words) if i in heaviest]


def _error(error: float) -> str:
    return f"±{error:.3f}"


def _bar(value: float, largest: float, width: int, *, unsure: bool) -> str:
    """A bar from its base to its tip: full and half cells for what supports the label, hatched for the rest."""
    halves = round(2 * width * abs(value) / largest) if largest > 0 else 0
    if unsure or value < 0:
        return ("░" if unsure else "▒") * ((halves + 1) // 2)
    return "█" * (halves // 2) + "▌" * (halves % 2)


def _style(value: float, *, unsure: bool) -> str:
    colour = FOR if value > 0 else AGAINST
    return f"dim {colour}" if unsure else colour


def _top(word: Word) -> bool:
    return word.reference_top or word.candidate_top


def _top_words(view: ItemView, top: TopWords) -> RenderableType:
    """Two lists, the most important first; words in both are marked."""
    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    table.add_column("", header_style="dim", justify="right")
    for prediction in (view.reference, view.candidate):
        table.add_column(Text(clean(prediction.model), overflow="ellipsis"))
    both = set(top.reference) & set(top.candidate)
    for rank in range(max(len(top.reference), len(top.candidate))):
        cells = (
            Text(f"{'* ' if words[rank] in both else '  '}{legible(words[rank])}") if rank < len(words) else Text()
            for words in (top.reference, top.candidate)
        )
        table.add_row(str(rank + 1), *cells)
    return Group(
        Text.assemble((f"top words by {method_title(top.method)}", "bold"), ("; * in both lists", "dim")), table
    )
