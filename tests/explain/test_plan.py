from dataclasses import replace
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trusteq import TrusteqError
from trusteq.explain.plan import MIN_MASKS, _possible_masks, allocation, mask_plan

UNITS = st.integers(1, 60)
BUDGETS = st.integers(MIN_MASKS, 300)


def drawn_twice(plan):
    return len({row.tobytes() for row in plan.masks}) < len(plan)


@pytest.mark.slow
@settings(deadline=None)
@given(UNITS, BUDGETS, st.integers(0, 2**40), st.text(max_size=5))
def test_a_plan_keeps_its_promises(units, budget, seed, item):
    plan = mask_plan(item, units, masks=budget, seed=seed)
    assert plan.units == units
    assert len(plan) <= budget
    assert plan.masks[0].all()
    assert not plan.masks[1].any()
    assert not drawn_twice(plan)
    assert plan.exact == (2**units <= budget)
    assert len(plan.halves[0]) == len(plan.halves[1])
    for half in plan.halves:
        assert (plan.masks[half[:, 0]] ^ plan.masks[half[:, 1]]).all()
        assert len(np.unique(half)) == half.size
        assert (half > 1).all()
    asked = np.concatenate([[0, 1], plan.both.ravel()])
    assert set(asked) == set(range(len(plan)))


@settings(deadline=None)
@given(UNITS, BUDGETS)
def test_a_half_draws_about_as_many_masks_of_each_size_as_expected(units, budget):
    plan = mask_plan("a", units, masks=budget)
    for half in plan.halves:
        sizes = np.bincount(plan.masks[half].sum(axis=2).ravel(), minlength=units + 1)
        tolerance = np.where(2 * np.arange(units + 1) == units, 2, 1)  # the middle size is drawn two at a time
        assert (np.abs(sizes - plan.expected)[1:-1] < tolerance[1:-1] + 1e-9).all()
        assert plan.expected[1:-1].sum() == pytest.approx(half.size)


@pytest.mark.parametrize(("units", "budget"), [(7, 66), (8, 66), (12, 40), (13, 400)])
def test_sizes_are_drawn_as_often_as_expected_over_seeds(units, budget):
    seeds = 400
    plans = [mask_plan("a", units, masks=budget, seed=seed) for seed in range(seeds)]
    for half in (0, 1):
        sizes = [plan.masks[plan.halves[half]].sum(axis=2).ravel() for plan in plans]
        counts = np.array([np.bincount(drawn, minlength=units + 1) for drawn in sizes])
        error = counts.std(axis=0) / seeds**0.5 + 1e-12
        assert (np.abs(counts.mean(axis=0) - plans[0].expected)[1:-1] < 5 * error[1:-1]).all()


@pytest.mark.parametrize(("units", "budget"), [(12, 66), (13, 130), (30, 66)])
def test_every_size_is_wanted_equally_often_until_its_masks_run_out(units, budget):
    expected = mask_plan("a", units, masks=budget).expected[1:-1]
    there = np.array([comb(units, size) for size in range(1, units)])
    short = expected < there - 1e-9
    assert np.ptp(expected[short]) < 1e-9
    assert (expected[~short] == there[~short]).all()
    assert (there[~short] <= expected[short].max()).all()


def test_allocation_fills_the_smallest_sizes_and_spends_everything():
    # Of 7 units there are 7, 21 and 35 pairs: 10 of each ask too much of the first, so the others share what is left.
    assert allocation(7, 30) == pytest.approx([7, 11.5, 11.5])
    # The middle size of 4 units has 3 pairs, and a pair covers it twice: 4 and 3 there are, in the ratio 2 to 1.
    assert allocation(4, 3) == pytest.approx([2, 1])
    assert allocation(4, 7) == pytest.approx([4, 3])


@pytest.mark.parametrize("units", [5, 6])
def test_every_mask_of_a_size_is_equally_likely(units):
    seeds = 1500
    counts = np.zeros(2**units)
    for seed in range(seeds):
        plan = mask_plan("a", units, masks=26, seed=seed)
        counts[plan.masks[plan.halves[0].ravel()] @ (1 << np.arange(units))] += 1
    sizes = np.array([code.bit_count() for code in range(2**units)])
    for size in range(1, units):
        chance = plan.expected[size] / comb(units, size)
        of_size = counts[sizes == size]
        assert np.abs(of_size - seeds * chance).max() <= 4.5 * (seeds * chance * (1 - chance)) ** 0.5 + 1e-9


def test_what_a_half_does_not_see_is_what_it_does_not_expect():
    plan = mask_plan("a", 7, masks=66)
    assert plan.unseen == pytest.approx([0, *(1 - plan.expected[s] / comb(7, s) for s in range(1, 7)), 0])
    assert plan.unseen[1] == pytest.approx(1 - plan.expected[1] / 7)
    assert (mask_plan("a", 6, masks=64).unseen == 0).all()


