"""Categories that an estimator never saw in training, by what its fitted encoders know."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.models.base import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pandas as pd

DEPTH = 6
"""How deeply estimators are nested in pipelines, at most."""


def unseen_categories(estimator: Any, frame: pd.DataFrame, *, name: str) -> tuple[Finding, ...]:
    """A finding about each column with values that the estimator's encoders never saw."""
    findings = []
    for column, known in known_categories(estimator).items():
        if column not in frame.columns:
            continue
        values = frame[column]
        strange = values.notna() & ~values.isin(known)
        if count := int(strange.sum()):
            examples = ", ".join(map(repr, values[strange].drop_duplicates().tolist()[:3]))
            message = (
                f"column {column!r} holds values that it never saw in training ({examples}) in {count:,} of "
                f"{len(frame):,} items; what it answers there is its encoder's rule, not experience"
            )
            findings.append(Finding(name, "unseen categories", message, float(count)))
    return tuple(findings)


def known_categories(estimator: Any) -> dict[str, list[Any]]:
    """By column, the values that fitted encoders know; a column that several encode, what any of them knows."""
    known: dict[str, list[Any]] = {}
    for encoder in _parts(estimator, DEPTH):
        columns, categories = getattr(encoder, "feature_names_in_", None), getattr(encoder, "categories_", None)
        if columns is None or categories is None:
            continue
        for column, values in zip(columns, categories, strict=False):
            known.setdefault(str(column), []).extend(list(values))
    return known


def _parts(estimator: Any, depth: int) -> Iterator[Any]:
    """An estimator and all that pipelines and column transformers hold."""
    yield estimator
    if depth:
        for part in _named(estimator).values():
            yield from _parts(part, depth - 1)


def _named(estimator: Any) -> Mapping[str, Any]:
    steps = getattr(estimator, "steps", None) or getattr(estimator, "transformers_", None) or ()
    named = {str(step[0]): step[1] for step in steps if not isinstance(step[1], str)}
    for attribute in ("estimator", "estimator_", "best_estimator_"):
        if (inner := getattr(estimator, attribute, None)) is not None:
            named[attribute] = inner
    return named
