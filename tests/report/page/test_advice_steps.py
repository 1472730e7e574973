"""Steps of advice."""

import pytest
from report.page import made_up

from trusteq.report.page.advice_steps import advice_step

MISTAKES = "9 answers change, 4 from right to wrong; the most confident: item a, b, yes -> no at 0.962"


def test_the_item_that_a_sentence_names_stands_by_itself():
    step = advice_step(MISTAKES, "a, b")
    assert (step.word, step.section, step.item) == ("Changed answers", "behaviour", "a, b")
    assert step.before == "9 answers change, 4 from right to wrong; the most confident new mistake: item "
    assert step.after == ", yes → no at 0.962"


@pytest.mark.parametrize("first", [None, "other", ""])
def test_without_it_the_sentence_is_whole(first):
    step = advice_step(MISTAKES, first)
    assert step.item is None
    assert step.before.endswith("the most confident new mistake: item a, b, yes → no at 0.962")
    assert step.after == ""


@pytest.mark.parametrize("turned", [", 0 from right to wrong", ""])
def test_a_change_that_is_no_mistake_is_called_a_change(turned):
    step = advice_step(f"7 answers change{turned}; the most confident: item x, yes -> no at 0.5", "x")
    assert step.before == f"7 answers change{turned}; the most confident change: item "


@pytest.mark.parametrize(
    ("sentence", "word", "section"),
    [
        ("calibration is corrected by T = 0.50 [0.49, 0.50] (fitted to the labels)", "Recalibrate", "remedies"),
        ("what was measured of calibration is mended by T = 0.50 [0.49, 0.50]", "Recalibrate", "remedies"),
        ("weighs these words differently from the reference: 'a' (reference 1.0,", "Words", "words"),
        ("genre = a cat does worse than the rest: disagreement 0.1", "Slice", "slices"),
        ("without gold labels, accuracy and calibration cannot be measured", "Labels", "dimensions"),
        ("calibration is mended by T = 0.50 [0.49, 0.50] (fitted to the labels)", "Recalibrate", "remedies"),
        ("leans unlike the reference on 'a' (reference 1.0, candidate 9.0); 1 is", "Words", "words"),
        ("genre = a cat suffers more than the rest: disagreement 0.1", "Slice", "slices"),
        ("a cut-off of 0.9 accepts 1.0% of items instead of 2.0%", "Cut-off", "cut-offs"),
        ("7 answers change, 0 from right to wrong; the most confident: item x", "Changed answers", "behaviour"),
        ("about 1,218 items would decide", "Measure more", "dimensions"),
        ("something new", "Look at", "estimates"),
    ],
)
def test_advice_leads_to_its_evidence(sentence, word, section):
    step = advice_step(sentence)
    assert (step.word, step.section, step.item, step.after) == (word, section, None, "")
    assert step.before.startswith(sentence.partition("; the most confident")[0])


@pytest.mark.slow
def test_no_advice_of_a_run_is_without_a_place():
    sentences = [said for c in made_up.evidence().document.candidates for said in c.advice]
    assert len(sentences) >= 4
    for sentence in sentences:
        assert advice_step(sentence).word != "Look at", sentence
