"""Slices: in which order they stand, and what is said of one that suffers."""

from dataclasses import replace

from report.page import made_up

from trusteq.record.document import Part
from trusteq.report.page.explanation import explanation
from trusteq.report.page.slices import columns, in_order, slices
from trusteq.report.wording import number


def candidate():
    return made_up.evidence().document.candidates[1]


def test_lengths_come_from_short_to_long_and_other_slices_as_they_are():
    given = [("label", "b", 9), ("label", "a", 5), ("text length", "17-20 words", 9), ("text length", "7-16 words", 5)]
    parts = [Part(*one) for one in given]
    assert [part.value for part in in_order(parts)] == ["b", "a", "7-16 words", "17-20 words"]


def test_measures_come_from_low_to_high():
    given = [("glow", "10 to 20"), ("glow", "-0.5 to 0.25"), ("glow", "0.3"), ("size", "12 to 14 or so"), ("size", "2")]
    parts = [Part(*one, 5) for one in given]
    assert [part.value for part in in_order(parts)] == ["-0.5 to 0.25", "0.3", "10 to 20", "12 to 14 or so", "2"]


def test_a_slice_that_suffers_is_told_with_its_value_and_interval():
    worse = {"js": True, "regressions": True}
    first = replace(candidate().slices[0], p_against_rest={"js": 0.5, "regressions": 0.039}, worse_than_rest=worse)
    found = slices(made_up.evidence(), replace(candidate(), slices=(first,)))
    frame = made_up.evidence().estimates
    (row,) = frame[
        (frame["candidate"] == "shortcut")
        & (frame["slice_column"] == first.column)
        & (frame["slice_value"] == first.value)
        & (frame["measure"] == "regressions")
    ].itertuples()
    assert found.worse == 1
    said = found.table.rows[0][2].replace("\u00a0", " ")
    assert said == f"regressions {number(row.value)} [{number(row.low)}, {number(row.high)}], p = 0.039"


def test_slices_of_too_few_explained_items_are_named_beside_the_alignment_of_the_others():
    made = made_up.evidence()
    explained = made.items["id"].isin(list(made.sample_of(candidate().name)))
    said = explanation(made, candidate()).too_small
    assert said.startswith("Slices with fewer than 20 explained items have no row: ")
    shown = {(s.column, s.value) for s in candidate().strata}
    assert shown
    for column, values in columns(made).items():
        inside = [value for value, is_ in zip(values, explained, strict=True) if is_]
        for value in set(inside):
            assert (f"{column} = {value} ({inside.count(value)})" in said) == ((column, value) not in shown)
    assert "answers = wrong to right (" in said


def test_of_very_many_small_slices_some_are_named():
    made = made_up.evidence()
    ids = made.items.assign(**{"column id": made.items["id"]})
    many = replace(made, table=lambda name: ids if name == "items" else made.table(name))
    said = explanation(many, candidate()).too_small
    assert said.count(" = ") == 12
    assert said.endswith(" more.")


def test_the_slice_with_the_strongest_evidence_against_a_judged_measure_comes_first():
    first, second, *others = candidate().slices
    none = {"p_against_rest": {}, "p_judged": {}}
    judged = replace(second, p_against_rest={"js": 0.9}, p_judged={"disagreement": 0.02})
    surely = replace(first, p_against_rest={"js": 1e-9}, p_judged={"disagreement": 0.2}, worse_than_rest={"js": True})
    given = (surely, judged, *(replace(s, **none) for s in others))
    found = slices(made_up.evidence(), replace(candidate(), slices=given))
    assert [row[0] for row in found.table.rows[:2]] == [f"{s.column} = {s.value}" for s in (judged, surely)]
    assert found.table.rows[0][2].replace("\u00a0", " ") == "disagreement, p = 0.02"
    assert found.table.rows[1][2].replace("\u00a0", " ").endswith("], p < 0.0001")
    assert (found.worse, found.looked_at) == (2, len(given))


def test_a_measure_without_an_estimate_in_the_slice_stands_alone():
    first, *others = candidate().slices
    worse = {"nll_difference": True}
    unknown = replace(first, p_against_rest={"nll_difference": 1e-9}, p_judged={}, worse_than_rest=worse)
    quiet = (replace(s, p_against_rest={}, p_judged={}) for s in others)
    made = made_up.evidence()
    without = made.estimates[made.estimates["measure"] != "nll_difference"]
    bare = replace(made, table=lambda name: without if name == "estimates" else made.table(name))
    found = slices(bare, replace(candidate(), slices=(unknown, *quiet)))
    assert found.table.rows[0][2].replace("\u00a0", " ") == "NLL difference, p < 0.0001"


def test_what_was_left_out_is_said():
    made = made_up.evidence()
    ids = made.items.assign(**{"column id": made.items["id"]})
    many = replace(made, table=lambda name: ids if name == "items" else made.table(name))
    (note,) = [note for note in slices(many, candidate()).notes if note.startswith("id: ")]
    n = len(ids)
    said = f"id: {n:,} of {n:,} values, with {n:,} items in all, have fewer than 30 items each and were not looked at"
    assert note == f"{said} by themselves."


def test_a_judged_measure_that_was_estimated_in_some_slices_only_is_said_to_be():
    made = made_up.evidence()
    first, *others = (s for s in candidate().slices if s.column == "label")
    frame = made.estimates
    less = frame[~((frame["slice_value"] == first.value) & (frame["measure"] == "smooth_ece_difference"))]
    some = replace(made, table=lambda name: less if name == "estimates" else made.table(name))
    notes = slices(some, candidate()).notes
    count = len(others) + 1
    said = f"label: smooth ECE difference was estimated in {count - 1} of {count} slices"
    assert any(note.startswith(said) for note in notes)


def test_of_very_many_slices_those_with_the_strongest_evidence_are_shown():
    first = replace(candidate().slices[0], p_against_rest={}, p_judged={})
    many = [replace(first, value=f"v{i}") for i in range(100)]
    many[77] = replace(many[77], p_judged={"disagreement": 0.01})
    found = slices(made_up.evidence(), replace(candidate(), slices=tuple(many)))
    assert len(found.table.rows) == 60
    assert found.table.rows[0][0].endswith(" = v77")
    assert found.notes[0] == "The 60 with the strongest evidence are shown; estimates.parquet has all."
