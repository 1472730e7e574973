"""Every number of a study as one CSV file, one row per estimate, for the reader's own statistics and plots."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from trusteq.record.document import ProtocolSummary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from trusteq.comparing.published import PairAgreement
    from trusteq.stats.estimate import Estimate
    from trusteq.study.markdown import Repetition

COLUMNS = ("seed", "source", "first", "second", "measure", "value", "low", "high", "level", "n", "method")

Row = tuple[object, ...]


def estimates(repetitions: Sequence[Repetition]) -> str:
    """The file's text: for each seed the estimates of the audit, of all pairs of models, and of the protocol."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for repetition in repetitions:
        writer.writerows((repetition.seed, *row) for row in _rows(repetition))
    return text.getvalue()


def _rows(repetition: Repetition) -> Iterator[Row]:
    reference = repetition.run.document.reference.name
    for candidate, measures in repetition.measures.items():
        for measure, estimate in measures.items():
            yield _row("audit", reference, candidate, measure, estimate)
    for pair in repetition.pairs:
        for measure, estimate in pair.estimates.items():
            yield _row("pairs", pair.first, pair.second, measure, estimate)
    protocol = None if repetition.protocol is None else repetition.protocol.document.protocol
    for agreement in protocol.pairs if isinstance(protocol, ProtocolSummary) else ():
        yield from _protocol_rows(agreement)


def _protocol_rows(pair: PairAgreement) -> Iterator[Row]:
    """The mean over the protocol's runs, their variance, and each run, which has no interval."""
    models, measure = ("protocol", pair.first, pair.second), f"jaccard_{pair.method}"
    yield _row(*models, measure, pair.mean)
    yield _row(*models, f"{measure}_variance", pair.variance)
    for number, value in enumerate(pair.runs, 1):
        yield (*models, f"{measure}_run_{number}", value, *[""] * 5)


def _row(source: str, first: str, second: str, measure: str, e: Estimate) -> Row:
    return source, first, second, measure, e.value, e.low, e.high, e.level, e.n, e.method
