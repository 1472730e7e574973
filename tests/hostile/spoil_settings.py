"""Configurations of models and tokenizers with known keys of hostile values, and keys that nobody knows."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

from hostile.spoil_values import in_json, places

if TYPE_CHECKING:
    from random import Random

NUMBERS = (-1, 0, 1, 2, 3, 7, 33, 1000, 10**5, 10**6, 10**8, 2**31, 2**40, 2**63, 10**30, -(2**63))
FLOATS = (0.5, -0.5, 2.0, 1e-300, 1e8, 1e300, float("nan"), float("inf"), -float("inf"))
PATHS = (
    *("../secret", "../secret/w", "@secret@", "@secret@/w", "@secret@/config.json", "/etc/hostname", "~/w", "evil.py"),
    *("org/model", "org/model@main", "https://127.0.0.1:1/w", "hf://org/model/w", "file:///etc/hostname", "other"),
)
"""Places elsewhere; what reads them puts a folder of somebody else's for @secret@."""

TEXTS = ("", " ", "x", "x" * 3000, "\ud800", "a\nb", "\x1b[31m", "{0.x}", "auto", "none", "[PAD]", "<s>", *PATHS)

CODE = (
    {
        "AutoModelForSequenceClassification": "evil.Model",
        "AutoConfig": "evil.Config",
        "AutoTokenizer": ["evil.T", None],
    },
    {"AutoModelForSequenceClassification": "org/model--evil.Model"},
    {"AutoTokenizer": "evil.Tokenizer"},
    {"AutoConfig": 1},
)
KNOWN: dict[str, tuple[Any, ...]] = {
    "auto_map": CODE,
    "attn_implementation": (
        "eager",
        "sdpa",
        "flex_attention",
        "flash_attention_2",
        "org/model",
        "org/model:f",
        {"": "org/x"},
    ),
    "_attn_implementation": (
        "eager",
        "sdpa",
        "flex_attention",
        "paged|org/model",
        "org/model@v1:f",
        ["sdpa"],
        {"a": "b"},
    ),
    "_attn_implementation_internal": ("flex_attention", "org/model", "flash_attention_2"),
    "experts_implementation": ("eager", "grouped_mm", "deepgemm", "org/model"),
    "dtype": (
        "float16",
        "float64",
        "int8",
        "float8_e4m3fn",
        "complex64",
        "quint8",
        "nn",
        "load",
        "__class__",
        {"": "float16"},
    ),
    "torch_dtype": ("bfloat16", "torch.float16", "bool", "hub", "Tensor", ["float32"]),
    "architectures": (["BertModel"], ["evil.Model"], [], [None], "BertForSequenceClassification", ["../secret"]),
    "tokenizer_class": (
        "BertTokenizer",
        "LlamaTokenizer",
        "T5Tokenizer",
        "RobertaTokenizerFast",
        "XLNetTokenizer",
        "evil.T",
    ),
    "id2label": (
        {},
        {"0": "a"},
        {"0": "a", "1": "b", "5": "c"},
        {str(n): str(n) for n in range(2000)},
        {"0": None, "1": []},
    ),
    "label2id": ({}, {"a": 10**9}, {"a": "b"}, {"a": None}),
    "num_labels": (1, 2, 3, 1000, 10**6, 10**7),
    "problem_type": ("regression", "multi_label_classification", "single_label_classification"),
    "pruned_heads": ({"0": [0]}, {"0": [0, 1, 5]}, {"9": [1]}, {"0": [10**8]}, {"x": 1}, [[0]]),
    "rope_scaling": (
        {"type": "linear", "factor": 2.0},
        {"rope_type": "yarn", "factor": 1e300},
        {"rope_type": "dynamic"},
    ),
    "rope_parameters": (
        {"rope_type": "llama3"},
        {"rope_type": "longrope", "long_factor": [1.0] * 10**4},
        {"rope_theta": 0},
    ),
    "layer_types": (["full_attention"] * 2, ["full_attention"] * 9000, ["x"], [None, None]),
    "block_sizes": ([1], [1] * 9000, [10**7], [-1], [[1]], [0.5]),
    "text_config": ({}, {"model_type": "bert"}, {"num_hidden_layers": 10**8}, {"auto_map": CODE[0]}),
    "backbone_config": ({"model_type": "resnet"}, {"backbone": "org/model"}),
    "backbone": ("org/model", "resnet50"),
    "use_pretrained_backbone": (True,),
    "use_timm_backbone": (True,),
    "sp_model_kwargs": ({"model": "../secret/w"}, {"model_file": "w"}, {"nbest_size": 10**9}),
    "added_tokens_decoder": (
        {"0": {"content": "x"}},
        {str(10**9): {"content": "y", "special": True}},
        {"-1": {"content": 1}},
    ),
    "model_max_length": (0, 1, 2, 3, 10**30, -5, 0.5, "many"),
    "extra_special_tokens": ({"image_token": "<i>"}, ["<i>"] * 1000, {"x": "../secret"}),
    "chat_template": ("{{ 9**9**9 }}", "{% for i in range(10**9) %}x{% endfor %}", "../secret/w"),
    "vocab_file": PATHS,
    "merges_file": PATHS,
    "tokenizer_file": PATHS,
    "spm_file": PATHS,
    "gguf_file": PATHS,
    "hidden_act": ("gelu", "silu", "gelu_10", "x", "kernels/x", {"a": 1}),
}
QUANTIZED: dict[str, tuple[Any, ...]] = {
    "bits": (1, 2, 4, 8, 10**9, "4"),
    "group_size": (-1, 0, 32, 10**9),
    "load_in_8bit": (True, False, "x"),
    "load_in_4bit": (True, False),
    "bnb_4bit_quant_type": ("nf4", "fp4", "x"),
    "bnb_4bit_compute_dtype": ("float16", "nn", 5),
    "modules_to_not_convert": (["classifier"], "classifier", [".*" * 100], [1], ["(a+)+$"]),
    "weights": ("int8", "float8", "int2", "x"),
    "quant_type": (
        {"default": {"_type": "Int8WeightOnlyConfig", "_version": 2, "_data": {}}},
        "int8_weight_only",
        {"default": {"_type": "os.system", "_version": 1, "_data": {"x": "id"}}},
    ),
    "config_groups": (
        {"a": {"targets": ["Linear"], "weights": {"num_bits": 8}}},
        {"a": {"targets": ["re:(a+)+$"]}},
        {},
    ),
    "format": ("int-quantized", "pack-quantized", "x"),
    "kv_cache_scheme": ({"num_bits": 8},),
    "linear": ({"weight_bits": 4},),
    "dataset": ("c4", "../secret/w", ["x"] * 10),
    "tokenizer": ("org/model", "../secret"),
    "desc_act": (True,),
    "checkpoint_format": ("gptq", "marlin"),
    "backend": ("auto", "org/model"),
    "version": ("gemm", "exllama"),
    "exllama_config": ({"version": 2},),
    "quantization_status": ("compressed", "frozen"),
    "ignore": (["classifier"], [".*"], ["re:(a+)+$"]),
}
"""Keys of ``quantization_config`` and what may stand there."""


