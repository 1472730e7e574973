"""What is recommended for a candidate's confidence, and the kind of fault that is named."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pytest
from cases import LABELS, Table
from oracles.pairs import pair_of

import trusteq
from trusteq.auditing.calibration_advice import calibration_advice
from trusteq.auditing.recalibration import is_sound, recalibration
from trusteq.comparing.compute_measures import groups_for
from trusteq.comparing.thresholds import threshold_table
from trusteq.data.predictions import softmax
from trusteq.policy import preset
from trusteq.verdict import judge

N = 2_000
POLICY = preset("default").requiring(("behaviour", "calibration"))
NEEDED = {
    "smooth_ece_difference",
    "confidence_profile_distance",
    "accuracy_difference",
    "disagreement",
    "discrimination",
}


def law(seed=0, n=N):
    """A generator, logits [n, 3], gold codes drawn from their probabilities, and who is in a group of a quarter."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 3)) * 2
    return rng, z, (z + rng.gumbel(size=z.shape)).argmax(axis=1), rng.random(n) < 0.25


@dataclass
class Found:
    """What compute.py makes of a pair's confidence: the judged measures, the recalibration, and the advice on them."""

    flat: dict
    verdict: object
    recalibration: object
    advice: object

    @property
    def recommended(self):
        return None if self.recalibration is None else next((c for c in self.recalibration.maps if c.recommended), None)


def compared(reference, candidate, gold=None, *, group=None, clusters=None):
    """Two models with these probabilities [items, 3]; only what calibration's rules and advice need is measured."""
    pair = pair_of(reference, candidate, gold, resamples=400, clusters=clusters)
    measures = {}
    for of_pair, entries in groups_for(pair).items():
        if any(entry.name.startswith(tuple(NEEDED)) for entry in entries):
            measures.setdefault(entries[0].dimension, {}).update(pair.measured(of_pair))
    codes = {"its answer": pair.candidate.answer} | ({} if gold is None else {"label": gold})
    columns = {name: [LABELS[code] for code in of_column] for name, of_column in codes.items()}
    if group is not None:
        columns["group"] = ["in" if g else "out" for g in group]
    verdict = judge(measures, POLICY)
    found = recalibration(pair, measures, verdict, POLICY, columns, judged_by_policy=partial(judge, policy=POLICY))
    advice = calibration_advice(found, verdict, measures["calibration"], LABELS, threshold_table(pair))
    return Found(measures["behaviour"] | measures["calibration"], verdict, found, advice)


def audited(reference, candidate, gold=None):
    """The same by a whole audit."""
    n = len(reference)
    ids = [f"i{i}" for i in range(n)]
    items = trusteq.Items(ids=ids, labels=gold, label_names=LABELS)
    models = [Table(name, dict(zip(ids, p, strict=True))) for name, p in (("large", reference), ("small", candidate))]
    return trusteq.audit(*models, items, resamples=100, policy=POLICY, costs="none")["small"]


def kinds(comparison):
    return {advice.kind for advice in comparison.advice}


# What used to be recommended, and does harm ------------------------------------------------------


@pytest.mark.slow
def test_a_candidate_is_not_made_to_match_an_overconfident_reference():
    _, z, gold, _ = law(1)
    comparison = audited(softmax(z * 2.2), softmax(z), gold)
    assert "temperature" not in kinds(comparison)
    said = comparison.advice[0]
    assert said.kind == "cut-off"
    assert "better calibrated than the reference" in said.sentence
    assert "on held-out folds" in said.sentence
    assert [advice.kind for advice in comparison.advice].count("cut-off") == 1


def test_matching_an_overconfident_reference_harms_the_candidates_own_scores():
    _, z, gold, _ = law(1)
    found = compared(softmax(z * 2.2), softmax(z), gold)
    match = next(c for c in found.recalibration.maps if (c.map, c.target) == ("temperature", "matched"))
    assert match.mends == ("confidence_profile_distance",)
    assert {"nll", "brier", "smooth_ece"} <= {harm.measure for harm in match.harms}
    assert min(match.own[name].low for name in ("nll", "brier", "smooth_ece")) > 0
    assert found.recommended is None
    assert found.recalibration.fault.kind == "reference"


