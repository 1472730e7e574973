"""Whether an architecture is a language model, or one of pictures or sounds, and the class that opens it."""

from __future__ import annotations

import re
from typing import Any

OF_SOUNDS = re.compile(
    r"\w+ForAudioClassification|(Data2VecAudio|Hubert|SEWD?|UniSpeech(Sat)?|Wav2Vec2(Bert|Conformer)?|WavLM)"
    r"ForSequenceClassification"
)
"""The architectures that transformers opens as classifiers of sounds."""


def is_language_model(architecture: str) -> bool:
    """Whether transformers knows it as a model of the next token, such as LlamaForCausalLM or GPT2LMHeadModel."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    return architecture in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES.values()


def is_picture_model(architecture: str) -> bool:
    """Whether transformers knows it as a classifier of pictures, such as ViTForImageClassification."""
    return "ForImageClassification" in architecture


def is_sound_model(architecture: str) -> bool:
    """Whether transformers knows it as a classifier of sounds, such as ASTForAudioClassification."""
    return OF_SOUNDS.fullmatch(architecture) is not None


def auto_class(architecture: str) -> Any:
    """transformers' class that opens models of an architecture: of the next token, or classifiers."""
    import transformers

    if is_language_model(architecture):
        return transformers.AutoModelForCausalLM
    if is_picture_model(architecture):
        return transformers.AutoModelForImageClassification
    if is_sound_model(architecture):
        return transformers.AutoModelForAudioClassification
    return transformers.AutoModelForSequenceClassification
