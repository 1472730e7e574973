"""A display as an ``<svg>`` element inside HTML: one drawing for light and dark, allowed by a strict policy.

matplotlib's SVG is rebuilt: no metadata, no ``<style>`` and no ``style="..."`` (a
Content-Security-Policy refuses both), no reference to anything outside the element, unique identifiers, colours as
CSS custom properties that fall back on the printed colour, and text as text in the page's own font.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from trusteq.data.clean import clean
from trusteq.report.figures.file import rendered
from trusteq.report.figures.palette import INK, ROLES

if TYPE_CHECKING:
    from trusteq.report.figures.display import Display

POINTS_TO_PIXELS = 4 / 3

_URL = re.compile(r"url\(#([\w-]+)\)")
_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_ROOT = {"stroke-linejoin": "round", "stroke-linecap": "butt"}
"""What matplotlib's ``<style>`` sets for all elements."""

_COLOURS = {colour: f"var(--{role}, {colour})" for role, colour in ROLES.items()}
_DROPPED = {"font-family", "font-stretch"}


def inline_svg(display: Display, *, label: str) -> str:
    """The display as ``<svg role="img" aria-label=...>``; the same display and label give the same text."""
    # This is trusteq's own drawing, in which matplotlib has escaped every name.
    drawn = ElementTree.fromstring(rendered(display, "svg", bare=True, **{"svg.fonttype": "none"}))  # noqa: S314
    content = _element(drawn)
    _drop(content, "metadata", "style")
    used = {name for element in content.iter() for name in _referred(element)}
    prefix = f"f{hashlib.sha256(ElementTree.tostring(content) + clean(label).encode()).hexdigest()[:8]}-"
    for element in content.iter():
        _name(element, used, prefix)
    _, _, width, height = (float(side) for side in drawn.attrib["viewBox"].split())
    content.attrib = {
        "role": "img",
        "aria-label": clean(label),
        "viewBox": drawn.attrib["viewBox"],
        "width": f"{width * POINTS_TO_PIXELS:g}",
        "height": f"{height * POINTS_TO_PIXELS:g}",
        "fill": _COLOURS[INK],
        **_ROOT,
    }
    return ElementTree.tostring(content, encoding="unicode")


def _element(source: ElementTree.Element) -> ElementTree.Element:
    """The element and its descendants without namespaces, with styles as attributes."""
    rebuilt = ElementTree.Element(_local(source.tag))
    for key, value in source.attrib.items():
        if _local(key) == "style":
            rebuilt.attrib |= _presentation(value)
        else:
            rebuilt.set(_local(key), _COLOURS.get(value, " ".join(_NUMBER.sub(_rounded, value).split())))
    if rebuilt.tag in {"text", "tspan"}:
        rebuilt.text = source.text
    rebuilt.extend(_element(child) for child in source)
    return rebuilt


def _presentation(style: str) -> dict[str, str]:
    """A style's declarations as attributes, colours as custom properties."""
    declared = (entry.split(":", 1) for entry in style.split(";") if entry.strip())
    pairs = ((name.strip(), value.strip()) for name, value in declared)
    return {name: _COLOURS.get(value, value) for name, value in pairs if name not in _DROPPED}


def _drop(element: ElementTree.Element, *tags: str) -> None:
    for child in list(element):
        if child.tag in tags:
            element.remove(child)
        else:
            _drop(child, *tags)


def _referred(element: ElementTree.Element) -> list[str]:
    """The names that an element refers to."""
    names = [name for value in element.attrib.values() for name in _URL.findall(value)]
    return [*names, element.attrib["href"].removeprefix("#")] if "href" in element.attrib else names


def _name(element: ElementTree.Element, used: set[str], prefix: str) -> None:
    """Give an element that is referred to a unique name; remove the names of others."""
    name = element.attrib.pop("id", None)
    for key, value in element.attrib.items():
        element.set(key, f"#{prefix}{value[1:]}" if key == "href" else _URL.sub(rf"url(#{prefix}\1)", value))
    if name in used:
        element.set("id", f"{prefix}{name}")


def _local(name: str) -> str:
    return name.rpartition("}")[2]


def _rounded(number: re.Match[str]) -> str:
    """A coordinate to a hundredth of a point."""
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")