@pytest.mark.slow
@pytest.mark.parametrize("bias", [1.0, 2.0])
def test_a_fault_in_one_label_is_not_spread_over_all(bias):
    rng = np.random.default_rng(2)
    z = rng.normal(size=(4_000, 3)) * 2 + np.array([bias, 0, 0])
    gold = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
    # One temperature would bring every rule within its margin, at the cost of the other two labels.
    comparison = audited(softmax(z), softmax(np.where((gold == 0)[:, None], z * 2, z)), gold)
    for one in comparison.recalibration.maps:
        if one.map == "temperature":
            assert {"maybe", "yes"} & {harm.value for harm in one.harms}
            assert not one.recommended
    assert not any("which divides the logits" in advice.sentence for advice in comparison.advice)
    assert not any("corrected by T" in advice.sentence for advice in comparison.advice)


def test_a_map_that_leaves_every_figure_within_its_margin_but_not_for_certain_needs_more_items():
    rng = np.random.default_rng(2)
    z = rng.normal(size=(4_000, 3)) * 2 + np.array([1.0, 0, 0])
    gold = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
    found = compared(softmax(z), softmax(np.where((gold == 0)[:, None], z * 2, z)), gold)
    assert found.recommended is None
    assert not found.recalibration.maps[-1].harms
    assert "may correct calibration" in found.advice.sentence
    assert "more items would show it" in found.advice.sentence
    assert found.advice.mends == ()


@pytest.mark.parametrize("temperature", [3.0, 0.3])
def test_a_fault_in_one_label_is_named_and_one_temperature_harms_the_others(temperature):
    _, z, gold, _ = law(2)
    found = compared(softmax(z), softmax(np.where((gold == 0)[:, None], z / temperature, z)), gold)
    for target in ("matched", "recalibrated"):
        one = next(c for c in found.recalibration.maps if (c.map, c.target) == ("temperature", target))
        assert {"maybe", "yes"} & {harm.value for harm in one.harms if harm.column == "label"}
    assert found.recommended is None
    fault = found.recalibration.fault
    assert (fault.kind, fault.column, fault.value) == ("label", "label", "no")
    assert "the fault lies where label = no" in found.advice.sentence


@pytest.mark.slow
def test_a_fault_in_one_label_is_not_spread_over_all_by_a_candidate_with_noise_of_its_own():
    for seed in range(4):
        rng, z, gold, _ = law(seed + 20)
        seen = z + rng.normal(size=z.shape) * 0.2
        found = compared(softmax(z), softmax(np.where((gold == 0)[:, None], seen / 0.3, seen)), gold)
        assert found.recommended is None


@pytest.mark.slow
def test_nothing_is_recommended_to_a_candidate_whose_only_measured_rule_passes():
    _, z, _, _ = law(3)
    comparison = audited(softmax(z), softmax(z * 1.15))
    outcomes = {rule.measure: str(rule.outcome) for d in comparison.verdict.dimensions for rule in d.rules}
    assert outcomes["confidence_profile_distance"] == "EQUIVALENT"
    assert outcomes["smooth_ece_difference"] == "NOT MEASURED"
    assert comparison.recalibration is None
    assert "temperature" not in kinds(comparison)


@pytest.mark.slow
def test_a_temperature_of_one_is_no_advice():
    rng, z, _, _ = law(4)
    comparison = audited(softmax(z), softmax(z + rng.normal(size=z.shape) * 0.05))
    assert comparison.remedies["temperature_matched"].value == pytest.approx(1, abs=0.01)
    assert "temperature" not in kinds(comparison)


def test_a_map_that_hardly_moves_or_whose_temperature_may_be_one_is_not_sound():
    _, z, gold, _ = law(5)
    best = compared(softmax(z), softmax(z * 2), gold).recommended
    assert is_sound(best)
    assert not is_sound(replace(best, temperature=replace(best.temperature, low=0.9)))
    assert not is_sound(replace(best, moved=replace(best.moved, value=0.004)))
    assert not is_sound(replace(best, mends=()))


