"""Tiny random classifiers of transformers with the tokenizers beside this file, saved as people save them."""

from __future__ import annotations

import torch
import transformers
from oracles import tokenizers

from trusteq.models.library_output import quiet_transformers

LABELS = ("no", "maybe", "yes")
LIMIT = 64


def save(kind, folder, *, side="right", seed=1, shape=None, **normalizer):
    """A folder with a classifier of this kind: bert, roberta, xlm-roberta or llama; ``shape`` changes its sizes."""
    if kind == "bert":
        tokenizer = tokenizers.word_pieces(**normalizer)
        config, model = transformers.BertConfig, transformers.BertForSequenceClassification
        names = {"pad": "[PAD]", "unk": "[UNK]", "cls": "[CLS]", "sep": "[SEP]", "mask": "[MASK]"}
    else:
        names = {"bos": "<s>", "eos": "</s>", "pad": "<pad>", "unk": "<unk>", "cls": "<s>", "sep": "</s>"}
        names["mask"] = "<mask>"
        if kind == "llama":
            tokenizer = tokenizers.byte_pairs()
            config, model = transformers.LlamaConfig, transformers.LlamaForSequenceClassification
        elif kind == "roberta":
            tokenizer = tokenizers.byte_pairs()
            config, model = transformers.RobertaConfig, transformers.RobertaForSequenceClassification
        else:
            tokenizer = tokenizers.sentence_pieces()
            config, model = transformers.XLMRobertaConfig, transformers.XLMRobertaForSequenceClassification
    wrapped = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=LIMIT,
        padding_side=side,
        model_input_names=["input_ids", "attention_mask", *(["token_type_ids"] if kind == "bert" else [])],
        **{f"{role}_token": token for role, token in names.items()},
    )
    sizes = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": LIMIT + 2,
        **({} if kind == "llama" else {"type_vocab_size": 2}),
        "pad_token_id": wrapped.pad_token_id,
        "id2label": dict(enumerate(LABELS)),
        "label2id": {label: code for code, label in enumerate(LABELS)},
        **(shape or {}),
    }
    torch.manual_seed(seed)
    made = model(config(vocab_size=tokenizer.get_vocab_size(), **sizes))
    with torch.no_grad():
        for name, parameter in made.named_parameters():
            if parameter.ndim == 2:
                # Large, so that answers differ between texts.
                parameter.normal_(std=1.0 if name.startswith(("classifier", "score")) else 0.3)
    with quiet_transformers():
        wrapped.save_pretrained(folder)
        made.save_pretrained(folder)
    return folder


def save_encoder(folder, *, scale, seed=1, shape=None):
    """A folder with an encoder of kind bert without a head, as a pretrained model comes; its matrices times scale."""
    save("bert", folder, seed=seed, shape=shape)
    model = transformers.BertModel.from_pretrained(folder, add_pooling_layer=False)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter *= scale
    for file in folder.glob("*.safetensors"):
        file.unlink()
    with quiet_transformers():
        model.save_pretrained(folder)
    return folder
