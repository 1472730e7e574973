"""Healing any torch module in memory: a small network of a table, and the published ResNets of CIFAR-10."""

import os
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest

from trusteq import ModelError, OptionError
from trusteq.compress import heal_module

torch = pytest.importorskip("torch", reason="needs the extra 'transformers'")

DATA = Path(os.environ.get("TRUSTEQ_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))


def batches(inputs, size=32):
    return list(torch.as_tensor(inputs, dtype=torch.float32).split(size))


@pytest.fixture(scope="session")
def table():
    """The 64 columns of scikit-learn's digits, scaled: rows to learn from, to hold out, and to test."""
    datasets = pytest.importorskip("sklearn.datasets", reason="needs scikit-learn")
    x, y = datasets.load_digits(return_X_y=True)
    x = (x - x.mean(axis=0)) / (x.std(axis=0) + 1)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order].astype(np.float32), y[order]
    return (x[:300], y[:300]), (x[300:500], y[300:500]), (x[500:1000], y[500:1000])


@pytest.fixture(scope="session")
def network(table):
    """A function that returns a trained network of the table."""
    (x, y), _, _ = table
    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(64, 32), torch.nn.BatchNorm1d(32), torch.nn.ReLU(), torch.nn.Dropout(0.5),
        torch.nn.Linear(32, 32), torch.nn.LayerNorm(32), torch.nn.ReLU(), torch.nn.Linear(32, 10),
    )  # fmt: skip
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(60):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(net(torch.tensor(x)), torch.tensor(y)).backward()
        optimizer.step()
    return lambda: deepcopy(net).eval()


def pruned(net, share=0.5):
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, torch.nn.Linear | torch.nn.Conv2d):
                weight = module.weight
                weight[weight.abs() <= weight.abs().flatten().kthvalue(int(share * weight.numel())).values] = 0
    return net


def compared(net, original, inputs):
    """KL of a module's answers from another's, and the share of other answers."""
    with torch.no_grad():
        ours, theirs = (module(torch.as_tensor(inputs)).double().log_softmax(dim=1) for module in (net, original))
    return (
        float((theirs.exp() * (theirs - ours)).sum(dim=1).mean()),
        float((ours.argmax(1) != theirs.argmax(1)).double().mean()),
    )


def test_a_half_pruned_network_of_a_table_comes_nearer_and_keeps_its_zeros(table, network):
    (x, _), (dev, _), (test, _) = table
    original, candidate = network(), pruned(network(), 0.8)
    before = deepcopy(candidate)
    healed = heal_module(candidate, original, batches(x), dev=batches(dev), rate=0.003, rounds=20)
    assert healed.divergence == pytest.approx(
        (compared(before, original, dev)[0], compared(candidate, original, dev)[0])
    )
    assert healed.disagreement == pytest.approx(
        (compared(before, original, dev)[1], compared(candidate, original, dev)[1])
    )
    assert compared(candidate, original, test)[0] < 0.3 * compared(before, original, test)[0]
    after, old = dict(candidate.named_parameters()), dict(before.named_parameters())
    for name in ("0.weight", "4.weight", "7.weight"):
        assert torch.equal(after[name] == 0, old[name] == 0)
        assert healed.zeros[name] == int((old[name] == 0).sum())
        changed = float(((after[name] - old[name]).norm() / old[name].norm()).detach())
        assert healed.moved[name] == pytest.approx(changed, rel=1e-4)
        assert changed > 0.001
    assert 1 <= healed.best <= healed.rounds <= 20


def test_shifted_norms_come_back(table, network):
    """The planted answer: only what was shifted may move, and then the answers are the original's again."""
    (x, _), (dev, _), (test, _) = table
    original, candidate = network(), network()
    with torch.no_grad():
        candidate[5].bias += torch.randn(32, generator=torch.Generator().manual_seed(1))
        candidate[1].weight *= 1.5
    before = compared(candidate, original, test)[0]
    keep = [name for name, parameter in candidate.named_parameters() if parameter.ndim > 1]
    healed = heal_module(
        candidate, original, batches(x), dev=batches(dev), move="small", keep=keep, rate=0.02, rounds=40
    )
    assert before > 0.05
    assert compared(candidate, original, test)[0] < 0.3 * before
    assert not set(keep) & set(healed.moved)


def test_rounded_weights_and_running_statistics_stay_and_the_head_moves(table, network):
    (x, _), (dev, _), _ = table
    original, candidate = network(), network()
    with torch.no_grad():
        for layer in (0, 4):
            step = candidate[layer].weight.abs().amax(dim=1, keepdim=True) / 3
            candidate[layer].weight.copy_((candidate[layer].weight / step).round() * step)
    before = {name: tensor.clone() for name, tensor in candidate.state_dict().items()}
    healed = heal_module(candidate, original, batches(x), dev=batches(dev))
    assert healed.rounded == ("0.weight", "4.weight")
    moved = {name for name, tensor in candidate.state_dict().items() if not torch.equal(tensor, before[name])}
    assert moved == set(healed.moved)
    assert moved == {"0.bias", "1.weight", "1.bias", "4.bias", "5.weight", "5.bias", "7.weight", "7.bias"}


def test_a_low_rank_stays_and_the_parameter_is_the_same_object(table, network):
    (x, _), (dev, _), (test, _) = table
    original, candidate = network(), network()
    with torch.no_grad():
        u, s, v = torch.linalg.svd(candidate[4].weight, full_matrices=False)
        candidate[4].weight.copy_((u[:, :4] * s[:4]) @ v[:4])
    before, weight = compared(candidate, original, test)[0], candidate[4].weight
    healed = heal_module(candidate, original, batches(x), dev=batches(dev), rate=0.003, rounds=20)
    assert healed.ranks == {"4.weight": 4}
    assert int(torch.linalg.matrix_rank(candidate[4].weight, rtol=1e-5)) == 4
    assert "4.weight" in healed.moved
    assert candidate[4].weight is weight
    assert "parametrizations" not in str(list(candidate.state_dict()))
    assert compared(candidate, original, test)[0] < 0.6 * before


