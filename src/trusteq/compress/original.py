"""The large counterpart that a candidate is brought nearer to, with the answers that it gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.compress.asked import asked_of
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
        language = open_language_source(location, name=name, device=device, download=download)
        _refuse_other_tokens(language, source)
        return Original(language, np.arange(0))
    takes = backend_of(location, name, download=download).options
    options = ModelOptions(device=device if DEVICE in takes else None, download=download)
    model: Any = open_model(location, name=name, options=options)
    if sorted(model.labels) != sorted(source.labels):
        raise ModelError(
            f"model {name}: answers with the labels {', '.join(model.labels)}, and {source.name} with "
            f"{', '.join(source.labels)}; only a candidate for the same task can be brought nearer to it"
        )
    return Original(model, np.array([model.labels.index(label) for label in source.labels]))


def _refuse_other_tokens(original: LanguageSource, source: LanguageSource) -> None:
    """An error unless two language models read texts as the same tokens, and choose the next from as many."""
    sizes = [model.model.get_output_embeddings().weight.shape[0] for model in (original, source)]
    why = f"chooses from {sizes[0]:,} tokens, and {source.name} from {sizes[1]:,}" if sizes[0] != sizes[1] else None
    if why is None and asked_of(source).read_otherwise(source, original):
        why = f"splits texts into other tokens than {source.name}"
    if why is not None:
        raise ModelError(
            f"model {original.name}: {why}; a language model can only be brought nearer to one with the same vocabulary"
        )
