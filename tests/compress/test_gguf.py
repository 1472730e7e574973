"""A language model in a .gguf file, from which every method starts as from the same weights in 32 bits."""

import numpy as np
import pytest
import torch
import transformers
from oracles import tokenizers
from safetensors.torch import load_file

import trusteq.compress
from trusteq import ModelError
from trusteq.models.library_output import quiet_transformers

gguf = pytest.importorskip("gguf", reason="needs gguf")
pytest.importorskip("accelerate", reason="needs accelerate")

WIDTH, HEADS, NEURONS, LAYERS = 64, 4, 96, 2
IDS = torch.tensor([[5, 60, 7, 100, 9, 30]])


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A tiny Llama with tied embeddings, its matrices in 4 bits (Q4_1), as llama.cpp stores it."""
    path = tmp_path_factory.mktemp("gguf") / "tiny.Q4_1.gguf"
    tokenizer = tokenizers.byte_pairs()
    vocabulary = sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().get)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(64)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(NEURONS)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(2)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(len(vocabulary))
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(vocabulary)
    writer.add_token_merges(["Ġ g", "o o", "Ġg oo", "Ġgoo d", "t h", "Ġ th", "Ġth e"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(2)
    writer.add_chat_template("{{ messages[0]['content'] }}")
    rng = np.random.default_rng(3)

    def add(name, *shape):
        values = rng.normal(0, 0.2, shape).astype(np.float32)
        kind = gguf.GGMLQuantizationType.Q4_1 if len(shape) == 2 else gguf.GGMLQuantizationType.F32
        writer.add_tensor(name, gguf.quants.quantize(values, kind), raw_dtype=kind)

    add("token_embd.weight", len(vocabulary), WIDTH)
    add("output_norm.weight", WIDTH)
    for number in range(LAYERS):
        for name, outputs, inputs in (
            ("attn_q", WIDTH, WIDTH),
            ("attn_k", WIDTH // 2, WIDTH),
            ("attn_v", WIDTH // 2, WIDTH),
            ("attn_output", WIDTH, WIDTH),
            ("ffn_gate", NEURONS, WIDTH),
            ("ffn_up", NEURONS, WIDTH),
            ("ffn_down", WIDTH, NEURONS),
        ):
            add(f"blk.{number}.{name}.weight", outputs, inputs)
        add(f"blk.{number}.attn_norm.weight", WIDTH)
        add(f"blk.{number}.ffn_norm.weight", WIDTH)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def logits(folder, **settings):
    with quiet_transformers(), torch.inference_mode():
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **settings)
        return model.eval()(input_ids=IDS).logits


def test_it_becomes_a_folder_with_the_same_answers(file, tmp_path):
    made = trusteq.compress.make(file, method="fp32", out=tmp_path / "plain")
    assert torch.equal(logits(made.directory), logits(file.parent, gguf_file=file.name))
    with quiet_transformers():
        first = transformers.AutoTokenizer.from_pretrained(made.directory)
        second = transformers.AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    for text in ("the good film", " the  good\n\nfilm", "é 中 0123"):
        assert first(text).input_ids == second(text).input_ids
    assert first.chat_template == second.chat_template == "{{ messages[0]['content'] }}"
    assert made.before.disk_bytes == file.stat().st_size
    assert made.after.disk_bytes > 4 * sum(
        array.numel() for array in load_file(made.directory / "model.safetensors").values()
    )
    assert made.recipe["source"] == {"location": str(file), "content": made.recipe["content"]}


def test_other_methods_start_from_the_file_as_from_the_folder(file, tmp_path):
    pytest.importorskip("compressed_tensors")
    plain = trusteq.compress.make(file, method="fp32", out=tmp_path / "plain").directory
    first = trusteq.compress.make(file, method="int4-weights", out=tmp_path / "first").directory
    second = trusteq.compress.make(plain, method="int4-weights", out=tmp_path / "second").directory
    assert (first / "model.safetensors").read_bytes() == (second / "model.safetensors").read_bytes()
    assert (first / "config.json").read_bytes() == (second / "config.json").read_bytes()


def test_a_file_that_is_no_gguf(tmp_path, one_line):
    (tmp_path / "bad.gguf").write_bytes(b"not a model")
    with pytest.raises(ModelError) as caught:
        trusteq.compress.make(tmp_path / "bad.gguf", method="fp32", out=tmp_path / "out")
    one_line(caught, "bad.gguf", "cannot be read as a GGUF file")
    assert not (tmp_path / "out").exists()


def test_a_classifier_s_method(file, tmp_path, one_line):
    pytest.importorskip("onnx")
    with pytest.raises(ModelError) as caught:
        trusteq.compress.make(file, method="onnx", out=tmp_path / "out")
    one_line(caught, "it is for classifiers, models of pictures and models of sounds only")


@pytest.mark.slow
def test_a_candidate_of_it_is_healed_toward_the_file(file, tmp_path):
    words = ["the", "man", "good", "film", "a", "dog"]
    rng = np.random.default_rng(1)
    texts = [" ".join(rng.choice(words, 6)) for _ in range(40)]
    items = trusteq.Items(ids=[str(i) for i in range(40)], segments={"text": texts})
    small = trusteq.compress.make(file, method="prune-weights", share=0.3, out=tmp_path / "small").directory
    options = {"items": items, "rows": 80, "rate": 1e-2, "batch": 4}
    made = trusteq.compress.make(small, method="heal", original=file, out=tmp_path / "healed", **options)
    curve = made.recipe["curve"]
    assert min(epoch["dev_loss"] for epoch in curve) < 0.95 * curve[0]["dev_loss"]
    assert made.recipe["original"]["location"] == str(file)
