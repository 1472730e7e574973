import numpy as np
import pytest
from oracles.alignment import padded

from trusteq.comparing.padded_arrays import check, inside, order, ranks, ratio, scaled, total


def test_inside_is_an_items_own_units():
    assert inside(np.array([0, 2, 3]), 3).tolist() == [[False] * 3, [True, True, False], [True] * 3]


def test_order_is_falling_with_the_earlier_of_equal_units_first_and_padding_last():
    a, lengths = padded([[1.0, 3.0, 1.0, 3.0], [-2.0, -1.0]])
    assert order(a, lengths).tolist() == [[1, 3, 0, 2], [1, 0, 2, 3]]


def test_ranks_are_places_in_that_order():
    a, lengths = padded([[1.0, 3.0, 1.0, 3.0], [-2.0, -1.0]])
    assert ranks(a, lengths).tolist() == [[2, 0, 3, 1], [1, 0, 2, 3]]


def test_a_total_is_the_same_to_the_last_bit_whatever_the_padding():
    a = np.random.default_rng(0).normal(size=(200, 37))
    wider = np.pad(a, ((0, 0), (0, 300)))
    assert total(a).tolist() == total(wider).tolist()
    assert total(a) == pytest.approx(a.sum(axis=1))


def test_no_units_at_all_sum_to_zero():
    assert total(np.zeros((2, 0))).tolist() == [0.0, 0.0]


def test_a_share_of_nothing_is_nan():
    np.testing.assert_array_equal(ratio(np.array([1, 0]), np.array([4, 0])), [0.25, np.nan])


def test_scaling_is_by_a_power_of_two_that_brings_the_largest_below_one():
    found = scaled(np.array([[3.0, -12.0], [5e-324, 0.0], [1e308, -1e308], [0.0, 0.0]]))
    assert found[0].tolist() == [3 / 16, -12 / 16]
    assert (np.abs(found[:3]).max(axis=1) >= 0.5).all()
    assert (np.abs(found) < 1).all()
    assert found[3].tolist() == [0.0, 0.0]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_attribution_that_is_not_finite_is_refused_with_its_place(value):
    a, lengths = padded([[1.0, 2.0], [3.0, value]])
    with pytest.raises(ValueError, match=r"item 1, unit 1 is not finite"):
        check(lengths, np.zeros_like(a), a)


def test_weight_beyond_an_items_units_is_refused_with_its_place():
    with pytest.raises(ValueError, match=r"item 0, unit 2 is beyond the item's units and not zero: 4"):
        check(np.array([2]), np.array([[1.0, 2.0, 4.0]]))


@pytest.mark.parametrize("lengths", [[3], [-1]])
def test_lengths_outside_the_array_are_refused(lengths):
    with pytest.raises(ValueError, match="lengths must be 0 to 2"):
        check(np.array(lengths), np.zeros((1, 2)))


@pytest.mark.parametrize(
    ("lengths", "shapes"), [([1, 1], [(1, 2)]), ([1], [(1, 2), (1, 3)]), ([1, 1], [(2, 3), (1, 3)]), ([1], [(1,)])]
)
def test_arrays_that_do_not_fit_together_are_refused(lengths, shapes):
    with pytest.raises(ValueError, match="got shapes"):
        check(np.array(lengths), *(np.zeros(shape) for shape in shapes))
