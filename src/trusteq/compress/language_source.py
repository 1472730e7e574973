"""A language model as compression sees it: a loaded checkpoint, with the chances of the token after a text."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.models.base import Identity
from trusteq.models.causal.loading import content_hash, load
from trusteq.models.cost_size import Size, file_bytes, memory_bytes
from trusteq.models.files import matching
from trusteq.models.layers import does_not_apply
from trusteq.models.library_output import is_failure, offline, one_line, quiet_transformers
from trusteq.models.made import trained_on
from trusteq.models.saving import save_checkpoint
from trusteq.models.token_limit import token_limit
from trusteq.models.token_rows import TokenRows, token_rows
from trusteq.models.traits import Traits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

GENERATION = "generation_config.json"
"""How a language model writes on, which does not matter to what it answers, but to those who use the candidate."""


def open_language_source(
    location: str, *, name: str, device: str | None = "cpu", download: bool = False
) -> LanguageSource:
    """The language model in a folder, a .gguf file or at a hub id, loaded as for an audit."""
    loaded = load(location, name=name, device=device, download=download)
    identity = Identity("causal", location, content_hash(loaded, chat=False), loaded.details())
    beside = matching(next(iter(loaded.files.values())).parent, [GENERATION] if "config.json" in loaded.files else [])
    return LanguageSource(name, identity, loaded.model, loaded.tokenizer, {**loaded.files, **beside})


@dataclass(eq=False)
class LanguageSource:
    """A loaded language model.

    files: those that it was loaded from, by name. original: the .gguf file that these were unpacked from.
    """

    name: str
    identity: Identity
    model: Any
    tokenizer: Any
    files: Mapping[str, Path]
    original: Path | None = None
    labels: tuple[str, ...] = ()

    @property
    def traits(self) -> Traits:
        """Those of a model of which only the size and the recipe are asked."""
        files = self.files.values() if self.original is None else [self.original]
        return Traits(size=self._size, trained_on=partial(trained_on, files))

    def _size(self) -> Size:
        files = self.files.values() if self.original is None else [self.original]
        return Size(self.identity.details["parameters"], file_bytes(files), memory_bytes(self.model))

    @property
    def limit(self) -> int | None:
        """The most tokens that its context holds."""
        return token_limit(self.model.config.to_dict(), self.tokenizer.model_max_length, where=f"model {self.name}")

    def encode(self, texts: Sequence[tuple[str, ...]]) -> TokenRows:
        """The tokens of texts, as many as its context holds; the segments of one row are read as lines."""
        limit = self.limit
        with quiet_transformers():
            ids = self.tokenizer(["\n".join(text) for text in texts], verbose=False)["input_ids"]
        return token_rows([row[:limit] for row in ids])

    def answer(self, rows: TokenRows) -> NDArray[np.float64]:
        """Log-probabilities of the token after each row [rows, vocabulary], each row run alone."""
        import torch

        answers = []
        with quiet_transformers(), offline(), torch.inference_mode():
            for row in range(len(rows)):
                ids = torch.tensor([rows.row(row)[0]], device=self.model.device)
                logits = self.model(input_ids=ids, use_cache=False).logits[0, -1]
                answers.append(logits.double().log_softmax(dim=0).cpu().numpy())
        return np.stack(answers)


@contextmanager
def unpacked(source: LanguageSource, file: Path) -> Iterator[LanguageSource]:
    """The language model of a .gguf file from a temporary folder of 32-bit safetensors, for as long as the context.

    transformers refuses to save a model that came from GGUF, so the weights move to a new model of the same class.
    """
    with tempfile.TemporaryDirectory(prefix="trusteq-", ignore_cleanup_errors=True) as scratch:
        packed = source.model
        try:
            for key in ("quantization_config", "_pre_quantization_dtype"):
                if hasattr(packed.config, key):
                    delattr(packed.config, key)
            plain = type(packed)(packed.config).float()
            plain.load_state_dict(packed.state_dict())
            plain.generation_config = packed.generation_config
            save_checkpoint(plain, Path(scratch), ())
            source.tokenizer.save_pretrained(scratch)
        except BaseException as error:
            if not is_failure(error):
                raise
            raise does_not_apply(source, "fp32", f"it cannot be unpacked: {one_line(error)}") from error
        folder = open_language_source(scratch, name=source.name, device=str(packed.device))
        details = {**folder.identity.details, "files": source.identity.details["files"]}
        identity = replace(source.identity, details=details)
        yield replace(folder, identity=identity, original=file)
