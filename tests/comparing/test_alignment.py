"""Agreement of attributions: 1 for a model with itself, free of noise, 0 by chance, None where nothing is known."""

from dataclasses import replace

import numpy as np
import pytest
from oracles import alignment as slow
from oracles import attributions as simulated
from oracles.attributions import explained, truths
from scipy import stats

from trusteq.comparing.agreement_scores import SCORES
from trusteq.comparing.alignment import (
    SumEstimator,
    against_peer,
    alignment,
    noise_free,
    products,
    top_sets,
)
from trusteq.comparing.measures import find_measure
from trusteq.explain.attributions import Attributions
from trusteq.stats.resampling import Resampling

NOISE_FREE = ("alignment", "alignment_per_item")


def mirrored(e):
    return replace(
        e,
        reference=e.candidate,
        candidate=e.reference,
        spread_reference=e.spread_candidate,
        spread_candidate=e.spread_reference,
    )


def taken(e, at):
    return replace(
        e,
        reference=e.reference.take(at),
        candidate=e.candidate.take(at),
        lengths=e.lengths[at],
        spread_reference=e.spread_reference[at],
        spread_candidate=e.spread_candidate[at],
    )


def values(estimates):
    return {name: e.value for name, e in estimates.items() if e is not None}


# exactly known


@pytest.mark.parametrize("noise", [0.0, 0.7])
def test_a_model_agrees_with_itself_exactly(noise):
    a, _, lengths = truths(200, (3, 24), cosine=0.5)
    e = explained(a, a, lengths, noise=noise)
    e = replace(e, candidate=e.reference)
    found = alignment(e)
    same = [*NOISE_FREE, "size_ratio", "jaccard", "jaccard_quarter", "jaccard_adjusted"]
    same += [name for name in SCORES if name != "jaccard"]
    for name in same:
        estimate = found[f"{name}_shapley"]
        assert estimate.value == 1.0, name
        assert estimate.low == 1.0 or name == "rbo", name
    assert found["jaccard_halves_shapley"].value == found["jaccard_ceiling_reference_shapley"].value
    assert found["jaccard_ceiling_reference_shapley"] == replace(
        found["jaccard_ceiling_candidate_shapley"], method=found["jaccard_ceiling_reference_shapley"].method
    )


def test_the_opposite_of_a_model_scores_minus_one():
    a, _, lengths = truths(30, 12, cosine=0.5)
    found = values(noise_free(explained(a, -a, lengths)))
    assert found["alignment"] == found["alignment_per_item"] == -1.0
    assert found["size_ratio"] == 1.0


def test_without_noise_it_is_the_cosine_pooled_and_with_items_of_equal_weight():
    a, b, lengths = truths(50, (2, 20), cosine=0.7)
    found = values(noise_free(explained(a, b, lengths)))
    assert found["alignment"] == pytest.approx(simulated.cosine(a, b))
    assert found["alignment_per_item"] == pytest.approx(simulated.cosine_per_item(a, b))
    assert found["reliability_reference"] == found["reliability_candidate"] == pytest.approx(1.0)


@pytest.mark.parametrize("factor", [0.5, 4.0])
def test_attributions_of_another_size_move_the_size_ratio_alone(factor):
    a, b, lengths = truths(40, (3, 20), cosine=0.8)
    e = explained(a, b, lengths, noise=0.3)
    c = e.candidate
    other = replace(
        e,
        candidate=Attributions(*(x * factor for x in (c.whole, c.error, c.first, c.second))),
        spread_candidate=e.spread_candidate * factor**2,
    )
    before, after = values(noise_free(e)), values(noise_free(other))
    assert after.pop("size_ratio") == pytest.approx(before.pop("size_ratio") * factor)
    assert after == pytest.approx(before)
    same = replace(other, reference=e.candidate, spread_reference=e.spread_candidate)
    assert values(noise_free(same))["size_ratio"] == factor


