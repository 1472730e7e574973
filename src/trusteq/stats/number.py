"""Types of numbers in a record: what is accepted when one is read, and how the record's schema describes it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

from annotated_types import Ge, Gt, Le, Lt

if TYPE_CHECKING:
    from collections.abc import Callable

Count = Annotated[int, Ge(0)]
Positive = Annotated[int, Ge(1)]
Amount = Annotated[float, Gt(0), Lt(math.inf)]
Share = Annotated[float, Ge(0), Le(1)]
Level = Annotated[float, Gt(0), Lt(1)]


class _NullIsNaN:
    """Marks a number that is null in a record if it could not be computed."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Callable[[Any], Any]) -> Any:
        from pydantic_core import core_schema

        def read(value: Any, number: Callable[[Any], float]) -> float:
            if value is None:
                return math.nan
            return value if type(value) is int else number(value)  # unchanged, as it was written

        return core_schema.no_info_wrap_validator_function(read, handler(source))

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        return {"anyOf": [{"type": "number"}, {"type": "null"}]}


Number = Annotated[float, _NullIsNaN()]
"""A number, or NaN if it could not be computed."""
