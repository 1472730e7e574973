"""Outputs of ONNX classifiers that map labels to probabilities for each item, as skl2onnx writes them by default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

MAPS = "seq(map("
"""How the type of such an output begins."""


def is_by_label(entry: Any) -> bool:
    """Whether an output is one."""
    return str(entry.type).startswith(MAPS)


def table(answer: Any) -> NDArray[Any]:
    """An output's answer as a table [items, labels]."""
    if isinstance(answer, list) and answer and isinstance(answer[0], dict):
        return np.array([list(row.values()) for row in answer])
    return np.asarray(answer)


def labels_of(session: Any, output: Any, dtypes: Mapping[str, type]) -> tuple[str, ...]:
    """The labels that such an output names when the graph is asked about zeros; () if it does not answer."""
    feed: dict[str, NDArray[Any]] = {}
    for entry in session.get_inputs():
        shape = [size if isinstance(size, int) and size > 0 else 1 for size in entry.shape]
        feed[entry.name] = np.full(shape, "" if dtypes[entry.type] is np.object_ else 0, dtype=dtypes[entry.type])
    try:
        ((row, *_),) = session.run([output.name], feed)
    except Exception:  # whatever the graph does not like about zeros
        return ()
    return tuple(str(label) for label in row)
