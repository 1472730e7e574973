"""What the table says of measures holds for the measures themselves."""

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from oracles.pairs import drawn, pair_of

from trusteq.comparing.alignment import Explained, against_peer, alignment
from trusteq.comparing.binned_calibration import quantile_calibration
from trusteq.comparing.compute_measures import groups, measure_all
from trusteq.comparing.measures import (
    DIMENSIONS,
    MEASURES,
    METHODS,
    NEEDS,
    always_reported,
    find_measure,
    in_words,
    is_lower_bound,
    judged_as,
    missing_need,
    names_of,
    sides_of,
)
from trusteq.comparing.transfer import transfer
from trusteq.explain.attributions import Attributions
from trusteq.explain.removal import Removal
from trusteq.stats.resampling import Resampling


def entered(of):
    return [one.name for one in MEASURES if one.of == of]


def test_each_function_of_a_pair_measures_what_is_entered_for_it():
    pair = pair_of(*drawn(20, 3, 0), resamples=2)
    for group, measures in (*groups().items(), (quantile_calibration, ())):
        if not {"labels", "distribution"}.issuperset(need for one in measures for need in one.needs):
            continue  # of choices or tokens alone
        of = f"{group.__module__.rpartition('.')[2]}.{group.__name__}"
        assert sorted(group(pair)) == sorted(entered(of)), of


def test_what_is_measured_of_attributions_is_entered_method_by_method():
    weights = np.random.default_rng(0).normal(size=(8, 12))
    one = Attributions(weights, np.zeros_like(weights), weights, weights)
    found = {"alignment.alignment": [], "alignment.against_peer": []}
    for method in METHODS:
        made = Explained(method, one, one, np.full(8, 12), np.ones(8), np.ones(8), Resampling(8, resamples=2))
        found["alignment.alignment"] += alignment(made)
        found["alignment.against_peer"] += against_peer(made, made)
    assert {of: sorted(names) for of, names in found.items()} == {of: sorted(entered(of)) for of in found}


def test_what_leaving_words_out_measures_is_entered():
    drop = np.array([[5.0, 9.0, 1.0], [3.0, 7.0, 1.0]])[:, :, None] * np.ones(8)
    changed = np.zeros((2, 3, 8), dtype=bool)
    assert list(transfer(Removal(drop, changed), 1, Resampling(8, resamples=2))) == entered("transfer.transfer")


def test_no_name_stands_for_two_measures():
    names = [one.name for one in MEASURES]
    assert len(names) == len(set(names))


def test_every_measure_belongs_to_a_dimension_and_is_named_in_words():
    assert list(DIMENSIONS) == ["behaviour", "calibration", "explanation", "distribution"]
    assert sorted({one.name for one in MEASURES}) == sorted(name for d in DIMENSIONS for name in names_of(d))
    titles = [one.title for one in MEASURES]
    assert len(titles) == len(set(titles))
    for one in MEASURES:
        assert "_" not in one.title, one.name
        assert set(one.needs) <= set(NEEDS), one.name


def test_a_measure_that_is_not_entered_still_has_words():
    assert find_measure("a_measure_of_tomorrow") is None
    assert in_words("a_measure_of_tomorrow") == "a measure of tomorrow"


def test_a_heading_leaves_out_what_heads_the_column():
    assert [one.heading for one in sides_of("ece")] == ["ECE reference", "ECE candidate", "ECE"]
    assert [one.name for one in sides_of("confidence")] == ["confidence_reference", "confidence_candidate"]


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("accuracy_candidate", (0, 1)),
        ("accuracy_difference", (-1, 1)),
        ("ece_equal_mass_difference", (-1, 1)),
        ("brier_candidate", (0, 2)),
        ("brier_difference", (-2, 2)),
        ("kl_candidate_reference", (0, math.inf)),
        ("nll_difference", (-math.inf, math.inf)),
        ("js_q99.9", (0, math.log(2))),
        ("confidence_shift", (-1, 1)),
        ("confidence_shift_absolute", (0, 1)),
        ("usable_99_difference", (-1, 1)),
        ("jaccard_lime", (0, 1)),
    ],
)
def test_a_measure_has_its_limits(name, limits):
    assert find_measure(name).bounds == limits


@pytest.mark.parametrize("kind", ["random", "sure", "opposite"])
def test_no_measure_leaves_its_limits(kind):
    rng = np.random.default_rng(0)
    gold = rng.integers(0, 3, 60)
    first, second = rng.dirichlet(np.ones(3), 60), rng.dirichlet(np.ones(3), 60)
    if kind != "random":
        first, second = np.eye(3)[gold], np.eye(3)[(gold + (kind == "opposite")) % 3]
    for group in measure_all(pair_of(first, second, gold, resamples=20)).values():
        for name, estimate in group.items():
            low, high = find_measure(name).bounds
            assert low - 1e-12 <= estimate.value <= high + 1e-12, name


