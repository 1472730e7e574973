"""Agreement of attributions in parts of the items."""

from dataclasses import replace

import numpy as np
import pytest
from oracles.attributions import explained, truths
from oracles.pairs import pair_of

from trusteq.comparing.alignment import noise_free, products, top_sets
from trusteq.comparing.slices import ANSWERS, MAX_VALUES, MIN_EXPLAINED, Judged, aligned_slices, answers_in_words
from trusteq.stats.resampling import Resampling

ITEMS = 90


@pytest.fixture(scope="module")
def whole():
    return explained(*truths(ITEMS, (3, 20), cosine=0.7), noise=0.4, resamples=100)


def test_every_item_is_in_one_slice_of_a_column(whole):
    column = ["long" if n > 10 else "short" for n in whole.lengths]
    found = aligned_slices([whole], {"length": column}, None)
    assert sorted((s.column, s.value) for s in found) == [("length", "long"), ("length", "short")]
    assert sum(s.n for s in found) == ITEMS
    for s in found:
        assert {e.n for e in s.measures["explanation"].values()} == {s.n} == {column.count(s.value)}


def test_sums_of_the_parts_are_those_of_the_whole(whole):
    """So that the pooled agreement of the whole is the parts', weighed by their attributions."""
    column = ["even" if i % 2 else "odd" for i in range(ITEMS)]
    weight = {
        s.value: s.measures["explanation"]["alignment_shapley"].value
        for s in aligned_slices([whole], {"c": column}, None)
    }
    cross, own_a, own_b = products(whole)
    told = 0.0
    for value, agreement in weight.items():
        inside = np.array(column) == value
        told += agreement * np.sqrt(own_a[inside].sum() * own_b[inside].sum())
    assert told == pytest.approx(cross.sum())


def test_a_slice_of_all_items_is_the_whole(whole):
    (only,) = aligned_slices([whole], {"c": ["x"] * ITEMS}, None)
    expected = {f"{name}_shapley": e for name, e in {**noise_free(whole), **top_sets(whole)}.items() if e is not None}
    assert only.measures == {"explanation": expected}


def test_a_slice_is_what_its_items_alone_give():
    """With a planted disagreement in one of two groups."""
    a, b, lengths = truths(80, 12, cosine=0.95)
    b[40:] = -b[40:]
    found = aligned_slices([explained(a, b, lengths)], {"c": ["same"] * 40 + ["other"] * 40}, None)
    assert {s.value: s.measures["explanation"]["alignment_shapley"].value for s in found} == {
        "same": pytest.approx(0.95, abs=0.05),
        "other": pytest.approx(-0.95, abs=0.05),
    }


