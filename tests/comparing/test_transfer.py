"""What the other's top words are worth to a model, by hand."""

import numpy as np
import pytest

from trusteq.comparing.transfer import transfer
from trusteq.explain.removal import Removal
from trusteq.stats.resampling import Resampling

ITEMS = 8


def test_it_is_what_the_others_words_are_worth_over_ones_own_both_beyond_random_words():
    """Three models and, last, random words; the second candidate is asked about."""
    drop = np.zeros((3, 4, ITEMS))
    drop[0] = np.array([5.0, 9.0, 3.0, 1.0])[:, None]
    drop[2] = np.array([3.0, 7.0, 9.0, 1.0])[:, None]
    changed = np.zeros((3, 4, ITEMS), dtype=bool)
    for count, (model, source) in enumerate([(0, 0), (0, 2), (0, 3), (2, 0), (2, 2), (2, 3)], 1):
        changed[model, source, :count] = True
    found = transfer(Removal(drop, changed), 2, Resampling(ITEMS, resamples=20))
    assert [e.value for e in found.values()] == pytest.approx([0.25, 0.5, *(i / ITEMS for i in range(1, 7))])


def test_there_is_no_ratio_where_ones_own_words_are_no_better_than_random():
    drop = np.ones((2, 3, ITEMS))
    found = transfer(Removal(drop, np.zeros((2, 3, ITEMS), dtype=bool)), 1, Resampling(ITEMS, resamples=20))
    assert "transfer_to_candidate" not in found
    assert found["mind_changed_reference_by_random_words"].value == 0
