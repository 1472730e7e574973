"""Pictures cut into tiles and superpixels, and what is left of them when some are left out."""

import math
import pickle
import sys
from itertools import combinations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from trusteq import Items, MissingExtraError
from trusteq.data.picture import Picture
from trusteq.explain import tiles as module
from trusteq.explain.blur import blurred
from trusteq.explain.imputation import imputed
from trusteq.explain.plan import mask_plan
from trusteq.explain.shapley import shapley
from trusteq.explain.tiles import FILLS, PictureUnits, Tiles, superpixels, tiles
from trusteq.explain.units import cutter, default_units


def noise(height=19, width=26, seed=0):
    return np.random.default_rng(seed).integers(0, 256, size=(height, width, 3), dtype=np.uint8)


def patches(seed=0):
    """Areas of one colour each, and a little noise."""
    rng = np.random.default_rng(seed)
    areas = np.kron(rng.integers(30, 220, size=(3, 4, 3)), np.ones((20, 17, 1), dtype=int))
    return (areas + rng.integers(-3, 4, size=areas.shape)).astype(np.uint8)


# The fills -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width"), [(19, 26), (32, 32), (5, 60), (1, 3)])
@pytest.mark.parametrize("sigma", [None, 0.7, 3.0, 40.0])
def test_a_blur_is_a_gaussian_of_the_mirrored_picture(height, width, sigma):
    pixels = noise(height, width)
    spread = min(height, width) / 8 if sigma is None else sigma
    expected = [gaussian_filter(pixels[:, :, c].astype(float), spread, mode="reflect", truncate=9) for c in range(3)]
    # Of less than a pixel, a sampled Gaussian is no longer the Gaussian of what was sampled.
    tolerance = 0.51 if spread >= 1 else 12
    assert np.abs(blurred(pixels, sigma) - np.stack(expected, axis=2)).max() <= tolerance


def test_a_blur_leaves_one_colour_as_it_is_and_decides_ties_upwards():
    grey = np.full((7, 9, 3), 77, np.uint8)
    np.testing.assert_array_equal(blurred(grey), grey)
    halves = np.zeros((8, 9, 3), np.uint8)
    halves[:, 5:], halves[:, 4] = 255, 128
    halves[:, 4] = 127
    both = blurred(halves).astype(int) + blurred(255 - halves)
    assert set(np.unique(both)) <= {255, 256}  # 256 where both are just between two


def imputed_slowly(pixels, missing):
    """Every missing pixel is the weighted mean of its neighbours: as written down, by a dense system."""
    at = list(zip(*np.nonzero(missing), strict=True))
    system, right = np.zeros((len(at), len(at))), np.zeros((len(at), 3))
    for row, (y, x) in enumerate(at):
        for dy in (-1, 0, 1):
            for dx in (-1, 0, 1):
                other = y + dy, x + dx
                inside = 0 <= other[0] < missing.shape[0] and 0 <= other[1] < missing.shape[1]
                if not inside or (dy, dx) == (0, 0):
                    continue
                weight = 1 / 12 if dy and dx else 1 / 6
                system[row, row] += weight
                if other in at:
                    system[row, at.index(other)] -= weight
                else:
                    right[row] += weight * pixels[other]
    result = pixels.astype(float)
    result[missing] = np.linalg.solve(system, right)
    return result


def test_missing_pixels_are_the_means_of_their_neighbours():
    pixels = noise(9, 12)
    missing = np.zeros((9, 12), bool)
    missing[2:5, 3:8] = missing[7:, 9:] = missing[0, 0] = True
    found = imputed(pixels, missing)
    assert np.abs(found - imputed_slowly(pixels, missing)).max() <= 0.51
    np.testing.assert_array_equal(found[~missing], pixels[~missing])


