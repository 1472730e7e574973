"""Whether a model's answer to an item depends on its company, or changes when asked again.

Dynamic int8 sets the scale of its activations once a batch, so a row's answer moves with the rows beside it: by up to
0.37 in probability (torch) and 0.16 (ONNX Runtime). An audit of such a model is about one way of batching it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trusteq.models.base import Finding
from trusteq.models.traits import task_of, traits_of
from trusteq.tasks.rows import joined

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.models.base import Model
    from trusteq.tasks.rows import Rows
    from trusteq.tasks.task import Task

BATCH_TOLERANCE = 1e-3
"""The largest move of a probability that passes for rounding: float32 moves by about 1e-6, float16 by 4e-4,
dynamic int8 by up to 0.37."""

CHUNK = 4096
"""Items in one call, for models whose answers do not depend on it: enough to batch well and to show progress."""


@dataclass(frozen=True)
class ProbeResult:
    """The largest moves of a probability and the changed answers among ``n`` items.

    batch: each item asked alone against all asked together; rerun: the same call made twice.
    """

    batch_movement: float
    batch_flips: int
    rerun_movement: float
    rerun_flips: int
    n: int

    @property
    def deterministic(self) -> bool:
        """Whether the same call gives the same answers."""
        return self.rerun_movement <= BATCH_TOLERANCE

    @property
    def batch_dependent(self) -> bool:
        """Whether an answer depends on the items beside it, beyond what asking again changes.

        Both movements are largest of n; twice the rerun's allows for the luck of one draw.
        """
        return self.batch_movement > max(BATCH_TOLERANCE, 2 * self.rerun_movement)

    def findings(self, name: str) -> tuple[Finding, ...]:
        """What of this the model's owner must know."""
        found = []
        if not self.deterministic:
            found.append(
                Finding(
                    name,
                    "not deterministic",
                    f"the same call gave other answers the second time: probabilities moved by up to "
                    f"{self.rerun_movement:.2g} and {self.rerun_flips} of {self.n} answers flipped; "
                    "is dropout still on, or does it sample?",
                    self.rerun_movement,
                )
            )
        if self.batch_dependent:
            found.append(
                Finding(
                    name,
                    "batch-dependent",
                    f"its answer to an item depends on the items beside it: asked alone and together, "
                    f"probabilities moved by up to {self.batch_movement:.2g} and {self.batch_flips} of {self.n} "
                    "answers flipped (dynamic int8 does this); the audit holds for the batch size it was made with",
                    self.batch_movement,
                )
            )
        return tuple(found)


SAMPLE = 32
"""Items that a model is probed with, spread over the lengths and chosen by id alone."""


def probe(model: Model, items: Items, *, sample: int = SAMPLE) -> ProbeResult:
    """How far answers move when items are asked alone instead of together, and when they are asked again.

    A predictions file is not asked.
    """
    if not traits_of(model).runs:
        return ProbeResult(0.0, 0, 0.0, 0, 0)
    return probed(probing(model, items.take(spread(items, sample))), task_of(model))


def answers_to(model: Model, items: Items) -> Rows:
    """The model's checked answers, in one call."""
    return task_of(model).checked(model.predict(items), items=items, labels=model.labels, model=model.name)


def probing(model: Model, items: Items) -> Rows:
    """Answers to all items together, to each alone, and to all once more: three times as many as items."""
    together, again = answers_to(model, items), answers_to(model, items)
    return joined([together, *(answers_to(model, items.take([i])) for i in range(len(items))), again])


def probed(answers: Rows, task: Task) -> ProbeResult:
    """What the answers of `probing` tell."""
    together, alone, again = (answers.take(at) for at in np.split(np.arange(len(answers)), 3))
    given = task.outcomes(together, None).answer

    def moved(other: Rows) -> tuple[float, int]:
        if other.values.shape != together.values.shape or not np.array_equal(other.item, together.item):
            return 1.0, len(together)
        flips = given != task.outcomes(other, None).answer
        return float(np.abs(together.values - other.values).max()), int(flips.sum())

    return ProbeResult(*moved(alone), *moved(again), n=len(together))


def predict_in_shape(model: Model, items: Items, batch: int, advance: Callable[[int], None] = lambda n: None) -> Rows:
    """Checked answers, asked in consecutive calls of ``batch`` items: the same company every time.

    ``advance`` is told the number of items after each call.
    """
    answers = []
    for start in range(0, len(items), batch):
        part = items if batch >= len(items) else items.take(range(start, min(start + batch, len(items))))
        answers.append(answers_to(model, part))
        advance(len(part))
    return joined(answers)


def predict_all(
    model: Model, items: Items, advance: Callable[[int], None] = lambda n: None, *, chunk: int = CHUNK
) -> Rows:
    """Checked answers of a model that does not depend on the batch."""
    # A file is matched to all its items at once.
    return predict_in_shape(model, items, chunk if traits_of(model).runs else len(items), advance)


def spread(items: Items, sample: int) -> NDArray[np.int64]:
    """Positions of up to ``sample`` items from the shortest to the longest, whatever order the items are in."""
    at = np.linspace(0, len(items) - 1, min(sample, len(items))).round().astype(np.int64)
    return by_length(items)[at]


def by_length(items: Items) -> NDArray[np.int64]:
    """Positions of all items from the shortest to the longest, whatever order the items are in."""
    sizes = sum((segment.sizes() for segment in items.segments.values()), np.zeros(len(items), np.int64)).tolist()
    ranked = sorted(range(len(items)), key=lambda i: (sizes[i], hashlib.sha256(items.ids[i].encode()).digest()))
    return np.array(ranked, dtype=np.int64)
