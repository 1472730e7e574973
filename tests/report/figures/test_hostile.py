"""Names, labels and words that could command TeX, mathtext, XML or HTML; and letters that never cover each other."""

import re
from dataclasses import replace
from itertools import combinations, cycle
from xml.etree.ElementTree import fromstring

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from trusteq.report.figures.catalog import FIGURES, make
from trusteq.report.figures.file import rendered
from trusteq.report.figures.inline import inline_svg
from trusteq.report.figures.style import styled


def figures(evidence):
    """Every figure, of one candidate after the other."""
    candidates = cycle(evidence.models[1:])
    for name, figure in FIGURES.items():
        display = make(evidence, name, next(candidates) if figure.per_candidate else None)
        if display is not None:
            yield name, display


def covered(display):
    """Pairs of texts that cover each other, and texts that leave the figure."""
    with styled():
        figure = Figure(figsize=display.size, layout="constrained")
        display.plot(display.axes_in(figure))
        figure.draw_without_rendering()
        texts = [
            text
            for text in figure.findobj(Text)
            if text.get_visible()
            and text.get_text().strip()
            and text.get_rotation() % 90 == 0
            and text.axes is not None
        ]
        boxes = [(text.get_text(), Text.get_window_extent(text).padded(-1)) for text in texts]
    found = [(a, b) for (a, one), (b, other) in combinations(boxes, 2) if a is not b and one.overlaps(other)]
    page = figure.bbox.padded(1)
    return found + [text for text, box in boxes if not (page.contains(*box.min) and page.contains(*box.max))]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Glyph .* missing")
@pytest.mark.parametrize("run", ["wordless", "published", "hostile"])
def test_no_text_covers_another_or_leaves_the_figure(request, run):
    for name, display in figures(request.getfixturevalue(run)):
        assert covered(display) == [], name


@pytest.mark.slow
def test_nor_do_the_names_of_twenty_models(explained):
    names = tuple(f"distilbert-base-{i}" for i in range(20))
    pairs = make(explained, "pairs")
    full = np.ones((20, 20))
    assert covered(replace(pairs, names=names, same_answer=full, jaccard=dict.fromkeys(pairs.jaccard, full))) == []
    pareto = make(explained, "pareto")
    points = {what: tuple(p[1]._replace(name=name) for name in names) for what, p in pareto.points.items()}
    assert covered(replace(pareto, points=points)) == []


def test_that_test_can_fail(wordless):
    display = make(wordless, "reliability")
    draw = display._draw

    def clumsy(ax):
        draw(ax)
        ax.annotate("one", (0.5, 0.5), xycoords="axes fraction")
        ax.annotate("other", (0.51, 0.5), xycoords="axes fraction")
        ax.annotate("far", (2.5, 0.5), xycoords="axes fraction", annotation_clip=False, in_layout=False)

    display._draw = clumsy
    assert covered(display) == [("one", "other"), "far"]


def test_hostile_names_are_drawn_letter_by_letter(hostile):
    said = ""
    for name in ("intervals", "flips", "words", "pairs"):
        display = make(hostile, name, hostile.models[1] if FIGURES[name].per_candidate else None)
        svg = inline_svg(display, label="")
        root = fromstring(svg)  # noqa: S314 - our own
        assert "script" not in {element.tag for element in root.iter()}
        said += " ".join(root.itertext())
    for words in (r"$\frac{1}{$", "<script>", "$x^2$", "(empty)", "bert-base", "世界", r"\$%#&_^{~}"):
        assert words in said, words
    assert not re.search(r"[\x00-\x1f\u202a-\u202e\u2066-\u2069]", said)


@pytest.mark.parametrize(("name", "kind"), [("intervals", "pdf"), ("words", "png")])
def test_they_are_drawn_as_files_too(hostile, name, kind):
    assert rendered(make(hostile, name, hostile.models[1]), kind)
