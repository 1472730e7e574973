import numpy as np
import pytest
from oracles.pairs import drawn, pair_of, two_labels
from scipy import stats

from trusteq import Pair
from trusteq.comparing import remedies as module
from trusteq.comparing.answers import Answers
from trusteq.comparing.calibration_fault import Part, parts
from trusteq.comparing.confidence_maps import FITS
from trusteq.comparing.remedies import Attempt, attempts, harmed_parts, mapped, moved, own_changes
from trusteq.comparing.temperature import folds, remedy
from trusteq.data.predictions import softmax
from trusteq.stats.resampling import Resampling
from trusteq.tasks.outcomes import Outcomes


@pytest.mark.parametrize("target", ["matched", "recalibrated"])
def test_a_temperature_is_the_remedy_that_there_always_was(target):
    p, q, gold = drawn(300, 3, 0)
    pair = pair_of(p, q, gold)
    made, before = mapped(pair, Attempt("temperature", target)), remedy(pair, target)
    after, known = (x.pair.candidate.probabilities for x in (made, before))
    assert after == pytest.approx(known, rel=1e-12, abs=1e-15)
    assert made.temperature == before.temperature


@pytest.mark.parametrize("name", FITS)
def test_no_item_is_mapped_by_a_map_that_has_seen_it(name):
    p, q, gold = drawn(400, 3, 1)
    pair = pair_of(p, q, gold)
    made = mapped(pair, Attempt(name, "recalibrated")).pair.candidate.probabilities
    for f in range(5):
        inside = folds(pair.resampling) == f
        other = FITS[name](q[~inside], gold[~inside]).applied(q[inside])
        assert made[inside] == pytest.approx(other, abs=1e-6)


def test_items_of_a_cluster_are_in_one_fold():
    clusters = [str(i % 40) for i in range(400)]
    fold = folds(Resampling(400, clusters=clusters))
    assert all(len({f for f, c in zip(fold, clusters, strict=True) if c == name}) == 1 for name in clusters)


def test_a_map_of_a_part_leaves_all_other_items_as_they_are():
    p, q, gold = drawn(500, 3, 2)
    inside = np.arange(0, 500, 3)
    made = mapped(pair_of(p, q, gold), Attempt("temperature", "recalibrated", Part("group", "yes", inside)))
    changed = (made.pair.candidate.probabilities != q).any(axis=1)
    assert (np.flatnonzero(changed) == inside).all()
    assert made.fitted.parameters == FITS["temperature"](q[inside], gold[inside]).parameters
    assert made.temperature.n == len(inside)


def test_the_simplest_maps_are_tried_first_and_those_without_meaning_not_at_all():
    p, q, gold = drawn(300, 3, 3)
    named = [(a.map, a.target) for a in attempts(pair_of(p, q, gold), None)]
    assert named[0] == ("temperature", "matched")
    assert named[-1] == ("vector", "recalibrated")
    assert ("vector", "recalibrated") not in [
        (a.map, a.target) for a in attempts(pair_of(p[:50], q[:50], gold[:50]), None)
    ]
    assert {a.target for a in attempts(pair_of(p, q), None)} == {"matched"}
    assert {a.map for a in attempts(pair_of(p, q), None)} == {"temperature", "by answer", "isotonic"}


def test_outcomes_with_a_confidence_alone_have_only_maps_of_it():
    rng = np.random.default_rng(4)
    c, right = rng.uniform(0.2, 1, 300), rng.random(300) < 0.5
    resampling = Resampling(300, resamples=20)
    pair = Pair(*(Answers(Outcomes(np.zeros(300, dtype=int), x, right), resampling) for x in (c, np.sqrt(c))))
    assert {a.map for a in attempts(pair, None)} == {"temperature", "isotonic"}
    for attempt in attempts(pair, None):
        after = mapped(pair, attempt).pair
        assert set(own_changes(pair, after)) == {"nll", "brier", "smooth_ece"}
        assert moved(pair, after).value > 0


def test_own_scores_by_hand():
    p, gold = two_labels([0.9, 0.8], [True, False])
    q, _ = two_labels([0.6, 0.5], [True, False])
    found = own_changes(pair_of(p, p, gold), pair_of(p, q, gold))
    assert found["brier"].value == pytest.approx((2 * 0.16 + 2 * 0.25 - 2 * 0.01 - 2 * 0.64) / 2)
    assert found["nll"].value == pytest.approx((np.log(0.9 / 0.6) + np.log(0.2 / 0.5)) / 2)


