"""What a report says about itself, and what it says it does not know."""

from dataclasses import replace

from edited import edited
from report.page import made_up

from trusteq import Outcome
from trusteq.report.page.glossary import GLOSSARY
from trusteq.report.page.provenance import facts, models, not_measured, task_file


def said(evidence):
    return "\n".join(not_measured(evidence))


def test_what_a_run_lacks_is_said():
    made = made_up.evidence()
    assert "67 of 110 items: only 43 were explained" in said(made)
    assert "Memory" not in said(made)
    assert "Size, speed and memory" in said(replace(made, costs=None))
    assert "no labels" in said(edited(made, lambda d: d["items"].update(labelled=False)))
    assert "nothing was explained" in said(edited(made, lambda d: d.update(explanation=None)))
    lenient = edited(made, lambda d: d["policy"].update(required=["behaviour"]))
    assert "does not require calibration or explanation" in said(lenient)
    assert "Dependence between items" in said(made)
    assert "Dependence between items" not in said(edited(made, lambda d: d["items"].update(clusters=30)))


def test_memory_that_was_not_looked_at_is_said():
    made = made_up.evidence()
    models = [{**model, "peak_bytes": None} for model in made.costs["models"]]
    assert "Memory of the models: not measured" in said(replace(made, costs={**made.costs, "models": models}))


def test_every_model_and_every_setting_is_listed():
    made = made_up.evidence()
    assert [row[0] for row in models(made).rows] == ["large", "int8", "shortcut"]
    listed = dict(facts(made).rows)
    assert listed["seed"] == "0"
    assert listed["with slices"] == "yes"
    assert listed["explain: masks"] == "32"
    assert listed["SHA-256 of the mask plan"] == made.manifest["plan"]
    assert listed["trusteq"] == made.manifest["trusteq"]


def test_models_that_were_not_asked_by_a_task_file_have_none():
    assert task_file(made_up.evidence()) is None
    assert "Task file" not in made_up.html()


def test_the_glossary_has_the_words_of_every_outcome_and_dimension():
    words = ", ".join(GLOSSARY)
    for word in (*Outcome, "behaviour", "calibration", "explanation", "item", "interval", "margin"):
        assert word in words
