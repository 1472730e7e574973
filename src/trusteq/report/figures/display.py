"""A display: arrays that are computed once, and a method that draws them, as in scikit-learn.

``XDisplay.from_evidence(evidence, candidate=...)`` computes; ``.plot(ax=None)`` draws and returns the display, which
then has ``ax_`` (a tuple where a figure has several panels) and ``figure_``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Self

from trusteq.errors import OptionError
from trusteq.report.figures.style import styled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


class Display(ABC):
    """What all displays have in common."""

    ax_: Any
    """The axes that were drawn on: one, or a tuple with one per panel."""
    figure_: Any
    """The figure they belong to."""

    @property
    def size(self) -> tuple[float, float]:
        """Default width and height of the figure in inches."""
        return 6.5, 3.6

    @property
    def panels(self) -> tuple[float, ...]:
        """The panels' widths, relative to each other."""
        return (1.0,)

    def plot(self, ax: Axes | Sequence[Axes] | None = None) -> Self:
        """Draw, on the given axes or on a new figure.

        Several panels divide the place of a single axes, or take a sequence with one axes each.
        """
        with styled():
            axes = self._axes(ax)
            self._draw(*axes)
        self.ax_ = axes[0] if len(axes) == 1 else axes
        self.figure_ = axes[0].figure
        return self

    @abstractmethod
    def _draw(self, *axes: Axes) -> None:
        """Draw on the axes of each panel."""

    def axes_in(self, figure: Figure) -> tuple[Axes, ...]:
        """New axes in an empty figure, one per panel."""
        grid = figure.add_gridspec(1, len(self.panels), width_ratios=self.panels)
        return tuple(figure.add_subplot(grid[0, i]) for i in range(len(self.panels)))

    def _axes(self, ax: Axes | Sequence[Axes] | None) -> tuple[Axes, ...]:
        from matplotlib.axes import Axes

        count = len(self.panels)
        if ax is None:
            # As scikit-learn's displays do, so that a notebook shows the figure. Nothing else here uses pyplot.
            from matplotlib import pyplot

            return self.axes_in(pyplot.figure(figsize=self.size, layout="constrained"))
        if not isinstance(ax, Axes):
            axes = tuple(ax)
            if len(axes) != count:
                raise OptionError(f"{type(self).__name__} has {count} panels, and {len(axes)} axes were given")
            return axes
        if count == 1:
            return (ax,)
        place = ax.get_subplotspec()
        if place is None:
            raise OptionError(
                f"{type(self).__name__} has {count} panels: give {count} axes, or one made by plt.subplots()"
            )
        ax.set_axis_off()
        cells = place.subgridspec(1, count, width_ratios=self.panels)
        return tuple(ax.figure.add_subplot(cells[0, i]) for i in range(count))
