"""A transformers sequence classifier, from a folder or from the hub."""

from __future__ import annotations

from contextlib import nullcontext
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.predictions import log_softmax
from trusteq.errors import ModelError
from trusteq.models.backend import Backend
from trusteq.models.base import Finding, Identity
from trusteq.models.batching import token_batches
from trusteq.models.checkpoint import (
    first_few,
)
from trusteq.models.cost_size import Size, file_bytes, memory_bytes
from trusteq.models.equal_tokens import equal_tokens_once
from trusteq.models.files import TOKENIZER_FILES, files_hash, holds_checkpoint
from trusteq.models.first_token import first_token_only, reads_first_token_only
from trusteq.models.hub import is_hub_id
from trusteq.models.labels import configured_labels, label_names
from trusteq.models.library_output import offline, one_line, quiet_transformers
from trusteq.models.loaded_checkpoint import loaded_checkpoint, prepare
from trusteq.models.made import trained_on
from trusteq.models.opening import Opening, opening
from trusteq.models.options import BUDGET, DEVICE, DOWNLOAD, LABELS
from trusteq.models.token_growth import portions, token_growth
from trusteq.models.token_limit import token_limit, truncation
from trusteq.models.token_rows import TokenRows, token_rows
from trusteq.models.tokenizer_file import tokenizing
from trusteq.models.traits import Traits
from trusteq.models.truncating import kept_positions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from trusteq.data.items import Items

TOKEN_BUDGET = 1024
"""Tokens in one batch, including padding: few enough to stay in a processor's caches (bench/batches.py)."""

GPU_TOKEN_BUDGET = 32_768
"""The same for an accelerator, which needs large batches."""

FILES = ("config.json", "*.safetensors", "*.safetensors.index.json", *TOKENIZER_FILES)
"""The files that are fetched from a hub."""


def open_transformer(
    location: str,
    *,
    name: str,
    labels: Sequence[str] | None = None,
    budget: int | None = None,
    device: str | None = None,
    download: bool = False,
) -> TransformerModel:
    """A sequence classifier loaded from safetensors, completely and without running any code of the model.

    ``location`` is a folder, or a hub id (``org/model`` or ``org/model@revision``), which is fetched only with
    ``download``; ``labels`` renames the outputs; ``device`` is by default "cuda" if there is a GPU, otherwise "cpu".
    """
    loaded = loaded_checkpoint(
        location, "AutoModelForSequenceClassification", FILES, name=name, device=device, download=download
    )
    model, tokenizer = loaded.model, loaded.tokenizer
    config = model.config.to_dict()
    # From the loaded configuration, because the file omits default names.
    names = label_names(configured_labels(config, name=name), labels, name=name)

    identity = Identity(
        kind="transformers",
        location=location,
        content=files_hash(loaded.files, name=name),
        details=loaded.details(),
    )
    pad = tokenizer.pad_token_id
    return TransformerModel(
        name=name,
        labels=names,
        identity=identity,
        model=model,
        tokenizer=tokenizer,
        budget=budget or (TOKEN_BUDGET if model.device.type == "cpu" else GPU_TOKEN_BUDGET),
        limit=token_limit(config, tokenizer.model_max_length, where=f"model {name}"),
        # A decoder finds the last token of a row by the padding id in its configuration; unless the tokenizer has the
        # same id, padding would be read as text.
        can_pad=pad is not None and pad == getattr(model.config, "pad_token_id", None),
        unused=loaded.unused,
        files=loaded.files,
    )


