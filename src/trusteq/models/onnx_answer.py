"""A graph asked once: its scores for some inputs, checked to be one row per item and one column per label."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trusteq.errors import ModelError
from trusteq.models.library_output import one_line
from trusteq.models.onnx_by_label import table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


def answered(
    session: Any, feed: Mapping[str, NDArray[Any]], output: str, labels: int, *, what: str, name: str
) -> NDArray[Any]:
    """The graph's scores [items, labels] for these inputs; ``what`` says which items they are."""
    try:
        (answer,) = session.run([output], feed)
    except Exception as error:
        raise ModelError(f"model {name}: failed while answering {what}: {one_line(error)}") from error
    scores, expected = table(answer), (len(next(iter(feed.values()))), labels)
    if scores.shape != expected:
        raise ModelError(
            f"model {name}: output {output!r} has shape {scores.shape}, expected {expected} (items, labels); choose "
            "another with --output"
        )
    return scores