# The kind of fault, and what helps ---------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_a_fault_of_all_items_is_mended_by_one_temperature(temperature):
    _, z, gold, group = law(6)
    comparison = compared(softmax(z), softmax(z / temperature), gold, group=group)
    best = comparison.recommended
    assert (best.map, best.column, best.harms) == ("temperature", None, ())
    assert best.temperature.value == pytest.approx(1 / temperature, rel=0.01)
    assert best.parameters == {"temperature": (best.temperature.value,)}
    assert best.mends == comparison.advice.mends != ()
    assert comparison.advice.kind == "temperature"
    assert comparison.recalibration.fault.kind == "everywhere"
    # The simplest map is enough, so no other is tried.
    assert len(comparison.recalibration.maps) == 1


def test_a_fault_of_one_group_is_mended_by_a_temperature_for_it():
    _, z, gold, group = law(7)
    comparison = compared(softmax(z), softmax(np.where(group[:, None], z / 5, z)), gold, group=group)
    fault, best = comparison.recalibration.fault, comparison.recommended
    assert (fault.kind, fault.column, fault.value) == ("slice", "group", "in")
    assert (best.map, best.column, best.value) == ("temperature", "group", "in")
    assert best.temperature.value == pytest.approx(1 / 5, rel=0.01)
    assert "where group = in" in comparison.advice.sentence


def test_a_fault_of_one_answer_is_mended_by_a_temperature_for_it():
    _, z, gold, _ = law(8)
    comparison = compared(softmax(z), softmax(np.where((z.argmax(axis=1) == 2)[:, None], z / 3, z)), gold)
    fault, best = comparison.recalibration.fault, comparison.recommended
    assert (fault.kind, fault.column, fault.value) == ("label", "its answer", "yes")
    assert (best.map, best.column, best.value) == ("temperature", "its answer", "yes")
    assert "where it answers yes" in comparison.advice.sentence


def test_faults_of_two_answers_are_mended_by_a_temperature_for_each():
    _, z, gold, _ = law(9)
    t = np.array([0.4, 1.0, 3.0])[z.argmax(axis=1)][:, None]
    best = compared(softmax(z), softmax(z / t), gold).recommended
    assert best.map == "by answer"
    assert best.parameters["temperature"] == pytest.approx((2.5, 1.0, 1 / 3), rel=0.02)


@pytest.mark.slow
def test_a_fault_in_one_range_of_confidence_is_mended_by_an_isotonic_map():
    _, z, gold, _ = law(10, n=4_000)
    p = softmax(z)
    c = p.max(axis=1)
    made = np.interp(c, [0.5, 0.6, 0.8, 0.9], [0.5, 0.8, 0.88, 0.9])
    q = p * ((1 - made) / (1 - c))[:, None]
    q[np.arange(len(p)), p.argmax(axis=1)] = made
    comparison = compared(p, np.where(((c > 0.5) & (c < 0.9))[:, None], q, p), gold)
    assert comparison.recalibration.fault.kind == "confidence"
    assert comparison.recommended.map == "isotonic"


@pytest.mark.slow
def test_lost_information_is_named_even_if_a_temperature_corrects_the_calibration():
    rng, z, gold, _ = law(11)
    comparison = compared(softmax(z), softmax(z + rng.normal(size=z.shape) * 3), gold)
    assert comparison.recalibration.fault.kind == "information"
    assert "information is lost" in comparison.advice.sentence


@pytest.mark.slow
def test_a_bias_of_one_label_is_mended_by_vector_scaling_which_changes_answers():
    _, z, gold, _ = law(12, n=4_000)
    comparison = compared(softmax(z), softmax(z + np.array([1.5, 0, 0])), gold)
    best = comparison.recommended
    assert best.map == "vector"
    assert best.own["accuracy"].low > 0
    # What it does to behaviour was measured, too.
    assert best.after["disagreement"].value < comparison.flat["disagreement"].value
    assert "also changes answers" in comparison.advice.sentence


