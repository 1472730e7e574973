"""Where the accuracy went, against loops over the items."""

from dataclasses import replace

import numpy as np
import pandas as pd

from trusteq.report.figures.flips import MOST_CLASSES, FlipsDisplay


def test_counts_are_the_items_whose_answer_changed_by_class(wordless):
    display = FlipsDisplay.from_evidence(wordless, candidate="small")
    slow = np.zeros((4, 3), dtype=int)
    items = np.zeros(4, dtype=int)
    answers = wordless.probabilities.argmax(axis=2)
    for gold, before, after in zip(wordless.gold, *answers, strict=True):
        for row in (0, gold + 1):
            items[row] += 1
            if before != after:
                slow[row, 0 if before == gold else 1 if after == gold else 2] += 1
    assert display.classes == ("all", *wordless.labels)
    np.testing.assert_array_equal(display.counts, slow)
    np.testing.assert_array_equal(display.items, items)
    np.testing.assert_allclose(display.share, slow / items[:, None])
    assert slow[0].min() > 0


def test_bars_and_numbers_are_those_counts(wordless):
    display = FlipsDisplay.from_evidence(wordless, candidate="small")
    ax = display.plot().ax_
    lost, won = ax.containers
    np.testing.assert_allclose([bar.get_width() for bar in lost], -100 * display.share[:, 0])
    np.testing.assert_allclose([bar.get_width() for bar in won], 100 * display.share[:, 1])
    said = [text.get_text() for text in ax.texts]
    for wrong, right, other in display.counts:
        assert str(other) in said
        assert ("0" if wrong == right else f"{right - wrong:+}".replace("-", "−")) in said


def test_intervals_are_those_of_the_run_where_it_has_them(wordless):
    display = FlipsDisplay.from_evidence(wordless, candidate="small")
    measures = wordless.candidate("small").measures["behaviour"]
    for column, measure in enumerate(("regressions", "corrections")):
        e = measures[measure]
        assert (display.low[0, column], display.high[0, column]) == (e.low, e.high)
    assert np.isnan(display.low[1:]).all()
    row = {"candidate": "small", "measure": "corrections", "slice_column": "label", "slice_value": "yes"}
    table = pd.concat([wordless.estimates, pd.DataFrame([{**row, "low": 0.01, "high": 0.2}])])
    more = replace(wordless, table=lambda name: table if name == "estimates" else wordless.table(name))
    display = FlipsDisplay.from_evidence(more, candidate="small")
    assert (display.low[3, 1], display.high[3, 1]) == (0.01, 0.2)
    assert np.isnan(display.low[1:, 0]).all()


def test_two_labels_leave_no_other_wrong_answer(explained):
    said = [text.get_text() for text in FlipsDisplay.from_evidence(explained, candidate="poor").plot().ax_.texts]
    assert "net" in said
    assert "→ other\nwrong" not in said


def test_of_many_classes_those_of_few_flips_are_one_row():
    classes = ("all", *(f"c{i}" for i in range(30)))
    counts = np.array([[0, 0, 0], *([i, 1, 0] for i in range(30))])
    counts[0] = counts.sum(axis=0)
    ends = np.full((31, 2), np.nan)
    ax = FlipsDisplay(("a", "b"), classes, np.r_[3000, np.full(30, 100)], counts, ends, ends).plot().ax_
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert names[0] == "all (3,000)"
    assert names[1:-1] == [f"c{i} (100)" for i in range(10, 30)]
    assert names[-1] == "10 others (1,000)"
    assert len(names) == MOST_CLASSES + 2
    assert ax.containers[0][-1].get_width() == -100 * sum(range(10)) / 1000


def test_without_labels_there_is_none(unlabelled):
    assert FlipsDisplay.from_evidence(unlabelled, candidate="small") is None
