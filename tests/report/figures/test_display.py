"""Displays behave as scikit-learn's do."""

import subprocess
import sys

import matplotlib as mpl
import pytest
from matplotlib import pyplot
from matplotlib.figure import Figure

from trusteq import OptionError
from trusteq.report.figures.catalog import make


def test_plot_draws_returns_the_display_and_says_where(wordless):
    display = make(wordless, "reliability")
    assert display.plot() is display
    assert display.ax_.figure is display.figure_ is pyplot.gcf()
    assert display.figure_.get_size_inches().tolist() == list(display.size)


def test_it_draws_on_given_axes_and_makes_no_figure(wordless):
    figure, axes = pyplot.subplots(1, 2)
    display = make(wordless, "reliability").plot(axes[1])
    assert display.ax_ is axes[1]
    assert axes[1].lines
    assert not axes[0].lines
    assert pyplot.get_fignums() == [figure.number]


def test_several_panels_take_as_many_axes_or_share_out_one(explained):
    display = make(explained, "alignment", "poor")
    _, axes = pyplot.subplots(1, 2)
    assert display.plot(axes).ax_ == tuple(axes)
    figure, (left, right) = pyplot.subplots(1, 2)
    one, two = display.plot(left).ax_
    assert one.figure is two.figure is figure
    assert not left.axison
    assert right.axison
    assert two.get_position().x1 <= right.get_position().x0


def test_axes_that_do_not_fit_are_refused(explained):
    display = make(explained, "alignment", "poor")
    with pytest.raises(OptionError, match="has 2 panels, and 3 axes were given"):
        display.plot(pyplot.subplots(1, 3)[1])
    with pytest.raises(OptionError, match=r"plt\.subplots"):
        display.plot(pyplot.figure().add_axes((0, 0, 1, 1)))


def test_arrays_are_there_before_anything_is_drawn(wordless):
    display = make(wordless, "reliability")
    assert not hasattr(display, "ax_")
    assert display.curves[0].accuracy.size


def test_the_user_s_own_settings_stay_as_they_were_and_make_no_difference(wordless):
    display = make(wordless, "reliability")

    def drawn():
        from trusteq.report.figures.file import rendered

        return rendered(display, "svg")

    usual = drawn()
    before = dict(mpl.rcParams)
    assert dict(mpl.rcParams) == before
    with mpl.rc_context(
        {"text.usetex": True, "axes.facecolor": "black", "xtick.major.size": 20, "svg.hashsalt": "mine"}
    ):
        assert drawn() == usual
        assert mpl.rcParams["text.usetex"] is True
    assert dict(mpl.rcParams) == before


def test_a_notebook_shows_the_figure_not_the_display(wordless):
    assert not hasattr(make(wordless, "pairs"), "_repr_html_")
    assert make(wordless, "pairs") != make(wordless, "pairs")  # arrays have no single truth; displays are themselves


@pytest.mark.slow
def test_making_figures_loads_neither_matplotlib_nor_pyplot_until_they_are_drawn():
    code = (
        "import sys, trusteq.report.figures.catalog, trusteq.report.figures.inline, trusteq.cli.figure;"
        "assert 'matplotlib' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_files_and_pages_ask_no_pyplot(wordless, monkeypatch):
    from trusteq.report.figures.file import rendered
    from trusteq.report.figures.inline import inline_svg

    monkeypatch.setattr(pyplot, "figure", None)
    assert rendered(make(wordless, "pairs"), "pdf")
    assert inline_svg(make(wordless, "pairs"), label="")
    assert isinstance(make(wordless, "pairs").plot([Figure().add_subplot()]).figure_, Figure)
