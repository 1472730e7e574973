"""What is taken out is the smallest, and what stays answers as the large model without it."""

from contextlib import contextmanager

import numpy as np
import pytest
import torch

from trusteq import ModelError
from trusteq.compress.dropped import drop_layers
from trusteq.compress.encoder import linear_maps
from trusteq.compress.heads import prune_heads
from trusteq.compress.low_rank import low_rank
from trusteq.compress.neurons import prune_neurons
from trusteq.compress.pruning import prune_weights
from trusteq.models.layers import kept_layers, layer_list
from trusteq.models.library_output import quiet_transformers
from trusteq.models.transformer import open_transformer


@pytest.fixture
def opened(large):
    """A function that opens the large model afresh, since methods change what they are given."""
    return lambda: open_transformer(str(large), name="large")


@pytest.fixture
def answers(pairs):
    """A function from an opened model and a torch module in its place to log-probabilities."""

    def ask(source, module=None):
        before, source.model = source.model, module or source.model
        try:
            return source.answer(source.encode(list(zip(*pairs.texts(), strict=True))), alone=True)
        finally:
            source.model = before

    return ask


@contextmanager
def hooks(pairs):
    handles = [module.register_forward_pre_hook(hook) for module, hook in pairs]
    yield
    for handle in handles:
        handle.remove()


def weights(source):
    return {name: module.weight.detach().clone() for name, module in linear_maps(source, "test").items()}


def test_linear_maps_are_all_but_the_classification_head(opened):
    names = set(linear_maps(opened(), "test"))
    assert len(names) == 4 * 6 + 1
    assert {"bert.pooler.dense", "bert.encoder.layer.3.output.dense"} <= names
    assert not any("classifier" in name for name in names)


@pytest.mark.parametrize("share", [0.25, 0.9])
def test_pruned_weights_are_the_smallest_of_each_map(opened, share):
    source = opened()
    before = weights(source)
    made = prune_weights(source, share=share)
    for name, after in weights(source).items():
        gone = after == 0
        assert gone.sum() == round(share * gone.numel())
        assert before[name][gone].abs().max() <= before[name][~gone].abs().min()
        assert torch.equal(after[~gone], before[name][~gone])
    assert made.facts["zeros"] == sum(int((after == 0).sum()) for after in weights(source).values())
    assert set(dict(made.model.named_parameters())) == set(dict(opened().model.named_parameters()))


def test_the_head_and_the_embeddings_are_not_pruned(opened):
    source, untouched = opened(), opened()
    prune_weights(source, share=0.5)
    for part in ("classifier", "bert.embeddings"):
        for (name, after), before in zip(
            source.model.get_submodule(part).named_parameters(),
            untouched.model.get_submodule(part).parameters(),
            strict=True,
        ):
            assert torch.equal(after, before), name


def test_pruned_heads_answer_nothing_and_the_others_as_before(opened, answers):
    source = opened()
    made = prune_heads(source, share=0.5)
    whole = opened()

    def without(gone):
        def silence(module, inputs):
            heard = inputs[0].unflatten(-1, (4, -1)).clone()
            heard[..., [head - 1 for head in gone], :] = 0
            return (heard.flatten(-2), *inputs[1:])

        return silence

    modules = layer_list(whole, "test")[1]
    silenced = [
        (layer.attention.output.dense, without(gone))
        for layer, gone in zip(modules, made.facts["heads_gone"], strict=True)
    ]
    with hooks(silenced):
        expected = answers(whole)
    np.testing.assert_allclose(answers(source), expected, rtol=0, atol=1e-4)
    assert np.abs(expected - answers(whole)).max() > 1e-2


def test_pruned_heads_are_those_with_the_smallest_output_weights(opened):
    source = opened()
    with torch.no_grad():
        for number, layer in enumerate(layer_list(source, "test")[1]):
            layer.attention.output.dense.weight[:, 16 * number : 16 * (number + 1)] *= 0.1
    assert prune_heads(source, share=0.25).facts["heads_gone"] == [[1], [2], [3], [4]]


@pytest.mark.parametrize(("share", "count"), [(0.1, 0), (0.9, 4)])
def test_no_head_or_every_head_is_no_candidate(opened, share, count, one_line):
    with pytest.raises(ModelError) as caught:
        prune_heads(opened(), share=share)
    one_line(caught, f"a share of {share} of its 4 heads is {count}")


