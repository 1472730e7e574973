"""What a model file does to a sound before it answers, in the YAML beside it: its rate, its length, its scale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from trusteq.data.waveform import MOST_SAMPLES, RATES
from trusteq.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Sequence


class SoundPreprocessing(BaseModel):
    """How a sound's samples, whose full scale is -1 to 1, become the numbers that a model reads.

    rate: samples a second. resample: whether sounds of another rate are resampled to it rather than refused. length:
    in samples; shorter sounds are followed by silence and longer ones lose their end. Without it a sound keeps its own
    length. normalise: "peak" divides by the largest absolute sample, "deviation" subtracts the mean and divides by the
    standard deviation, both before silence is added. scale: factor after that, such as 32768. dtype: the type of the
    numbers. labels, scores: the meaning of the outputs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rate: Annotated[int, Field(ge=RATES[0], le=RATES[1])]
    resample: bool = False
    length: Annotated[int, Field(ge=1, le=MOST_SAMPLES)] | None = None
    normalise: Literal["none", "peak", "deviation"] = "none"
    scale: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    dtype: Literal["float32", "float16", "int16", "int8"] = "float32"
    labels: tuple[str, ...] | None = None
    scores: Literal["probabilities", "logits"] | None = None

    def stated(self) -> dict[str, Any]:
        """All of it as JSON-ready values, for identities and other processes."""
        return self.model_dump(mode="json", exclude_none=True)

    def heard(self) -> dict[str, Any]:
        """All that is done to a sound, by name, to compare it with what another model does."""
        return self.model_dump(mode="json", exclude={"labels", "scores", "dtype", "resample"})


def refuse_other_length(how: SoundPreprocessing, shape: Sequence[Any], entry: str, *, name: str) -> None:
    """An error unless an input whose axes of one item are these takes sounds of the stated length."""
    fixed = [size for size in shape if isinstance(size, int) and size != 1]
    if len(fixed) > 1:
        raise ModelError(
            f"model {name}: input {entry!r} has {list(shape)} numbers an item, but a sound has one axis; give the "
            "features that it reads with --features"
        )
    if fixed and fixed[0] != how.length:
        raise ModelError(
            f"model {name}: input {entry!r} has {fixed[0]:,} samples an item, but the preprocessing says length: "
            f"{how.length or 'nothing'}; correct it"
        )
