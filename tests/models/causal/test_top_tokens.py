import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from oracles import tokens as slow

from trusteq.models.causal.top_tokens import IN_TAIL, MOST, STEP, bounds, kept, record, top_tokens


def drawn(seed, *, positions=20, vocabulary=60, spread=3.0, by=1.0):
    generator = torch.Generator().manual_seed(seed)
    z = spread * torch.randn(positions, vocabulary, generator=generator)
    return z, z + by * torch.randn(positions, vocabulary, generator=generator)


def exact(p, q):
    pairs = [(slow.softmax(a), slow.softmax(b)) for a, b in zip(p.double().tolist(), q.double().tolist(), strict=True)]
    return np.array([slow.kl(a, b) for a, b in pairs]), np.array([slow.kl(b, a) for a, b in pairs])


@given(
    st.integers(0, 2**32),
    st.integers(1, 60),
    st.sampled_from([0.1, 1.0, 3.0, 12.0]),
    st.sampled_from([0.0, 1e-4, 0.01, 1.0, 8.0]),
)
def test_a_bound_is_never_above_the_exact_divergence(seed, k, spread, by):
    p, q = drawn(seed, spread=spread, by=by)
    for bound, true in zip(bounds(top_tokens(p, k), q), exact(p, q), strict=False):
        assert (bound <= true + 1e-6).all()


def test_a_bound_of_all_tokens_is_exact_to_a_few_steps():
    p, q = drawn(1)
    for bound, true in zip(bounds(top_tokens(p, 60), q), exact(p, q), strict=False):
        assert bound == pytest.approx(true, rel=20 * STEP)


def test_more_tokens_bound_better():
    p, q = drawn(2)
    means = [bounds(top_tokens(p, k), q)[0].mean() for k in (1, 4, 16, 60)]
    assert means == sorted(means)
    assert means[-1] > 2 * means[0]


def test_the_tail_is_what_the_kept_tokens_leave():
    p, q = drawn(3)
    tail = bounds(top_tokens(p, 5), q)[2]
    assert tail == pytest.approx(1 - p.softmax(1).topk(5).values.sum(1).numpy(), abs=2 * STEP)


def test_what_is_too_improbable_to_store_is_in_the_tail():
    p = torch.tensor([[0.0, -10.0, -20.0, -30.0]])
    stored = top_tokens(p, 4)
    assert stored.steps[0, 2:].tolist() == [IN_TAIL, IN_TAIL]
    assert bounds(stored, p)[0][0] == pytest.approx(0.0, abs=1e-6)


def test_a_model_is_not_far_from_itself():
    p, _ = drawn(4)
    forward, backward, _ = bounds(top_tokens(p, 10), p)
    assert max(forward.max(), backward.max()) < STEP


@pytest.mark.parametrize("vocabulary", [200, 32_000, 49_152, 65_536, 65_537, 128_256, 262_144])
def test_at_most_a_tenth_of_two_bytes_a_token_is_kept(vocabulary):
    k = kept(vocabulary)
    width = 2 if vocabulary <= 65_536 else 4
    assert k * (width + 2) + 4 <= 2 * vocabulary / 10
    assert k == MOST or (k + 1) * (width + 2) + 4 > 2 * vocabulary / 10


def test_how_much_a_position_takes():
    assert record(100, 7).itemsize == 32
    assert record(65_537, 7).itemsize == 46
