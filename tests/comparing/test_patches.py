"""Jaccard of the pixels under two models' top patches, its chance level and its ceiling."""

from itertools import combinations

import numpy as np
import pytest
from oracles import patches as oracle

from trusteq.comparing.measures import PATCH_COUNTS, find_measure
from trusteq.comparing.patches import (
    TopPatches,
    chance_pixel_jaccard,
    highest_jaccard,
    patch_agreements,
    patch_measures,
    pixel_jaccard,
)
from trusteq.stats.resampling import Resampling


def drawn(patch, *, size=224, items=6, seed=0, scale=1.0):
    side = size // patch
    rng = np.random.default_rng(seed)
    lists = np.stack([rng.permutation(side * side)[:30] for _ in range(items)])
    area = [0, 0, side * patch * scale, side * patch * scale]
    return TopPatches((side, side), np.tile(np.array(area, dtype=float), (items, 1)), lists)


@pytest.mark.parametrize("patch", [16, 14, 32])
def test_it_is_that_of_the_painted_pixels(patch):
    first, second = drawn(16), drawn(patch, seed=1)
    ks = [k for k in PATCH_COUNTS if k < min(first.count, second.count)]
    scores = pixel_jaccard(first, second, ks)
    for row, k in zip(scores, ks, strict=True):
        for item, score in enumerate(row):
            a, b = (
                oracle.painted(first.patches[item][:k], 16, 224),
                oracle.painted(second.patches[item][:k], patch, 224),
            )
            assert score == pytest.approx(oracle.jaccard(a, b), abs=1e-12)


def test_a_model_agrees_with_itself_exactly():
    for patch in (14, 16):
        first = drawn(patch, scale=1 / 3, items=50)
        assert (pixel_jaccard(first, first, PATCH_COUNTS) == 1).all()


def test_grids_without_common_pixels_share_nothing():
    left, right = (TopPatches((1, 3), np.array([[x, 0.0, x + 3, 1]]), np.array([[0, 1, 2]])) for x in (0.0, 5.0))
    assert pixel_jaccard(left, right, [2]).tolist() == [[0.0]]


def test_chance_of_one_grid_is_the_mean_over_all_pairs_of_sets():
    first = TopPatches((2, 2), np.array([[0.0, 0, 8, 8]]), np.arange(4)[None])
    sets = [set(pair) for pair in combinations(range(4), 2)]
    mean = np.mean([len(a & b) / len(a | b) for a in sets for b in sets])
    value, error = chance_pixel_jaccard(first, first, 0, [2], draws=8, seed=0)
    assert value == pytest.approx(mean, abs=1e-12)
    assert error == 0


def test_chance_of_two_grids_is_near_the_mean_over_all_pairs_of_sets():
    area = np.array([[0.0, 0, 12, 12]])
    first, second = (TopPatches((side, side), area, np.arange(4)[None]) for side in (2, 3))
    of_pairs = [
        TopPatches((side, side), np.repeat(area, count, axis=0), np.array(lists))
        for side, count, lists in (
            (2, 216, [a for a in combinations(range(4), 2) for _ in combinations(range(9), 2)]),
            (3, 216, [b for _ in combinations(range(4), 2) for b in combinations(range(9), 2)]),
        )
    ]
    mean = pixel_jaccard(*of_pairs, [2]).mean()
    value, error = chance_pixel_jaccard(first, second, 0, [2], draws=20_000, seed=0)
    assert abs(value - mean) < 4 * error
    assert error < 0.002
    again, _ = chance_pixel_jaccard(first, second, 0, [2], draws=20_000, seed=0)
    assert again == value


@pytest.mark.parametrize("patch", [16, 14])
def test_random_patches_are_at_chance(patch):
    first, second = drawn(16, items=2000), drawn(patch, items=2000, seed=9)
    pairs = agreements(first, second)
    assert [pair.k for pair in pairs] == list(PATCH_COUNTS)
    for pair in pairs:
        # About four standard errors.
        width = sum(estimate.high - estimate.low for estimate in (pair.jaccard, pair.chance))
        assert abs(pair.jaccard.value - pair.chance.value) < width


def agreements(first, second):
    sample = Resampling(len(first.patches), resamples=200)
    return patch_agreements({"occlusion": (first, second)}, ("a", "b"), {"occlusion": sample}, protocol="paper-vit")


def test_the_ceiling_of_16_against_14_pixels_is_that_of_the_paper_and_is_reached():
    first, second = drawn(16), drawn(14)
    assert highest_jaccard(first, second) == pytest.approx(196 / 256)
    inside = (
        TopPatches((14, 14), first.areas[:1], np.array([[0, 7]])),
        TopPatches((16, 16), first.areas[:1], np.array([[0, 8]])),
    )
    # Patch 0 of both starts in the corner; columns 112 to 125 of the smaller are within 112 to 127 of the larger.
    assert pixel_jaccard(*inside, [2])[0, 0] == pytest.approx(196 / 256)


def test_only_sets_smaller_than_both_grids_are_compared():
    pairs = agreements(drawn(56, items=20), drawn(16, items=20, seed=1))
    assert [pair.k for pair in pairs] == [2, 5, 10, 15]
    assert agreements(drawn(224, items=20), drawn(16, items=20)) == ()


def test_every_measure_is_in_the_table():
    pairs = agreements(drawn(16, items=20), drawn(14, items=20, seed=1))
    measures = patch_measures(pairs, "a", "b")
    assert len(measures) == 3 * len(PATCH_COUNTS)
    assert all(find_measure(name).dimension == "explanation" for name in measures)
    assert patch_measures(pairs, "b", "a") == {}


def test_relative_positions_count_for_each_picture():
    first = drawn(16, items=3)
    second = TopPatches(first.grid, first.areas + np.array([[0.0], [8.0], [16.0]]), first.patches)
    scores = pixel_jaccard(first, second, [5])[0]
    one_by_one = [
        pixel_jaccard(*(TopPatches(t.grid, t.areas[i : i + 1], t.patches[i : i + 1]) for t in (first, second)), [5])[
            0, 0
        ]
        for i in range(3)
    ]
    assert scores.tolist() == one_by_one
    assert scores[0] == 1
    assert scores[1] < 1
