"""Drawings of pictures, sounds, features and rows, and where their units are in them."""

import base64
import io
import re

import numpy as np
import pandas as pd
import pytest
from report.page import made_up_kinds

from trusteq.data.picture import Picture
from trusteq.data.rows import Rows
from trusteq.data.segment import KINDS
from trusteq.data.sound import Sound
from trusteq.explain.columns import column_groups, single_columns
from trusteq.explain.stretches import frame_stretches, stretches
from trusteq.explain.tiles import superpixels, tiles
from trusteq.report.drawn import picture, row, sound
from trusteq.report.drawn.drawing import Marks
from trusteq.report.drawn.kinds import DRAWN
from trusteq.report.drawn.png import png

Image = pytest.importorskip("PIL.Image", reason="pictures are read back by Pillow")


def opened(uri):
    media, _, content = uri.partition(";base64,")
    image = Image.open(io.BytesIO(base64.b64decode(content)))
    assert media == f"data:image/{image.format.lower()}"
    return image


def marks(units):
    return Marks(units.names, units.places)


def scene(size, seed=0):
    (pixels,), _ = made_up_kinds.pictures(1, seed=seed, size=size)
    return Picture.of(pixels)


def covered(area):
    """How often each pixel of an area is in a unit, by its outlines or boxes."""
    width, height = area.size
    count = np.zeros((height, width), dtype=int)
    for unit, (left, top, wide, high) in enumerate(area.boxes):
        runs = re.findall(r"M(\d+) (\d+)H(\d+)V(\d+)", area.outlines[unit]) if area.outlines else []
        for x, y, right, bottom in runs or [(left, top, left + wide, top + high)]:
            count[int(y) : int(bottom), int(x) : int(right)] += 1
    return count


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
def test_a_png_file_holds_the_pixels(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png(pixels)))), pixels)
    assert png(pixels) == png(pixels.copy())


def test_every_kind_but_texts_and_arrays_is_drawn():
    assert set(DRAWN) == set(KINDS) - {"text", "array"}


def test_a_tiny_picture_is_kept_to_the_pixel():
    small = scene((32, 20))
    area = picture.draw(small, marks(tiles((small,))))
    np.testing.assert_array_equal(np.asarray(opened(area.image)), small.pixels())
    assert area.pixelated
    assert (covered(area) == 1).all()


def test_a_large_picture_is_a_small_jpeg():
    large = scene((900, 600))
    area = picture.draw(large, marks(tiles((large,))))
    image = opened(area.image)
    assert (image.format, image.size) == ("JPEG", (224, 149))
    assert len(area.image) < 20_000
    assert not area.pixelated
    assert area.size == (900, 600)
    assert len(area.boxes) == 25
    assert (covered(area) == 1).all()
    assert area == picture.draw(large, marks(tiles((large,))))


@pytest.mark.parametrize("size", [(32, 32), (300, 200)])
def test_superpixels_have_their_own_outlines(size):
    pytest.importorskip("skimage", reason="superpixels are cut by scikit-image")
    one = scene(size)
    units = superpixels((one,))
    area = picture.draw(one, marks(units))
    assert len(area.outlines) == len(units)
    count = covered(area)
    assert (count == 1).all()
    # Where the picture is not coarser than the outlines, each pixel is in its own superpixel.
    if size == (32, 32):
        (part,) = units.parts
        for number, outline in enumerate(area.outlines):
            runs = re.findall(r"M(\d+) (\d+)H(\d+)V(\d+)", outline)
            inside = sum((int(right) - int(x)) * (int(bottom) - int(y)) for x, y, right, bottom in runs)
            assert inside == (part.map() == number).sum()


def test_superpixels_that_are_not_found_again_are_boxes_inside_them():
    one, other = scene((32, 32)), scene((32, 32), seed=5)
    units = superpixels((one,))
    area = picture.draw(other, marks(units))
    assert len(area.outlines) == len(units)
    assert all(outline.count("M") == 1 for outline in area.outlines)


def test_without_a_picture_its_units_are_where_they_were():
    one = scene((50, 40))
    units = marks(tiles((one,)))
    bare, whole = picture.draw(None, units), picture.draw(one, units)
    assert (bare.size, bare.boxes, bare.outlines) == (whole.size, whole.boxes, whole.outlines)
    assert bare.image is None


def test_a_tone_is_a_dark_line_in_its_band():
    rate = 8_000
    t = np.arange(rate) / rate
    (high,) = [Sound.of(0.5 * np.sin(2 * np.pi * 3_000 * t).astype(np.float64), rate)]
    area = sound.draw_sound(high, marks(stretches((high,))))
    greys = np.asarray(opened(area.image))
    assert greys.shape == area.size[::-1]
    darkest = greys[sound.ENVELOPE :, 20:-20].argmin(axis=0) + sound.ENVELOPE
    assert np.ptp(darkest) <= 1
    low, upper = (box for box, name in zip(area.boxes, stretches((high,)).names, strict=True) if "0.00-" in name)
    assert upper[1] <= darkest[0] < upper[1] + upper[3]
    assert not low[1] <= darkest[0] < low[1] + low[3]
    count = covered(area)
    assert (count[sound.ENVELOPE :] == 1).all()
    assert (count[: sound.ENVELOPE] == 0).all()


def test_the_envelope_follows_the_loudness():
    samples = np.concatenate([np.full(4_000, 0.01), np.full(4_000, 0.8)]).astype(np.float32)
    heights = (sound.envelope(samples) < 255).sum(axis=0)
    assert heights[:120].max() <= 2
    assert heights[140:].min() >= sound.ENVELOPE - 2


def test_features_are_drawn_from_the_first_coefficient_up():
    (item,) = made_up_kinds.feature_items(1).segments.values()
    frames = item[0]
    area = sound.draw_features(frames, marks(frame_stretches((frames,))))
    assert opened(area.image).size == (49, 10)
    assert (covered(area) == 1).all()
    first = area.boxes[0]  # the low band of the first stretch
    assert first[0] == 0
    assert first[1] + first[3] == area.size[1]


def test_a_row_shows_each_columns_value_and_what_is_missing():
    frame, _ = made_up_kinds.table(60)
    rows = Rows.of_frame(frame)
    at = int(np.flatnonzero(frame["years at address"].isna())[0])
    one = rows[at]
    bars = row.draw(one, marks(single_columns((one,))))
    assert bars.values[4] == "missing"
    assert bars.values[3] == str(frame["age"][at])
    assert bars.lines[5] == f"job '{frame['job'][at]}'"
    groups = column_groups((one,))
    grouped = row.draw(one, marks(groups))
    assert len(grouped.values) == len(groups) < len(bars.values)
    assert (
        grouped.values[0] == f"income {frame['income'][at]:.6g}, income after tax {frame['income after tax'][at]:.6g}"
    )


def test_columns_that_were_cut_in_another_way_have_no_values():
    rows = Rows.of_frame(pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [3.0, 1.0, 2.0]}))
    assert row.draw(rows[0], Marks(("a + c",), {})).values == ("",)