def test_swapping_the_models_turns_the_size_ratio_over_and_leaves_the_agreement():
    e = explained(*truths(40, (3, 20), cosine=0.6), noise=0.5)
    one, other = noise_free(e), noise_free(mirrored(e))
    for name in NOISE_FREE:
        a, b = one[name], other[name]
        assert (a.value, a.n, a.method) == (b.value, b.n, b.method)
        assert (a.low, a.high) == pytest.approx((b.low, b.high), rel=1e-12)  # errors add up in another order
    assert one["size_ratio"].value == pytest.approx(1 / other["size_ratio"].value)
    assert one["reliability_reference"].value == other["reliability_candidate"].value
    assert values(top_sets(e))["jaccard"] == values(top_sets(mirrored(e)))["jaccard"]


def test_what_no_candidate_can_change_is_known():
    """A rule on it alone would pass whatever the candidate."""
    a, b, lengths = truths(60, (3, 24), cosine=0.5)
    first, second = (values(alignment(explained(a, other, lengths, noise=0.3))) for other in (b, -b[::-1]))
    fixed = {name for name in first if first[name] == second[name]}
    assert fixed == {name for name in first if not find_measure(name).of_candidates}
    assert {"tied_mass_shapley", "feature_agreement_chance_shapley", "jaccard_chance_shapley"} < fixed


def test_the_chance_level_of_a_score_is_what_shuffled_units_score():
    a, b, lengths = truths(40, (3, 24), cosine=0.9)
    rng, e = np.random.default_rng(0), explained(a, b, lengths, k=5)
    found = values(alignment(e))
    for name in ("feature_agreement", "rank_agreement", "rbo"):
        shuffled = []
        for _ in range(400):
            mixed = b.copy()
            for row, n in zip(mixed, lengths, strict=True):
                row[:n] = rng.permutation(row[:n])
            shuffled.append(SCORES[name].of(a, mixed, lengths, 5).mean())
        assert found[f"{name}_chance_shapley"] == pytest.approx(np.mean(shuffled), abs=0.01)


def test_the_order_of_items_does_not_matter():
    e = explained(*truths(60, (3, 20), cosine=0.6), noise=0.5)
    shuffled = taken(e, np.random.default_rng(1).permutation(60))
    assert values(alignment(e)) == pytest.approx(values(alignment(shuffled)), rel=1e-9)


def test_wider_padding_does_not_matter():
    e = explained(*truths(30, (3, 20), cosine=0.6), noise=0.5)

    def wider(x):
        return Attributions(*(np.pad(y, ((0, 0), (0, 7))) for y in (x.whole, x.error, x.first, x.second)))

    padded = replace(e, reference=wider(e.reference), candidate=wider(e.candidate))
    assert values(alignment(e)) == pytest.approx(values(alignment(padded)), rel=1e-9)


def test_every_interval_holds_its_value():
    for noise in (0.0, 1.0, 2.5):
        one = explained(*truths(40, (2, 25), cosine=0.6), noise=noise)
        long = int((one.lengths > one.k).sum())
        assert 10 < long < 40
        for name, e in alignment(one).items():
            assert e.low <= e.value <= e.high, name
            of_long = name.startswith(("top_certified", "jaccard_halves", "jaccard_ceiling", "jaccard_adjusted"))
            assert e.n == (long if of_long else 40) or "items that have one" in e.method, name


def test_the_certified_share_is_that_of_items_with_more_words_than_the_top():
    one = explained(*truths(40, (2, 25), cosine=0.6), noise=0.0)
    found = alignment(one)["top_certified_reference_shapley"]
    assert found.value == 1.0
    unsure = explained(*truths(40, (2, 25), cosine=0.6), noise=50.0)
    assert alignment(unsure)["top_certified_reference_shapley"].value == 0.0


def test_a_cosine_and_its_interval_stay_between_minus_one_and_one():
    measured = 0
    for noise in (0.5, 1.0, 2.0):
        for name, e in alignment(explained(*truths(12, (11, 14), cosine=0.99), noise=noise)).items():
            if name.startswith("alignment"):
                measured += e.high == 1
                assert -1 <= e.low <= e.value <= e.high <= 1
    assert measured