def test_what_was_frozen_or_in_training_mode_is_so_afterwards(table, network):
    (x, _), (dev, _), _ = table
    original, candidate = network().train(), pruned(network())
    candidate[3].train()
    candidate[0].weight.requires_grad_(False)
    weight = candidate[0].weight.clone()
    heal_module(candidate, original, batches(x), dev=batches(dev), rate=0.003)
    assert [module.training for module in candidate] == [False, False, False, True, False, False, False, False]
    assert original.training
    assert torch.equal(candidate[0].weight, weight)
    assert [p.requires_grad for p in candidate.parameters()][:2] == [False, True]
    assert candidate[4].weight._backward_hooks in (None, {})


def test_a_module_that_cannot_come_nearer_is_left_as_it_is(table, network):
    (x, _), (dev, _), _ = table
    candidate = network()
    before = {name: tensor.clone() for name, tensor in candidate.state_dict().items()}
    healed = heal_module(candidate, network(), batches(x), dev=batches(dev), rate=0.05)
    assert (healed.best, healed.moved, healed.divergence[0]) == (0, {}, healed.divergence[1])
    assert all(torch.equal(tensor, before[name]) for name, tensor in candidate.state_dict().items())


def test_the_original_may_be_a_function_such_as_that_of_an_estimator(table):
    """One logit a row is that of the second label."""
    linear = pytest.importorskip("sklearn.linear_model", reason="needs scikit-learn")
    (x, y), (dev, _), (test, _) = table
    estimator = linear.LogisticRegression(C=0.1).fit(x, y > 4)

    def original(inputs):
        return torch.as_tensor(estimator.predict_log_proba(inputs.numpy()))

    torch.manual_seed(0)
    candidate = torch.nn.Linear(64, 1)
    with torch.no_grad():  # the planted answer, moved away
        candidate.weight.copy_(torch.as_tensor(estimator.coef_) + 0.1)
        candidate.bias.fill_(float(estimator.intercept_[0]) - 1)
    healed = heal_module(candidate, original, batches(x), dev=batches(dev), rate=0.02, rounds=60, move="all")
    assert healed.divergence[0] > 0.05
    assert healed.divergence[1] < 0.005
    ours = torch.sigmoid(candidate(torch.tensor(test))).detach().numpy().ravel()
    assert np.abs(ours - estimator.predict_proba(test)[:, 1]).mean() < 0.03


def test_the_same_again_gives_the_same_bits(table, network):
    (x, _), (dev, _), _ = table
    made = []
    for _ in range(2):
        candidate = pruned(network())
        made.append((heal_module(candidate, network(), batches(x), dev=batches(dev), seed=3), candidate.state_dict()))
        torch.rand(1)  # what the caller draws makes no difference
    assert made[0][0] == made[1][0]
    assert all(torch.equal(made[0][1][name], made[1][1][name]) for name in made[0][1])


@pytest.mark.parametrize(
    ("error", "says", "changes"),
    [
        (OptionError, "dev is empty", {"dev": []}),
        (OptionError, "move must be small or all, found 'scales'", {"move": "scales"}),
        (OptionError, "rounds must be a whole number of 1 or more, found 0", {"rounds": 0}),
        (OptionError, "keep names 'nothing', which is no parameter of the candidate", {"keep": ["nothing"]}),
        (ModelError, "logits of shape [32, 10], the original with [32, 64]", {"original": lambda x: x}),
    ],
)
def test_what_is_wrong_is_one_line(error, says, changes, table, network, one_line):
    (x, _), (dev, _), _ = table
    arguments = {"original": network(), "batches": batches(x), "dev": batches(dev), **changes}
    with pytest.raises(error) as caught:
        heal_module(network(), **arguments)
    one_line(caught, says)


def test_a_module_in_16_bits_is_refused(table, network, one_line):
    (x, _), (dev, _), _ = table
    with pytest.raises(OptionError) as caught:
        heal_module(network().half(), network(), batches(x), dev=batches(dev))
    one_line(caught, "torch.float16", ".float()")


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason=f"needs real models and data in {DATA}")
@pytest.mark.long
def test_a_half_pruned_resnet20_healed_on_600_pictures_changes_fewer_answers_of_others():
    from oracles.resnet_cifar import resnet20

    stored = np.load(DATA / "images" / "cifar10_jpeg_test2000.npz")
    scaled = (stored["x"] / 255 - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    pixels = torch.tensor(scaled, dtype=torch.float32).permute(0, 3, 1, 2)
    state = torch.load(DATA / "models" / "resnet_cifar10" / "resnet20-12fca82f.th", "cpu", weights_only=True)[
        "state_dict"
    ]
    original, candidate = resnet20(state), pruned(resnet20(state))
    test = pixels[800:1600]
    before = compared(candidate, original, test)
    healed = heal_module(
        candidate, original, pixels[:600].split(32), dev=pixels[600:800].split(100), rate=0.0003, rounds=5
    )
    after = compared(candidate, original, test)
    assert after[1] < 0.85 * before[1]
    assert after[0] < 0.65 * before[0]
    assert all(
        share > 0.49 for share in [healed.zeros[n] / p.numel() for n, p in candidate.named_parameters() if p.ndim > 1]
    )
