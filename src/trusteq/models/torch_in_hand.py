"""Torch models that are in memory: a pipeline or a model with its tokenizer, or a module and what makes its inputs."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from trusteq.errors import LabelError, ModelError
from trusteq.models.base import Identity
from trusteq.models.cost_size import Size, memory_bytes
from trusteq.models.function import FunctionModel
from trusteq.models.labels import configured_labels, label_names
from trusteq.models.library_output import one_line
from trusteq.models.loaded_checkpoint import LoadedCheckpoint
from trusteq.models.scores import as_probabilities
from trusteq.models.token_limit import token_limit
from trusteq.models.transformer import GPU_TOKEN_BUDGET, TOKEN_BUDGET, TransformerModel
from trusteq.models.weights_hash import configuration, weights_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.models.opening import Opening
    from trusteq.models.traits import Traits

ROWS = 64
"""Items in one call of a module."""

CLASSIFICATION = ("text-classification", "sentiment-analysis")
"""The pipelines that answer texts with a label."""


def is_pipeline(value: object) -> bool:
    """Whether this is a pipeline of transformers, without importing the library."""
    return _is(value, "transformers", "Pipeline")


def is_module(value: object) -> bool:
    """Whether this is a torch module, without importing torch."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.nn.Module)


def is_tokenizer(value: object) -> bool:
    """Whether this is a tokenizer of transformers, without importing the library."""
    return _is(value, "transformers", "PreTrainedTokenizerBase")


def _is(value: object, library: str, kind: str) -> bool:
    # The library defines its classes when they are first accessed, which nobody needs to do for other objects.
    if not any(base.__module__.partition(".")[0] == library for base in type(value).__mro__):
        return False
    return isinstance(value, getattr(sys.modules[library], kind))


@dataclass(eq=False)
class TransformerInHand(TransformerModel):
    """A classifier that is in memory: it has no files, so no other process can open it."""

    @property
    def traits(self) -> Traits:
        """Those of a classifier whose tokenizer is in memory, too."""
        return replace(super().traits, tokenizer_in_memory=self.tokenizer)

    def _size(self) -> Size:
        return Size(self.identity.details.get("parameters"), None, memory_bytes(self.model))

    def _opening(self) -> Opening | None:
        return None


@dataclass(frozen=True, eq=False)
class ModuleInHand(FunctionModel):
    """A module that is in memory; its function returns scores [items, labels]."""

    scores: Literal["probabilities", "logits"] = "logits"

    def predict(self, items: Items) -> NDArray[np.floating[Any]]:
        """Probabilities [items, labels]."""
        scores = np.asarray(super().predict(items), dtype=np.float64)
        changed = items.may_be_empty
        return as_probabilities(scores, self.scores, output=self.scores, name=self.name, changed=changed)


def of_pipeline(pipeline: Any, *, name: str, labels: Sequence[str] | None = None, budget: int | None = None) -> Any:
    """The model in a pipeline that classifies texts; its answers are those of the model, as the softmax of logits."""
    task = str(getattr(pipeline, "task", ""))
    if task in CLASSIFICATION and getattr(pipeline, "tokenizer", None) is not None:
        return of_transformer(pipeline.model, pipeline.tokenizer, name=name, labels=labels, budget=budget)
    way = "open the folder of its model with trusteq.open_model"
    if task in ("text-generation", "text2text-generation"):
        way = "a language model is opened from its folder, with a task file that says how to ask it (task=FILE)"
    raise ModelError(
        f"model {name}: a pipeline of {task or 'an unknown task'}; of pipelines, only those of text-classification are "
        f"audited: {way}, or wrap it in a function that returns probabilities, with trusteq.from_callable"
    )


