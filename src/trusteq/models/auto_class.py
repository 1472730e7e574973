"""Whether an architecture is a language model or one of pictures, and the class of transformers that opens it."""

from __future__ import annotations

from typing import Any


def is_language_model(architecture: str) -> bool:
    """Whether transformers knows it as a model of the next token, such as LlamaForCausalLM or GPT2LMHeadModel."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return architecture in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values()


def is_picture_model(architecture: str) -> bool:
    """Whether transformers knows it as a classifier of pictures, such as ViTForImageClassification."""
    return "ForImageClassification" in architecture


def auto_class(architecture: str) -> Any:
    """transformers' class that opens models of an architecture: of the next token, or classifiers."""
    import transformers

    if is_language_model(architecture):
        return transformers.AutoModelForCausalLM
    if is_picture_model(architecture):
        return transformers.AutoModelForImageClassification
    return transformers.AutoModelForSequenceClassification
