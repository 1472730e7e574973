"""Evidence whose audit.json was edited."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from trusteq.record.document import AuditDocument
from trusteq.record.plain import plain
from trusteq.record.reading import read

if TYPE_CHECKING:
    from collections.abc import Callable

    from trusteq.record.evidence import Evidence


def edited(evidence: Evidence, change: Callable[[Any], object]) -> Evidence:
    """The same after ``change`` was done to the content of its audit.json."""
    content = plain(evidence.document)
    change(content)
    return replace(evidence, document=read(json.dumps(content), AuditDocument, where="edited"))
