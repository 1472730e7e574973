"""What a model file does to a picture: read from YAML, refused where it cannot be, and done by hand for comparison."""

import numpy as np
import pytest

from trusteq import ModelError
from trusteq.models.preprocessing import Preprocessing, preprocessing_of

pytest.importorskip("PIL", reason="needs the extra 'pictures'")

from trusteq.models.picture_input import picture_input, resized, seen_part

PLAIN = {"size": [4, 6], "resize": "bilinear", "layout": "NHWC"}


def how(**changes):
    return preprocessing_of({**PLAIN, **changes}, None, name="m")


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


# The file -------------------------------------------------------------------------------------------------------------


def test_it_is_read_from_the_yaml_beside_the_model(tmp_path):
    (tmp_path / "net.yaml").write_text("size: [4, 6]\nresize: box\nlayout: NCHW\nscale: 1/255\nlabels: [cat, dog]\n")
    read = preprocessing_of(None, tmp_path / "net.tflite", name="net")
    assert (read.size, read.resize, read.layout, read.scale, read.labels) == (
        (4, 6),
        "box",
        "NCHW",
        1 / 255,
        ("cat", "dog"),
    )
    assert preprocessing_of(None, tmp_path / "other.tflite", name="net") is None


def test_a_named_file_comes_before_the_one_beside_the_model(tmp_path):
    (tmp_path / "net.yaml").write_text("size: [4, 6]\nresize: box\nlayout: NCHW\n")
    (tmp_path / "mine.yaml").write_text("size: [4, 6]\nresize: nearest\nlayout: NCHW\n")
    assert preprocessing_of(str(tmp_path / "mine.yaml"), tmp_path / "net.onnx", name="net").resize == "nearest"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"sise": [4, 6]}, "preprocessing of pictures has no key 'sise'; did you mean 'size'?"),
        ({"size": [0, 6]}, "size.0: input should be greater than or equal to 1 (found 0)"),
        ({"size": [4]}, "size"),
        ({"resize": "cubic"}, "resize: input should be 'nearest', 'bilinear', 'bicubic', 'box', 'lanczos' or 'none'"),
        ({"crop": "centre"}, "shorter belongs to crop: centre; give both or neither"),
        ({"shorter": 8}, "shorter belongs to crop: centre"),
        ({"crop": "centre", "shorter": 5}, "shorter 5 leaves less than size [4, 6] to cut out"),
        ({"crop": "centre", "shorter": 8, "resize": "none"}, "name the rule with resize"),
        ({"mean": [1, 2]}, "mean has 2 numbers for 3 channels (RGB)"),
        ({"std": 0}, "std"),
        ({"scale": "1/0"}, "scale: divides by 0"),
        ({"scale": "a/b"}, "scale"),
        ({"scale": float("nan")}, "scale"),
        ({"dtype": "int4"}, "dtype"),
        ({"scores": "percent"}, "scores"),
    ],
)
def test_what_cannot_be_is_one_line(changes, says):
    with pytest.raises(ModelError) as raised:
        how(**changes)
    assert says in str(raised.value)
    assert str(raised.value).startswith("model m: preprocessing: ")


def test_a_missing_file_and_a_file_of_something_else_are_one_line(tmp_path):
    with pytest.raises(ModelError, match=r"none\.yaml: no such file"):
        preprocessing_of(str(tmp_path / "none.yaml"), tmp_path / "net.onnx", name="net")
    (tmp_path / "net.yaml").write_text("- 1\n")
    with pytest.raises(ModelError, match=r"preprocessing of pictures must be a mapping .*, found list"):
        preprocessing_of(None, tmp_path / "net.onnx", name="net")


def test_what_is_stated_gives_the_same_preprocessing_again():
    one = how(crop="centre", shorter=8, mean=[1, 2, 3], std=2, scores="logits", labels=["a", "b"])
    assert preprocessing_of(one.stated(), None, name="m") == one


# The pixels -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ["nearest", "bilinear", "bicubic", "box", "lanczos", "none"])
def test_a_picture_of_the_right_size_is_left_as_it_is(rule):
    pixels = picture(4, 6)
    assert np.array_equal(resized(pixels, how(resize=rule)), pixels)


def test_height_comes_before_width():
    assert resized(picture(30, 20), how()).shape == (4, 6, 3)


def test_doubling_by_nearest_repeats_every_pixel():
    pixels = picture(2, 3)
    assert np.array_equal(resized(pixels, how(resize="nearest")), pixels.repeat(2, 0).repeat(2, 1))


def test_halving_by_box_is_the_mean_of_four_pixels():
    pixels = picture(8, 12)
    means = pixels.reshape(4, 2, 6, 2, 3).mean(axis=(1, 3))
    assert np.abs(resized(pixels, how(resize="box")) - means).max() <= 1  # rounded after either direction


