"""A language model that chooses: asked by a task file, it gives each choice the probability of its continuation."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from trusteq.data.items import Items
from trusteq.data.table import shown
from trusteq.errors import ModelError, OptionError, TrusteqError
from trusteq.models.backend import Backend
from trusteq.models.base import Finding, Identity
from trusteq.models.causal.chat_date import at_fixed_date
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
from trusteq.models.causal.scoring import Scorer
from trusteq.models.causal.tokenized import Reader, tokenized
from trusteq.models.causal.weights import weights_hash
from trusteq.models.checkpoint import first_few
from trusteq.models.cost_size import Size, file_bytes, memory_bytes
from trusteq.models.library_output import is_failure, offline, one_line, quiet_transformers
from trusteq.models.loaded_checkpoint import prepare
from trusteq.models.made import trained_on
from trusteq.models.opening import opening
from trusteq.models.options import BUDGET, CROWDED, DEVICE, DOWNLOAD, PLAIN, STORED_IN, TASK, TOP_TOKENS
from trusteq.models.token_limit import token_limit
from trusteq.models.traits import Traits
from trusteq.prompts.asked import asked
from trusteq.prompts.probabilities import choice_rows
from trusteq.prompts.task_file import read_task_file
from trusteq.tasks.choices import Choices

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from trusteq.models.causal.apart import Apart
    from trusteq.models.causal.tokenized import Prompt, Tokens
    from trusteq.models.loaded_checkpoint import LoadedCheckpoint
    from trusteq.models.opening import Opening
    from trusteq.prompts.asked import Asked
    from trusteq.prompts.task_file import TaskFile
    from trusteq.tasks.rows import Rows

    Read = Callable[[Sequence[Prompt], Sequence[str]], list[NDArray[np.float64]]]

TOKEN_BUDGET, GPU_TOKEN_BUDGET = 1024, 32_768
"""Tokens in one batch of texts, including padding: as for classifiers."""

PROMPT_BUDGET = 512
"""The same for prompts on a processor: a tenth faster than twice as many, and there is no noise floor that would need
several texts in a batch."""

ROUNDING = 0.5
"""How far log-probabilities of a model in 16 bits may be from those of the plain forward before they are not used."""


def open_language_model(
    location: str,
    *,
    name: str,
    task: str | Path | Mapping[str, Any] | TaskFile | None = None,
    top_tokens: int | None = None,
    budget: int | None = None,
    device: str | None = None,
    download: bool = False,
    stored_in: str | None = None,
    crowded: str = "",
    plain: bool = False,
) -> LanguageModel | Apart:
    """A language model, loaded completely and without running any code of the model, that is asked by a task file.

    ``location`` is a folder with safetensors, a GGUF file or a hub id (``org/model`` or ``org/model@revision``), which
    is fetched only with ``download``; ``task`` is the task file, or its content; ``device`` is by default "cuda" if
    there is a GPU, otherwise "cpu". With ``top_tokens``, models that read texts are in memory only while they do, and
    candidates are compared with that many of the reference's tokens, which are stored in the folder ``stored_in``, by
    default a temporary one. ``crowded`` says why models must do so although ``top_tokens`` is not given.
    With ``plain``, prompts are read one at a time with nothing shared.
    """
    if task is None:
        raise OptionError(
            f"model {name}: {location} is a language model, and nothing says how to ask it; give a task file with "
            "--task FILE"
        )
    task_file = read_task_file(task)
    one_at_a_time = bool(top_tokens or crowded)
    if one_at_a_time:
        if task_file.task == Choices.name:
            raise OptionError(
                f"model {name}: top_tokens has no effect, as its task file asks for {Choices.name}; leave it out"
            )
        from trusteq.models.causal import apart  # it imports this file

        apart.let_go()
    loaded = load(location, name=name, device=device, download=download)
    network, tokenizer = loaded.model, loaded.tokenizer
    weights, chat = weights_hash(network), task_file.chat == "model"
    identity = Identity(
        kind=CAUSAL.kind,
        location=location,
        content=content_hash(loaded, chat=chat, weights=weights),
        details={
            **loaded.details(),
            "weights": weights,
            "vocabulary": vocabulary_hash(tokenizer),
            "tokenizer": tokenizer_hash(tokenizer),
            "chat_template": chat_template_hash(tokenizer),
            "asked": task_file.content(),
        },
    )
    kind, on_processor = LanguageModel, PROMPT_BUDGET
    if task_file.task != Choices.name:
        from trusteq.models.causal.text_model import TextModel  # it imports this file

        kind, on_processor = TextModel, TOKEN_BUDGET
    model = kind(
        name=name,
        identity=identity,
        loaded=loaded,
        task_file=task_file,
        budget=budget or (on_processor if network.device.type == "cpu" else GPU_TOKEN_BUDGET),
        plain=plain,
        limit=token_limit(network.config.to_dict(), tokenizer.model_max_length, where=f"model {name}"),
    )
    if one_at_a_time and isinstance(model, TextModel):
        return apart.Apart.of(model, top=top_tokens, folder=stored_in, why=crowded)
    return model


@dataclass(eq=False)
class LanguageModel:
    """A loaded language model with its task file.

    limit: its context in tokens. precision: the one it was lowered to, if any. plain: whether it reads
    one text at a time with nothing shared.
    """

    name: str
    identity: Identity
    loaded: LoadedCheckpoint
    task_file: TaskFile
    budget: int
    limit: int | None
    precision: str | None = None
    plain: bool = False

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the choices that all items share; () if items have their own."""
        return tuple(self.task_file.choices or ())

    def predict(self, items: Items) -> Rows:
        """A row for each choice of each item, as the task of choices has them."""
        if self.plain:
            return self.plainly(items)

        def shared(prompts: Sequence[Prompt], ids: Sequence[str]) -> list[NDArray[np.float64]]:
            return self._scorer.log_probabilities(prompts, ids, shared=self._shared(tuple(items.segments)))

        return self._rows(items, shared)

    def plainly(self, items: Items) -> Rows:
        """The same by the plain forward: one text at a time with nothing shared."""
        return self._rows(
            items, lambda prompts, _: [plain_log_probabilities(self.loaded.model, prompt) for prompt in prompts]
        )

    def questions(self, items: Items) -> list[Asked]:
        """What the model is asked about the items: whole prompts, and what it would write for each choice."""
        return asked(self.task_file, items, self._chat if self._has_template else None)

    def prompts_of(self, items: Items) -> list[str]:
        """The whole prompts in order, to compare them with another model's; an error if one cannot be asked."""
        questions = self.questions(items)
        self._tokenized(questions, items, [question.prompt for question in questions])
        return [question.prompt for question in questions]

    @property
    def traits(self) -> Traits:
        """Those of a model that chooses."""
        import torch

        return Traits(
            task=Choices.name,
            budget=self.budget,
            lowered=self.lowered,
            plain=None if self.plain else partial(replace, self, plain=True),
            rounding=ROUNDING if self.loaded.model.dtype.itemsize < 4 else Traits.rounding,
            device=str(self.loaded.model.device),
            threads=torch.get_num_threads,
            size=self._size,
            opening=self._opening,
            trained_on=partial(trained_on, self.loaded.files.values()),
            asking=self.task_file.model_dump(mode="json", exclude_defaults=True),
            prompts=self.prompts_of,
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
        """Tensors in its files that it does not use, and that its chat template has no place for the system text."""
        found, unused, system = [], self.loaded.unused, self.task_file.system
        if unused:
            message = (
                f"tensors in its files that {self.identity.details['architecture']} does not use: {len(unused)} "
                f"({first_few(unused)})"
            )
            found.append(Finding(self.name, "unused weights", message, len(unused)))
        if self._has_template and self.task_file.chat == "model" and system is not None and self._drops(system):
            message = f"its chat template leaves out the task file's system text {shown(system)}"
            found.append(Finding(self.name, "system left out", f"{message}; write it into prompt instead", 1.0))
        return tuple(found)

    @property
    def _has_template(self) -> bool:
        return getattr(self.loaded.tokenizer, "chat_template", None) is not None

    @cached_property
    def _scorer(self) -> Scorer:
        return Scorer(self.loaded.model, self.name, self.budget)

    @cached_property
    def _reader(self) -> Reader:
        return Reader(self.loaded.tokenizer, self.name)

    def _rows(self, items: Items, read: Read) -> Rows:
        """The answers to the items, with log-probabilities as ``read`` gives them."""
        questions = self.questions(items)
        ids = [items.ids[question.item] for question in questions]

        def log_probabilities(starts: Sequence[str]) -> list[NDArray[np.float64]]:
            prompts = self._tokenized(questions, items, starts)
            with quiet_transformers(), offline():
                return read(prompts, ids)

        conditional = log_probabilities([question.prompt for question in questions])
        unconditional = None
        if self.task_file.minus_unconditional:
            unconditional = log_probabilities([question.unconditional or "" for question in questions])
        return choice_rows(self.task_file, questions, conditional, unconditional)

    def _tokenized(self, questions: Sequence[Asked], items: Items, starts: Sequence[str]) -> list[Prompt]:
        """The tokens of these texts and of each question's continuations after them."""
        ids = [items.ids[question.item] for question in questions]
        texts = [(start, question.continuations) for start, question in zip(starts, questions, strict=True)]
        return tokenized(self._reader, texts, ids, limit=self.limit)

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
            rows = self._reader.tokens([question.prompt for question in self.questions(made_up)])
        except TrusteqError:
            return None
        return rows[0][: common(rows)]

    def _chat(self, messages: list[dict[str, str]]) -> str:
        """The prompt that the model's own chat template makes of messages, up to where the model would write."""
        with quiet_transformers():
            try:
                tokenizer = self.loaded.tokenizer
                template = at_fixed_date(tokenizer.get_chat_template())
                text = tokenizer.apply_chat_template(
                    messages, chat_template=template, tokenize=False, add_generation_prompt=True
                )
            except BaseException as error:
                if not is_failure(error):
                    raise
                raise ModelError(f"model {self.name}: its chat template cannot be used: {one_line(error)}") from error
        return str(text)

    def _drops(self, system: str) -> bool:
        """Whether the chat template leaves out the system text."""
        question = {"role": "user", "content": "?"}
        # Not without one, in whose place a template may write a text of its own, perhaps this one.
        own, other = (self._chat([{"role": "system", "content": text}, question]) for text in (system, f"{system} (2)"))
        return own == other

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
            **({"plain": True} if self.plain else {}),
        }
        return opening(self.identity, self.name, options, device=where, limit=self.limit, lowered=self.precision)


CAUSAL = Backend(
    kind="causal",
    words="a language model",
    recognises=is_language_model,
    open=open_language_model,
    options=(TASK, TOP_TOKENS, BUDGET, DEVICE, DOWNLOAD, STORED_IN, CROWDED, PLAIN),
    reads_texts=True,
    prepare=partial(prepare, "AutoModelForCausalLM"),
)
