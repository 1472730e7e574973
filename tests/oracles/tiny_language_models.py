"""Tiny random language models of transformers with byte-level tokenizers, made on the spot."""

from __future__ import annotations

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

from trusteq.models.library_output import quiet_transformers

TEMPLATE = (
    "{% for message in messages %}{{ '<s>' + message['role'] + '\n' + message['content'] + '</s>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<s>assistant\n' }}{% endif %}"
)
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
CONTEXT = 256


def byte_pairs():
    """Bytes with merges as GPT-2's: words that begin with a blank, and two line ends as one token."""
    special = ["<s>", "</s>", "<|endoftext|>"]
    merges = [("o", "o"), ("Ġ", "g"), ("Ġg", "oo"), ("Ġgoo", "d"), ("b", "a"), ("Ġ", "ba"), ("Ġba", "d"), ("Ċ", "Ċ")]
    tokens = [*special, *sorted(pre_tokenizers.ByteLevel.alphabet()), *(a + b for a, b in merges)]
    tokenizer = Tokenizer(models.BPE({token: code for code, token in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    return tokenizer


def tokenizer(*, begins=False, template=TEMPLATE):
    """It begins every text with <s>, if asked to."""
    made = byte_pairs()
    if begins:
        made.post_processor = processors.TemplateProcessing(
            single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 0)]
        )
    ends = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<|endoftext|>"}
    wrapped = transformers.PreTrainedTokenizerFast(tokenizer_object=made, **ends)
    wrapped.chat_template = template
    return wrapped


def config(kind, **changes):
    """A configuration of this kind with sizes for tests."""
    vocabulary = {"vocab_size": byte_pairs().get_vocab_size(), "bos_token_id": 0, "eos_token_id": 1}
    grouped = {**SIZES, "num_key_value_heads": 2, "max_position_embeddings": CONTEXT, "head_dim": 8}
    if kind == "llama":
        return transformers.LlamaConfig(**vocabulary, **grouped, **changes)
    if kind == "mistral":
        return transformers.MistralConfig(**vocabulary, **grouped, **{"sliding_window": 24, **changes})
    if kind == "gemma2":
        return transformers.Gemma2Config(**vocabulary, **grouped, final_logit_softcapping=2.0, **changes)
    if kind == "gpt2":
        return transformers.GPT2Config(**vocabulary, n_embd=32, n_layer=2, n_head=4, n_positions=CONTEXT, **changes)
    if kind == "gpt_neo":
        window = {"window_size": 16, "attention_types": [[["global", "local"], 1]], **changes}
        sizes = {"hidden_size": 32, "num_layers": 2, "num_heads": 4, "intermediate_size": 64}
        return transformers.GPTNeoConfig(**vocabulary, **sizes, **{"max_position_embeddings": CONTEXT, **window})
    if kind == "mpt":
        return transformers.MptConfig(**vocabulary, d_model=32, n_heads=4, n_layers=2, max_seq_len=CONTEXT)
    if kind == "roberta":
        sizes = {**SIZES, "max_position_embeddings": CONTEXT, "pad_token_id": 1}
        return transformers.RobertaConfig(**{**vocabulary, "eos_token_id": 2}, **sizes, **changes)
    if kind == "bloom":
        return transformers.BloomConfig(**vocabulary, hidden_size=32, n_layer=2, n_head=4, **changes)
    return transformers.MambaConfig(**vocabulary, hidden_size=32, num_hidden_layers=2, state_size=4, **changes)


def model(kind="llama", *, seed=1, scale=0.3, **changes):
    """A random model whose answers differ between texts."""
    torch.manual_seed(seed)
    with quiet_transformers():
        made = transformers.AutoModelForCausalLM.from_config(config(kind, **changes)).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            if parameter.ndim == 2:
                parameter.normal_(std=scale)
    return made


def save(folder, kind="llama", **settings):
    """A folder with such a model and its tokenizer, as people save them."""
    with quiet_transformers():
        model(kind, **settings).save_pretrained(folder)
        tokenizer().save_pretrained(folder)
    return folder