def test_rules_differ_on_the_same_picture():
    pixels = picture(40, 60)
    made = {rule: resized(pixels, how(resize=rule)).tobytes() for rule in ("nearest", "bilinear", "bicubic", "box")}
    assert len(set(made.values())) == 4


def test_without_a_rule_a_picture_of_another_size_is_refused():
    with pytest.raises(ModelError, match=r"its picture has 5 x 6 pixels .* the model reads 4 x 6 .* resize: none"):
        resized(picture(5, 6), how(resize="none"))


def test_a_centre_crop_without_resizing_is_the_middle():
    pixels = picture(11, 17)
    cut = resized(pixels, how(crop="centre", shorter=11))
    assert np.array_equal(cut, pixels[3:7, 5:11])


def test_a_centre_crop_resizes_the_shorter_side_first():
    tall = np.zeros((40, 20, 3), dtype=np.uint8)
    tall[10:30] = 255  # becomes rows 5 to 14 of 20 x 10
    cut = resized(tall, how(crop="centre", shorter=10, resize="nearest"))
    assert cut.shape == (4, 6, 3)
    assert (cut == 255).all()


def test_colours_are_put_in_order():
    pixels = picture(4, 6)
    assert np.array_equal(picture_input(pixels, how(colour="BGR")), pixels[:, :, ::-1].astype(np.float32))


def test_grey_is_the_luminance():
    pixels = picture(4, 6)
    red, green, blue = np.moveaxis(pixels.astype(int), -1, 0)
    luminance = (19595 * red + 38470 * green + 7471 * blue + 2**15) >> 16
    grey = picture_input(pixels, how(colour="grey"))
    assert grey.shape == (4, 6, 1)
    assert np.array_equal(grey[:, :, 0], luminance)


def test_numbers_are_scaled_then_the_mean_goes_off_and_the_deviation_divides():
    pixels = picture(4, 6)
    made = picture_input(pixels, how(scale="1/255", mean=[0.1, 0.2, 0.3], std=[0.5, 1, 2], layout="NCHW"))
    assert made.shape == (3, 4, 6)
    assert made.dtype == np.float32
    for channel, (mean, std) in enumerate([(0.1, 0.5), (0.2, 1), (0.3, 2)]):
        assert np.allclose(made[channel], (pixels[:, :, channel] / 255 - mean) / std, atol=1e-6)


def test_whole_numbers_are_rounded_and_cut_off_at_the_ends():
    pixels = np.array([[[0, 100, 255]] * 6] * 4, dtype=np.uint8)
    assert picture_input(pixels, how(mean=128, dtype="int8"))[0, 0].tolist() == [-128, -28, 127]
    assert picture_input(pixels, how(scale=1.5, mean=0.4, dtype="uint8"))[0, 0].tolist() == [0, 150, 255]


def test_numbers_do_not_depend_on_the_memory_layout_of_the_picture():
    pixels = picture(8, 12)
    turned = np.asfortranarray(pixels)
    assert picture_input(pixels, how()).tobytes() == picture_input(turned, how()).tobytes()


# What a model sees ----------------------------------------------------------------------------------------------------


def test_a_model_sees_as_another_with_its_own_size_and_scale():
    small = how(size=[32, 32], scale="1/255")
    cropping = how(size=[224, 224], resize="bicubic", crop="centre", shorter=256, layout="NCHW")
    assert small.seeing_as(cropping) == how(size=[32, 32], scale="1/255", resize="bicubic", crop="centre", shorter=37)
    assert cropping.seeing_as(small).crop == "none"
    assert small.seeing_as(small) == small


def test_a_rule_of_none_says_nothing_about_other_pictures():
    assert how(resize="box").seeing_as(how(resize="none")).resize == "box"


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (300, 300), (1000, 33)])
def test_the_part_that_is_seen_is_what_a_crop_keeps(size):
    cropping = how(size=[14, 14], resize="nearest", crop="centre", shorter=16)
    left, top, right, bottom = seen_part(size, cropping)
    width, height = size
    columns = np.linspace(0, 255, width).astype(np.uint8)[None, :, None].repeat(height, 0).repeat(3, 2)
    cut = resized(np.ascontiguousarray(columns), cropping)[0, :, 0] / 255
    pixel = 1 / 16 + 1 / 255  # of the shorter side
    assert abs(cut[0] - left) <= pixel
    assert abs(cut[-1] - right) <= pixel
    assert (right - left) * (bottom - top) == pytest.approx(14 * 14 / (16 * int(16 * max(size) / min(size))))


def test_a_model_without_a_crop_sees_everything():
    assert seen_part((640, 480), how()) == (0, 0, 1, 1)


def test_stating_it_twice_is_equal_and_can_be_a_key():
    assert len({how(), how()}) == 1
    assert isinstance(how(), Preprocessing)
