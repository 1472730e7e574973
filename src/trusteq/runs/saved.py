"""What a run's ``audit.json`` must hold to be judged again, checked where it is read."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trusteq.errors import RunError

_STRICT = ConfigDict(strict=True)


class _Estimate(BaseModel):
    """A number with its interval; null where it could not be computed."""

    model_config = ConfigDict(strict=True, extra="forbid")

    value: float | None
    low: float | None
    high: float | None
    n: int = Field(ge=1)
    method: str
    level: float = Field(gt=0, lt=1)


class _Named(BaseModel):
    model_config = _STRICT

    name: str


class _Candidate(_Named):
    measures: dict[str, dict[str, _Estimate]]


class _Items(BaseModel):
    model_config = _STRICT

    n: int = Field(ge=1)
    ignored: int = Field(0, ge=0)
    clusters: Annotated[int, Field(ge=1)] | None = None


class _Audit(BaseModel):
    model_config = _STRICT

    reference: _Named
    items: _Items
    candidates: list[_Candidate] = Field(min_length=1)


def refuse_damaged(content: Any, *, where: str, expected: type[BaseModel] = _Audit) -> None:
    """Nothing, or one clear line about the first value that no audit writes."""
    try:
        expected.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "content"
        found = first.get("input")
        value = f" (found {str(found)[:40]!r})" if isinstance(found, (str, int, float)) else ""
        message = f"{first['msg'][:1].lower()}{first['msg'][1:]}"
        raise RunError(f"{where}: damaged: {place}: {message}{value}; copy the run again or audit again") from None
