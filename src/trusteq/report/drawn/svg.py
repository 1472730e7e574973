"""A drawing as SVG that needs no style sheet; its colours are transparent, for light and dark backgrounds."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from trusteq.data.clean import clean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trusteq.report.drawn.drawing import Area
    from trusteq.report.drawn.weights import Weight

FOR, AGAINST = "31,119,180", "255,127,14"
"""Blue supports and orange opposes, which people who are colour-blind can tell apart; what opposes is dashed, too."""


def original(area: Area) -> str:
    """The value itself; nothing if its image is not shown."""
    return "" if area.image is None else _svg(area, _image(area), area.alt)


def heat_map(area: Area, names: Sequence[str], weights: Sequence[Weight], largest: float, label: str) -> str:
    """The weights of the units on the area, in colours whose strongest stands for ``largest``."""
    parts = [_image(area, pale=True)]
    for at, (name, weight) in enumerate(zip(names, weights, strict=True)):
        left, top, width, height = area.boxes[at]
        strength = min(abs(weight.value) / largest, 1.0) if largest > 0 else 0.0
        colour = FOR if weight.value >= 0 else AGAINST
        style = f"fill:rgba({colour},{strength * (0.2 if weight.unsure else 0.75):.2f})"
        if weight.top:
            dashes = "" if weight.value >= 0 else ";stroke-dasharray:4 3"
            style += f";stroke:rgb({colour});stroke-width:2{dashes}"
        place = (
            f'<path d="{area.outlines[at]}"'
            if area.outlines
            else f'<rect x="{left}" y="{top}" width="{width}" height="{height}"'
        )
        title = f"{clean(name)}: {weight.value:+.4f} ±{weight.error:.4f}"
        tag = "path" if area.outlines else "rect"
        parts.append(
            f'{place} vector-effect="non-scaling-stroke" style="{style}"><title>{escape(title)}</title></{tag}>'
        )
    return _svg(area, "".join(parts), label)


def _image(area: Area, *, pale: bool = False) -> str:
    width, height = area.size
    if area.image is None:
        return f'<rect width="{width}" height="{height}" style="fill:rgba(128,128,128,.15)"/>'
    styles = ["image-rendering:pixelated"] if area.pixelated else []
    styles += ["filter:grayscale(1)", "opacity:.5"] if pale else []
    style = f' style="{";".join(styles)}"' if styles else ""
    return f'<image href="{area.image}" width="{width}" height="{height}" preserveAspectRatio="none"{style}/>'


def _svg(area: Area, content: str, label: str) -> str:
    width, height = area.size
    shown = 300 if area.broad else 180
    return (
        f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(clean(label))}" '
        f'style="width:{shown}px;max-width:100%;max-height:360px">{content}</svg>'
    )
