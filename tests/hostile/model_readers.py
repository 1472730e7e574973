"""Readers of models: what they open is watched, and nothing but their own files may be."""

from __future__ import annotations

import json
import shutil
import socket
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np
from hostile.reader import Reader

import trusteq
from trusteq import open_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TEXTS = trusteq.Items(
    ids=["a", "b", "c", "d"],
    segments={"text": ["the film was good", "a", "É ﷺ 電影 straße 😀 a\u0301", "a" * 300]},
)
LABELS = {"0": "a", "1": "b", "2": "c"}
NETWORK = {"socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"}
PROCESSES = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"}

SIZES: dict[str, dict[str, Any]] = {
    "albert": {"embedding_size": 8, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 16},
    "funnel": {"block_sizes": [1, 1], "d_model": 16, "n_head": 2, "d_head": 8, "d_inner": 16, "num_decoder_layers": 1},
    "deberta-v2": {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16},
    "gpt2": {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 64},
    "mixtral": {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
                "num_key_value_heads": 2, "num_local_experts": 2, "head_dim": 8},
    "modernbert": {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2},
    "t5": {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2, "eos_token_id": 3,
           "decoder_start_token_id": 0},
    "bart": {"d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "eos_token_id": 3,
             "decoder_attention_heads": 2, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16, "max_position_embeddings": 64},
}  # fmt: skip
"""What makes a classifier tiny, by its kind of model; all read the tokenizer of the tiny BERT."""


# what is reached


@contextmanager
def only_its_own(model: Path) -> Iterator[set[Path]]:
    """A set that holds, afterwards, which files beside the model and in it were opened; an error where it reached out.

    That is: for a file that is none of its own, for a program or for the network.
    """
    from opened import opened_below

    _reached.clear()
    if _hook not in _installed:
        sys.addaudithook(_hook)
        _installed.append(_hook)
    _watching.append(True)
    try:
        with opened_below(model.parent) as opened:
            yield opened
    finally:
        _watching.pop()
        strange = {str(path) for path in opened if not path.is_relative_to(model.resolve()) or path.suffix == ".py"}
        assert not strange, f"opened {strange}"
        assert not _reached, f"reached {_reached}"


_reached: list[str] = []
_watching: list[bool] = []
_installed: list[object] = []


def _hook(event: str, values: tuple[Any, ...]) -> None:
    if not _watching:
        return
    if event in NETWORK and getattr(values[0], "family", None) != socket.AF_UNIX:
        _reached.append(f"{event} {values[1:]}")
        raise PermissionError("no network here")
    if event in PROCESSES:
        _reached.append(f"{event} {values[:2]}")
    if event == "open" and str(values[0]).startswith(("/etc/hostname", "/proc/self/mem", "/dev/zero")):
        _reached.append(f"{event} {values[0]}")


def with_strangers(folder: Path, *models: str) -> None:
    """Beside models and in them: files that are none of theirs, links that lead there, a pipe, and code."""
    import os

    secret = folder / "secret"
    secret.mkdir()
    for name in ("w", "config.json", "tokenizer.json", "vocab.txt", "model.safetensors"):
        (secret / name).write_bytes(b"\0\0\x80?" * 6)
    for model in models:
        (folder / model / "link").symlink_to("../secret/w")
        (folder / model / "linked").symlink_to("../secret")
        (folder / model / "evil.py").write_text("raise SystemExit('code of a model was run')\n")
        os.mkfifo(folder / model / "pipe")


def opened_and_asked(location: Path, folder: Path, items: trusteq.Items, *, asked: bool = True) -> None:
    """Open the model and ask it, if it is to be asked; an error where a file was opened that is not in its hash."""
    with only_its_own(folder) as opened:
        model: Any = open_model(location, name="m")
        answers = np.asarray(model.predict(items)) if asked else np.empty((len(items), len(model.labels)))
        model.findings()
    assert answers.shape == (len(items), len(model.labels))
    strange = opened - {path.resolve() for path in model.files.values()}
    assert not strange, f"opened without being hashed: {strange}"


def placed(path: Path, folder: Path) -> None:
    """Put the place of the strangers' folder for what stands for it."""
    content = path.read_bytes()
    if b"@secret@" in content and path.suffix != ".onnx":
        path.write_bytes(content.replace(b"@secret@", str(folder / "secret").encode()))


def of_models(folder: Path, *names: str, seconds: float = 10) -> Reader:
    """The reader of these files, each in the folder of its model, which is asked about texts."""
    from huggingface_hub import constants

    with_strangers(folder, *sorted({name.partition("/")[0] for name in names}))

    def read(name: str) -> None:
        placed(folder / name, folder)
        model = folder / name.partition("/")[0]
        with patch.object(constants, "HF_HUB_OFFLINE", False):  # so that trusteq alone keeps it off
            opened_and_asked(model, model, TEXTS)

    return Reader.of(folder, read, *names, seconds=seconds)


# checkpoints


