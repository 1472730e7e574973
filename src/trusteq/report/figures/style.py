"""The look of every figure, whatever the user's own matplotlib settings."""

from __future__ import annotations

from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from trusteq.report.figures import palette

if TYPE_CHECKING:
    from collections.abc import Iterator

_SETTINGS: dict[str, Any] = {
    # Names and labels are the user's: `$` in them is a character, and TeX never reads them.
    "text.parse_math": False,
    "text.usetex": False,
    "axes.formatter.use_mathtext": False,
    "font.size": 9.0,
    "axes.titlesize": 9.0,
    "axes.labelsize": 8.5,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "legend.fontsize": 8.0,
    "axes.titlelocation": "left",
    "axes.titlepad": 6.0,
    "text.color": palette.INK,
    "axes.labelcolor": palette.INK,
    "axes.titlecolor": palette.INK,
    "xtick.labelcolor": palette.INK,
    "ytick.labelcolor": palette.INK,
    "xtick.color": palette.MUTED,
    "ytick.color": palette.MUTED,
    "axes.edgecolor": palette.MUTED,
    "axes.facecolor": palette.SURFACE,
    "figure.facecolor": palette.SURFACE,
    "savefig.facecolor": palette.SURFACE,
    "grid.color": palette.GRID,
    "grid.linewidth": 0.7,
    "axes.axisbelow": True,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "lines.linewidth": 1.5,
    "lines.markersize": 5.0,
    "hatch.linewidth": 0.7,
    "legend.frameon": False,
    "figure.constrained_layout.w_pad": 0.06,
    "figure.constrained_layout.h_pad": 0.06,
    # Bytes that depend only on the drawing, and fonts that journals accept.
    "svg.hashsalt": "trusteq",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
}

_FURTHER_FONTS = (
    "Noto Sans CJK SC",
    "Noto Sans CJK JP",
    "PingFang SC",
    "Hiragino Sans",
    "Microsoft YaHei",
    "Yu Gothic",
    "Malgun Gothic",
    "WenQuanYi Zen Hei",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
)
"""Fonts of common systems for characters that matplotlib's own font lacks; used where installed."""


@contextmanager
def styled(**more: Any) -> Iterator[None]:
    """A context in which matplotlib draws in trusteq's style; afterwards the user's settings are back."""
    from cycler import cycler
    from matplotlib import style

    # Anything without a colour is ink: matplotlib's own first colour has no role on the page.
    ink = cycler(color=[palette.INK])
    with style.context(["default", {**_SETTINGS, "axes.prop_cycle": ink, "font.family": _fonts(), **more}]):
        yield


@cache
def _fonts() -> list[str]:
    from matplotlib.font_manager import fontManager

    installed = set(fontManager.get_font_names())
    return ["DejaVu Sans", *(name for name in _FURTHER_FONTS if name in installed)]
