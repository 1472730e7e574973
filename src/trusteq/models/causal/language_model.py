"""A language model that chooses: asked by a task file, it gives each choice the probability of its continuation."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from trusteq.data.items import Items
from trusteq.errors import ModelError, OptionError, TrusteqError
from trusteq.models.backend import Backend
from trusteq.models.base import Finding, Identity
from trusteq.models.causal.loading import (
    chat_template_hash,
    content_hash,
    is_language_model,
    load,
    tokenizer_hash,
    vocabulary_hash,
)
from trusteq.models.causal.plain import plain_log_probabilities
from trusteq.models.causal.prefix import common
from trusteq.models.causal.scoring import TOLERANCE, Scorer
from trusteq.models.causal.tokenized import Reader, tokenized
from trusteq.models.checkpoint import first_few
from trusteq.models.cost_size import Size, file_bytes, memory_bytes
from trusteq.models.library_output import is_failure, offline, one_line, quiet_transformers
from trusteq.models.opening import opening
from trusteq.models.options import BUDGET, DEVICE, DOWNLOAD, TASK
from trusteq.models.token_limit import token_limit
from trusteq.models.traits import Traits
from trusteq.prompts.asked import asked
from trusteq.prompts.probabilities import choice_rows
from trusteq.prompts.task_file import read_task_file
from trusteq.tasks.choices import Choices

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from trusteq.models.causal.tokenized import Prompt, Tokens
    from trusteq.models.loaded_checkpoint import LoadedCheckpoint
    from trusteq.models.opening import Opening
    from trusteq.prompts.asked import Asked
    from trusteq.prompts.task_file import TaskFile
    from trusteq.tasks.rows import Rows

TOKEN_BUDGET, GPU_TOKEN_BUDGET = 1024, 32_768
"""Tokens in one batch, including padding: as for classifiers."""

CHECKED, ONE_IN = (2, 16), 128
"""How many prompts are also read by the plain forward: one of 128, but at least 2, and at most 16 in all."""


def open_language_model(
    location: str,
    *,
    name: str,
    task: str | Path | Mapping[str, Any] | TaskFile | None = None,
    budget: int | None = None,
    device: str | None = None,
    download: bool = False,
) -> LanguageModel:
    """A language model, loaded completely and without running any code of the model, that is asked by a task file.

    ``location`` is a folder with safetensors, a GGUF file or a hub id (``org/model`` or ``org/model@revision``), which
    is fetched only with ``download``; ``task`` is the task file, or its content; ``device`` is by default "cuda" if
    there is a GPU, otherwise "cpu".
    """
    if task is None:
        raise OptionError(
            f"model {name}: {location} is a language model, and nothing says how to ask it; give a task file with "
            "--task FILE"
        )
    task_file = read_task_file(task)
    loaded = load(location, name=name, device=device, download=download)
    model, tokenizer = loaded.model, loaded.tokenizer
    chat = task_file.chat == "model"
    identity = Identity(
        kind=CAUSAL.kind,
        location=location,
        content=content_hash(loaded, chat=chat),
        details={
            **loaded.details(),
            "vocabulary": vocabulary_hash(tokenizer),
            "tokenizer": tokenizer_hash(tokenizer),
            "chat_template": chat_template_hash(tokenizer),
            "asked": task_file.content(),
        },
    )
    kind = LanguageModel
    if task_file.task != Choices.name:
        from trusteq.models.causal.text_model import TextModel  # it imports this file

        kind = TextModel
    return kind(
        name=name,
        identity=identity,
        loaded=loaded,
        task_file=task_file,
        budget=budget or (TOKEN_BUDGET if model.device.type == "cpu" else GPU_TOKEN_BUDGET),
        limit=token_limit(model.config.to_dict(), tokenizer.model_max_length, where=f"model {name}"),
    )


@dataclass(eq=False)
class LanguageModel:
    """A loaded language model with its task file.

    limit: its context in tokens. precision: the one it was lowered to, if any. checked: how many prompts the plain
    forward has read as well, and difference: the largest difference of their log-probabilities.
    """

    name: str
    identity: Identity
    loaded: LoadedCheckpoint
    task_file: TaskFile
    budget: int
    limit: int | None
    precision: str | None = None
    checked: int = field(default=0, init=False)
    difference: float = field(default=0.0, init=False)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the choices that all items share; () if items have their own."""
        return tuple(self.task_file.choices or ())

    def predict(self, items: Items) -> Rows:
        """A row for each choice of each item, as the task of choices has them."""
        questions = self.questions(items)
        conditional = self._log_probabilities(questions, items, [one.prompt for one in questions])
        unconditional = None
        if self.task_file.minus_unconditional:
            starts = [one.unconditional or "" for one in questions]
            unconditional = self._log_probabilities(questions, items, starts)
        return choice_rows(self.task_file, questions, conditional, unconditional)

    def questions(self, items: Items) -> list[Asked]:
        """What the model is asked about the items: whole prompts, and what it would write for each choice."""
        has_template = getattr(self.loaded.tokenizer, "chat_template", None) is not None
        return asked(self.task_file, items, self._chat if has_template else None)

    def prompts_of(self, items: Items) -> list[str]:
        """The whole prompts in order, to compare them with another model's."""
        return [question.prompt for question in self.questions(items)]

    @property
    def traits(self) -> Traits:
        """Those of a model that chooses."""
        import torch

        return Traits(
            task=Choices.name,
            budget=self.budget,
            lowered=self.lowered,
            device=str(self.loaded.model.device),
            threads=torch.get_num_threads,
            size=self._size,
            opening=self._opening,
        )

    def lowered(self, precision: str) -> LanguageModel:
        """The same model in "bfloat16" or "float16"; itself if it is quantized or already in 16 bits."""
        import torch

        model = self.loaded.model
        if self.is_packed or model.dtype.itemsize < 4:
            return self
        loaded = replace(self.loaded, model=deepcopy(model).to(getattr(torch, precision)))
        return replace(self, loaded=loaded, precision=precision)

    @property
    def is_packed(self) -> bool:
        """Whether its weights are stored in fewer bits than it computes with, which are not those of a plain number."""
        return getattr(self.loaded.model, "hf_quantizer", None) is not None and not self._is_gguf

    @property
    def _is_gguf(self) -> bool:
        return self.loaded.quantization.get("quant_method") == "gguf"

    def findings(self) -> tuple[Finding, ...]:
        """How near it comes to the plain forward, and tensors in its files that it does not use."""
        findings = []
        if self.checked:
            prompts = "1 prompt" if self.checked == 1 else f"{self.checked} prompts"
            equal = "equal" if self.difference <= TOLERANCE else "differ from"
            findings.append(
                Finding(
                    self.name,
                    "plain forward",
                    f"log-probabilities {equal} those of the plain forward, one text at a time with nothing shared: "
                    f"the largest difference is {self.difference:.1g}, as checked on {prompts}",
                    self.difference,
                )
            )
        if unused := self.loaded.unused:
            findings.append(
                Finding(
                    self.name,
                    "unused weights",
                    f"tensors in its files that {self.identity.details['architecture']} does not use: "
                    f"{len(unused)} ({first_few(unused)})",
                    len(unused),
                )
            )
        return tuple(findings)

    @cached_property
    def _scorer(self) -> Scorer:
        return Scorer(self.loaded.model, self.name, self.budget)

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.loaded.tokenizer, self.name)

    def _log_probabilities(
        self, questions: Sequence[Asked], items: Items, starts: Sequence[str]
    ) -> list[NDArray[np.float64]]:
        """The log-probabilities of each question's continuations after these texts [questions][continuations]."""
        ids = [items.ids[question.item] for question in questions]
        texts = [(start, question.continuations) for start, question in zip(starts, questions, strict=True)]
        prompts = tokenized(self._reader, texts, ids, limit=self.limit)
        with quiet_transformers(), offline():
            values = self._scorer.log_probabilities(prompts, ids, shared=self._shared(tuple(items.segments)))
            self._check(prompts, values)
        return values

    def _check(self, prompts: Sequence[Prompt], values: Sequence[NDArray[np.float64]]) -> None:
        """Compare some prompts of all lengths with the plain forward, until enough have been compared."""
        least, most = CHECKED
        count = min(max(least, min(most, len(prompts) // ONE_IN)) - self.checked, len(prompts))
        if count <= 0:
            return
        by_length = sorted(range(len(prompts)), key=lambda i: prompts[i].length)
        for i in {by_length[int(at)] for at in np.linspace(0, len(prompts) - 1, count).round()}:
            plain = plain_log_probabilities(self.loaded.model, prompts[i])
            self.difference = max(self.difference, float(np.abs(plain - values[i]).max()))
            self.checked += 1

    def _shared(self, segments: tuple[str, ...]) -> Tokens | None:
        """The tokens that prompts begin with whatever the items; None if that cannot be told.

        From items made up for this, so that no answer depends on which other items were asked about before.
        """
        if segments not in self._starts:
            self._starts[segments] = self._start(segments)
        return self._starts[segments]

    @cached_property
    def _starts(self) -> dict[tuple[str, ...], Tokens | None]:
        return {}

    def _start(self, segments: tuple[str, ...]) -> Tokens | None:
        own = None if self.task_file.options is None else [("one", "two"), ("three", "four")]
        try:
            made_up = Items(["0", "1"], {name: ["A text", "7 others"] for name in segments}, options=own)
            rows = self._reader.tokens(self.prompts_of(made_up))
        except TrusteqError:
            return None
        return rows[0][: common(rows)]

    def _chat(self, messages: list[dict[str, str]]) -> str:
        """The prompt that the model's own chat template makes of messages, up to where the model would write."""
        with quiet_transformers():
            try:
                text = self.loaded.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
            except BaseException as error:
                if not is_failure(error):
                    raise
                raise ModelError(f"model {self.name}: its chat template cannot be used: {one_line(error)}") from error
        return str(text)

    def _size(self) -> Size:
        parameters = self.identity.details.get("parameters")
        return Size(parameters, file_bytes(self.loaded.files.values()), memory_bytes(self.loaded.model))

    @property
    def _is_plain(self) -> bool:
        return type(self) is LanguageModel

    def _opening(self) -> Opening | None:
        """How another process can open it; None for a subclass, which would be opened as this class."""
        if not self._is_plain:
            return None
        where = str(self.loaded.model.device)
        options = {
            "task": self.task_file.model_dump(mode="json", exclude_defaults=True),
            "budget": self.budget,
            "device": None if self.is_packed else where,
        }
        return opening(self.identity, self.name, options, device=where, limit=self.limit, lowered=self.precision)


def _prepare(architecture: str | None) -> None:
    import torch
    import transformers

    with quiet_transformers():
        from transformers.quantizers import AutoHfQuantizer  # noqa: F401

        # transformers imports these when they are first accessed.
        for name in ("AutoTokenizer", "AutoModelForCausalLM", architecture):
            getattr(transformers, name or "", None)
    square = torch.ones(256, 256)
    square @ square  # starts torch's threads


CAUSAL = Backend(
    kind="causal",
    words="a language model",
    recognises=is_language_model,
    open=open_language_model,
    options=(TASK, BUDGET, DEVICE, DOWNLOAD),
    reads_texts=True,
    prepare=_prepare,
)