def transformer(folder: Path) -> Reader:
    """A tiny checkpoint in one file and another in shards: weights, their index, configuration and tokenizer."""
    from oracles.tiny_models import save
    from safetensors.torch import load_file, save_file

    save("bert", folder / "one")
    save("bert", folder / "shards")
    weights = load_file(folder / "shards" / "model.safetensors")
    (folder / "shards" / "model.safetensors").unlink()
    keys = sorted(weights)
    parts = {"a.safetensors": keys[::2], "b.safetensors": keys[1::2]}
    for name, some in parts.items():
        save_file({key: weights[key] for key in some}, folder / "shards" / name, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": {key: name for name, some in parts.items() for key in some}}
    (folder / "shards" / "model.safetensors.index.json").write_text(json.dumps(index))
    own = ("config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors", "model.safetensors")
    sharded = ("a.safetensors", "model.safetensors.index.json", "model.safetensors.index.json")
    return of_models(folder, *(f"one/{name}" for name in own), *(f"shards/{name}" for name in sharded))


def configurations(folder: Path) -> Reader:
    """Tiny checkpoints of many architectures: their configurations and those of their tokenizers."""
    from oracles.tiny_models import save

    for kind in ("bert", "roberta", "llama"):
        save(kind, folder / kind)
    for kind, sizes in SIZES.items():
        of_kind(kind, folder / kind, folder / "bert", sizes)
    quantized(folder / "quantized", folder / "bert")
    tokens = {"pad_token": "[PAD]", "unk_token": "[UNK]", "additional_special_tokens": ["[X]"]}
    (folder / "bert" / "special_tokens_map.json").write_text(json.dumps(tokens))
    with_vocabulary(folder / "albert")
    names = [f"{kind}/config.json" for kind in ("bert", "roberta", "llama", *SIZES, "quantized", "quantized")]
    names += [f"{kind}/tokenizer_config.json" for kind in ("bert", "roberta", "llama", "albert")]
    return of_models(folder, *names, "bert/special_tokens_map.json", seconds=30)


def of_kind(kind: str, folder: Path, tokenizer: Path, sizes: dict[str, Any]) -> None:
    """A tiny classifier of this kind with the tokenizer of another."""
    import torch
    import transformers

    from trusteq.models.library_output import quiet_transformers

    shutil.copytree(tokenizer, folder, ignore=shutil.ignore_patterns("*.safetensors", "config.json"))
    torch.manual_seed(1)
    config = transformers.CONFIG_MAPPING[kind](vocab_size=200, pad_token_id=0, num_labels=3, **sizes)
    with quiet_transformers():
        transformers.AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)


def quantized(folder: Path, source: Path) -> None:
    """The tiny BERT with weights of 8 bits, as compressed-tensors keeps them; the plain one where it is absent."""
    shutil.copytree(source, folder)
    try:
        import compressed_tensors.quantization as ct
        from compressed_tensors.compressors import ModelCompressor
    except ImportError:
        return
    import transformers

    from trusteq.models.library_output import quiet_transformers

    with quiet_transformers():
        model = transformers.AutoModelForSequenceClassification.from_pretrained(source)
        rounding = ct.QuantizationArgs(num_bits=8, type="int", symmetric=True, strategy="channel")
        scheme = ct.QuantizationScheme(targets=["Linear"], weights=rounding)
        ct.apply_quantization_config(model, ct.QuantizationConfig(config_groups={"all": scheme}, ignore=["classifier"]))
        for module in model.modules():
            if hasattr(module, "weight_scale"):
                module.weight_scale.data.copy_(module.weight.detach().abs().amax(dim=1, keepdim=True) / 127.5)
        compressor = ModelCompressor.from_pretrained_model(model)
        compressor.compress_model(model)
        model.save_pretrained(folder)
        compressor.update_config(folder)