def test_products_are_those_of_opposite_halves():
    e = explained(*truths(5, 4, cosine=0.6), noise=0.5)
    cross, own_a, own_b = products(e)
    a, b = e.reference, e.candidate
    for i in range(5):
        assert own_a[i] == pytest.approx(a.first[i] @ a.second[i])
        assert own_b[i] == pytest.approx(b.first[i] @ b.second[i])
        assert cross[i] == pytest.approx((a.first[i] @ b.second[i] + a.second[i] @ b.first[i]) / 2)


# noise


def test_noise_common_to_both_models_is_not_taken_for_agreement():
    """Both are asked about the same masks, so what a half gets wrong it gets wrong for both."""
    a, b, lengths = truths(400, 12, cosine=0.0, size=1.0)
    rng = np.random.default_rng(1)
    shared = [simulated.centred(2 * rng.standard_normal(a.shape), lengths) for _ in range(2)]
    made = [Attributions(x, x, x + shared[0], x + shared[1]) for x in (a, b)]
    e = replace(explained(a, b, lengths), reference=made[0], candidate=made[1])
    assert abs(noise_free(e)["alignment"].value) < 0.08
    assert simulated.cosine(made[0].first, made[1].first) > 0.6


@pytest.mark.parametrize("cosine", [0.0, 0.5, 0.9])
def test_noise_is_taken_out_where_the_plain_cosine_drowns_in_it(cosine):
    """Over 60 simulations the mean is the planted cosine, for noise as large as the attributions."""
    found: dict[str, list[float]] = {name: [] for name in (*NOISE_FREE, "plain")}
    for seed in range(60):
        e = explained(*truths(80, 12, cosine=cosine, seed=seed), noise=1.2, seed=seed, resamples=2)
        estimates = values(noise_free(e))
        for name in NOISE_FREE:
            found[name].append(estimates[name])
        found["plain"].append(simulated.cosine(e.reference.whole, e.candidate.whole))
    for name in NOISE_FREE:
        spread = np.std(found[name]) / np.sqrt(60)
        assert np.mean(found[name]) == pytest.approx(cosine, abs=3 * spread + 0.01)
    if cosine:
        assert np.mean(found["plain"]) < 0.75 * cosine


@pytest.mark.slow
def test_intervals_hold_the_planted_cosine_about_as_often_as_they_say():
    """200 simulations at 95 %."""
    held = dict.fromkeys(NOISE_FREE, 0)
    for seed in range(200):
        e = noise_free(explained(*truths(60, 12, cosine=0.8, seed=seed), noise=1.0, seed=seed))
        for name in NOISE_FREE:
            held[name] += e[name].low <= 0.8 <= e[name].high
    for name, count in held.items():
        assert 0.90 <= count / 200 <= 0.99, name


def test_random_attributions_score_nothing():
    e = explained(*truths(300, (12, 25), cosine=0.0), noise=0.5)
    found = alignment(e)
    assert abs(found["alignment_shapley"].value) < 0.08
    assert abs(found["alignment_per_item_shapley"].value) < 0.08
    assert abs(found["cosine_shapley"].value) < 0.08
    assert abs(found["jaccard_adjusted_shapley"].value) < 0.08
    # ... though the plain Jaccard looks like something.
    assert found["jaccard_shapley"].value == pytest.approx(found["jaccard_chance_shapley"].value, abs=0.03)
    assert found["jaccard_shapley"].value > 0.3
    quarter = found["jaccard_quarter_chance_shapley"].value
    assert found["jaccard_quarter_shapley"].value == pytest.approx(quarter, abs=0.03)


def test_reliability_falls_as_noise_grows():
    a, b, lengths = truths(200, 12, cosine=0.5, size=1.0)
    found = [values(noise_free(explained(a, b, lengths, noise=x)))["reliability_reference"] for x in (0.0, 0.5, 1.0)]
    # Of a half: signal over signal and noise.
    assert found == pytest.approx([1.0, 1 / 1.25, 0.5], abs=0.04)


