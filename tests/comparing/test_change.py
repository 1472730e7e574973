"""How a candidate's measures changed from one version to the next."""

from dataclasses import replace

import numpy as np
import pytest
from cases import probabilities
from oracles.attributions import explained, truths
from oracles.token_pairs import pair_of, texts
from scipy import stats
from scipy.special import log_softmax

from trusteq import Pair
from trusteq.comparing.alignment import noise_free, top_sets
from trusteq.comparing.answers import Answers
from trusteq.comparing.change import Versions, alignment_changes, changes, unpaired_change
from trusteq.comparing.compute_measures import measure_all
from trusteq.explain.attributions import Attributions
from trusteq.stats.resampling import Resampling
from trusteq.tasks.outcomes import most_probable


def versions(n=300, *, noise=(0.4, 0.8), sharpness=(1.0, 0.6), clusters=None, labelled=True):
    reference, older, gold = probabilities(n, noise=noise[0], sharpness=sharpness[0])
    newer = probabilities(n, noise=noise[1], sharpness=sharpness[1])[1]
    sample = Resampling(n, clusters=clusters, resamples=200)
    return Versions(*(Answers(most_probable(p, gold if labelled else None), sample) for p in (reference, older, newer)))


def flat(pair):
    return {name: e for group in measure_all(pair).values() for name, e in group.items()}


@pytest.fixture(scope="module")
def both():
    made = versions()
    return tuple(flat(Pair(made.reference, one)) for one in (made.older, made.newer))


def everything(made):
    return changes(made, set(flat(Pair(made.reference, made.older))))


def test_a_change_is_the_newer_figure_minus_the_older(both):
    found = everything(versions())
    older, newer = both
    assert len(found) > 50
    for name, estimate in found.items():
        assert estimate.value == pytest.approx(newer[name].value - older[name].value, abs=1e-9), name
        assert estimate.low <= estimate.value <= estimate.high, name
        assert "newer minus older" in estimate.method, name
        assert "candidate minus reference" not in estimate.method, name


def test_what_the_policy_judges_can_be_paired():
    judged = {"accuracy_difference", "disagreement", "smooth_ece_difference", "confidence_profile_distance"}
    judged |= {"ece_difference", "mce_difference", "brier_difference", "regressions"}
    assert judged <= set(everything(versions()))


def test_only_what_is_wanted_is_computed():
    found = changes(versions(), {"accuracy_difference"})
    assert "accuracy_difference" in found
    assert not {"smooth_ece_difference", "confidence_profile_distance", "aurc_difference"} & set(found)


def test_nothing_changes_between_a_version_and_itself():
    made = versions()
    for name, estimate in everything(Versions(made.reference, made.older, made.older)).items():
        assert estimate.value == 0, name
        assert estimate.low <= 0 <= estimate.high, name


def test_the_other_way_round_is_the_opposite():
    made = versions()
    there = everything(made)
    back = everything(Versions(made.reference, made.newer, made.older))
    for name, estimate in there.items():
        assert back[name].value == pytest.approx(-estimate.value, abs=1e-12), name


def test_without_labels_what_needs_none_is_left():
    found = everything(versions(labelled=False))
    assert {"disagreement", "js", "confidence_profile_distance", "confidence_shift"} <= set(found)
    assert not {"accuracy_difference", "regressions", "ece_difference"} & set(found)


def test_pairing_is_worth_it(both):
    """Versions that answer nearly alike: the paired interval is far narrower than that of independent samples."""
    made = versions(noise=(0.4, 0.4), sharpness=(1.0, 0.95))
    older, newer = (flat(Pair(made.reference, one)) for one in (made.older, made.newer))
    found = everything(made)
    for name in ("accuracy_difference", "disagreement", "brier_difference", "confidence_profile_distance"):
        loose = unpaired_change(older[name], newer[name])
        assert found[name].high - found[name].low < 0.6 * (loose.high - loose.low), name


def test_repeated_items_in_one_cluster_count_once():
    once = versions(100)
    rows = np.repeat(np.arange(100), 9)
    names = {"accuracy_difference", "disagreement", "js", "confidence_profile_distance"}
    made = {}
    for clusters in (None, [f"c{row}" for row in rows]):
        sample = Resampling(900, clusters=clusters, resamples=200)
        models = (
            Answers(most_probable(a.probabilities[rows], a.gold[rows]), sample)
            for a in (once.reference, once.older, once.newer)
        )
        made[clusters is None] = changes(Versions(*models), names)
    for name in names:
        alone, together = (made[key][name].high - made[key][name].low for key in (True, False))
        assert 2 < together / alone < 4.5, name  # three times: the root of nine


