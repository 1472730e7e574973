"""Whether an architecture is a language model, and the class of transformers that opens it."""

from __future__ import annotations

from typing import Any


def is_language_model(architecture: str) -> bool:
    """Whether transformers knows it as a model of the next token, such as LlamaForCausalLM or GPT2LMHeadModel."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return architecture in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values()


def auto_class(architecture: str) -> Any:
    """transformers' class that opens models of an architecture: of language models, or else of classifiers."""
    import transformers

    if is_language_model(architecture):
        return transformers.AutoModelForCausalLM
    return transformers.AutoModelForSequenceClassification
