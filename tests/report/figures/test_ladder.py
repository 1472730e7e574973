"""Chance, candidate, ceiling."""

import pytest
from edited import edited

from trusteq.report.figures.ladder import LadderDisplay


def test_a_ladder_s_parts_are_the_run_s_measures(explained):
    display = LadderDisplay.from_evidence(explained)
    for ladder in display.ladders:
        measures = explained.candidate(ladder.candidate).measures["explanation"]
        method = ladder.method
        names = {
            "alignment, noise removed": ("alignment_{}", None, None),
            "Jaccard of the top {k}, independent masks": (
                "jaccard_halves_{}",
                "jaccard_halves_chance_{}",
                "jaccard_ceiling_reference_{}",
            ),
            "Jaccard of the top {k}, same masks": ("jaccard_{}", "jaccard_chance_{}", None),
        }[ladder.kind]
        for estimate, name in zip((ladder.score, ladder.chance, ladder.ceiling), names, strict=True):
            if name is None:
                assert estimate is None
            else:
                expected = measures[name.format(method)]
                assert (estimate.value, estimate.low, estimate.high) == (
                    expected.value,
                    expected.low,
                    expected.high,
                )
        assert ladder.margin == (0.95 if ladder.kind.startswith("alignment") else None)
    assert {ladder.method for ladder in display.ladders} == {"lime", "shapley"}
    assert display.k == 10


def test_candidates_of_one_score_stand_together(explained):
    ladders = LadderDisplay.from_evidence(explained).ladders
    assert [ladder.candidate for ladder in ladders[:2]] == ["shortcut", "poor"]
    assert ladders[0][1:3] == ladders[1][1:3]


def test_the_paper_s_protocol_has_its_own_names(published):
    display = LadderDisplay.from_evidence(published, candidate="small")
    measures = published.candidate("small").measures["explanation"]
    lime, shap = display.ladders
    assert (lime.method, shap.method) == ("lime", "shap")
    assert lime.score.value == measures["jaccard_lime"].value
    assert lime.chance.value == measures["jaccard_lime_chance"].value
    assert lime.ceiling.value == measures["jaccard_lime_ceiling"].value
    assert shap.score.value == measures["jaccard_shap"].value
    assert shap.ceiling is None
    assert (lime.margin, shap.margin) == (0.7, 0.7)


def test_marks_stand_where_the_numbers_are(published):
    display = LadderDisplay.from_evidence(published, candidate="small")
    lines = display.plot().ax_.lines
    for marker, values in {
        "s": [ladder.score.value for ladder in display.ladders],
        "|": [ladder.chance.value for ladder in display.ladders],
        "o": [display.ladders[0].ceiling.value, 1.0],
    }.items():
        assert [x for line in lines if line.get_marker() == marker for x in line.get_xdata()] == pytest.approx(values)


def test_without_explanations_there_is_none(wordless):
    assert LadderDisplay.from_evidence(wordless) is None


def test_beside_a_peer_the_ceiling_is_the_peer_s_and_the_margin_is_not_of_the_score(explained):
    def change(document):
        measures = document["candidates"][1]["measures"]["explanation"]
        measures["alignment_lime_of_peer"] = {**measures["alignment_lime"], "value": 0.97}
        measures["alignment_lime_to_peer"] = {**measures["alignment_lime"], "value": 0.95}

    display = LadderDisplay.from_evidence(edited(explained, change), candidate="poor")
    lime = display.ladders[0]
    assert (lime.method, lime.ceiling.value, lime.margin) == ("lime", 0.97, None)
    said = [text.get_text() for text in display.plot().ax_.get_legend().get_texts()]
    assert "ceiling" in said
