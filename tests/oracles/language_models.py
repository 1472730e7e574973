"""Tiny random language models of transformers, saved as people save them, large enough that compression shows."""

from __future__ import annotations

import torch
import transformers
from oracles import tokenizers

from trusteq.models.library_output import quiet_transformers

SIZES = {"hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 128}
TEMPLATE = "{% for message in messages %}{{ message['content'] }}{% endfor %}"


def save(folder, kind, **changes):
    """The folder of a tiny random language model, whose answers differ between texts."""
    tokenizer = tokenizers.byte_pairs()
    shared = {"vocab_size": tokenizer.get_vocab_size(), "bos_token_id": 0, "eos_token_id": 2}
    grouped = {**SIZES, "num_key_value_heads": 2, "max_position_embeddings": 64, **changes}
    configs = {
        "llama": lambda: transformers.LlamaConfig(**shared, **grouped),
        "tied": lambda: transformers.LlamaConfig(**shared, **grouped, tie_word_embeddings=True),
        "qwen2": lambda: transformers.Qwen2Config(**shared, **grouped),
        "gpt2": lambda: transformers.GPT2Config(**shared, n_embd=64, n_layer=3, n_head=4, n_positions=64, **changes),
    }
    torch.manual_seed(1)
    with quiet_transformers():
        model = transformers.AutoModelForCausalLM.from_config(configs[kind]())
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim == 2:
                    parameter.normal_(std=0.2)
        model.save_pretrained(folder)
        ends = {"bos_token": "<s>", "eos_token": "</s>"}
        wrapped = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **ends)
        wrapped.chat_template = TEMPLATE
        wrapped.save_pretrained(folder)
    return folder
