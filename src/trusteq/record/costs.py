"""A run's ``costs.json``, checked where it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from trusteq.errors import RunError
from trusteq.models.cost import SCHEMA_VERSION
from trusteq.record.json_file import read_json
from trusteq.record.reading import read

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

FILE = "costs.json"

_STRICT = ConfigDict(strict=True)

_Amount = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=0)]


class _Machine(BaseModel):
    model_config = _STRICT

    processor: str
    cores: int = Field(ge=1)
    threads: Annotated[int, Field(ge=1)] | None
    platform: str
    device: str


class _Spread(BaseModel):
    model_config = _STRICT

    median: _Amount
    low: _Amount
    high: _Amount
    n: int = Field(ge=1)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low <= self.median <= self.high:
            raise PydanticCustomError("order", "the median is outside its quartiles")
        return self


class _Model(BaseModel):
    model_config = _STRICT

    name: str
    parameters: _Count | None
    disk_bytes: _Count | None
    weights_bytes: _Count | None
    peak_bytes: _Count | None
    latency: _Spread | None
    throughput: _Spread | None


class _Costs(BaseModel):
    model_config = _STRICT

    machine: _Machine
    items: _Count
    models: list[_Model] = Field(min_length=1)
    notes: list[str]


def read_costs(directory: Path, names: Sequence[str]) -> dict[str, Any] | None:
    """What a run says its models, called so and in this order, cost; None where it says nothing."""
    path = directory / FILE
    try:
        content, text = read_json(path)
    except FileNotFoundError:
        return None
    version = content.get("schema_version") if isinstance(content, dict) else None
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise RunError(f"{path}: schema version {version!r} is none; copy the run again")
    if version > SCHEMA_VERSION:
        raise RunError(f"{path}: schema version {version}; this trusteq reads up to {SCHEMA_VERSION}; upgrade trusteq")
    read(text, _Costs, where=str(path))
    own = [model["name"] for model in content["models"]]
    if own != list(names):
        raise RunError(
            f"{path}: is about {', '.join(own)[:200]}, but this run's models are {', '.join(names)[:200]}; "
            "copy the run again"
        )
    found: dict[str, Any] = content
    return found