def of_transformer(
    model: Any,
    tokenizer: Any,
    *,
    name: str,
    labels: Sequence[str] | None = None,
    budget: int | None = None,
) -> TransformerInHand:
    """A sequence classifier of transformers and its tokenizer, as they are in memory."""
    kind = type(model).__name__
    if "ForSequenceClassification" not in kind:
        way = (
            "a language model is opened from its folder, with a task file that says how to ask it (task=FILE)"
            if "ForCausalLM" in kind or "LMHead" in kind
            else "give a ...ForSequenceClassification, or a function with trusteq.from_callable"
        )
        raise ModelError(f"model {name}: {kind} does not classify texts; {way}")
    _refuse_training(model, name=name)
    config = model.config.to_dict()
    problem = config.get("problem_type")
    if problem not in (None, "single_label_classification"):
        raise ModelError(
            f"model {name}: problem_type is {problem!r}; trusteq compares classifiers that give one label to each item"
        )
    names = label_names(configured_labels(config, name=name), labels, name=name)
    backend = getattr(tokenizer, "backend_tokenizer", None)
    vocabulary = sorted(tokenizer.get_vocab().items()) if backend is None else backend.to_str()
    loaded = LoadedCheckpoint(model, tokenizer, {}, [], config.get("quantization_config") or {}, {})
    pad = tokenizer.pad_token_id
    return TransformerInHand(
        name=name,
        labels=names,
        identity=Identity(
            "transformers in memory",
            f"{kind} and its tokenizer",
            weights_hash(model, configuration(config), str(vocabulary), name=name),
            loaded.details(),
        ),
        model=model,
        tokenizer=tokenizer,
        budget=budget or (TOKEN_BUDGET if model.device.type == "cpu" else GPU_TOKEN_BUDGET),
        limit=token_limit(config, tokenizer.model_max_length, where=f"model {name}"),
        can_pad=pad is not None and pad == getattr(model.config, "pad_token_id", None),
        unused=[],
        files={},
    )


def of_module(
    module: Any,
    make_inputs: Callable[[Any], Any],
    *,
    name: str,
    labels: Sequence[str] | None = None,
    scores: Literal["probabilities", "logits"] | None = None,
) -> ModuleInHand:
    """A torch module with the function that makes its inputs from items: a tensor, a tuple of them, or a mapping.

    The function gets what `from_callable` gives its own: a list of texts, an array, a data frame. The module returns
    logits [items, labels], unless ``scores`` says that they are probabilities.
    """
    _refuse_training(module, name=name)
    config: Any = getattr(module, "config", None)
    configured = configured_labels(config.to_dict(), name=name) if hasattr(config, "to_dict") else ()
    if labels is None and not configured:
        raise LabelError(
            f"model {name}: {type(module).__name__} does not name its labels; give them in the order of its outputs: "
            "trusteq.open_model((module, function), labels=[...])"
        )
    inputs = f"{make_inputs.__module__}.{getattr(make_inputs, '__qualname__', type(make_inputs).__name__)}"
    identity = Identity(
        "torch module",
        f"{type(module).__module__}.{type(module).__qualname__}",
        weights_hash(module, inputs, scores or "logits", name=name),
        {"inputs": inputs, "scores": scores or "logits"},
    )
    names = label_names(configured, labels, name=name)
    ask = partial(_asked, module, make_inputs, labels=len(names), name=name)
    return ModuleInHand(name, names, identity, ask, scores=scores or "logits")


def _refuse_training(module: Any, *, name: str) -> None:
    if module.training:
        raise ModelError(f"model {name}: it is in training mode, in which dropout is on; call .eval() on it first")


def _asked(
    module: Any, make_inputs: Callable[[Any], Any], inputs: Any, *, labels: int, name: str
) -> NDArray[np.float64]:
    """What the module returns [items, labels] for the items, some in each call."""
    import torch

    answers = []
    with torch.inference_mode():
        for start in range(0, len(inputs), ROWS):
            part = inputs.iloc[start : start + ROWS] if hasattr(inputs, "iloc") else inputs[start : start + ROWS]
            try:
                made = make_inputs(part)
                if isinstance(made, tuple | list):
                    answer = module(*made)
                else:
                    answer = module(**made) if hasattr(made, "keys") else module(made)
            except (RuntimeError, ValueError, TypeError, IndexError, AttributeError, KeyError) as error:
                raise ModelError(f"model {name}: failed while answering: {one_line(error)}") from error
            answer = getattr(answer, "logits", answer)
            if not isinstance(answer, torch.Tensor) or answer.shape != (len(part), labels):
                found = list(answer.shape) if isinstance(answer, torch.Tensor) else type(answer).__name__
                raise ModelError(
                    f"model {name}: it returned {found} for {len(part)} items; it must return a tensor [items, "
                    f"labels], {[len(part), labels]}, or an object with one as logits"
                )
            answers.append(answer.double().cpu().numpy())
    return np.concatenate(answers)