def in_settings(rng: Random, content: bytes) -> bytes:
    """A configuration with one to four entries more or other than it had."""
    told = json.loads(content)
    for _ in range(rng.choice((1, 1, 2, 4))):
        holder = rng.choice([told, told, told, *(held for held, _ in places(told) if isinstance(held, dict))])
        how = rng.randrange(10)
        if how == 0:
            holder["quantization_config"] = quantization(rng)
        elif how == 1:
            holder["model_type"] = rng.choice(kinds())
        elif how <= 4:
            key = rng.choice(list(KNOWN))
            holder[key] = rng.choice(KNOWN[key])
        elif how <= 7 and holder:
            holder[rng.choice(list(holder))] = value(rng)
        elif how == 8:
            holder[rng.choice(keys())] = value(rng)
        else:
            told = json.loads(in_json(rng, json.dumps(told).encode()))
    return json.dumps(told).encode()


def value(rng: Random, depth: int = 0) -> Any:
    """A value of any kind."""
    kind = rng.randrange(9 if depth < 3 else 6)
    if kind <= 1:
        return rng.choice(NUMBERS)
    if kind == 2:
        return rng.choice(FLOATS)
    if kind == 3:
        return rng.choice((None, True, False, [], {}))
    if kind <= 5:
        return rng.choice(TEXTS)
    if kind == 6:
        return {
            rng.choice((*KNOWN, "0", "x", "", "lstrip", "content")): value(rng, depth + 1)
            for _ in range(rng.choice((1, 3)))
        }
    if kind == 7:
        return [value(rng, depth + 1) for _ in range(rng.choice((1, 2, 3)))]
    inner, times = value(rng, depth + 2), rng.choice((2, 100, 5000))
    return [inner] * (times if times * len(json.dumps(inner)) < 2**17 else 2)


def quantization(rng: Random) -> Any:
    """A way of quantization with some of its settings."""
    from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING

    if rng.randrange(9) == 0:
        return value(rng)
    some = {key: rng.choice(QUANTIZED[key]) for key in rng.sample(list(QUANTIZED), rng.randrange(7))}
    some |= {rng.choice(list(QUANTIZED)): value(rng)} if rng.randrange(3) == 0 else {}
    method = rng.choice((*AUTO_QUANTIZER_MAPPING, "torchao", "compressed-tensors", "x", 1, None))
    return {**some, **({} if rng.randrange(9) == 0 else {"quant_method": method})}


@cache
def kinds() -> list[str]:
    """All model types that transformers knows."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    return sorted(CONFIG_MAPPING_NAMES)


@cache
def keys() -> list[str]:
    """Keys of the configurations of some architectures, and of what all have in common."""
    from transformers import CONFIG_MAPPING

    some = ("bert", "albert", "funnel", "roberta", "llama", "mixtral", "t5", "gpt2", "modernbert", "deberta-v2")
    return sorted({key for kind in some for key in CONFIG_MAPPING[kind]().to_dict()})
