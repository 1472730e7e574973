"""Every number of a study as one CSV file, a row an estimate, for statistics and plots of one's own."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from trusteq.record.document import estimate_from

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from trusteq.stats.estimate import Estimate
    from trusteq.study.markdown import Repetition

COLUMNS = ("seed", "source", "first", "second", "measure", "value", "low", "high", "level", "n", "method")

Row = tuple[object, ...]


def estimates(found: Sequence[Repetition]) -> str:
    """The file: of each seed the audit's estimates, those of all pairs of models, and the protocol's."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for repetition in found:
        writer.writerows((repetition.seed, *row) for row in _rows(repetition))
    return text.getvalue()


def _rows(repetition: Repetition) -> Iterator[Row]:
    reference = repetition.run.audit["reference"]["name"]
    for candidate, measures in repetition.measures.items():
        for measure, estimate in measures.items():
            yield _row("audit", reference, candidate, measure, estimate)
    for pair in repetition.pairs:
        for measure, estimate in pair["estimates"].items():
            yield _row("pairs", pair["first"], pair["second"], measure, estimate_from(estimate))
    if repetition.protocol is not None:
        for pair in repetition.protocol.audit["protocol"]["pairs"]:
            yield from _of_protocol(pair)


def _of_protocol(pair: Mapping[str, Any]) -> Iterator[Row]:
    """The mean over the protocol's runs, their variance, and each run, which has no interval."""
    about, measure = ("protocol", pair["first"], pair["second"]), f"jaccard_{pair['method']}"
    yield _row(*about, measure, estimate_from(pair["mean"]))
    yield _row(*about, f"{measure}_variance", estimate_from(pair["variance"]))
    for number, value in enumerate(pair["runs"], 1):
        yield (*about, f"{measure}_run_{number}", value, *[""] * 5)


def _row(source: str, first: str, second: str, measure: str, e: Estimate) -> Row:
    return source, first, second, measure, e.value, e.low, e.high, e.level, e.n, e.method
