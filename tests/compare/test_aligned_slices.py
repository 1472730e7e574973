"""Agreement of attributions in parts of the items."""

import numpy as np
import pytest
from oracles.attributions import explained, truths
from oracles.pairs import pair_of

from trusteq.compare.alignment import noise_free, products, top_sets
from trusteq.compare.slices import MAX_VALUES, MIN_EXPLAINED, aligned_slices, answers_in_words

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
    (together,) = aligned_slices([e], {"c": ["x"] * ITEMS}, clusters)
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