def test_most_measures_have_limits():
    stems = {one.stem for one in MEASURES if one.bounds == (-math.inf, math.inf)}
    ratios = {"reliability_reference", "reliability_candidate", "size_ratio", "jaccard_adjusted"}
    scores = {"nll", "miscalibration", "discrimination", "uncertainty", "nll_per_byte"}
    scores |= {f"token_kl{to}{least}_excess" for to in ("", "_to_reference") for least in ("", "_at_least")}
    assert stems == scores | ratios | {"transfer_to_candidate", "transfer_to_reference"}


def test_a_candidate_that_guesses_and_is_too_sure_is_on_the_worse_side_of_one_that_knows():
    rng = np.random.default_rng(0)
    knows, guess = rng.dirichlet(np.full(3, 0.5), 2_000), rng.dirichlet(np.full(3, 0.2), 2_000)
    gold = (knows.cumsum(axis=1) < rng.random(2_000)[:, None]).sum(axis=1)
    better, worse = (measure_all(pair_of(knows, model, gold, resamples=2)) for model in (knows, guess))
    for dimension, found in worse.items():
        for name, e in found.items():
            moved = e.value - better[dimension][name].value
            assert find_measure(name).worse * moved >= 0, name
    assert find_measure("accuracy_difference").worse == -1
    assert find_measure("accuracy_reference").worse == find_measure("overconfidence_difference").worse == 0


def test_a_rule_is_judged_beside_the_peer_where_that_was_measured():
    both = {"alignment_lime", "alignment_lime_to_peer", "jaccard_lime"}
    assert judged_as("alignment_lime", both) == "alignment_lime_to_peer"
    assert judged_as("alignment_lime", {"alignment_lime"}) == "alignment_lime"
    assert judged_as("jaccard_lime", both) == "jaccard_lime"
    assert judged_as("a_measure_of_tomorrow", both) == "a_measure_of_tomorrow"


def test_a_rule_is_judged_by_a_lower_bound_where_no_more_was_measured():
    bounded = [measure for measure in MEASURES if measure.judged_by_bound]
    assert len(bounded) == 14
    for measure in bounded:
        bound = find_measure(measure.judged_by_bound)
        assert judged_as(measure.name, {bound.name}) == bound.name
        assert judged_as(measure.name, {measure.name}) == measure.name
        assert (bound.bounds, bound.worse) == (measure.bounds, measure.worse)
        assert is_lower_bound(bound.name)
        assert not is_lower_bound(measure.name)
    assert not is_lower_bound("token_tail")


def test_two_audits_difference_tells_a_measure_by_all_methods_side_by_side():
    assert always_reported()[-7:] == [
        "alignment_lime",
        "alignment_shapley",
        "jaccard_lime",
        "jaccard_shapley",
        "jaccard_shap",
        "jaccard_occlusion_top10",
        "jaccard_gradients_top10",
    ]


@pytest.mark.parametrize(
    ("name", "measured", "need"),
    [
        ("ece_difference", ["disagreement", "js"], "labels"),
        ("ece_difference", ["brier_difference"], None),
        ("ece_quantile_difference", [], "labels"),
        ("ece_quantile_difference", ["ece_difference"], "scripts"),
        ("alignment_lime", ["ece_difference"], "explanations"),
        ("alignment_lime", ["jaccard_quarter_lime"], "signal"),
        ("alignment_lime", ["alignment_shapley"], None),
        ("alignment_lime_to_peer", ["alignment_lime"], "peer"),
        ("alignment_lime_to_peer", ["alignment_lime_of_peer"], None),
        ("jaccard_shap", ["alignment_lime"], "protocol"),
        ("disagreement", [], None),
        ("a_measure_of_tomorrow", [], None),
        # Measured under the protocol or without: it tells of neither.
        ("alignment_lime", ["jaccard_lime"], "explanations"),
        ("jaccard_shap", ["jaccard_lime"], "protocol"),
    ],
)
def test_what_a_measure_lacks_is_what_nothing_measured_needs(name, measured, need):
    assert missing_need(name, measured) == (None if need is None else NEEDS[need])


def test_the_table_is_read_without_anything_that_computes():
    code = "import sys, trusteq.comparing.measures; print({'numpy', 'scipy', 'pandas'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_a_quantile_and_a_mean_have_the_same_limits():
    assert replace(find_measure("js_q50"), name="js", words="JS", stem="js") == find_measure("js")
