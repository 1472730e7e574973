import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import shapley as oracle
from oracles.shapley import looked_up

from trusteq import TrusteqError
from trusteq.explain.owen import linkage, owen_plan

SEGMENTS = st.lists(st.integers(1, 12), min_size=1, max_size=4).map(
    lambda lengths: [segment for segment, length in enumerate(lengths) for _ in range(length)]
)


def game_of(units, seed=0):
    return np.random.default_rng([seed, units]).normal(size=(2**units, 2))


@pytest.mark.parametrize(
    ("segments", "tree"),
    [
        ([0], 0),
        ([0, 0], (0, 1)),
        ([0, 0, 0], ((0, 1), 2)),
        ([0] * 5, (((0, 1), 2), (3, 4))),
        ([0, 1, 1, 1], (0, ((1, 2), 3))),
        ([0, 0, 0, 0, 0, 1, 1], ((((0, 1), 2), (3, 4)), (5, 6))),
        ([0, 1, 2], (0, (1, 2))),
        ([0, 0, 1, 2, 2, 2, 3], (((0, 1), 2), (((3, 4), 5), 6))),
        ([0] * 8, (((0, 1), (2, 3)), ((4, 5), (6, 7)))),
    ],
)
def test_owen_values_are_those_of_the_definition(segments, tree):
    game = game_of(len(segments))
    plan = owen_plan(segments)
    assert plan.weights @ looked_up(game, plan.masks) == pytest.approx(oracle.owen(game, tree), abs=1e-12)


def test_two_segments_are_joined_at_the_root():
    # What the first segment brings in all depends on the second only as a whole.
    segments = [0] * 3 + [1] * 5
    game = game_of(8)
    plan = owen_plan(segments)
    first = (plan.weights @ looked_up(game, plan.masks))[:3].sum(axis=0)
    alone, other, both = 0b00000111, 0b11111000, 0b11111111
    assert first == pytest.approx((game[alone] - game[0] + game[both] - game[other]) / 2)
    as_one = owen_plan([0] * 8)
    assert np.abs((as_one.weights @ looked_up(game, as_one.masks))[:3].sum(axis=0) - first).max() > 0.05


@pytest.mark.parametrize(("units", "masks"), [(1, 2), (2, 4), (16, 172), (24, 428), (32, 684)])
def test_the_number_of_masks_grows_with_the_square_of_the_units(units, masks):
    assert len(owen_plan([0] * units).masks) == masks


def test_with_two_units_owen_values_are_shapley_values():
    for segments in ([0, 0], [0, 1]):
        plan = owen_plan(segments)
        assert plan.weights @ looked_up(game_of(2), plan.masks) == pytest.approx(oracle.shapley(game_of(2)))


def test_with_more_units_they_are_not():
    plan = owen_plan([0] * 5)
    owen = plan.weights @ looked_up(game_of(5), plan.masks)
    assert np.abs(owen - oracle.shapley(game_of(5))).max() > 0.05


@settings(deadline=None)
@given(SEGMENTS, st.integers(0, 2**32))
def test_an_additive_model_gives_each_unit_its_own_weight(segments, seed):
    weights = np.random.default_rng(seed).normal(size=(len(segments), 2))
    plan = owen_plan(segments)
    assert plan.weights @ (3 + plan.masks @ weights) == pytest.approx(weights, abs=1e-9)


@settings(deadline=None)
@given(SEGMENTS, st.integers(2, 200), st.integers(0, 2**32))
def test_a_budget_is_kept_and_the_credit_still_adds_up(segments, evaluations, seed):
    plan = owen_plan(segments, evaluations=evaluations)
    values = np.random.default_rng(seed).normal(size=(len(plan.masks), 2))
    assert len(plan.masks) <= evaluations
    assert len({row.tobytes() for row in plan.masks}) == len(plan.masks)
    assert plan.masks[0].all()
    assert not plan.masks[1].any()
    assert (plan.weights @ values).sum(axis=0) == pytest.approx(values[0] - values[1], abs=1e-9)


def test_a_group_that_was_not_opened_shares_its_credit_evenly():
    segments, game = [0] * 6 + [1] * 2, game_of(8)
    nothing_opened = owen_plan(segments, evaluations=3)
    assert nothing_opened.weights @ looked_up(game, nothing_opened.masks) == pytest.approx(
        np.tile((game[-1] - game[0]) / 8, (8, 1))
    )
    root_opened = owen_plan(segments, evaluations=4)
    shares = root_opened.weights @ looked_up(game, root_opened.masks)
    full = owen_plan(segments)
    exact = full.weights @ looked_up(game, full.masks)
    assert len(root_opened.masks) == 4
    assert np.ptp(shares[:6], axis=0) == pytest.approx([0, 0])
    assert shares[:6].sum(axis=0) == pytest.approx(exact[:6].sum(axis=0))
    assert shares[6:].sum(axis=0) == pytest.approx(exact[6:].sum(axis=0))


def test_a_larger_budget_begins_with_the_masks_of_a_smaller_one():
    small, large = (owen_plan([0] * 20 + [1] * 20, evaluations=budget).masks for budget in (100, 300))
    assert np.array_equal(large[: len(small)], small)


@pytest.mark.slow
@pytest.mark.timeout(20)
@pytest.mark.parametrize("units", [500, 40_000])
def test_a_long_text_is_explained_within_a_budget(units):
    plan = owen_plan([0] * (units // 2) + [1] * (units // 2), evaluations=500)
    assert len(plan.masks) <= 500
    assert plan.weights @ (plan.masks @ np.ones(units)) == pytest.approx(np.ones(units))


@settings(deadline=None)
@given(SEGMENTS)
def test_the_linkage_names_every_group_once_and_ends_with_all_units(segments):
    rows, n = linkage(segments), len(segments)
    assert rows.shape == (n - 1, 4)
    assert sorted(rows[:, :2].ravel()) == list(range(2 * n - 2))
    if n > 1:
        assert rows[-1, 3] == n


@pytest.mark.parametrize(
    ("segments", "evaluations", "said"),
    [([], None, "no unit to attribute to"), ([0, 0], 1, "1 evaluations are too few")],
)
def test_a_plan_of_nothing_is_refused(segments, evaluations, said):
    with pytest.raises(TrusteqError, match=said):
        owen_plan(segments, evaluations=evaluations)
