"""What the models of an audit said: all that its numbers are computed from, whoever asked them and whenever."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from trusteq.explain.explanation import Explanation
    from trusteq.explain.protocol import Published
    from trusteq.models.base import Finding, Identity


@dataclass(frozen=True)
class Response:
    """One model's answers to all items.

    probabilities: [items, labels], labels in the reference's order. findings: what was noticed when it was opened and
    asked. batch: the items a call that it was held to; None where that does not matter.
    """

    name: str
    identity: Identity
    probabilities: NDArray[np.float64]
    findings: tuple[Finding, ...] = ()
    batch: int | None = None


@dataclass(frozen=True)
class Responses:
    """All models' answers: the reference's first, then the candidates'.

    peer: the reference trained once more, where there is one. explanation, published: the answers to perturbed items,
    those of the peer last.
    """

    labels: tuple[str, ...]
    models: tuple[Response, ...]
    peer: Response | None = None
    explanation: Explanation | None = None
    published: Published | None = None

    @property
    def everybody(self) -> tuple[Response, ...]:
        """The models and the peer."""
        return self.models if self.peer is None else (*self.models, self.peer)
