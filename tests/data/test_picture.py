"""One picture: what its pixels are, whatever its file is like, and when it is refused."""

import hashlib
import io
import pickle
import subprocess
import sys

import numpy as np
import pytest
from data.picture_files import file_of, noise, png_16_bit, png_of_size
from PIL import Image, ImageFile, ImageOps

from trusteq import DataError, MissingExtraError
from trusteq.data.picture import Picture


def pixels_of(encoded):
    pixels = Picture(encoded, "a.png").pixels()
    assert pixels.dtype == np.uint8
    assert pixels.flags.writeable
    assert pixels.flags.c_contiguous
    return pixels


@pytest.mark.parametrize("form", ["PNG", "BMP", "TIFF", "PPM"])
def test_a_lossless_file_has_its_own_pixels(form):
    np.testing.assert_array_equal(pixels_of(file_of(noise(), form)), noise())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_picture_is_turned_as_its_camera_was_held(orientation, form):
    exif = Image.Exif()
    exif[0x0112] = orientation
    encoded = file_of(noise(), form, exif=exif)
    stored = Image.open(io.BytesIO(encoded))
    expected = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))
    picture = Picture(encoded)
    np.testing.assert_array_equal(picture.pixels(), expected)
    assert picture.size == ((8, 12) if orientation > 4 else (12, 8))
    if form == "PNG" and orientation == 6:
        np.testing.assert_array_equal(expected, np.rot90(noise(), -1))


def test_what_is_transparent_is_laid_over_white():
    rgba = np.zeros((1, 4, 4), np.uint8)
    rgba[0, :, 0] = (200, 200, 200, 0)
    rgba[0, :, 3] = (255, 128, 1, 0)
    expected = [[[200, 0, 0], [227, 127, 127], [255, 254, 254], [255, 255, 255]]]
    assert pixels_of(file_of(rgba)).tolist() == expected
    grey = np.array([[[0, 255], [0, 128], [100, 0]]], np.uint8)
    pixels = pixels_of(file_of(Image.frombytes("LA", (3, 1), grey.tobytes())))
    assert pixels.tolist() == [[[0, 0, 0], [127, 127, 127], [255, 255, 255]]]


def palette(transparency=None):
    image = Image.frombytes("P", (3, 1), bytes([0, 1, 2]))
    image.putpalette([10, 20, 30, 40, 50, 60, 70, 80, 90])
    return file_of(image, **({} if transparency is None else {"transparency": transparency}))


def test_numbers_of_a_palette_are_its_colours():
    assert pixels_of(palette()).tolist() == [[[10, 20, 30], [40, 50, 60], [70, 80, 90]]]
    assert pixels_of(palette(1)).tolist() == [[[10, 20, 30], [255, 255, 255], [70, 80, 90]]]


def test_a_colour_that_stands_for_nothing_is_white():
    encoded = file_of(noise(), transparency=tuple(noise()[2, 3].tolist()))
    expected = noise()
    expected[2, 3] = 255
    np.testing.assert_array_equal(pixels_of(encoded), expected)


def test_sixteen_bits_are_scaled_and_not_cut_off():
    values = np.array([[0, 128, 129, 255, 256, 32768, 65406, 65407, 65535]])
    expected = [0, 0, 1, 1, 1, 128, 254, 255, 255]
    for encoded in (
        png_16_bit(values),
        b"P5\n9 1\n65535\n" + values.astype(">u2").tobytes(),
        file_of(Image.fromarray(values.astype(np.uint16)), "TIFF"),
    ):
        pixels = pixels_of(encoded)
        assert pixels[0, :, 0].tolist() == expected
        assert (pixels == pixels[:, :, :1]).all()


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_numbers_whose_range_nobody_knows_are_refused(dtype):
    encoded = file_of(Image.fromarray(np.ones((2, 2), dtype)), "TIFF")
    with pytest.raises(DataError, match=r"a.tif: its pixels are numbers of 32 bits.*8 or 16"):
        Picture(encoded, "a.tif").pixels()


def test_four_inks_are_three_colours():
    inks = Image.new("CMYK", (8, 8), (0, 100, 200, 50))
    encoded = file_of(inks, "JPEG", quality=100)
    close = pixels_of(encoded).astype(int) - [205, 125, 44]  # (255 - ink) * (255 - black) / 255
    assert np.abs(close).max() <= 3


