"""What llama.cpp's ``llama-perplexity --kl-divergence`` prints: statistics of one quantized model against its base.

Logs from before 2026 print the label "99.0% KLD" twice, for 99.9 and for 99 %; a log that was copied may have "+-",
"+/-" or "_" in place of the sign.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trusteq.data.lines import lines
from trusteq.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

_NUMBER = r"-?\d+(?:\.\d+)?"
_LINE = re.compile(
    rf"(?P<label>[^:]*?(?:PPL|KLD|\u0394p|top p)[^:]*?)\s*:\s*(?P<value>{_NUMBER})"
    rf"\s*(?:(?:\u00b1|\+/?-|_)\s*(?P<error>{_NUMBER}))?\s*(?P<unit>%?)\s*$"
)
_HEADING = "KL divergence statistics"
SECOND = {"99.0% KLD": "99.9% KLD"}
"""A label that was printed twice, and what the first of the two is."""


@dataclass(frozen=True)
class PrintedValue:
    """A printed statistic: its label, its value, the printed standard error (None without one), and "%" or ""."""

    label: str
    value: float
    error: float | None
    unit: str


def recognises(path: Path) -> bool:
    """Whether the file is a log with statistics of KL divergence."""
    if not path.is_file() or path.suffix.lower() not in {".log", ".txt", ""}:
        return False
    try:
        return any(_HEADING in line for line in lines(path))
    except DataError:
        return False


def read(path: Path) -> tuple[PrintedValue, ...]:
    """The statistics in the order in which they were printed; an error if there are none."""
    values: list[PrintedValue] = []
    for line in lines(path):
        if (match := _LINE.match(line.strip())) is None:
            continue
        label = " ".join(match["label"].split())
        error = None if match["error"] is None else float(match["error"])
        values.append(PrintedValue(label, float(match["value"]), error, match["unit"]))
    labels = [value.label for value in values]
    for i, label in enumerate(labels):
        if label in SECOND and label in labels[i + 1 :]:
            values[i] = PrintedValue(SECOND[label], values[i].value, values[i].error, values[i].unit)
    labels = [value.label for value in values]
    if not any("KLD" in label for label in labels):
        raise DataError(f"{path}: has no statistics of KL divergence; use what llama-perplexity --kl-divergence prints")
    repeated = next((label for label in labels if labels.count(label) > 1), None)
    if repeated is not None:
        raise DataError(f"{path}: prints {repeated!r} twice; give the log of one run")
    return tuple(values)
