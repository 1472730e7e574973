"""The texts that language models read, token by token."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trusteq.errors import TaskFileError
from trusteq.prompts.asked import segment_texts
from trusteq.prompts.template import template

if TYPE_CHECKING:
    from trusteq.data.items import Items
    from trusteq.prompts.task_file import TaskFile


def documents(task_file: TaskFile, items: Items) -> list[str]:
    """The text of each item; without a template it is the item's only segment."""
    texts = segment_texts(task_file, items)
    if task_file.text is None:
        return list(next(iter(texts.values())))
    written = template(task_file.text)
    rendered = []
    for item in range(len(items)):
        try:
            rendered.append(written.rendered({name: values[item] for name, values in texts.items()}))
        except ValueError as problem:
            raise TaskFileError(
                f"the task file's template cannot be used for item {items.ids[item]!r}: {problem}"
            ) from None
    return rendered
