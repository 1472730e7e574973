import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trusteq.stats.coded import coded
from trusteq.stats.resampling import Resampling


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=3), min_size=1))
def test_texts_are_numbered_in_the_order_of_numpy(texts):
    names, place = np.unique(np.asarray(texts), return_inverse=True)
    found, codes = coded(texts)
    assert found == names.tolist()
    assert codes.tolist() == place.tolist()


def test_names_that_differ_in_nuls_at_their_end_are_two():
    names, codes = coded(["b\0", "a", "b", "b\0\0", "b"])
    assert names == ["a", "b", "b\0", "b\0\0"]
    assert codes.tolist() == [2, 0, 1, 3, 1]
    assert Resampling(2, clusters=["b", "b\0"]).units == 2


@pytest.mark.parametrize("of", [coded, lambda texts: Resampling(len(texts), clusters=texts)])
def test_one_long_text_among_many_takes_its_own_room_alone(of):
    texts = [*map(str, range(2_000)), "a" * 100_000]
    tracemalloc.start()
    of(texts)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000
