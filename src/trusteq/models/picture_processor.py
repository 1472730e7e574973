"""What a transformers image processor does to a picture, as a preprocessing that can be compared with others'."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from trusteq.models.picture_input import picture_input
from trusteq.models.preprocessing import Preprocessing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

RULES = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic", 4: "box"}
"""Pillow's numbers of its rules."""

TEST_SIZES = ((61, 83), (301, 209), (32, 32))
"""Heights and widths of the pictures on which a processor and its preprocessing must agree."""

TOLERANCE = 1e-4
"""The largest difference that counts as rounding: a step of a pixel is 0.004 before it is divided by a deviation."""


def settings_of(processor: Any) -> dict[str, Any]:
    """Its settings, as they are stored."""
    settings: dict[str, Any] = json.loads(processor.to_json_string())
    return settings


def processed(processor: Any, pixels: NDArray[np.uint8]) -> NDArray[Any]:
    """The numbers [channels, height, width] that it makes of a picture [height, width, 3] in RGB."""
    values = processor(images=[pixels], input_data_format="channels_last", return_tensors="np")["pixel_values"][0]
    return np.asarray(values)


def preprocessing_by(processor: Any) -> Preprocessing | None:
    """The preprocessing that gives what the processor gives, as tried on a few pictures; None if there is none."""
    processed(processor, _test_picture(TEST_SIZES[0]))  # fails here where its settings make no sense
    for stated in _possible(settings_of(processor)):
        try:
            how = Preprocessing.model_validate(stated)
        except ValidationError:
            continue
        if all(_agree(processor, how, size) for size in TEST_SIZES):
            return how
    return None


def _possible(settings: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What the settings may mean: classes of processors differ in what they do with the same ones."""
    size, crop = settings.get("size") or {}, settings.get("crop_size") or {}
    if not settings.get("do_resize") or settings.get("resample") not in RULES:
        return
    stated: dict[str, Any] = {"resize": RULES[settings["resample"]], "layout": "NCHW"}
    if settings.get("do_rescale"):
        stated["scale"] = settings.get("rescale_factor")
    if settings.get("do_normalize"):
        stated |= {name: tuple(settings.get(f"image_{name}") or ()) for name in ("mean", "std")}
    if settings.get("do_flip_channel_order"):
        stated["colour"] = "BGR"
    shorter = size.get("shortest_edge")
    if shorter and settings.get("crop_pct"):
        full = int(shorter / settings["crop_pct"])
        yield {**stated, "size": (shorter, shorter), "crop": "centre", "shorter": full}
        yield {**stated, "size": _sides(crop), "crop": "centre", "shorter": full}
    elif shorter and settings.get("do_center_crop"):
        yield {**stated, "size": _sides(crop), "crop": "centre", "shorter": shorter}
    yield {**stated, "size": (shorter, shorter) if shorter else _sides(size)}


def _sides(size: Mapping[str, Any]) -> tuple[Any, Any]:
    return size.get("height"), size.get("width")


def _agree(processor: Any, how: Preprocessing, size: tuple[int, int]) -> bool:
    pixels = _test_picture(size)
    own = processed(processor, pixels)
    return own.shape == how.shape and bool(np.abs(own - picture_input(pixels, how)).max() <= TOLERANCE)


def _test_picture(size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
