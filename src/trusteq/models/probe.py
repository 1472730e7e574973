"""Whether a model's answer to an item depends on the batch, or changes when the same call is repeated.

Dynamic int8 sets the scale of its activations once a batch, so the other rows of a batch change a row's answer: by up
to 0.37 in probability (torch) and 0.16 (ONNX Runtime). An audit of such a model holds for one way of batching.
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
"""The largest change of a probability that counts as rounding: float32 changes by about 1e-6, float16 by 4e-4,
dynamic int8 by up to 0.37."""

CHUNK = 4096
"""Items in one call, for models whose answers do not depend on it: large enough to batch well, small enough to show
progress."""


@dataclass(frozen=True)
class ProbeResult:
    """The largest changes of a probability, and the number of changed answers, among ``n`` items.

    batch: each item alone compared with all items in one call; rerun: the same call made twice.
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
        """Whether an answer depends on the other items in its batch, by more than a repeated call changes it.

        Both movements are the largest of n; twice the rerun's allows for chance.
        """
        return self.batch_movement > max(BATCH_TOLERANCE, 2 * self.rerun_movement)

    def findings(self, name: str) -> tuple[Finding, ...]:
        """What the model's owner must know about this."""
        findings = []
        if not self.deterministic:
            findings.append(
                Finding(
                    name,
                    "not deterministic",
                    f"the same call gave different answers the second time: probabilities changed by up to "
                    f"{self.rerun_movement:.2g}, and {self.rerun_flips} of {self.n} answers flipped; "
                    "is dropout still on, or does the model sample?",
                    self.rerun_movement,
                )
            )
        if self.batch_dependent:
            findings.append(
                Finding(
                    name,
                    "batch-dependent",
                    f"its answer to an item depends on the other items in the batch: between one item at a time and "
                    f"all together, probabilities changed by up to {self.batch_movement:.2g}, and {self.batch_flips} "
                    f"of {self.n} answers flipped (dynamic int8 does this); the audit holds only for its batch size",
                    self.batch_movement,
                )
            )
        return tuple(findings)


def probe(model: Model, items: Items, *, sample: int | None = None) -> ProbeResult:
    """How far answers change when items are predicted one at a time instead of together, and when a call is repeated.

    The items are of all lengths, and chosen by length and id alone; by default as many as the model's traits say. A
    predictions file is not run.
    """
    traits = traits_of(model)
    if not traits.runs:
        return ProbeResult(0.0, 0, 0.0, 0, 0)
    chosen = items.take(sample_by_length(items, sample or traits.probed))
    return probe_result(probe_answers(model, chosen), task_of(model))


def answers_to(model: Model, items: Items) -> Rows:
    """The model's checked answers, in one call."""
    return task_of(model).checked(model.predict(items), items=items, labels=model.labels, model=model.name)


def probe_answers(model: Model, items: Items) -> Rows:
    """Answers to all items together, to each alone, and to all together again: three times as many as items."""
    together, repeated = answers_to(model, items), answers_to(model, items)
    return joined([together, *(answers_to(model, items.take([i])) for i in range(len(items))), repeated])


def probe_result(answers: Rows, task: Task) -> ProbeResult:
    """The result from the answers of `probe_answers`."""
    together, alone, repeated = (answers.take(at) for at in np.split(np.arange(len(answers)), 3))
    expected = task.outcomes(together, None).answer
    names = task.columns(())
    columns = [names.index(name) for name in task.probabilities] or slice(None)

    def movement(other: Rows) -> tuple[float, int]:
        if other.values.shape != together.values.shape or not np.array_equal(other.item, together.item):
            return 1.0, len(together)
        flips = expected != task.outcomes(other, None).answer
        return largest_change(together.values[:, columns], other.values[:, columns]), int(flips.sum())

    return ProbeResult(*movement(alone), *movement(repeated), n=len(together))


def largest_change(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """The largest difference of two arrays, where neither is NaN; infinite if only one is."""
    changes = np.abs(one - other)
    unknown = np.isnan(one) & np.isnan(other)
    return float(np.where(unknown, 0.0, np.nan_to_num(changes, nan=np.inf)).max(initial=0.0))


def predict_in_shape(model: Model, items: Items, batch: int, advance: Callable[[int], None] = lambda n: None) -> Rows:
    """Checked answers, from consecutive calls of ``batch`` items, so that batches are always the same.

    ``advance`` is called with the number of items after each call.
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
    # A predictions file is matched to all items at once.
    return predict_in_shape(model, items, chunk if traits_of(model).runs else len(items), advance)


def sample_by_length(items: Items, sample: int) -> NDArray[np.int64]:
    """Positions of up to ``sample`` items of all lengths, shortest first; independent of the items' order."""
    at = np.linspace(0, len(items) - 1, min(sample, len(items))).round().astype(np.int64)
    return by_length(items)[at]


def by_length(items: Items) -> NDArray[np.int64]:
    """Positions of all items, shortest first; items of equal length are ordered by a hash of their id."""
    sizes = sum((segment.sizes() for segment in items.segments.values()), np.zeros(len(items), np.int64)).tolist()
    ranked = sorted(range(len(items)), key=lambda i: (sizes[i], hashlib.sha256(items.ids[i].encode()).digest()))
    return np.array(ranked, dtype=np.int64)
