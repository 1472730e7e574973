"""An HTML page taken apart: its elements, their attributes and texts."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

VOID = {"meta", "input", "br", "img", "hr", "link", "path", "use", "rect", "circle", "line"}


@dataclass
class Element:
    """An element with its attributes, its own text and what it is inside of."""

    tag: str
    attributes: dict[str, str | None]
    within: list[str]
    text: str = ""


@dataclass
class Page(HTMLParser):
    """Every element of a page, in order; parsing fails where elements overlap."""

    elements: list[Element] = field(default_factory=list)
    open: list[Element] = field(default_factory=list)

    def __post_init__(self):
        super().__init__(convert_charrefs=True)

    def handle_starttag(self, tag, attrs):
        names = [name for name, _ in attrs]
        assert len(set(names)) == len(names), (tag, attrs)
        made = Element(tag, dict(attrs), [element.tag for element in self.open])
        self.elements.append(made)
        if tag not in VOID:
            self.open.append(made)

    def handle_startendtag(self, tag, attrs):
        self.elements.append(Element(tag, dict(attrs), [element.tag for element in self.open]))

    def handle_endtag(self, tag):
        if tag in VOID:
            return
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1].tag == tag, (tag, [element.tag for element in self.open])
        self.open.pop()

    def handle_data(self, data):
        for element in self.open:
            element.text += data

    def all(self, tag=None, **attributes):
        return [
            e
            for e in self.elements
            if (tag is None or e.tag == tag)
            and all(e.attributes.get(name) == value for name, value in attributes.items())
        ]

    def one(self, tag=None, **attributes):
        (found,) = self.all(tag, **attributes)
        return found


def parse(html: str) -> Page:
    """The page taken apart; an error where its elements do not nest."""
    page = Page()
    page.feed(html)
    page.close()
    assert not page.open, [element.tag for element in page.open]
    return page
