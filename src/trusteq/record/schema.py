"""The JSON Schema of ``audit.json``; ``python -m trusteq.record.schema`` prints it.

A fixed structure may hold nothing else. The names of measures, tests and slices, and the keys of a model's details,
depend on the run. A number that could not be computed is null.
"""

from __future__ import annotations

import json
from typing import Any

from trusteq.record.document import AuditDocument
from trusteq.record.reading import adapter

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def audit_schema() -> dict[str, Any]:
    """The JSON Schema of ``audit.json``."""
    schema = adapter(AuditDocument).json_schema(mode="serialization")
    return {"$schema": DIALECT, **schema, "title": "audit.json of trusteq"}


def text() -> str:
    """The published schema."""
    return json.dumps(audit_schema(), indent=1) + "\n"


if __name__ == "__main__":
    print(text(), end="")