def test_a_large_hole_in_a_slope_is_filled_with_the_slope():
    slope = np.broadcast_to((np.arange(130) + 50)[None, :, None], (100, 130, 3)).astype(np.uint8)
    missing = np.zeros((100, 130), bool)
    missing[20:70, 33:95] = True
    found = imputed(slope, missing)
    assert np.abs(found.astype(int) - slope).max() <= 3
    np.testing.assert_array_equal(found[~missing], slope[~missing])


def test_where_everything_is_missing_one_colour_is_left():
    pixels = noise()
    expected = np.broadcast_to(np.rint(pixels.mean(axis=(0, 1))), pixels.shape)
    np.testing.assert_array_equal(imputed(pixels, np.ones(pixels.shape[:2], bool)), expected)


# The units -----------------------------------------------------------------------------------------------------------


def test_pictures_are_cut_into_tiles_unless_told():
    items = Items(["a", "b"], {"photo": [noise(), noise(96, 97)]})
    assert default_units(items) == "tiles"
    assert [len(cutter(None, items)(item)) for item in (0, 1)] == [16, 25]
    assert [len(tiles((Picture.of(noise(*size)),))) for size in ((95, 300), (2, 3), (1, 1))] == [16, 6, 1]


@pytest.mark.parametrize("cut", [tiles, superpixels])
def test_every_pixel_belongs_to_one_unit_inside_its_rectangle(cut):
    pixels = patches()
    units = cut((Picture.of(pixels),))
    assert len(units) > 5
    covered = np.zeros(pixels.shape[:2], int)
    for unit in range(len(units)):
        kept = np.zeros((1, len(units)), bool)
        kept[0, unit] = True
        ((shown,),) = units.render(kept, "mean")
        blank = np.rint(pixels.mean(axis=(0, 1)))
        own = (shown.pixels() != blank).any(axis=2)
        covered += own
        top, left, bottom, right = (units.places[name][unit] for name in ("top", "left", "bottom", "right"))
        assert own[top:bottom, left:right].sum() == own.sum() > 0
        assert (own[top].any(), own[:, left].any(), own[bottom - 1].any(), own[:, right - 1].any()) == (True,) * 4
    # Some pixels may have the mean colour.
    assert covered.max() == 1
    assert covered.mean() > 0.99


def test_tiles_are_named_by_row_and_column():
    units = tiles((Picture.of(noise(19, 26)),))
    assert units.names[:5] == (
        "row 1, column 1",
        "row 1, column 2",
        "row 1, column 3",
        "row 1, column 4",
        "row 2, column 1",
    )
    assert {name: values[6].tolist() for name, values in units.places.items()} == {
        "top": 4,
        "left": 13,
        "bottom": 9,
        "right": 19,
    }


@pytest.mark.parametrize("cut", [tiles, superpixels])
@pytest.mark.parametrize("fill", FILLS)
def test_what_is_kept_is_kept_to_the_bit_and_the_rest_is_the_fill(cut, fill):
    pixels = patches()
    units = cut((Picture.of(pixels),))
    rng = np.random.default_rng(0)
    masks = np.concatenate(
        [rng.random((20, len(units))) < np.linspace(0, 1, 20)[:, None], np.zeros((1, len(units)), bool)]
    )
    (rendered,) = units.render(masks, fill)
    for kept, picture in zip(masks, rendered, strict=True):
        drawn = picture.pixels()
        if cut is tiles:
            boxes = units.parts[0].boxes[kept]
            known = np.zeros(pixels.shape[:2], bool)
            for top, left, bottom, right in boxes:
                known[top:bottom, left:right] = True
        else:
            known = kept[units.parts[0].map()]
        expected = {
            "remove": blurred,
            "neighbours": lambda whole, known=known: imputed(whole, ~known),
            "mean": lambda whole: np.broadcast_to(np.rint(whole.mean(axis=(0, 1))).astype(np.uint8), whole.shape),
        }[fill](pixels)
        np.testing.assert_array_equal(drawn, np.where(known[:, :, None], pixels, expected))
        assert picture.size == (pixels.shape[1], pixels.shape[0])
        assert drawn.flags.writeable