def test_pruned_neurons_are_gone_and_the_others_answer_as_before(opened, answers):
    whole = opened()
    modules = layer_list(whole, "test")[1]
    silenced = []
    for layer in modules:
        incoming, outgoing = layer.intermediate.dense.weight, layer.output.dense.weight
        gone = (incoming.norm(dim=1) * outgoing.norm(dim=0)).argsort()[:64]
        silenced.append((layer.output.dense, lambda module, inputs, gone=gone: inputs[0].index_fill(-1, gone, 0)))
    with hooks(silenced):
        expected = answers(whole)
    with quiet_transformers():
        made = prune_neurons(whole, share=0.25)
    np.testing.assert_allclose(answers(whole, made.model), expected, rtol=0, atol=1e-4)
    assert np.abs(expected - answers(whole)).max() > 1e-2
    assert made.model.config.intermediate_size == 192
    assert made.model.num_parameters() == whole.model.num_parameters() - 4 * 64 * (64 + 1 + 64)


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_no_neuron_or_every_neuron_is_no_candidate(opened, share, one_line):
    with pytest.raises(ModelError) as caught:
        prune_neurons(opened(), share=share)
    one_line(caught, "of its 256 neurons leaves")


@pytest.mark.parametrize(
    ("total", "stay", "drop", "kept"),
    [
        (6, None, "evenly", [0, 2, 4]),
        (12, None, "evenly", [0, 2, 4, 6, 8, 10]),
        (5, None, "evenly", [0, 1, 3]),
        (6, 4, "evenly", [0, 1, 3, 4]),
        (6, 1, "evenly", [0]),
        (6, 2, "last", [0, 1]),
        (6, 2, "first", [4, 5]),
        (6, 6, "evenly", [0, 1, 2, 3, 4, 5]),
    ],
)
def test_which_layers_stay(total, stay, drop, kept):
    assert kept_layers(total, stay, drop) == kept


@pytest.mark.slow
@pytest.mark.parametrize(("drop", "kept"), [("evenly", [0, 2]), ("last", [0, 1]), ("first", [2, 3])])
def test_the_layers_that_stay_answer_as_if_the_others_passed_everything_on(opened, answers, drop, kept):
    source = opened()
    with quiet_transformers():
        made = drop_layers(source, layers=2, drop=drop)
    whole = opened()
    for number, layer in enumerate(layer_list(whole, "test")[1]):
        if number not in kept:
            layer.forward = lambda hidden, *_, **__: hidden
    np.testing.assert_allclose(answers(source, made.model), answers(whole), rtol=0, atol=1e-4)
    assert np.abs(answers(opened()) - answers(whole)).max() > 1e-1
    assert made.facts["kept_layers"] == [number + 1 for number in kept]
    assert made.model.config.num_hidden_layers == 2


@pytest.mark.parametrize("count", [4, 7])
def test_all_layers_or_more_cannot_stay(opened, count, one_line):
    with pytest.raises(ModelError) as caught:
        drop_layers(opened(), layers=count)
    one_line(caught, "drop-layers does not apply", f"keeping {count} of its 4 layers")


@pytest.mark.parametrize("rank", [None, 5])
def test_low_rank_is_the_nearest_of_its_rank(opened, rank):
    source = opened()
    before = weights(source)
    low_rank(source, rank=rank)
    for name, after in weights(source).items():
        kept = rank or min(after.shape) // 2
        assert int(torch.linalg.matrix_rank(after, rtol=1e-4)) == kept
        # The nearest matrix misses exactly the smaller singular values (Eckart and Young).
        beyond = torch.linalg.svdvals(before[name])[kept:]
        assert torch.allclose((before[name] - after).norm(), beyond.norm(), rtol=1e-4)


def test_the_factors_of_low_rank_are_counted(opened):
    made = low_rank(opened(), rank=8)
    # Four maps of 64 x 64 and two of 64 x 256 in each of four layers, and the pooler.
    assert made.facts["linear_weights"] == 4 * (4 * 64 * 64 + 2 * 64 * 256) + 64 * 64
    assert made.facts["as_factors"] == 4 * (4 * 8 * 128 + 2 * 8 * 320) + 8 * 128


def test_a_rank_that_every_map_is_below(opened, one_line):
    with pytest.raises(ModelError) as caught:
        low_rank(opened(), rank=64)
    one_line(caught, "low-rank does not apply", "more than 64 wide")
