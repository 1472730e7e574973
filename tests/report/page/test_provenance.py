"""What a report says about itself, and what it says it does not know."""

from dataclasses import replace

import pytest
from report.page import made_up

from trusteq.report.page.advised import advised
from trusteq.report.page.glossary import GLOSSARY
from trusteq.report.page.provenance import facts, models, not_measured
from trusteq.verdict import Outcome


def said(evidence):
    return "\n".join(not_measured(evidence))


def test_what_a_run_lacks_is_said():
    made = made_up.evidence()
    assert "70 of 110 items: 40 were explained" in said(made)
    assert "Memory" not in said(made)
    assert "Size, speed and memory" in said(replace(made, costs=None))
    unlabelled = {**made.document, "items": {**made.document["items"], "labelled": False}}
    assert "no labels" in said(replace(made, document=unlabelled))
    nothing = {**made.document, "explanation": None}
    assert "nothing was explained" in said(replace(made, document=nothing))
    lenient = {**made.document, "policy": {**made.document["policy"], "required": ["behaviour"]}}
    assert "does not require calibration or explanation" in said(replace(made, document=lenient))
    clustered = {**made.document, "items": {**made.document["items"], "clusters": 30}}
    assert "Dependence between items" in said(made)
    assert "Dependence between items" not in said(replace(made, document=clustered))


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


def test_the_glossary_has_the_words_of_every_outcome_and_dimension():
    words = ", ".join(GLOSSARY)
    for word in (*Outcome, "behaviour", "calibration", "explanation", "item", "interval", "margin"):
        assert word in words


@pytest.mark.parametrize(
    ("sentence", "word", "section"),
    [
        ("calibration is mended by T = 0.50 [0.49, 0.50] (fitted to the labels)", "Recalibrate", "remedies"),
        ("leans unlike the reference on 'a' (reference 1.0, candidate 9.0); 1 is", "Words", "words"),
        ("genre = a cat suffers more than the rest: disagreement 0.1", "Slice", "slices"),
        ("a cut-off of 0.9 accepts 1.0% of items instead of 2.0%", "Cut-off", "cut-offs"),
        ("7 answers change, 0 from right to wrong; the most confident: item x", "Changed answers", "behaviour"),
        ("about 1,218 items would decide", "Measure more", "dimensions"),
        ("something new", "Look at", "evidence"),
    ],
)
def test_advice_leads_to_its_evidence(sentence, word, section):
    assert advised(sentence) == (word, section, sentence)


def test_no_advice_of_a_run_is_without_a_place():
    sentences = [said for c in made_up.evidence().document["candidates"] for said in c["advice"]]
    assert len(sentences) >= 4
    for sentence in sentences:
        assert advised(sentence).word != "Look at", sentence
