"""A picture's pixels as the numbers that a model reads, by its preprocessing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.errors import MissingExtraError, ModelError
from trusteq.models.reading import only_segment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.models.preprocessing import Preprocessing


PICTURES = 32
"""Pictures that are decoded, and answered, at a time."""


def pillow(*, name: str) -> Any:
    """Pillow's module of pictures; an error about the missing extra without it."""
    try:
        from PIL import Image
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"model {name}", "pictures") from error
    return Image


def pillow_version() -> str:
    """The version of Pillow, whose rounding decides a resized picture's pixels."""
    import PIL

    return str(PIL.__version__)


def picture_input(pixels: NDArray[np.uint8], how: Preprocessing) -> NDArray[Any]:
    """The numbers [height, width, channels], or [channels, height, width], of a picture [height, width, 3] in RGB."""
    return _looked_up(pixels, how, numbers_of_values(how))


def numbers_of_values(how: Preprocessing) -> NDArray[Any]:
    """The number that each value of each channel becomes [channels, 256]; there are no more."""
    values = np.arange(256, dtype=np.float32)[None, :].repeat(how.channels, 0)
    mean, std = (np.asarray(value, dtype=np.float32).reshape(-1, 1) for value in (how.mean, how.std))
    numbers = (values * np.float32(how.scale) - mean) / std
    return in_type(numbers, np.dtype(how.dtype))


def _looked_up(pixels: NDArray[np.uint8], how: Preprocessing, numbers: NDArray[Any]) -> NDArray[Any]:
    """The numbers of a picture in the model's layout, looked up by channel and value."""
    values = resized(pixels, how)
    if how.colour == "BGR":
        values = values[:, :, ::-1]
    if how.layout == "NCHW":
        values = np.moveaxis(values, -1, 0)
    made: NDArray[Any]
    if (numbers == numbers[0]).all():
        made = numbers[0][values]
        return made
    made = np.empty(values.shape, dtype=numbers.dtype)
    for channel, row in enumerate(numbers):
        at = (channel, ...) if how.layout == "NCHW" else (..., channel)
        made[at] = row[values[at]]
    return made


def in_type(numbers: NDArray[np.float32], dtype: np.dtype[Any]) -> NDArray[Any]:
    """The numbers in a type; in one of whole numbers rounded, and cut off where its range ends."""
    if dtype.kind == "f":
        return numbers.astype(dtype)
    limits = np.iinfo(dtype)
    return np.clip(np.round(numbers), limits.min, limits.max).astype(dtype)


def resized(pixels: NDArray[np.uint8], how: Preprocessing) -> NDArray[np.uint8]:
    """The part of a picture that a model sees [height, width, channels], in the size of its input."""
    from PIL import Image

    (height, width), shape = how.size, pixels.shape[:2]
    if how.resize == "none" and shape != how.size:
        raise ModelError(
            f"its picture has {shape[0]} x {shape[1]} pixels (height x width), the model reads {height} x {width} and "
            "its preprocessing says resize: none; name a rule there"
        )
    if how.colour == "grey" or (shape != how.size or how.shorter is not None):
        picture = Image.fromarray(pixels)
        if how.colour == "grey":
            picture = picture.convert("L")
        if how.shorter is not None:
            picture = _centre(picture, how)
        elif shape != how.size:
            picture = picture.resize((width, height), getattr(Image.Resampling, how.resize.upper()))
        pixels = np.asarray(picture)
    return pixels if pixels.ndim == 3 else pixels[:, :, None]


def _centre(picture: Any, how: Preprocessing) -> Any:
    """The middle of a picture whose shorter side was resized."""
    from PIL import Image

    shorter, (height, width) = how.shorter or 0, how.size
    full = enlarged(picture.size, shorter)
    if full != picture.size:
        picture = picture.resize(full, getattr(Image.Resampling, how.resize.upper()))
    left, top = (full[0] - width) // 2, (full[1] - height) // 2
    return picture.crop((left, top, left + width, top + height))


def enlarged(size: tuple[int, int], shorter: int) -> tuple[int, int]:
    """Width and height of a picture of this width and height whose shorter side becomes ``shorter`` pixels long."""
    width, height = size
    if width <= height:
        return shorter, int(shorter * height / width)
    return int(shorter * width / height), shorter


def seen_part(size: tuple[int, int], how: Preprocessing) -> tuple[float, float, float, float]:
    """The part of a picture of this width and height that a model sees: left, top, right, bottom, as shares of it."""
    if how.shorter is None:
        return 0.0, 0.0, 1.0, 1.0
    width, height = enlarged(size, how.shorter)
    left, top = (width - how.size[1]) // 2, (height - how.size[0]) // 2
    return left / width, top / height, (left + how.size[1]) / width, (top + how.size[0]) / height


def picture_inputs(
    items: Items,
    how: Preprocessing,
    *,
    name: str,
    stored: Callable[[NDArray[Any]], NDArray[Any]] = lambda numbers: numbers,
) -> Iterator[NDArray[Any]]:
    """What a graph reads of each picture; a few are decoded at a time.

    ``stored`` converts numbers to those that the graph stores.
    """
    pictures, numbers = only_segment(items, {"picture"}, name=name), stored(numbers_of_values(how))
    for start in range(0, len(items), PICTURES):
        at = np.arange(start, min(start + PICTURES, len(items)))
        for i, pixels in zip(at.tolist(), pictures.take(at).inputs(), strict=True):
            try:
                yield _looked_up(pixels, how, numbers)
            except ModelError as error:
                raise ModelError(f"model {name}: item {items.ids[i]!r}: {error}") from None
