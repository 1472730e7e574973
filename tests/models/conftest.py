"""Tiny random models with real tokenizers, saved as people save them."""

import shutil
import warnings
from pathlib import Path

import pytest

from trusteq import Items

TEXT = "the a man is playing guitar outside woman sleeps film was good bad not very dog runs in park"
WORDS = TEXT.split()
LETTERS = "abcdefghijklmnopqrstuvwxyz"
LABELS = ("no", "maybe", "yes")


@pytest.fixture(scope="session")
def items() -> Items:
    """Forty texts of 1 to 14 words."""
    texts = [" ".join(WORDS[(7 * i + 5 * j) % len(WORDS)] for j in range(1 + i % 14)) for i in range(40)]
    return Items(ids=[f"t{i}" for i in range(40)], segments={"text": texts})


@pytest.fixture(scope="session")
def pairs(items: Items) -> Items:
    """The texts, each with the one at the other end."""
    texts = items.segments["text"]
    return Items(ids=items.ids, segments={"premise": texts, "hypothesis": texts[::-1]})


def save(folder: Path, tokenizer, model) -> Path:
    from trusteq.models.library_output import quiet_transformers

    with quiet_transformers():
        tokenizer.save_pretrained(folder)
        model.save_pretrained(folder)
    return folder


def scaled(model, seed: int):
    """The model with large random weights, so that its answers differ between texts."""
    import torch

    torch.manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim == 2:
                parameter.normal_(std=2.0 if name.startswith(("classifier", "score")) else 0.3)
    return model.eval()


SHAPE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "id2label": dict(enumerate(LABELS)),
    "label2id": {label: code for code, label in enumerate(LABELS)},
}


@pytest.fixture(scope="session")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT classifier: WordPiece, 40 positions, a limit of 32 tokens."""
    transformers = pytest.importorskip("transformers", reason="needs the extra 'transformers'")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, *LETTERS[1:], *("##" + c for c in LETTERS)]
    tokenizer = transformers.BertTokenizerFast(
        vocab={word: code for code, word in enumerate(words)}, model_max_length=32
    )
    config = transformers.BertConfig(vocab_size=len(words), max_position_embeddings=40, **SHAPE)
    model = scaled(transformers.BertForSequenceClassification(config), seed=1)
    return save(tmp_path_factory.mktemp("bert"), tokenizer, model)


def byte_pairs(kind: str, special: dict[str, str]):
    """A tokenizer whose tokens are single bytes and these special ones, and the size of its vocabulary."""
    import transformers
    from tokenizers.pre_tokenizers import ByteLevel

    tokens = dict.fromkeys([*special.values(), *sorted(ByteLevel.alphabet())])
    vocab = {token: code for code, token in enumerate(tokens)}
    names = {f"{role}_token": token for role, token in special.items()}
    return getattr(transformers, kind)(vocab=vocab, merges=[], **names), len(vocab)


@pytest.fixture(scope="session")
def roberta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A RoBERTa classifier: byte-level, 34 positions of which 32 can be used; its tokenizer names no limit."""
    transformers = pytest.importorskip("transformers", reason="needs the extra 'transformers'")
    special = {
        "bos": "<s>",
        "pad": "<pad>",
        "eos": "</s>",
        "unk": "<unk>",
        "cls": "<s>",
        "sep": "</s>",
        "mask": "<mask>",
    }
    tokenizer, size = byte_pairs("RobertaTokenizerFast", special)
    config = transformers.RobertaConfig(vocab_size=size, max_position_embeddings=34, pad_token_id=1, **SHAPE)
    model = scaled(transformers.RobertaForSequenceClassification(config), seed=2)
    return save(tmp_path_factory.mktemp("roberta"), tokenizer, model)


@pytest.fixture(scope="session")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A GPT-2 classifier: byte-level, no pad token."""
    transformers = pytest.importorskip("transformers", reason="needs the extra 'transformers'")
    tokenizer, size = byte_pairs("GPT2TokenizerFast", {"unk": "<|endoftext|>"})
    shape = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 128}
    labels = {"id2label": SHAPE["id2label"], "label2id": SHAPE["label2id"]}
    config = transformers.GPT2Config(vocab_size=size, bos_token_id=0, eos_token_id=0, **shape, **labels)
    model = scaled(transformers.GPT2ForSequenceClassification(config), seed=3)
    return save(tmp_path_factory.mktemp("gpt2"), tokenizer, model)


@pytest.fixture(scope="session")
def onnx_bert(bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The BERT classifier exported to ONNX, with its configuration and tokenizer beside it."""
    torch = pytest.importorskip("torch", reason="needs the extra 'transformers'")
    pytest.importorskip("onnx", reason="needs onnx to export")
    pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
    from trusteq.models.transformer import open_transformer

    class Logits(torch.nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask, token_type_ids):
            return self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).logits

    opened = open_transformer(str(bert), name="to export")
    # With padding in the example, or the trace would leave the mask out.
    example = opened.tokenizer(["the man", "good"], ["film", "bad film was"], padding=True, return_tensors="pt")
    names = ["input_ids", "attention_mask", "token_type_ids"]
    folder = tmp_path_factory.mktemp("onnx")
    with warnings.catch_warnings():
        # torch calls its TorchScript exporter deprecated; the new one needs onnxscript, which nothing else needs.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Logits(opened.model).eval(),
            tuple(example[name] for name in names),
            str(folder / "model.onnx"),
            input_names=names,
            output_names=["logits"],
            dynamic_axes={**{name: {0: "rows", 1: "tokens"} for name in names}, "logits": {0: "rows"}},
            opset_version=17,
            dynamo=False,
        )
    for file in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(bert / file, folder)
    return folder
