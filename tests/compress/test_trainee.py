"""What makes a candidate small is recognised, and computed with as it is stored."""

import numpy as np
import pytest
import torch

import trusteq
from trusteq.compress.grid import nearest, steps
from trusteq.compress.stored_tensors import StoredTensors
from trusteq.compress.trainee import low_rank, on_few_values, trainee


def weight(rows=64, columns=96, seed=0):
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("bits", [3, 4])
def test_rounded_weights_lie_on_few_values(bits):
    dense = weight()
    assert not on_few_values(dense)
    assert on_few_values(nearest(dense, steps(dense, bits, 32), bits))


def test_zeros_and_16_bits_are_no_rounding():
    pruned = weight() * (weight(seed=1) > 0)
    assert not on_few_values(pruned)
    assert not on_few_values(weight(columns=1536).bfloat16().float().bfloat16())
    assert not on_few_values(torch.zeros(3, 3))


@pytest.mark.parametrize("rank", [1, 16, 48])
def test_low_rank_is_seen(rank):
    assert low_rank(weight(columns=rank) @ weight(rank, 96, seed=1)) == rank


def test_full_rank_is_not_low():
    assert low_rank(weight()) is None
    pruned = weight() * (weight(seed=1) > 0)
    assert low_rank(pruned) is None


@pytest.mark.parametrize("method", ["int4-weights", "int8-weights"])
def test_the_module_that_learns_answers_as_the_candidate_does(method, made, lessons):
    source = trusteq.open_model(made(method).directory)
    learner = trainee(source)
    expected = source.predict(lessons)
    source.model = learner.net
    assert np.abs(source.predict(lessons) - expected).max() < 1e-5
    assert len(learner.rounded) == 25
    assert learner.moved() == {}


def test_inputs_that_are_rounded_when_it_runs_are_rounded_when_it_learns(made):
    source = trusteq.open_model(made("int8-dynamic").directory)
    learner = trainee(source)
    tokens = torch.randn(5, 7, 64, generator=torch.Generator().manual_seed(0))
    for name in ("bert.encoder.layer.0.attention.self.query", "bert.encoder.layer.3.attention.output.dense"):
        ours, theirs = (net.get_submodule(name)(tokens) for net in (learner.net, source.model))
        plain = torch.nn.functional.linear(tokens, learner.net.get_submodule(name).weight, ours.new_zeros(64))
        plain = plain + learner.net.get_submodule(name).bias
        apart, ignored = ((x - theirs).detach().abs().mean() for x in (ours, plain))
        assert float(apart) < 0.1 * float(ignored)  # a value half way between two steps may go to either


def test_gradients_pass_rounded_inputs(made):
    learner = trainee(trusteq.open_model(made("int8-dynamic").directory))
    tokens = torch.randn(3, 64, requires_grad=True)
    learner.net.get_submodule("bert.encoder.layer.0.attention.self.query")(tokens).sum().backward()
    weight = learner.net.get_submodule("bert.encoder.layer.0.attention.self.query").weight
    np.testing.assert_allclose(tokens.grad, weight.detach().sum(dim=0).expand(3, 64), rtol=1e-5)


def test_a_rounding_that_cannot_be_taken_apart(made, one_line, monkeypatch):
    source = trusteq.open_model(made("int8-weights").directory)
    real = StoredTensors.of

    def renamed(files):
        return StoredTensors({name.replace("qdata", "other"): file for name, file in real(files).files.items()})

    monkeypatch.setattr(StoredTensors, "of", renamed)
    with pytest.raises(trusteq.ModelError) as caught:
        trainee(source)
    one_line(caught, "is rounded by torchao in a way that cannot be taken apart")