@pytest.mark.parametrize("units", range(1, 9))
def test_an_exact_plan_holds_every_mask_and_every_pair_once(units):
    plan = mask_plan("a", units, masks=max(2**units, MIN_MASKS))
    assert plan.exact
    assert len(plan) == 2**units
    assert not drawn_twice(plan)
    assert len(plan.both) == 2 ** (units - 1) - 1
    assert np.array_equal(*plan.halves)
    assert not mask_plan("a", units + 4, masks=2 ** (units + 4) - 1).exact


def test_the_same_inputs_give_the_same_bytes_and_any_other_input_gives_others():
    def content(item="a", units=20, **settings):
        return mask_plan(item, units, **settings).content()

    assert content() == content(seed=0, round_=0, masks=128)
    others = [
        content("b"),
        content(units=21),
        content(seed=1),
        content(round_=1),
        content(masks=132),
        content("0\x00a"),
        content("a\x00"),
    ]
    assert len({content(), *others}) == 1 + len(others)


def test_the_halves_are_not_the_same_draw():
    plan = mask_plan("a", 30)
    first, second = (plan.masks[half[:, 0]] for half in plan.halves)
    assert not {row.tobytes() for row in first} & {row.tobytes() for row in second}


def test_a_plan_drawn_by_an_older_release_is_drawn_again():
    assert mask_plan("snli-7", 14).content().startswith("1d64d8d9272c073f")


def test_content_changes_with_one_bit_of_one_mask_and_with_the_halves():
    plan = mask_plan("a", 14)
    masks = plan.masks.copy()
    masks[5, 3] ^= True
    assert replace(plan, masks=masks).content() != plan.content()
    assert replace(plan, halves=plan.halves[::-1]).content() != plan.content()


def test_a_plan_shared_by_many_items_cannot_be_written_to():
    with pytest.raises(ValueError, match="read-only"):
        mask_plan("a", 3).masks[0, 0] = False


@pytest.mark.timeout(20)
@pytest.mark.parametrize("units", [500, 3000, 20_000])
def test_a_long_text_gets_a_plan_of_all_sizes(units):
    plan = mask_plan("a", units, masks=128)
    sizes = plan.masks[plan.halves[0]].sum(axis=2)
    assert len(plan) == 126
    assert sizes.min() < units / 10
    assert sizes.max() > units * 9 / 10
    assert np.isfinite(plan.expected).all()


@pytest.mark.parametrize("units", [1, 2, 7, 60, 61, 62, 63, 64, 101])
def test_masks_of_each_size_are_counted_up_to_a_limit(units):
    assert _possible_masks(units).tolist() == [float(min(comb(units, size), 2**60)) for size in range(units + 1)]


@pytest.mark.parametrize(
    ("units", "masks", "said"), [(5, MIN_MASKS - 1, "9 masks per item are too few"), (0, 128, "item 'a' has no unit")]
)
def test_a_plan_of_nothing_is_refused(units, masks, said):
    with pytest.raises(TrusteqError, match=said):
        mask_plan("a", units, masks=masks)


# Other halves ------------------------------------------------------------------------------------


@pytest.mark.parametrize("units", [3, 8, 12, 25, 60])
def test_every_cut_has_all_pairs_once_and_sizes_of_halves_stay(units):
    plan = mask_plan("item", units, masks=4 * units + 30)
    first, *others = plan.splits()
    assert all(np.array_equal(a, b) for a, b in zip(first, plan.halves, strict=True))
    assert len(others) == (0 if plan.exact else 3)
    rows = sorted(map(tuple, np.concatenate(plan.halves).tolist()))
    size = plan.masks.sum(axis=1)
    for cut in others:
        assert sorted(map(tuple, np.concatenate(cut).tolist())) == rows
        for half, own in zip(cut, plan.halves, strict=True):
            assert sorted(size[half].ravel()) == sorted(size[own].ravel())


def test_pairs_that_may_be_exchanged_are_apart_in_two_cuts_of_four():
    plan = mask_plan("item", 40, masks=200)
    first = [set(map(tuple, half.tolist())) for half, _ in plan.splits()]
    apart = {
        sum((a in half) != (b in half) for half in first)
        for a in map(tuple, plan.halves[0].tolist())
        for b in map(tuple, plan.halves[0].tolist())
    }
    assert apart == {0, 2}


def test_sizes_of_which_a_half_sees_much_are_never_exchanged():
    """Its draws are without replacement, and so not independent."""
    plan = mask_plan("item", 8, masks=80)
    assert (plan.unseen[1:8] < 0.95).all()
    for cut in plan.splits()[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(cut, plan.halves, strict=True))
