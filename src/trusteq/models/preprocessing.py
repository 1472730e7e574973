"""What a model file does to a picture before it answers: a small YAML beside it, since the file itself does not say.

``NAME.yaml`` belongs to ``NAME.onnx`` or ``NAME.tflite``. It is a part of the model: another way of resizing changes
more answers than rounding all weights to 8 bits does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from trusteq.data.spelling import british, british_keys
from trusteq.data.yaml_file import read_yaml, validated
from trusteq.errors import ModelError
from trusteq.models.sound_preprocessing import SoundPreprocessing

Rule = Literal["nearest", "bilinear", "bicubic", "box", "lanczos", "none"]

MOST_PIXELS = 16_384
"""The longest side of a model's input."""


def _number(value: object) -> object:
    """A number, which may also be written as a fraction: 1/255."""
    if isinstance(value, str) and value.count("/") == 1:
        above, below = (float(part) for part in value.split("/"))
        if below == 0:
            raise ValueError("divides by 0")
        return above / below
    return value


Pixels = Annotated[int, Field(ge=1, le=MOST_PIXELS)]
Number = Annotated[float, BeforeValidator(_number), Field(allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0)]


class Preprocessing(BaseModel):
    """How a picture becomes the numbers that a model reads: resized, cropped, its channels ordered and scaled.

    size: height and width of the model's input. resize: Pillow's rule; "none" takes only pictures of that size.
    crop: "centre" resizes the shorter side to ``shorter`` pixels and cuts ``size`` out of the middle; "none" resizes
    the whole picture to ``size``. colour: the order of the channels, or one channel of luminance. layout: where the
    channels' axis is. A number is (value x scale - mean) / std, where a pixel's values are 0 to 255; dtype: its type.
    labels, scores: the meaning of the outputs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    size: tuple[Pixels, Pixels]
    resize: Rule
    crop: Literal["none", "centre"] = "none"
    shorter: Pixels | None = None
    colour: Literal["RGB", "BGR", "grey"] = "RGB"
    layout: Literal["NHWC", "NCHW"]
    scale: Positive = 1.0
    mean: Number | tuple[Number, ...] = 0.0
    std: Positive | tuple[Positive, ...] = 1.0
    dtype: Literal["float32", "float16", "uint8", "int8"] = "float32"
    labels: tuple[str, ...] | None = None
    scores: Literal["probabilities", "logits"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _as_spelt_here(cls, content: Any) -> Any:
        keys = british_keys(content)
        return {key: british(value) for key, value in keys.items()} if isinstance(keys, dict) else keys

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.crop == "centre") != (self.shorter is not None):
            raise ValueError("shorter belongs to crop: centre; give both or neither")
        if self.shorter is not None and self.shorter < max(self.size):
            raise ValueError(f"shorter {self.shorter} leaves less than size {list(self.size)} to cut out; enlarge it")
        if self.crop == "centre" and self.resize == "none":
            raise ValueError("crop: centre resizes the shorter side; name the rule with resize")
        for name, value in (("mean", self.mean), ("std", self.std)):
            if isinstance(value, tuple) and len(value) != self.channels:
                raise ValueError(
                    f"{name} has {len(value)} numbers for {self.channels} channels ({self.colour}); give one of each"
                )
        return self

    @property
    def channels(self) -> int:
        """How many channels it has."""
        return 1 if self.colour == "grey" else 3

    @property
    def shape(self) -> tuple[int, int, int]:
        """The axes of one picture in its layout."""
        return (*self.size, self.channels) if self.layout == "NHWC" else (self.channels, *self.size)

    def stated(self) -> dict[str, Any]:
        """All of it as JSON-ready values, for identities and other processes."""
        return self.model_dump(mode="json", exclude_none=True)

    def seeing_as(self, other: Preprocessing) -> Preprocessing:
        """The same input of the model, resized by the other's rule and cropped to the other's part of the picture."""
        shorter = None
        if other.shorter is not None:
            shorter = max(round(other.shorter * min(self.size) / min(other.size)), *self.size)
        # "none" is no rule by which other pictures could be resized.
        rule = self.resize if other.resize == "none" else other.resize
        return self.model_copy(update={"resize": rule, "crop": other.crop, "shorter": shorter})


def preprocessing_of(
    given: str | Path | Mapping[str, Any] | Preprocessing | SoundPreprocessing | None, file: Path, *, name: str
) -> Preprocessing | SoundPreprocessing | None:
    """The preprocessing given for a model file, else the YAML beside the file; None if there is neither.

    One with a rate is that of sounds, any other that of pictures.
    """
    if isinstance(given, Preprocessing | SoundPreprocessing):
        return given
    if given is None and not file.with_suffix(".yaml").is_file():
        return None
    where: object = "preprocessing"
    content: object = given
    if not isinstance(given, Mapping):
        where = Path(given or file.with_suffix(".yaml")).expanduser()
        content = read_yaml(where, missing="no such file", error=ModelError)
    of_sounds = isinstance(content, Mapping) and "rate" in content
    schema: type[Preprocessing | SoundPreprocessing] = SoundPreprocessing if of_sounds else Preprocessing
    what = "preprocessing of sounds (it has a rate)" if of_sounds else "preprocessing of pictures"
    return validated(content, schema, where=f"model {name}: {where}", what=what, error=ModelError)


def refuse_other_shape(how: Preprocessing, shape: Sequence[Any], entry: str, *, name: str) -> None:
    """An error if the preprocessing gives other axes than an input has; an axis without a number takes any."""
    if len(shape) == 3 and all(
        given == own for given, own in zip(how.shape, shape, strict=True) if isinstance(own, int)
    ):
        return
    raise ModelError(
        f"model {name}: input {entry!r} has {list(shape)} numbers an item, but the preprocessing gives "
        f"{list(how.shape)} ({how.layout}, {how.colour}); correct size, layout or colour there"
    )


def with_preprocessing(content: str, how: Preprocessing | SoundPreprocessing) -> str:
    """The hash of a model's files and of what it does to its input; what its labels are called is no part of it."""
    stated = {key: value for key, value in how.stated().items() if key not in {"labels", "scores"}}
    return hashlib.sha256(json.dumps([content, stated], sort_keys=True).encode()).hexdigest()
