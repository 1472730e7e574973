"""Words one model leans on and the other does not."""

from dataclasses import replace

import numpy as np

from trusteq.report.figures.words import MOST, WordsDisplay


def test_it_holds_the_run_s_tested_words_strongest_evidence_first(explained):
    display = WordsDisplay.from_evidence(explained, candidate="shortcut")
    rows = explained.words[explained.words["candidate"] == "shortcut"].set_index("word")
    assert set(display.words) == set(rows.index)
    p = [rows.loc[word, "p_value"] for word in display.words]
    assert p == sorted(p)
    for word, items, q, lean, signed in zip(
        display.words, display.items, display.q, display.lean, display.signed, strict=True
    ):
        row = rows.loc[word]
        assert (items, q) == (row["items"], row["q_value"])
        for name, ends in (("lean", lean), ("signed", signed)):
            columns = [f"{name}_difference", f"{name}_difference_low", f"{name}_difference_high"]
            assert ends.tolist() == row[columns].tolist()


def test_the_shortcut_s_names_stand_out_and_are_drawn_filled(explained):
    display = WordsDisplay.from_evidence(explained, candidate="shortcut")
    found = {word for word, q in zip(display.words, display.q, strict=True) if q < 0.05}
    assert {"anna", "ben", "carl", "dora"} <= found
    lean, signed = display.plot().ax_
    drawn = [tick.get_text().split(" ")[0] for tick in lean.get_yticklabels()]
    filled = {
        drawn[y]
        for line in lean.lines
        if line.get_marker() in "so" and line.get_markerfacecolor() == line.get_color()
        for y in line.get_ydata()
    }
    assert filled == found & set(drawn)
    assert f"{len(found)} of {len(display.words)} words stand out (filled)" == signed.get_title("left")


def test_only_the_strongest_of_many_are_drawn_the_candidate_s_first(explained):
    display = WordsDisplay.from_evidence(explained, candidate="shortcut")
    many = 40
    lean = np.linspace(-1, 1, many)[:, None] + [0, -0.1, 0.1]
    words = tuple(f"w{i}" for i in range(many))
    display = replace(display, words=words, items=np.full(many, 9), q=np.ones(many), lean=lean, signed=lean)
    left, right = display.plot().ax_
    names = [tick.get_text() for tick in left.get_yticklabels()]
    assert names == [f"w{i} (9)" for i in reversed(range(MOST))]
    assert right.get_title("left") == "no word stands out"


def test_an_endless_interval_does_not_squeeze_the_others(explained):
    display = WordsDisplay.from_evidence(explained, candidate="shortcut")
    lean = display.lean.copy()
    lean[0] = lean[0, 0], -1e6, 1e6
    left = replace(display, lean=lean).plot().ax_[0]
    assert max(map(abs, left.get_xlim())) <= 2.5 * np.abs(lean[:, 0]).max()


def test_without_tested_words_there_is_none(explained, wordless):
    none = replace(explained, table=lambda name: explained.table(name)[:0])
    for evidence in (none, wordless):
        assert WordsDisplay.from_evidence(evidence, candidate=evidence.models[1]) is None