# nothing to say


def test_a_candidate_that_no_word_moves_agrees_in_nothing():
    a, _, lengths = truths(50, 12, cosine=0.9)
    found = noise_free(explained(a, np.zeros_like(a), lengths))["alignment"]
    assert (found.value, found.low, found.high) == (0, 0, 0)
    assert "by definition" in found.method
    flat = noise_free(explained(a, a * 1e-6, lengths))["alignment"]
    assert flat.value == pytest.approx(1)


def test_without_signal_there_is_no_agreement_to_speak_of():
    _, b, lengths = truths(50, 12, cosine=0.9)
    e = explained(np.zeros_like(b), b, lengths)
    found = noise_free(e)
    assert [found[name] for name in NOISE_FREE] == [None, None]
    assert found["size_ratio"] is None
    assert not {f"{name}_shapley" for name in NOISE_FREE} & set(alignment(e))


def test_pure_noise_is_no_signal():
    a, _, lengths = truths(100, 12, cosine=0.9)
    found = noise_free(explained(a, np.zeros_like(a), lengths, noise=1.0))
    assert found["alignment"] is None


def test_an_item_whose_answers_never_move_has_no_weight_of_its_own():
    a, b, lengths = truths(50, 12, cosine=0.7)
    a[0], b[0] = 0.0, 0.0
    found = values(noise_free(explained(a, b, lengths)))
    assert found["alignment_per_item"] == pytest.approx(simulated.cosine_per_item(a[1:], b[1:]))


# top sets


