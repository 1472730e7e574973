"""A figure inside HTML: harmless, by itself, in the page's colours."""

import re
from html.parser import HTMLParser
from xml.etree.ElementTree import fromstring

import pytest

from trusteq.report.figures.catalog import FIGURES, make
from trusteq.report.figures.inline import inline_svg
from trusteq.report.figures.palette import ROLES


@pytest.fixture(scope="module")
def drawn(explained):
    return {
        name: inline_svg(make(explained, name, "poor" if figure.per_candidate else None), label=f"figure {name}")
        for name, figure in FIGURES.items()
    }


def parsed(svg):
    return fromstring(svg)  # noqa: S314 - our own


@pytest.mark.parametrize("name", FIGURES)
def test_it_is_one_labelled_image_of_harmless_elements(drawn, name):
    root = parsed(drawn[name])
    assert (root.tag, root.get("role"), root.get("aria-label")) == ("svg", "img", f"figure {name}")
    assert {element.tag for element in root.iter()} <= {
        *("svg", "g", "defs", "path", "rect", "text", "tspan", "use", "clipPath", "pattern")
    }
    for element in root.iter():
        assert not {"style", "class", "xmlns", "font-family"} & set(element.attrib)
        assert not any(key.startswith("on") for key in element.attrib)


@pytest.mark.parametrize("name", FIGURES)
def test_every_reference_stays_inside_and_every_name_is_used(drawn, name):
    root = parsed(drawn[name])
    names = [element.get("id") for element in root.iter() if element.get("id")]
    referred = {element.get("href")[1:] for element in root.iter("use")}
    referred |= set(re.findall(r"url\(#([^)]*)\)", drawn[name]))
    assert len(names) == len(set(names))
    assert set(names) == referred
    assert "http" not in drawn[name]
    assert all(element.get("href").startswith("#") for element in root.iter("use"))


def test_several_fit_on_one_page(drawn):
    names = [set(re.findall(r' id="([^"]*)"', svg)) for svg in drawn.values()]
    assert len(set().union(*names)) == sum(map(len, names))


@pytest.mark.parametrize("name", FIGURES)
def test_every_colour_is_the_page_s_with_the_printed_one_behind_it(drawn, name):
    colours = {
        value
        for element in parsed(drawn[name]).iter()
        for key, value in element.attrib.items()
        if key in {"fill", "stroke"} and value != "none" and not value.startswith("url(")
    }
    assert colours <= {f"var(--{role}, {colour})" for role, colour in ROLES.items()}
    assert len(set(ROLES.values())) == len(ROLES)


def test_there_is_no_surface_behind_it(drawn):
    """The page's own shows through, light or dark."""
    first = next(element for element in parsed(drawn["reliability"]).iter("path"))
    assert "surface" not in first.get("fill", "")


def test_text_is_text(drawn):
    said = " ".join(parsed(drawn["intervals"]).itertext())
    for words in ("disagreement", "≠ beyond margin", "shortcut", "margin"):
        assert words in said


def test_a_label_is_escaped_and_cleaned(wordless):
    svg = inline_svg(make(wordless, "pairs"), label='"><script>alert(1)</script>\x00\n\ud800')
    seen = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag, attrs):
            seen.append((tag, dict(attrs)))

    Tags().feed(svg)
    assert seen[0][1]["aria-label"] == '"><script>alert(1)</script>���'
    assert "script" not in {tag for tag, _ in seen}


def test_it_is_small(drawn):
    assert max(map(len, drawn.values())) < 60_000
