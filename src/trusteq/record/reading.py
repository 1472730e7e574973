"""Values read back from the JSON of a run, each checked; the first that no audit writes is a one-line error."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from trusteq.errors import RunError
from trusteq.record.json_file import refuse_infinite

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler

T = TypeVar("T")


def read(text: str, kind: type[T], *, where: str, context: Any = None) -> T:
    """The value of this kind that the JSON holds; ``context`` is passed to the checks of its parts."""
    hashable: Any = kind
    try:
        value: T = adapter(hashable).validate_json(text, strict=True, context=context)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "content"
        value_found = first.get("input")
        shown = f" (found {str(value_found)[:40]!r})" if isinstance(value_found, (str, int, float)) else ""
        raise RunError(
            f"{where}: damaged: {place}: {_message(first)}{shown}; copy the run again or audit again"
        ) from None
    refuse_infinite(text, where=where)
    return value


def _message(error: Any) -> str:
    if error["type"] == "unexpected_keyword_argument":
        return "extra inputs are not permitted"
    message = re.sub(r"<[\w.]+: ('[^']*')>", r"\1", error["msg"].removeprefix("Value error, "))
    message = message.replace("Tuple ", "List ")  # as JSON calls it
    return f"{message[:1].lower()}{message[1:]}"


@cache
def adapter(kind: Any) -> TypeAdapter[Any]:
    """The adapter that reads values of a kind and gives their schema."""
    complete: Any = Annotated[kind, _AsWritten()]
    return TypeAdapter(complete)


class _AsWritten:
    """Marks values that must have every field: defaults are for making a value, not for reading one.

    Nor does it check settings as it would a user's; the code that uses them does.
    """

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> Any:
        schema = handler(source)
        _require_fields(schema, handler, set())
        return schema


def _require_fields(schema: Any, handler: GetCoreSchemaHandler, seen: set[str]) -> None:
    if isinstance(schema, list):
        for part in schema:
            _require_fields(part, handler, seen)
    if not isinstance(schema, dict):
        return
    if schema.get("type") == "definition-ref":
        if schema["schema_ref"] in seen:
            return
        seen.add(schema["schema_ref"])
        schema = handler.resolve_ref_schema(schema)
    if schema.get("type") == "dataclass":
        schema["post_init"] = False
    if schema.get("type") == "dataclass-field" and schema["schema"]["type"] == "default":
        schema["schema"] = schema["schema"]["schema"]
    for name, part in schema.items():
        if name != "metadata":
            _require_fields(part, handler, seen)