@dataclass(eq=False)
class TransformerModel:
    """A loaded classifier, which records what texts it had to truncate.

    files: the files that it was loaded from, by name. precision: the one it was lowered to, if any.
    """

    name: str
    labels: tuple[str, ...]
    identity: Identity
    model: Any
    tokenizer: Any
    budget: int
    limit: int | None
    can_pad: bool
    unused: list[str]
    files: Mapping[str, Path]
    cut: dict[str, int] = field(default_factory=dict)
    precision: str | None = None

    def predict(self, items: Items) -> NDArray[np.float64]:
        """Probabilities [items, labels]: the softmax of the logits, in float64."""
        texts = items.texts()
        if len(texts) > 2:
            raise ModelError(
                f"model {self.name}: the items have {len(texts)} text segments ({', '.join(items.segments)}); "
                "a tokenizer encodes one text or a pair; name one or two columns with --text"
            )
        rows, cut = self._encoded(list(zip(*texts, strict=True)))
        self.cut.update({items.ids[row]: tokens for row, tokens in cut.items()})
        return np.exp(self._answer(rows, items.ids))

    @property
    def traits(self) -> Traits:
        """Those of a model that reads texts and accepts tokens."""
        import torch

        return Traits(
            reads=frozenset({"text"}),
            budget=self.budget,
            tokens=self,
            lowered=self.lowered,
            truncated=self.cut,
            tokenizer_folder=self.files["tokenizer.json"].parent if "tokenizer.json" in self.files else None,
            device=str(self.model.device),
            threads=torch.get_num_threads,
            size=self._size,
            opening=self._opening,
            trained_on=partial(trained_on, self.files.values()),
        )

    def _size(self) -> Size:
        parameters = self.identity.details.get("parameters")
        return Size(parameters, file_bytes(self.files.values()), memory_bytes(self.model))

    def _opening(self) -> Opening | None:
        """How another process can open it; None for a subclass, which would be opened as this class."""
        if type(self) is not TransformerModel:
            return None
        details = self.identity.details
        # By default, quantized weights stay where their loader puts them.
        device = None if details["quantization"] else details["device"]
        options = {"labels": self.labels, "budget": self.budget, "device": device}
        where = str(self.model.device)
        return opening(self.identity, self.name, options, device=where, limit=self.limit, lowered=self.precision)

    def encode(self, texts: Sequence[tuple[str, ...]]) -> TokenRows:
        """The tokens of texts, each the segments of one row, truncated to the model's limit."""
        return self._encoded(texts)[0]

    def answer(self, rows: TokenRows, *, alone: bool = False) -> NDArray[np.float64]:
        """Log-probabilities [rows, labels], in float64; with ``alone``, rows are run one at a time.

        What no answer depends on is skipped, and what is equal is computed once; but with ``alone`` answers equal those
        of `predict` to the bit.
        """
        if alone:
            return self._answer(rows, None, alone=True)
        with equal_tokens_once(self.model), first_token_only(self.model) if self.first_token_decides else nullcontext():
            return self._answer(rows, None)

    @cached_property
    def first_token_decides(self) -> bool:
        """Whether the last layer need only be computed at the first token, as tested on a few texts."""
        rows = self.encode([("word " * n,) for n in (1, 9, 4, 16)])
        return self.can_pad and reads_first_token_only(self.model, lambda: self._answer(rows, None))

    def lowered(self, precision: str) -> TransformerModel:
        """The same model in "bfloat16" or "float16"; itself if it is quantized or already in 16 bits."""
        import torch

        if self.identity.details["quantization"] or self.model.dtype.itemsize < 4:
            return self
        lowered = replace(self, model=deepcopy(self.model).to(getattr(torch, precision)), precision=precision)
        # The test in float32 shows the model's structure, which is the same in lower precision.
        lowered.first_token_decides = self.first_token_decides
        return lowered

    def tokenizer_json(self) -> str | None:
        """Its tokenizer in the JSON format of the ``tokenizers`` library; None if it is not of that library."""
        return self._tokenizer_json

    @cached_property
    def _tokenizer_json(self) -> str | None:
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        return None if backend is None else str(backend.to_str())

    @property
    def mask_token(self) -> str | None:
        """The text of its tokenizer's mask token."""
        token: str | None = self.tokenizer.mask_token
        return token

    def _answer(self, rows: TokenRows, ids: Sequence[str] | None, *, alone: bool = False) -> NDArray[np.float64]:
        import torch

        logits = np.empty((len(rows), len(self.labels)))
        # Without padding each row must be a batch alone, which a budget of 0 achieves.
        budget = 0 if alone or not self.can_pad else self.budget
        batches = token_batches(rows.lengths, budget=budget)[::-1]
        with quiet_transformers(), offline(), torch.inference_mode():
            while batches:
                at = batches.pop()
                try:
                    logits[at] = self._forward(rows, at)
                except torch.OutOfMemoryError as error:
                    if len(at) == 1:
                        raise ModelError(
                            f"model {self.name}: out of memory on one row of {rows.lengths[at[0]]} tokens"
                        ) from error
                    torch.cuda.empty_cache()
                    batches += [at[len(at) // 2 :], at[: len(at) // 2]]
                except (RuntimeError, ValueError, TypeError, IndexError, AttributeError, AssertionError) as error:
                    what = "a perturbed text" if ids is None else f"item {ids[at[0]]!r}"
                    raise ModelError(f"model {self.name}: failed while answering {what}: {one_line(error)}") from error
        return log_softmax(logits)

    def inputs(self, rows: TokenRows, at: NDArray[np.int64]) -> dict[str, Any]:
        """The torch module's inputs for the rows ``at``, padded to the longest: tensors [rows, tokens] by name."""
        import torch

        arrays = rows.padded(
            at,
            pad_id=self.tokenizer.pad_token_id or 0,
            pad_type=self.tokenizer.pad_token_type_id,
            left=self.tokenizer.padding_side == "left",
        )
        names = self.tokenizer.model_input_names
        return {key: torch.from_numpy(a).to(self.model.device) for key, a in arrays.items() if key in names}

    def _forward(self, rows: TokenRows, at: NDArray[np.int64]) -> NDArray[np.float32]:
        """Logits [rows, labels] of one batch."""
        logits: NDArray[np.float32] = self.model(**self.inputs(rows, at)).logits.float().cpu().numpy()
        return logits

    def _encoded(self, texts: Sequence[tuple[str, ...]]) -> tuple[TokenRows, dict[int, int]]:
        """The tokens of the texts, truncated to the model's limit; and the full length of each truncated row."""
        ids: list[list[int]] = []
        types: list[list[int]] = []
        cut: dict[int, int] = {}
        with quiet_transformers(), tokenizing(self.name):
            for portion in portions(texts, self._growth, name=self.name):
                segments = [list(segment) for segment in zip(*portion, strict=True)]
                encoding = self.tokenizer(*segments, verbose=False)
                rows, kinds = _ids_and_types(encoding)
                for row in (row for row, x in enumerate(rows) if self.limit is not None and len(x) > self.limit):
                    cut[len(ids) + row] = len(rows[row])
                    if encoding.encodings is None:  # a tokenizer written in Python
                        alone = [[segment] for segment in portion[row]]
                        shorter = _ids_and_types(self.tokenizer(*alone, truncation=True, max_length=self.limit))
                        (rows[row],), (kinds[row],) = shorter
                    else:
                        positions = self._kept_positions(encoding.encodings[row], pair=len(segments) > 1)
                        rows[row], kinds[row] = ([values[i] for i in positions] for values in (rows[row], kinds[row]))
                ids += rows
                types += kinds
        return token_rows(ids, types), cut

    def _kept_positions(self, encoding: Any, *, pair: bool) -> list[int]:
        """The positions of the tokens that remain when a row is truncated to the limit."""
        return kept_positions(
            encoding.sequence_ids,
            self.limit or 0,
            added=self.tokenizer.num_special_tokens_to_add(pair=pair),
            name=self.name,
            left=self.tokenizer.truncation_side == "left",
        )

    @cached_property
    def _growth(self) -> Callable[[tuple[str, ...]], float]:
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        return token_growth(backend) if backend is not None else lambda text: sum(map(len, text))

    def findings(self) -> tuple[Finding, ...]:
        """The texts truncated so far, and tensors in the files that the model does not use."""
        findings = []
        if self.cut:
            left = self.tokenizer.truncation_side == "left"
            findings.append(truncation(self.cut, limit=self.limit, name=self.name, left=left))
        if self.unused:
            findings.append(
                Finding(
                    self.name,
                    "unused weights",
                    f"tensors in its files that {self.identity.details['architecture']} does not use: "
                    f"{len(self.unused)} ({first_few(self.unused)})",
                    len(self.unused),
                )
            )
        return tuple(findings)


def _ids_and_types(encoding: Any) -> tuple[list[list[int]], list[list[int]]]:
    """Token ids and segment ids of each row in a tokenizer's output; segment ids are 0 if it gives none."""
    ids, types = list(encoding["input_ids"]), encoding.get("token_type_ids")
    return ids, [[0] * len(row) for row in ids] if types is None else list(types)


TRANSFORMERS = Backend(
    kind="transformers",
    words="a transformers model",
    recognises=lambda spec, path: holds_checkpoint(path) or (not path.exists() and is_hub_id(spec)),
    open=open_transformer,
    options=(LABELS, BUDGET, DEVICE, DOWNLOAD),
    reads_texts=True,
    prepare=partial(prepare, "AutoModelForSequenceClassification"),
)