def test_values_that_differ_in_a_nul_at_their_end_are_two(whole):
    column = ["x" if i % 2 else "x\0" for i in range(ITEMS)]
    found = aligned_slices([whole], {"c": column}, None)
    assert [s.measures["explanation"]["alignment_shapley"].n for s in found] == [ITEMS // 2] * 2


def test_values_of_few_items_are_left_out_and_no_others(whole):
    column = (
        ["rare"] * (MIN_EXPLAINED - 1)
        + ["common"] * MIN_EXPLAINED
        + [str(i) for i in range(ITEMS - 2 * MIN_EXPLAINED + 1)]
    )
    assert [s.value for s in aligned_slices([whole], {"c": column}, None)] == ["common"]
    many = explained(*truths(MIN_EXPLAINED * (MAX_VALUES + 1), 3, cosine=0.7), resamples=2)
    column = [str(i % (MAX_VALUES + 1)) for i in range(MIN_EXPLAINED * (MAX_VALUES + 1))]
    assert len(aligned_slices([many], {"c": column}, None)) == MAX_VALUES + 1


def test_methods_stand_side_by_side(whole):
    from dataclasses import replace

    (only,) = aligned_slices([whole, replace(whole, method="lime")], {"c": ["x"] * ITEMS}, None)
    assert {"alignment_lime", "alignment_shapley"} <= set(only.measures["explanation"])


def test_items_of_one_cluster_are_resampled_together(whole):
    """Every item three times over says no more than once, and a cluster in only one part is no trouble."""
    at = np.repeat(np.arange(30), 3)
    a, b, lengths = truths(30, 12, cosine=0.7)
    e = explained(a[at], b[at], lengths[at])
    clusters = [str(i) for i in at]
    (apart,) = aligned_slices([e], {"c": ["x"] * ITEMS}, None)
    clustered = replace(e, resampling=Resampling(ITEMS, clusters=clusters, resamples=200))
    (together,) = aligned_slices([clustered], {"c": ["x"] * ITEMS}, clusters)
    one, other = (s.measures["explanation"]["alignment_shapley"] for s in (apart, together))
    assert one.value == other.value
    assert other.high - other.low > 1.4 * (one.high - one.low)
    # Of one cluster nothing can be said of others like it.
    (only,) = aligned_slices([e], {"c": ["x"] * 30 + ["y"] * 60}, ["one"] * 30 + clusters[30:])
    assert only.value == "y"
    assert len(aligned_slices([e], {"c": ["x"] * 30 + ["y"] * 60}, ["one"] * 29 + ["two"] + clusters[30:])) == 2


def test_what_the_models_answered_in_words():
    def sure(answers):
        return np.eye(3)[answers] * 0.97 + 0.01

    reference, candidate, gold = [0, 0, 1, 1, 1], [0, 1, 0, 1, 2], [0, 0, 0, 0, 0]
    assert answers_in_words(pair_of(sure(reference), sure(candidate), np.array(gold))) == [
        "both right",
        "right to wrong",
        "wrong to right",
        "same wrong answer",
        "wrong to other wrong",
    ]
    without = answers_in_words(pair_of(sure(reference), sure(candidate), None))
    assert without == ["same answer", "other answer", "other answer", "same answer", "other answer"]


# Which slices are shown to be worse ----------------------------------------------------------------


def judged(one, low=0.95):
    return {"alignment_shapley": Judged(low, np.inf, noise_free(one)["alignment"])}


def in_groups(astray, items=240, groups=6, seed=0, noise=0.0):
    """Attributions that agree, but in the first group, where they do so only as far as ``astray``."""
    a, b, lengths = truths(items, 12, cosine=0.99, seed=seed)
    column = [f"group {i % groups}" for i in range(items)]
    first = np.array(column) == "group 0"
    b[first] = truths(items, 12, cosine=astray, seed=seed)[1][first]
    return explained(a, b, lengths, noise=noise, seed=seed), column


def test_the_group_in_which_attributions_part_is_shown_to_be_worse_and_no_other():
    one, column = in_groups(0.3)
    found = {s.value: dict(s.p_judged) for s in aligned_slices([one], {"c": column}, None, judged(one))}
    assert found.pop("group 0")["alignment_shapley"] < 0.001
    assert not any(found.values())


def test_within_the_margin_nothing_is_said():
    one, column = in_groups(0.3)
    assert not any(s.p_judged for s in aligned_slices([one], {"c": column}, None, judged(one, low=0.1)))


def test_that_attributions_differ_where_answers_do_is_nothing_to_say():
    one, column = in_groups(0.3)
    assert not any(s.p_judged for s in aligned_slices([one], {ANSWERS: column}, None, judged(one)))


def test_of_more_slices_the_same_evidence_is_worth_less():
    one, column = in_groups(0.3)
    many = {"c": column, **{f"other {i}": [f"{(k + i) % 2}" for k in range(240)] for i in range(2)}}
    few, more = (
        next(s for s in aligned_slices([one], columns, None, judged(one)) if s.value == "group 0").p_judged
        for columns in ({"c": column}, many)
    )
    assert more["alignment_shapley"] == pytest.approx(few["alignment_shapley"] / 6 * 10)


@pytest.mark.long
def test_where_attributions_part_everywhere_alike_hardly_any_slice_is_shown_to_be_worse():
    """All beyond the margin: 5 % of the samples may name one."""
    named = 0
    for seed in range(100):
        a, b, lengths = truths(240, 12, cosine=0.8, seed=seed)
        one = explained(a, b, lengths, noise=0.5, seed=seed)
        column = [f"group {i % 6}" for i in range(240)]
        named += any(
            p < 0.05 for s in aligned_slices([one], {"c": column}, None, judged(one)) for p in s.p_judged.values()
        )
    assert named <= 10