def test_versions_on_clusters_that_are_all_the_same_change_by_no_certain_figure():
    once = versions(60)
    names = {"smooth_ece_difference", "confidence_profile_distance", "brier_difference"}
    made = {}
    for clusters in (None, [str(i // 60) for i in range(600)]):
        sample = Resampling(600, resamples=200, clusters=clusters)
        tenfold = np.tile(np.arange(60), 10)
        models = (Answers(one.outcomes.take(tenfold), sample) for one in (once.reference, once.older, once.newer))
        made[clusters is None] = changes(Versions(*models), names)
    for name in names:
        found, least = made[False][name], made[True][name]
        assert found.low <= least.low < least.high <= found.high, name


def test_intervals_hold_the_truth_as_often_as_they_say():
    """True change of disagreement and of the profiles' distance from a very large sample; 60 small ones beside it."""
    names = ("disagreement", "confidence_profile_distance", "accuracy_difference", "js")
    large = versions(200_000)
    truth = {}
    for name in names:
        older, newer = (Pair(large.reference, one) for one in (large.older, large.newer))
        truth[name] = _plain(newer, name) - _plain(older, name)
    held = dict.fromkeys(names, 0)
    for seed in range(60):
        reference, older, gold = probabilities(250, noise=0.4, seed=seed + 1)
        newer = probabilities(250, noise=0.8, sharpness=0.6, seed=seed + 1)[1]
        sample = Resampling(250, resamples=200, seed=seed)
        found = changes(
            Versions(*(Answers(most_probable(p, gold), sample) for p in (reference, older, newer))), set(names)
        )
        for name in names:
            held[name] += found[name].low <= truth[name] <= found[name].high
    # 95 % of 60 is 57; fewer than 51 would happen once in a hundred such tests.
    assert all(count >= 51 for count in held.values()), held


def test_the_change_of_alignment_is_that_of_the_two_alignments():
    a, b, lengths = truths(60, (12, 20), cosine=0.6)
    other = truths(60, (12, 20), cosine=0.9)[1]
    older, newer = explained(a, b, lengths, noise=0.3), explained(a, other, lengths, noise=0.3)
    found = alignment_changes(older, newer)
    assert set(found) == {"alignment_shapley", "jaccard_shapley"}
    for name, of in (("alignment", noise_free), ("jaccard", top_sets)):
        change = found[f"{name}_shapley"]
        assert change.value == pytest.approx(of(newer)[name].value - of(older)[name].value)
        assert 0 < change.low < change.value < change.high
    for still in alignment_changes(older, older).values():
        assert (still.value, still.low, still.high) == (0, 0, 0)


@pytest.mark.parametrize("halves", [(0, 0), (0.4, -0.2), (-0.4, 0.2)])
def test_a_resample_without_signal_counts_as_no_agreement(halves):
    """Of three items only the first tells anything of the newer version: without it the agreement falls from 1 to 0."""
    a, _, lengths = truths(3, 12, cosine=0.5, size=1.0)
    older = explained(a, a, lengths)
    first, second = (a * np.array([[10], [half], [half]]) for half in halves)
    newer = replace(older, candidate=Attributions(first, np.zeros_like(a), first, second))
    change = alignment_changes(older, newer)["alignment_shapley"]
    point = noise_free(newer)["alignment"].value - 1
    assert change.value == pytest.approx(point)
    # Many resamples have no spread of their own, to either side: nothing is known.
    assert (change.low, change.high) == (-2, 2)


def _plain(pair, name):
    """The measure itself, without an interval."""
    from trusteq.comparing import divergence

    a, b = pair.reference, pair.candidate
    return {
        "disagreement": lambda: np.mean(a.answer != b.answer),
        "confidence_profile_distance": lambda: stats.wasserstein_distance(a.confidence, b.confidence),
        "accuracy_difference": lambda: b.right.mean() - a.right.mean(),
        "js": lambda: divergence.js(a, b).mean(),
    }[name]()


# tokens of texts


def of_texts(*noises, floor=0.01):
    """A reference and versions that read the same documents, and the estimates of each version against it."""
    documents = texts(20)
    versions = []
    for noise in noises:
        rng = np.random.default_rng(1)  # they differ from the reference in the same way, more or less
        read = [(own, n, p, log_softmax(p + noise * rng.normal(size=p.shape), axis=1)) for own, n, p, _ in documents]
        versions.append(pair_of(read, floor=floor))
    reference = versions[0].reference
    made = Versions(reference, *(replace(one.candidate, resampling=reference.resampling) for one in versions))
    return made, [flat(one) for one in versions]


def test_what_tokens_show_can_be_paired():
    made, (older, newer) = of_texts(0.8, 0.3)
    found = everything(made)
    for name in ("token_kl", "token_kl_excess", "token_kl_to_reference_excess", "same_top", "nll_per_byte_ratio"):
        assert found[name].value == pytest.approx(newer[name].value - older[name].value, abs=1e-9), name
        assert found[name].low < found[name].value < found[name].high, name
        assert "newer minus older" in found[name].method, name
    assert found["token_kl_excess"].high < 0 < found["same_top"].low
    assert found["nll_per_byte_ratio"].n == 20  # documents


def test_a_pair_shows_more_than_two_figures_apart():
    made, (older, newer) = of_texts(0.8, 0.7)
    for name in ("token_kl_excess", "nll_per_byte_ratio"):
        paired, apart = everything(made)[name], unpaired_change(older[name], newer[name])
        assert paired.high - paired.low < 0.8 * (apart.high - apart.low), name


def test_no_token_changes_between_a_version_and_itself():
    made, _ = of_texts(0.8, 0.8)
    found = everything(Versions(made.reference, made.older, made.older))
    for name in ("token_kl", "token_kl_excess", "same_top", "nll_per_byte_ratio"):
        assert found[name].value == 0, name


def test_texts_without_bytes_have_no_ratio():
    made, _ = of_texts(0.8, 0.3)
    bare = (
        replace(
            one, outcomes=replace(one.outcomes, numbers=one.outcomes.numbers | {"bytes": np.zeros(len(one.outcomes))})
        )
        for one in (made.reference, made.older, made.newer)
    )
    assert "nll_per_byte_ratio" not in everything(Versions(*bare))
