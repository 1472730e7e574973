"""A display as the bytes of a PDF, SVG or PNG file: the same bytes for the same display, as they hold no date."""

from __future__ import annotations

import warnings
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trusteq.data.atomic_file import write_atomically
from trusteq.errors import OptionError
from trusteq.report.figures.style import styled

if TYPE_CHECKING:
    from trusteq.report.figures.display import Display

KINDS: dict[str, dict[str, Any]] = {
    "pdf": {"metadata": {"Creator": "trusteq", "Producer": None, "CreationDate": None}},
    "svg": {"metadata": {"Creator": None, "Date": None, "Format": None, "Type": None}},
    "png": {"metadata": {"Software": None}, "dpi": 200},
}


def rendered(display: Display, kind: str, *, bare: bool = False, **settings: Any) -> bytes:
    """The display, drawn as the bytes of a file of this kind; ``bare`` omits the background of figure and axes."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    out = BytesIO()
    with styled(**settings), warnings.catch_warnings():
        # A character that no installed font has is drawn as a box.
        warnings.filterwarnings("ignore", r"(?s)Glyph .* missing from")
        figure = Figure(figsize=display.size, layout="constrained")
        axes = display.axes_in(figure)
        display.plot(axes)
        if bare:
            for patch in (figure.patch, *(axis.patch for axis in figure.axes)):
                patch.set_visible(False)
        if kind == "svg":
            # Laid out once; `savefig` would do so twice, which is half the time of a page.
            FigureCanvasSVG(figure).print_svg(out, **KINDS[kind])  # type: ignore[no-untyped-call]
        else:
            figure.savefig(out, format=kind, **KINDS[kind])
    return out.getvalue()


def kind_of(path: str | Path) -> str:
    """The kind of file by its name's extension."""
    kind = Path(path).suffix.lower().removeprefix(".")
    if kind not in KINDS:
        raise OptionError(f"{path}: a figure must be .pdf, .svg or .png; change the file name")
    return kind


def save(display: Display, path: str | Path) -> Path:
    """The path of the written file, which is complete or was not written at all."""
    target = Path(path)
    content = rendered(display, kind_of(target))
    write_atomically(target, content)
    return target