def test_with_everything_kept_it_is_the_picture_itself():
    picture = Picture(Picture.of(noise()).encoded, "a")
    for cut in (tiles, superpixels):
        units = cut((picture,))
        for fill in FILLS:
            assert units.render(np.ones((1, len(units)), bool), fill)[0][0] is picture


def test_the_picture_is_decoded_and_blurred_once_for_all_masks(monkeypatch):
    seen = []
    monkeypatch.setattr(module, "blurred", lambda pixels: seen.append(1) or blurred(pixels))
    for seed in range(4):
        units = tiles((Picture.of(noise(seed=seed)),))
        rng = np.random.default_rng(0)
        for picture in units.render(rng.random((50, 16)) < 0.5, "remove")[0]:
            picture.pixels()
    assert len(seen) == 4
    assert module._painted.cache_info().maxsize == 2


def test_several_pictures_of_an_item_have_units_of_their_own():
    pictures = Picture.of(noise(seed=0)), Picture.of(noise(96, 96, seed=1))
    units = tiles(pictures)
    assert (len(units), units.segments.tolist()) == (41, [0] * 16 + [1] * 25)
    kept = np.ones((1, 41), bool)
    kept[0, 20] = False
    (first,), (second,) = units.render(kept, "remove")
    assert first is pictures[0]
    changed = (second.pixels() != pictures[1].pixels()).any(axis=2)
    assert (changed[:19, 76:].any(), changed.sum()) == (True, changed[:19, 76:].sum())


def test_units_say_what_decides_them_and_can_be_sent():
    units = tiles((Picture.of(noise()),))
    digest = Picture.of(noise()).digest.hex()
    assert units.content() == (("tiles", digest, 4, 4),)
    assert superpixels((Picture.of(noise()),)).content()[0][:2] == ("superpixels", digest)
    sent = pickle.loads(pickle.dumps(units))  # noqa: S301
    kept = np.arange(16)[None, :] > 7
    ((one,),), ((other,),) = units.render(kept, "remove"), sent.render(kept, "remove")
    assert one == other


def test_without_scikit_image_one_line_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "skimage.segmentation", None)
    with pytest.raises(
        MissingExtraError, match=r"^units 'superpixels' needs an optional part: pip install 'trusteq\[superpixels\]'$"
    ):
        superpixels((Picture.of(noise()),))


# Shapley values ------------------------------------------------------------------------------------------------------


def test_shapley_values_of_nine_tiles_are_those_of_the_definition():
    """Over all 512 masks, of pictures that are drawn here by hand."""
    pixels = noise(12, 15)
    mean = np.rint(pixels.mean(axis=(0, 1)))

    def value(whole):
        x = whole.astype(float) / 255
        return np.tanh(3 * x[2:9, 3:12].mean() * x[6:].std()) + np.sqrt(x[:5].max(axis=(0, 1)).prod())

    def by_hand(subset):
        whole = np.broadcast_to(mean, pixels.shape).copy()
        for tile in subset:
            y, x = 4 * (tile // 3), 5 * (tile % 3)
            whole[y : y + 4, x : x + 5] = pixels[y : y + 4, x : x + 5]
        return value(whole)

    game = {subset: by_hand(subset) for size in range(10) for subset in combinations(range(9), size)}
    expected = [
        sum(
            math.factorial(len(s)) * math.factorial(8 - len(s)) / math.factorial(9)
            * (game[tuple(sorted((*s, tile)))] - game[s])
            for s in game
            if tile not in s
        )
        for tile in range(9)
    ]  # fmt: skip
    plan = mask_plan("a", 9, masks=512)
    assert plan.exact
    (rendered,) = PictureUnits((Tiles(Picture.of(pixels), 3, 3),)).render(plan.masks, "mean")
    values = np.array([[value(whole)] for whole in rendered.inputs()])
    found, errors = shapley(plan, values)
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-12)
    assert not errors.any()
