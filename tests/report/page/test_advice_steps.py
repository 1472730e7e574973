"""Steps of advice."""

import pytest
from report.page import made_up

from trusteq.record.advice import KINDS, Advice
from trusteq.report.page.advice_steps import PLACES, advice_step

MISTAKES = "9 answers change, 4 from right to wrong; the most confident: item a, b, yes -> no at 0.962"


def test_the_item_that_a_sentence_names_stands_by_itself():
    step = advice_step(Advice("changes", MISTAKES, item="a, b"))
    assert (step.word, step.section, step.item) == ("Changed answers", "behaviour", "a, b")
    assert step.before == "9 answers change, 4 from right to wrong; the most confident new mistake: item "
    assert step.after == ", yes → no at 0.962"


@pytest.mark.parametrize("item", [None, "other", ""])
def test_without_it_the_sentence_is_whole(item):
    step = advice_step(Advice("changes", MISTAKES, item=item))
    assert step.item is None
    assert step.before.endswith("the most confident new mistake: item a, b, yes → no at 0.962")
    assert step.after == ""


@pytest.mark.parametrize("turned", [", 0 from right to wrong", ""])
def test_a_change_that_is_no_mistake_is_called_a_change(turned):
    said = f"7 answers change{turned}; the most confident: item x, yes -> no at 0.5"
    step = advice_step(Advice("changes", said, item="x"))
    assert step.before == f"7 answers change{turned}; the most confident change: item "


def test_every_kind_of_advice_leads_to_its_evidence():
    assert set(PLACES) == set(KINDS)
    assert advice_step(Advice("slice", "a = b does worse"))[:3] == ("Slice", "slices", "a = b does worse")


@pytest.mark.slow
def test_the_advice_of_a_run_names_its_evidence():
    said = [advice for c in made_up.evidence().document.candidates for advice in c.advice]
    assert len(said) >= 4
    assert "other" not in {advice.kind for advice in said}