@pytest.mark.parametrize("mode", ["L", "1"])
def test_greys_are_colours(mode):
    grey = (noise()[:, :, 0] // 128 * 255).astype(np.uint8)
    image = Image.fromarray(grey).convert(mode)
    np.testing.assert_array_equal(pixels_of(file_of(image)), np.repeat(grey[:, :, None], 3, axis=2))


@pytest.mark.parametrize("tolerant", [False, True])
def test_half_a_file_is_refused_whatever_other_libraries_set(tolerant, monkeypatch):
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", tolerant)
    encoded = file_of(noise(64, 64), "JPEG")
    with pytest.raises(DataError, match=r"^a\.jpg: a damaged picture \(image file is truncated.*\); copy or save it"):
        Picture(encoded[: len(encoded) // 2], "a.jpg").pixels()
    assert ImageFile.LOAD_TRUNCATED_IMAGES is tolerant


@pytest.mark.parametrize(("width", "height"), [(10_000, 10_000), (60_000, 60_000)])
def test_a_picture_too_large_to_be_meant_is_one_line(width, height):
    with pytest.raises(
        DataError, match=r"a\.png: has more than 89,478,485 pixels, which may be an attack; scale it down"
    ):
        Picture(png_of_size(width, height), "a.png").size  # noqa: B018


@pytest.mark.parametrize(
    ("encoded", "said"),
    [
        (b"", "not a picture in a format that can be read .it is empty"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "not a picture .* begins with b'%!PS-Ado'"),
        (b"hello", "not a picture"),
    ],
)
def test_what_is_no_picture_is_one_line(encoded, said):
    with pytest.raises(DataError, match=said):
        Picture(encoded, "a.png").pixels()


@pytest.mark.parametrize("form", ["GIF", "PNG", "WEBP", "TIFF"])
def test_of_several_frames_none_is_chosen(form):
    frames = [Image.fromarray(noise(seed=seed)) for seed in range(3)]
    encoded = file_of(frames[0], form, save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match=r"a\.gif: has 3 frames, and it is not known which is meant; save one"):
        Picture(encoded, "a.gif").pixels()


def test_previews_of_a_camera_are_no_frames():
    frames = [Image.fromarray(noise(seed=seed)) for seed in range(2)]
    encoded = file_of(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert pixels_of(encoded).shape == (8, 12, 3)


# What a picture is ---------------------------------------------------------------------------------------------------


def test_its_hash_is_that_of_its_file(tmp_path):
    encoded = file_of(noise())
    (tmp_path / "a.png").write_bytes(encoded)
    held, read = Picture(encoded), Picture(tmp_path / "a.png", "another")
    assert held.digest == read.digest == hashlib.sha256(encoded).digest()
    assert held == read
    assert hash(held) == hash(read)
    assert held != Picture(file_of(noise(seed=1)))
    assert held != encoded


def test_pixels_of_no_file_are_kept_to_the_bit():
    picture = Picture.of(noise())
    assert picture.encoded == b"P6\n12 8\n255\n" + noise().tobytes()
    assert picture.digest == hashlib.sha256(picture.encoded).digest()
    back = Picture(picture.encoded)
    assert back == picture
    np.testing.assert_array_equal(back.pixels(), noise())
    assert back.size == picture.size == (12, 8)
    # The same numbers in another shape are another picture.
    assert Picture.of(noise().reshape(12, 8, 3)) != picture
    grey = noise()[:, :, 0]
    assert Picture.of(grey) == Picture.of(grey[:, :, None]) == Picture.of(np.stack([grey] * 3, axis=2))
    picture.pixels()[:] = 0
    np.testing.assert_array_equal(picture.pixels(), noise())


@pytest.mark.parametrize("pixels", [noise() / 255, noise()[:, :, :2], noise()[0, 0], noise()[:0], [["a"]]])
def test_other_numbers_are_no_pixels(pixels):
    with pytest.raises(DataError, match=r"picture 3: .* of shape \[.*\]; give pixels as uint8 \[height, width, 3\]"):
        Picture.of(pixels, "picture 3")


def test_a_file_that_changes_is_noticed(tmp_path):
    file = tmp_path / "a.png"
    file.write_bytes(file_of(noise()))
    picture = Picture(file, "a.png")
    picture.pixels()
    file.write_bytes(file_of(noise(seed=1)))
    with pytest.raises(DataError, match=r"a\.png: the file has changed since it was first read; start again"):
        picture.pixels()
    file.unlink()
    with pytest.raises(DataError, match=r"a\.png: no such file"):
        picture.pixels()


def test_a_picture_that_is_sent_takes_its_bytes_along(tmp_path):
    file = tmp_path / "a.png"
    file.write_bytes(file_of(noise()))
    sent = pickle.dumps(Picture(file, "a.png"))
    file.unlink()
    np.testing.assert_array_equal(pickle.loads(sent).pixels(), noise())  # noqa: S301


def test_how_it_looks():
    look = Picture.of(np.full((4, 6, 3), 100, np.uint8)).look
    assert look.size == (6, 4)
    np.testing.assert_allclose(look[1:], [100, 0, 0, 0], atol=1e-4)
    checks = np.indices((4, 4)).sum(axis=0) % 2 * 200
    look = Picture.of(checks.astype(np.uint8)).look
    np.testing.assert_allclose(look[1:3], [100, 100], atol=1e-3)
    expected = np.array([[2, 3, 3, 2], [3, 4, 4, 3], [3, 4, 4, 3], [2, 3, 3, 2]]) * np.where(checks == 0, 200, -200)
    np.testing.assert_allclose(look.sharpness, expected.std(), atol=5e-4)
    red = Picture.of(np.array([[[200, 0, 0], [0, 100, 0]]], np.uint8)).look
    first, second = np.array([200, -100]), np.array([100, 50])
    expected = np.hypot(first.std(), second.std()) + 0.3 * np.hypot(first.mean(), second.mean())
    np.testing.assert_allclose(red.colourfulness, expected, atol=5e-4)


# Pillow --------------------------------------------------------------------------------------------------------------


def test_pillow_is_imported_when_a_file_is_decoded():
    code = (
        "import sys, numpy as np\n"
        "from trusteq.data.read import read_items\n"
        "from trusteq.data.pictures import Pictures\n"
        "Pictures.of_arrays(np.zeros((2, 4, 4, 3), np.uint8)).inputs()\n"
        "assert 'PIL' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_without_pillow_one_line_says_what_to_install(monkeypatch):
    encoded = file_of(noise())
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(
        MissingExtraError, match=r"^a.png: a picture needs an optional part: pip install 'trusteq\[pict"
    ):
        Picture(encoded, "a.png").pixels()