def with_vocabulary(folder: Path) -> None:
    """A tokenizer made of vocab.txt, as older checkpoints have it."""
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("\n".join(sorted(vocabulary, key=vocabulary.get)) + "\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))


# tokenizers


def tokenizer(folder: Path) -> Reader:
    """Files of tokenizers of three kinds, read without a model, and what they make of texts."""
    from oracles import tokenizers

    from trusteq.models.tokenizer_file import read_tokenizer, tokenizing

    kinds = {"words": tokenizers.word_pieces, "bytes": tokenizers.byte_pairs, "unigrams": tokenizers.sentence_pieces}
    for kind, make in kinds.items():
        (folder / kind).mkdir()
        make().save(str(folder / kind / "tokenizer.json"))
    texts = TEXTS.segments["text"]

    def read(name: str) -> None:
        made = read_tokenizer((folder / name).parent, {}, name="m")
        with tokenizing("m"):
            made.encode([(text,) for text in texts], limit=None, name="m")
            rows, _ = made.encode([(text, "a man") for text in texts], limit=7, name="m")
        rows.padded(np.arange(len(rows)), pad_id=made.pad_id or 0)

    return Reader.of(folder, read, *(f"{kind}/tokenizer.json" for kind in kinds), seconds=20)


def tokenizer_files(folder: Path) -> Reader:
    """Tiny checkpoints with tokenizers in files of every kind, as transformers reads them."""
    from oracles.tiny_models import save

    for kind in ("bert", "roberta", "llama", "xlm-roberta"):
        save(kind, folder / kind)
    save("bert", folder / "words")
    with_vocabulary(folder / "words")
    (folder / "words" / "added_tokens.json").write_text(json.dumps({"[X]": 3, "film good": 170}))
    save("roberta", folder / "pairs")
    told = json.loads((folder / "pairs" / "tokenizer.json").read_text())["model"]
    (folder / "pairs" / "tokenizer.json").unlink()
    (folder / "pairs" / "vocab.json").write_text(json.dumps(told["vocab"]))
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in told["merges"]]
    (folder / "pairs" / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n")
    (folder / "pairs" / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "RobertaTokenizer"}))
    own = {
        "words": ("vocab.txt", "tokenizer_config.json", "added_tokens.json"),
        "pairs": ("vocab.json", "merges.txt", "tokenizer_config.json"),
    }
    names = [f"{kind}/tokenizer.json" for kind in ("bert", "roberta", "llama", "xlm-roberta")]
    return of_models(folder, *names, *(f"{kind}/{file}" for kind, files in own.items() for file in files), seconds=20)


# graphs


def graph(folder: Path) -> Reader:
    """A tiny ONNX graph that reads tokens, with its tokenizer, asked about texts."""
    import onnx
    from oracles.tiny_models import LABELS, save

    save("bert", folder / "m")
    (folder / "m" / "model.safetensors").unlink()
    config = json.loads((folder / "m" / "config.json").read_text())
    kept = ("model_type", "pad_token_id", "max_position_embeddings", "id2label")
    (folder / "m" / "config.json").write_text(json.dumps({key: config[key] for key in kept}))
    weights = np.random.default_rng(0).normal(size=(config["vocab_size"], len(LABELS))).astype(np.float32)
    node, tensor = onnx.helper.make_node, onnx.numpy_helper.from_array
    made = onnx.helper.make_graph(
        [node("Gather", ["w", "input_ids"], ["v"]), node("ReduceSum", ["v", "axis"], ["logits"], keepdims=0)],
        "g",
        [onnx.helper.make_tensor_value_info("input_ids", onnx.TensorProto.INT64, ["r", "t"])],
        [onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["r", 3])],
        [tensor(weights, "w"), tensor(np.array([1]), "axis")],
    )
    onnx.save(
        onnx.helper.make_model(made, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=9),
        folder / "m" / "m.onnx",
    )
    names = ("m.onnx", "m.onnx", "config.json", "tokenizer.json", "tokenizer_config.json")
    return of_models(folder, *(f"m/{name}" for name in names))


def graphs_elsewhere(folder: Path) -> Reader:
    """Graphs that keep their weights in a file, opened whole and asked but for the loop, which may have no end."""
    from hostile import odd_graphs

    names = odd_graphs.graphs_elsewhere(folder)
    with_strangers(folder, *(name.partition("/")[0] for name in names))
    items = trusteq.Items(ids=["a", "b"], segments={"x": np.eye(2, dtype=np.float32)})

    def read(name: str) -> None:
        opened_and_asked(folder / name, (folder / name).parent, items, asked=not name.startswith("loop"))

    return Reader.of(folder, read, *names)


def named_weights(folder: Path) -> Reader:
    """The same graphs, and which files they name: all that onnx itself finds, or the graph is refused."""
    from hostile import odd_graphs

    from trusteq.models.onnx_external import external_files

    names = odd_graphs.graphs_elsewhere(folder)
    with_strangers(folder, *(name.partition("/")[0] for name in names))

    def read(name: str) -> None:
        with only_its_own((folder / name).parent):
            found = external_files(folder / name, name="m")
        missed = named_by_onnx((folder / name).read_bytes()) - {file.removeprefix("weights/") for file in found}
        assert not missed, f"onnx takes weights from {missed}"

    return Reader.of(folder, read, *names)


def named_by_onnx(content: bytes) -> set[str]:
    """The files from which any tensor in the graph takes its values, as onnx reads it; none where it cannot."""
    import onnx
    from google.protobuf.message import DecodeError, Message

    model = onnx.ModelProto()
    try:
        model.ParseFromString(content)
    except DecodeError:
        return set()
    found: set[str] = set()
    left: list[Any] = [model]
    while left:
        message = left.pop()
        if isinstance(message, onnx.TensorProto):
            try:
                found |= {entry.value for entry in message.external_data if entry.key == "location"}
            except UnicodeDecodeError:
                found.add("(no text)")
        for _, held in message.ListFields():
            left += [held] if isinstance(held, Message) else [one for one in _listed(held) if isinstance(one, Message)]
    return found


def _listed(held: Any) -> list[Any]:
    return [] if isinstance(held, int | float | str | bytes) else list(held)
