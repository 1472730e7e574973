"""Text around a drawing: columns beside it, headings between its rows, a legend above it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.report.figures.palette import INK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D


def text_right_of(ax: Axes, text: str, y: float, *, points: float = 8, colour: str = INK, va: str = "center") -> None:
    """Text at a height of the data, this many points to the right of the axes, whatever their width."""
    ax.annotate(
        text,
        (1, y),
        xycoords=("axes fraction", "data"),
        xytext=(points, 0),
        textcoords="offset points",
        va=va,
        size=8,
        color=colour,
        annotation_clip=False,
    )


def heading(ax: Axes, text: str, y: float) -> None:
    """A heading in a row of its own."""
    ax.annotate(text, (0, y), xycoords=("axes fraction", "data"), weight="bold", va="center", annotation_clip=False)


def key(label: str, **look: Any) -> Line2D:
    """A line of a legend."""
    from matplotlib.lines import Line2D

    return Line2D([], [], label=label, **look)


def legend_above(ax: Axes, keys: Sequence[Line2D] | None = None, *, columns: int = 1) -> None:
    """A legend over the axes, flush left, where it hides nothing."""
    if keys is None:
        keys = ax.get_legend_handles_labels()[0]  # type: ignore[assignment]
    if keys:
        place = {"bbox_to_anchor": (0, 1), "borderaxespad": 0.2, "ncols": columns, "columnspacing": 1.2}
        ax.legend(handles=keys, loc="lower left", **place)


def no_sides(ax: Axes) -> None:
    """Neither a line nor ticks at the left, for rows that have names."""
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
