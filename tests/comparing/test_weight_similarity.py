import numpy as np
import pytest
from oracles.alignment import padded

from trusteq.comparing.weight_similarity import cosine, weighted_jaccard


def one(of, a, b):
    (a, lengths), (b, _) = padded([a]), padded([b])
    return float(of(a, b, lengths)[0])


def test_cosine_by_hand():
    assert one(cosine, [3.0, 4.0], [4.0, 3.0]) == pytest.approx(24 / 25)
    assert one(cosine, [1.0, 0.0], [0.0, -2.0]) == 0.0
    assert one(cosine, [1.0, -0.3, 0.7], [-1.0, 0.3, -0.7]) == -1.0


def test_weighted_jaccard_by_hand():
    # Shares .5 .5 0 and .25 .25 .5: smaller .25 .25 0, larger .5 .5 .5.
    assert one(weighted_jaccard, [1.0, -1.0, 0.0], [1.0, 1.0, -2.0]) == pytest.approx(1 / 3)
    assert one(weighted_jaccard, [1.0, 0.0], [0.0, 5.0]) == 0.0
    assert one(weighted_jaccard, [1.0, 2.0], [-1.0, 2.0]) == 1.0


@pytest.mark.parametrize("of", [cosine, weighted_jaccard])
def test_undefined_where_one_explanation_is_all_zero(of):
    zero, some = [0.0, 0.0], [1.0, 2.0]
    assert [np.isnan(one(of, a, b)) for a, b in ((zero, some), (some, zero), (zero, zero), ([], []))] == [True] * 4


@pytest.mark.parametrize("of", [cosine, weighted_jaccard])
@pytest.mark.parametrize("size", [1e-300, 1e300, 5e-324])
def test_very_small_and_very_large_attributions_are_no_different(of, size):
    assert one(of, [3 * size, 4 * size], [4 * size, 3 * size]) == pytest.approx(one(of, [3.0, 4.0], [4.0, 3.0]))


def test_cosine_never_leaves_its_range_by_rounding():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(5_000, 7))
    b = a * rng.choice([-1, 1], size=(5_000, 1)) * 3.7
    found = cosine(a, b, np.full(5_000, 7))
    assert np.abs(found).max() <= 1
    assert np.abs(found) == pytest.approx(np.ones(5_000))
