"""The JSON Schema of task files; ``python -m trusteq.prompts.schema`` prints it."""

from __future__ import annotations

import json

from trusteq.prompts.task_file import task_schema


def text() -> str:
    """The published schema."""
    return json.dumps(task_schema(), indent=2) + "\n"


if __name__ == "__main__":
    print(text(), end="")
