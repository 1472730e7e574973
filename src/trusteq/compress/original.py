"""The large counterpart that a candidate is brought nearer to, with the answers that it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.compress.language_source import LanguageSource, open_language_source
from trusteq.errors import ModelError
from trusteq.models.open import ModelOptions, backend_of, default_name, open_model
from trusteq.models.options import DEVICE
from trusteq.models.traits import traits_of
from trusteq.tasks.classes import SMALLEST

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.models.base import Identity


@dataclass(frozen=True)
class Original:
    """A large model as a candidate's teacher. order: where each of the candidate's labels is among its own [labels]."""

    model: Any
    order: NDArray[np.int64]

    @property
    def identity(self) -> Identity:
        """What it is and where it came from."""
        identity: Identity = self.model.identity
        return identity

    def answers(self, items: Items) -> NDArray[np.float64]:
        """Log-probabilities of the candidate's labels [items, labels]."""
        tokens = traits_of(self.model).tokens
        if tokens is not None:
            found = tokens.answer(tokens.encode(list(zip(*items.texts(), strict=True))))
        else:
            found = np.log(np.maximum(self.model.predict(items), SMALLEST))
        answers: NDArray[np.float64] = found[:, self.order]
        return answers


def open_original(location: str, source: Any, device: str | None, *, download: bool) -> Original:
    """The counterpart of a candidate; an error unless it answers with the same labels."""
    name = default_name(location)
    if isinstance(source, LanguageSource):
        return Original(open_language_source(location, name=name, download=download), np.arange(0))
    takes = backend_of(location, name, download=download).options
    options = ModelOptions(device=device if DEVICE in takes else None, download=download)
    model: Any = open_model(location, name=name, options=options)
    if sorted(model.labels) != sorted(source.labels):
        raise ModelError(
            f"model {name}: answers with the labels {', '.join(model.labels)}, and {source.name} with "
            f"{', '.join(source.labels)}; only a candidate for the same task can be brought nearer to it"
        )
    return Original(model, np.array([model.labels.index(label) for label in source.labels]))