def test_a_map_that_breaks_a_rule_of_behaviour_is_not_recommended():
    _, z, gold, _ = law(13, n=4_000)
    # Both have the same bias, so scaling it away changes answers of the candidate that the reference keeps.
    biased = z + np.array([1.5, 0, 0])
    comparison = compared(softmax(biased), softmax(biased * 2.5), gold)
    vector = [c for c in comparison.recalibration.maps if c.map == "vector"]
    assert all("disagreement" in {harm.measure for harm in c.harms} and not c.recommended for c in vector)
    assert comparison.recommended.map == "temperature"


# How it is found ---------------------------------------------------------------------------------


def test_nothing_is_tried_where_every_rule_of_calibration_passes():
    _, z, gold, _ = law(14)
    assert compared(softmax(z), softmax(z * 1.02), gold).recalibration is None


def test_nothing_is_tried_with_too_few_items_for_any_rule():
    _, z, gold, _ = law(15, n=60)
    assert compared(softmax(z), softmax(z * 3), gold).recalibration is None


def test_without_labels_a_candidate_is_matched_and_cut_offs_keep_the_coverage():
    _, z, _, _ = law(16)
    comparison = compared(softmax(z), softmax(z * 2.5))
    assert comparison.recommended.target == "matched"
    assert {row["keeps"] for row in comparison.recalibration.cut_offs} == {"coverage"}


def test_clusters_and_copies_of_the_items_change_what_is_shown_not_what_is_found():
    _, z, gold, _ = law(17, n=500)
    twice = [np.concatenate([x, x]) for x in (z, gold)]
    best = compared(softmax(twice[0]), softmax(twice[0] / 2), twice[1]).recommended
    assert best.temperature.value == pytest.approx(0.5, rel=1e-6)


@pytest.mark.slow
def test_what_is_recommended_holds_on_fresh_items():
    """A small case of bench/recalibration.py."""
    held = []
    for seed in range(8):
        rng, z, gold, _ = law(seed + 100, n=1_500)
        seen = z + rng.normal(size=z.shape) * 0.2
        best = compared(softmax(z), softmax(seen * 2), gold).recommended
        if best is None:
            continue
        assert (best.map, best.column) == ("temperature", None)
        rng, z, gold, _ = law(seed + 10_000, n=20_000)
        fresh = softmax((z + rng.normal(size=z.shape) * 0.2) * 2 / best.parameters["temperature"][0])
        distance = np.abs(np.sort(fresh.max(axis=1)) - np.sort(softmax(z).max(axis=1))).mean()
        held.append(distance < 0.05)
    assert len(held) >= 6
    assert all(held)


def test_a_map_harms_no_rule_that_it_does_not_touch_where_items_come_in_clusters():
    """Maps were judged without the number of explained clusters, and alignment seemed to get worse."""
    rng = np.random.default_rng(3)
    weights = dict(zip([f"w{i}" for i in range(40)], rng.normal(size=40), strict=True))
    texts = [" ".join(rng.choice(list(weights), 8)) for _ in range(1_200)]

    def of(scale, name):
        def read(texts):
            score = scale * np.array([sum(weights.get(word, 0) for word in text.split()) for text in texts]) / 3
            return np.stack([1 / (1 + np.exp(score)), 1 / (1 + np.exp(-score))], axis=1)

        return trusteq.from_callable(read, labels=("no", "yes"), name=name)

    right = rng.random(1_200) < of(1, "law").predict(trusteq.Items([*map(str, range(1_200))], {"t": texts}))[:, 1]
    clusters = [f"c{i // 100}" for i in range(1_200)]
    items = trusteq.Items([*map(str, range(1_200))], {"t": texts}, right.astype(int), ("no", "yes"), clusters=clusters)
    quick = {"resamples": 200, "costs": "none", "with_slices": False, "with_other_way": False}
    explain = trusteq.ExplainSettings(items=110)
    small = trusteq.audit(of(1, "large"), of(1.7, "small"), items, explain=explain, **quick)["small"]
    assert small.explained_clusters == 12
    harmed = {harm.measure for tried in small.recalibration.maps for harm in tried.harms}
    assert not harmed & {"alignment_lime", "alignment_shapley"}
    assert any(tried.recommended for tried in small.recalibration.maps)
