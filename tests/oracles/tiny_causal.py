"""Tiny random language models of transformers and a tokenizer for them, made on the spot."""

from __future__ import annotations

import torch
import transformers
from oracles import tokenizers

KINDS = ("llama", "gpt2", "gemma2", "cohere")
"""The last two change what their head gives: one caps it, the other scales it."""
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
SIZES |= {"num_key_value_heads": 2}


def tokenizer(*, begins=False):
    """Bytes with a few merges; with ``begins``, every text begins with <s>."""
    pairs = tokenizers.byte_pairs()
    if not begins:
        pairs.post_processor = tokenizers.processors.ByteLevel(trim_offsets=False)
    names = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    return transformers.PreTrainedTokenizerFast(tokenizer_object=pairs, **names)


def model(kind="llama", *, seed=1, spread=0.3, context=64):
    """A model of this kind with large random weights, so that it expects something else everywhere."""
    vocabulary = len(tokenizer())
    torch.manual_seed(seed)
    if kind == "gpt2":
        config = transformers.GPT2Config(
            vocab_size=vocabulary, n_embd=32, n_layer=2, n_head=2, n_positions=context, bos_token_id=0, eos_token_id=2
        )
        made = transformers.GPT2LMHeadModel(config)
    else:
        configs = {"llama": "Llama", "gemma2": "Gemma2", "cohere": "Cohere"}
        config = getattr(transformers, f"{configs[kind]}Config")(
            vocab_size=vocabulary,
            max_position_embeddings=context,
            pad_token_id=1,
            bos_token_id=0,
            eos_token_id=2,
            **({} if kind == "cohere" else {"head_dim": 16}),
            **SIZES,
        )
        made = getattr(transformers, f"{configs[kind]}ForCausalLM")(config)
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.ndim == 2:
                parameter.normal_(std=spread)
    return made.eval()


def moved(other, *, by, seed=2):
    """The model with noise added to its weights."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for parameter in other.parameters():
            parameter += by * torch.randn_like(parameter)
    return other