def test_jaccard_is_the_mean_over_items_of_all_lengths():
    e = explained(*truths(40, (2, 20), cosine=0.6), noise=0.2, k=5)
    found, lengths = values(top_sets(e)), e.lengths
    rows = [(e.reference.whole[i, :n], e.candidate.whole[i, :n]) for i, n in enumerate(lengths)]
    assert found["jaccard"] == pytest.approx(np.mean([slow.jaccard(x, y, 5) for x, y in rows]))
    quarter = [slow.jaccard(x, y, -(-len(x) // 4)) for x, y in rows]
    assert found["jaccard_quarter"] == pytest.approx(np.mean(quarter))
    assert found["short_items"] == np.mean(lengths <= 5)


def test_the_adjusted_jaccard_leaves_short_items_out():
    a, b, lengths = truths(60, (8, 20), cosine=0.6)
    e = explained(a, b, lengths, noise=0.2)
    long = np.flatnonzero(lengths > 10)
    found = values(top_sets(e))
    alone = values(top_sets(replace(taken(e, long), resampling=Resampling(len(long), resamples=20))))
    for name in ("jaccard_adjusted", "jaccard_halves", "jaccard_ceiling_reference", "jaccard_ceiling_candidate"):
        assert found[name] == pytest.approx(alone[name])
    assert found["jaccard"] != pytest.approx(alone["jaccard"])


def test_where_all_items_are_short_there_is_only_the_plain_jaccard():
    found = values(top_sets(explained(*truths(20, (2, 9), cosine=0.6), noise=0.2)))
    assert found["jaccard"] == found["jaccard_chance"] == found["short_items"] == 1.0
    assert "jaccard_adjusted" not in found


def test_ties_at_the_edge_are_reported():
    a, b, lengths = truths(20, 12, cosine=0.6)
    a[:, ::2], a[:, 1::2] = 1.0, -1.0
    assert values(top_sets(explained(a, b, lengths)))["tied_mass"] == 1.0


# beside a peer


def test_beside_a_peer_it_is_the_one_alignment_over_the_other():
    a, b, lengths = truths(60, 12, cosine=0.6)
    peer = truths(60, 12, cosine=0.95)[1]
    found = against_peer(explained(a, b, lengths), explained(a, peer, lengths))
    to_peer, of_peer = simulated.cosine(a, b), simulated.cosine(a, peer)
    assert found["alignment_shapley_of_peer"].value == pytest.approx(of_peer)
    assert found["alignment_shapley_to_peer"].value == pytest.approx(to_peer / of_peer)


def test_nothing_is_said_beside_a_peer_where_either_is_mostly_noise():
    a, b, lengths = truths(60, 12, cosine=0.6)
    clear, noise = explained(a, b, lengths), explained(a, 1e-9 * b, lengths, noise=1.0)
    assert against_peer(noise, clear) == against_peer(clear, noise) == {}


def test_a_peer_that_looks_at_other_words_measures_nothing():
    a, b, lengths = truths(60, 12, cosine=0.6)
    other = truths(60, 12, cosine=0.76)[1]  # 0.95 of it would let 0.72 pass
    assert set(against_peer(explained(a, b, lengths), explained(a, other, lengths))) == {"alignment_shapley_of_peer"}


def test_a_peer_that_is_no_retraining_measures_nothing():
    a, b, lengths = truths(60, 12, cosine=0.6)
    ours, peer = explained(a, b, lengths), explained(a, truths(60, 12, cosine=0.95)[1], lengths)
    assert set(against_peer(ours, peer, lowers=False)) == {"alignment_shapley_of_peer"}
    assert len(against_peer(ours, peer)) == 2


@pytest.mark.parametrize("changed", [0.0, 1e-9, 0.05])
def test_a_peer_that_is_the_candidate_again_measures_nothing(changed):
    """Whatever the candidate looked at, beside itself it passed."""
    a, b, lengths = truths(60, 12, cosine=0.93)
    again = b + changed * truths(60, 12, cosine=0.1)[1]
    assert set(against_peer(explained(a, b, lengths), explained(a, again, lengths))) == {"alignment_shapley_of_peer"}


def test_a_candidate_that_was_trained_anew_is_held_to_the_peer():
    """Three models that share what there is to learn and differ in the rest: by chance alone two are nearest."""
    kept = 0
    for seed in range(20):
        shared, *own = np.random.default_rng(seed).normal(size=(4, 150, 12))
        a, b, peer = (shared + 0.35 * x for x in own)
        lengths = np.full(150, 12)
        kept += len(against_peer(explained(a, b, lengths), explained(a, peer, lengths))) == 2
    assert kept >= 17


@pytest.mark.parametrize("items", [3, 5])
def test_few_items_have_intervals_that_hold_the_truth_all_the_same(items):
    held = []
    for seed in range(100):
        a, b, lengths = truths(items, 12, cosine=0.8, seed=seed)
        found = noise_free(explained(a, b, lengths, noise=0.7, seed=seed))["alignment"]
        if found is not None:
            held.append(found.low <= 0.8 <= found.high)
    assert np.mean(held) >= 0.95


@pytest.mark.parametrize("items", [3, 5, 50])
def test_a_ratio_of_few_items_is_as_unsure_as_student_s_t_of_them(items):
    x = 3 + np.random.default_rng(items).uniform(size=items)
    r = Resampling(items)
    found = SumEstimator(r).ratio(x, np.ones(items), what="ratio")
    draws = r.counts @ x / items
    plain = r.from_draws(x.mean(), draws, what="ratio")
    wider = stats.t.ppf(0.975, items - 1) / stats.norm.ppf(0.975) * np.sqrt(items / (items - 1))
    assert found.value == pytest.approx(x.mean())
    for end in ("low", "high"):
        assert getattr(found, end) - x.mean() == pytest.approx(wider * (getattr(plain, end) - x.mean()))


def test_clusters_that_are_all_the_same_leave_no_ratio_certain():
    over, under = (np.tile(x, 30) for x in np.random.default_rng(0).exponential(size=(2, 20)))
    blocks = Resampling(600, clusters=[str(i // 20) for i in range(600)])
    found, least = (SumEstimator(r).ratio(over, under, what="ratio") for r in (blocks, Resampling(600)))
    assert found.low <= least.low < least.high <= found.high
    assert found.value == pytest.approx(least.value)
