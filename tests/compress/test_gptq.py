"""Weights rounded for texts: as the slow oracle says, and nearer in what layers answer."""

import pytest
import torch
from oracles import optimal_rounding

from trusteq.compress.gptq import DAMPING, rounded_for
from trusteq.compress.grid import nearest, steps


def drawn(outputs, inputs, rows, seed):
    """Weights, and correlated inputs [rows, inputs]."""
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(outputs, inputs, generator=generator)
    mixing = torch.randn(inputs, inputs, generator=generator) + 2
    return weight, torch.randn(rows, inputs, generator=generator) @ mixing


@pytest.mark.parametrize("bits", [3, 4])
@pytest.mark.parametrize("group", [8, 16, 32])
@pytest.mark.parametrize("seed", range(3))
def test_it_equals_the_oracle(bits, group, seed):
    weight, inputs = drawn(6, 32, 100, seed)
    moments = inputs.T @ inputs
    rounded, scales = rounded_for(weight.double(), moments, bits=bits, group=group)
    expected = optimal_rounding.rounded(weight, moments, bits=bits, group=group, damping=DAMPING)
    torch.testing.assert_close(rounded, expected, rtol=0, atol=1e-9)
    whole = rounded.unflatten(1, (-1, group)) / scales.unsqueeze(2)
    torch.testing.assert_close(whole, whole.round(), rtol=0, atol=1e-9)
    assert whole.round().abs().max() <= 2 ** (bits - 1)


def test_independent_inputs_are_rounded_to_nearest():
    """Then no column can make up for another."""
    weight, _ = drawn(6, 32, 1, 0)
    rounded, scales = rounded_for(weight, torch.eye(32), bits=4, group=8)
    assert torch.equal(scales, steps(weight, 4, 8))
    assert torch.equal(rounded, nearest(weight, scales, 4))


def test_the_second_of_two_equal_inputs_takes_what_the_first_left():
    """With equal inputs only the sum of their weights counts, and it ends half a step or less from where it was."""
    weight = torch.tensor([[7.5, 0.0, 2.3, 0.2]])
    moments = torch.zeros(4, 4)
    moments[2:, 2:] = 1
    moments += 1e-9 * torch.eye(4)
    rounded, scales = rounded_for(weight, moments, bits=4, group=4)
    assert scales.item() == 1
    # 2.3 becomes 2, and 0.2 becomes nearly 0.5 before it is rounded; damping takes a part of that.
    assert rounded.tolist() == [[7, 0, 2, 0]]
    rounded, _ = rounded_for(torch.tensor([[7.5, 0.0, 2.4, 0.3]]), moments, bits=4, group=4)
    assert rounded.tolist() == [[7, 0, 2, 1]]


def test_outputs_move_less_than_by_rounding_to_nearest():
    weight, inputs = drawn(16, 64, 500, 5)
    rounded, _ = rounded_for(weight, inputs.T @ inputs, bits=4, group=16)
    plain = nearest(weight, steps(weight, 4, 16), 4)
    moved = [(inputs @ (weight - other).T).norm().item() for other in (rounded, plain)]
    assert moved[0] < 0.5 * moved[1]
