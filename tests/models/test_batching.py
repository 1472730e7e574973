import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trusteq.models.batching import token_batches

lengths = st.lists(st.integers(0, 60), max_size=80).map(lambda values: np.array(values, dtype=np.int64))


@given(lengths, st.integers(0, 200))
def test_every_position_is_in_exactly_one_batch(lengths, budget):
    batches = token_batches(lengths, budget=budget)
    assert all(len(batch) for batch in batches)
    assert sorted(int(i) for batch in batches for i in batch) == list(range(len(lengths)))


@given(lengths, st.integers(0, 200))
def test_only_a_single_row_may_exceed_the_budget(lengths, budget):
    for batch in token_batches(lengths, budget=budget):
        assert len(batch) == 1 or len(batch) * lengths[batch].max() <= budget


@given(lengths, st.integers(1, 200))
def test_a_batch_is_closed_only_when_the_next_row_does_not_fit(lengths, budget):
    batches = token_batches(lengths, budget=budget)
    for batch, following in itertools.pairwise(batches):
        assert (len(batch) + 1) * lengths[following[0]] > budget


@given(lengths, st.integers(1, 200))
def test_rows_come_by_length_then_position(lengths, budget):
    order = [(int(lengths[i]), int(i)) for batch in token_batches(lengths, budget=budget) for i in batch]
    assert order == sorted(order)


def test_known_cut():
    batches = token_batches(np.array([5, 2, 3, 2, 9]), budget=9)
    assert [batch.tolist() for batch in batches] == [[1, 3, 2], [0], [4]]
