"""A model with some of its layers answers as these layers do by themselves."""

from copy import deepcopy

import pytest

pytest.importorskip("transformers", reason="needs the extra 'transformers'")

import torch
import transformers
from transformers import BertConfig, GPT2Config, GPTNeoConfig, SmolLM3Config

from trusteq.models.layers import with_layers

SIZES = {"hidden_size": 32, "num_attention_heads": 4, "vocab_size": 100, "pad_token_id": 0, "num_labels": 3}
NEO = {**SIZES, "num_layers": 4, "window_size": 4, "attention_types": [[["global", "local"], 2]]}
SMOL = {**SIZES, "num_hidden_layers": 4, "num_key_value_heads": 2, "intermediate_size": 64}
SPECIAL = {"bos_token_id": 1, "eos_token_id": 2}
BERT = {**SIZES, "num_hidden_layers": 4, "intermediate_size": 64}
KINDS = {
    "Bert": (BertConfig(**BERT), "bert.encoder.layer"),
    "GPTNeo": (GPTNeoConfig(**NEO, **SPECIAL), "transformer.h"),
    "SmolLM3": (SmolLM3Config(**SMOL, **SPECIAL, no_rope_layers=[1, 0, 0, 1]), "model.layers"),
}
TOKENS = torch.arange(3, 99).reshape(4, 24)


def opened(kind, config):
    torch.manual_seed(0)
    model = getattr(transformers, f"{kind}ForSequenceClassification")(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.normal_(std=0.3)
    return model


def answers(model):
    others = {} if model.config.model_type == "bert" else {"use_cache": False}
    with torch.no_grad():
        return model(input_ids=TOKENS, attention_mask=torch.ones_like(TOKENS), **others).logits


@pytest.mark.parametrize("kept", [[0, 2], [2, 3], [0, 1], [1, 3]], ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_saved_with_some_layers_it_answers_as_they_do(kind, kept, tmp_path):
    config, name = KINDS[kind]
    model = opened(kind, config)
    with_layers(model, name, kept).save_pretrained(tmp_path)
    saved = type(model).from_pretrained(tmp_path)
    parent, _, last = name.rpartition(".")
    layers = model.get_submodule(name)
    setattr(model.get_submodule(parent), last, torch.nn.ModuleList(layers[i] for i in kept))
    model.config = deepcopy(model.config)
    model.config.num_hidden_layers = len(kept)
    model.base_model.config = model.config
    assert torch.equal(answers(saved), answers(model))


def test_layers_that_depend_on_their_number_stay_where_they_are():
    sizes = {"n_embd": 32, "n_layer": 4, "n_head": 2, "vocab_size": 100}
    model = opened("GPT2", GPT2Config(**sizes, **SPECIAL, scale_attn_by_inverse_layer_idx=True))
    assert with_layers(model, "transformer.h", [0, 1]).config.num_hidden_layers == 2
    with pytest.raises(ValueError, match=r"^its layer 3 would change: it has another scaling in place 2$"):
        with_layers(model, "transformer.h", [0, 2])