def test_the_own_scores_of_a_confidence_are_those_of_two_labels():
    rng = np.random.default_rng(5)
    c, right = rng.uniform(0.5, 1, 200), rng.random(200) < 0.7
    p, gold = two_labels(c, right)
    q, _ = two_labels(c**2 / 2 + 0.5, right)
    two = own_changes(pair_of(p, p, gold), pair_of(p, q, gold))
    resampling = Resampling(200, resamples=50)
    of_one = [Answers(Outcomes(np.zeros(200, dtype=int), x[:, 0], right), resampling) for x in (p, q)]
    one = own_changes(Pair(of_one[0], of_one[0]), Pair(*of_one))
    assert {name: e.value for name, e in one.items()} == pytest.approx({name: e.value for name, e in two.items()})


def law(n, seed):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 3)) * 2
    return rng, z, (z + rng.gumbel(size=z.shape)).argmax(axis=1)


def after(pair, q):
    return pair_of(pair.reference.probabilities, q, pair.candidate.gold)


def test_a_part_that_a_map_moves_away_from_right_and_reference_is_harmed_and_no_other():
    rng, z, gold = law(3_000, 6)
    group = rng.random(3_000) < 0.3
    pair = pair_of(softmax(z), softmax(np.where(group[:, None], z * 2, z)), gold)
    made = after(pair, softmax(np.where(group[:, None], z, z / 2)))
    harms = harmed_parts(pair, made, parts(pair, {"group": ["in" if g else "out" for g in group]}))
    by_group = [harm for harm in harms if harm.column == "group"]
    assert [harm.value for harm in by_group] == ["out"]
    assert by_group[0].change.low > 0


def test_the_map_that_undoes_the_fault_harms_no_part():
    rng, z, gold = law(3_000, 7)
    pair = pair_of(softmax(z), softmax(z * 2), gold)
    found = parts(
        pair, {"label": [str(code) for code in gold], "group": rng.integers(0, 9, 3_000).astype(str).tolist()}
    )
    assert harmed_parts(pair, after(pair, softmax(z)), found) == ()


def test_a_part_that_comes_nearer_to_right_is_not_harmed_by_leaving_an_overconfident_reference():
    _, z, gold = law(3_000, 8)
    pair = pair_of(softmax(z * 3), softmax(z * 2.5), gold)
    found = parts(pair, {"label": [str(code) for code in gold]})
    assert harmed_parts(pair, after(pair, softmax(z)), [part for part in found if part.column == "label"]) == ()


def test_without_labels_a_part_is_harmed_by_moving_away_from_the_reference():
    _, z, _ = law(3_000, 9)
    pair = pair_of(softmax(z), softmax(z))
    harms = harmed_parts(pair, pair_of(softmax(z), softmax(z * 1.5)), parts(pair, {"all": ["x"] * 3_000}))
    assert ("all", "x") in {(harm.column, harm.value) for harm in harms}


def test_a_small_move_is_no_harm():
    _, z, _ = law(3_000, 10)
    pair = pair_of(softmax(z), softmax(z))
    harms = harmed_parts(pair, pair_of(softmax(z), softmax(z * 1.01)), parts(pair, {"all": ["x"] * 3_000}))
    assert harms == ()


def test_one_sided_p_values_are_those_of_a_t_test_and_of_cluster_totals():
    x = np.random.default_rng(11).normal(0.1, 1, 60)
    t = stats.ttest_1samp(x, 0, alternative="greater").pvalue
    assert module._p_positive(x, np.arange(60)) == pytest.approx(t)
    twice = np.concatenate([x, x])
    assert module._p_positive(twice, np.tile(np.arange(60), 2)) == pytest.approx(t)


def test_a_larger_mean_is_shown_only_if_its_direction_and_its_side_are():
    rng = np.random.default_rng(12)
    noise = rng.normal(size=400)
    unit = np.arange(400)
    # 0.1 more, certainly; but whether the mean is above 0 at all is not known.
    assert module._p_larger(noise + 0.05, noise - 0.05, unit) > 0.05
    assert module._p_larger(noise + 1.05, noise + 0.95, unit) < 1e-6
    assert module._p_larger(noise + 0.95, noise + 1.05, unit) > 0.5
