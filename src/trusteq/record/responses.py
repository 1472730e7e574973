"""The answers of an audit's models: everything that its numbers are computed from, fresh or read back from a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from trusteq.comparing.moved import moved
from trusteq.tasks.task import CLASSES

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.explain.explanation import Explanation
    from trusteq.explain.patches import PublishedPatches
    from trusteq.explain.protocol import Published
    from trusteq.models.base import Finding, Identity
    from trusteq.tasks.rows import Rows
    from trusteq.tasks.task import Task


@dataclass(frozen=True)
class Response:
    """One model's answers to all items.

    rows: its answers, labels in the reference's order. findings: what opening and running it showed. batch: how many
    items it got per call, if that had to be fixed; None if it does not matter.
    """

    name: str
    identity: Identity
    rows: Rows
    findings: tuple[Finding, ...] = ()
    batch: int | None = None


@dataclass(frozen=True)
class Responses:
    """All models' answers: the reference's first, then the candidates'.

    labels: those that all items share, in the reference's order; () if they share none. task: the name of the task.
    peer: the retrained reference, if there is one. explanation, published: the answers to perturbed items, the peer's
    last.
    """

    labels: tuple[str, ...]
    models: tuple[Response, ...]
    peer: Response | None = None
    explanation: Explanation | None = None
    published: Published | PublishedPatches | None = None
    task: str = CLASSES

    @property
    def everybody(self) -> tuple[Response, ...]:
        """The models and the peer."""
        return self.models if self.peer is None else (*self.models, self.peer)


def moved_from_reference(
    responses: Sequence[Response], task: Task, items: Items, labels: tuple[str, ...]
) -> list[NDArray[np.float64]]:
    """How far each model but the first, the reference, moves each prediction [outcomes]."""
    reference, *others = (task.outcomes(response.rows, task.gold(items, labels), labels) for response in responses)
    return [moved(reference, other) for other in others]
