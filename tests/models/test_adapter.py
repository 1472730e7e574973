"""Adapters of low-rank corrections beside a checkpoint, in PEFT's files: what is computed, and what is refused."""

import json
import shutil

import numpy as np
import pytest
import torch
from oracles import tiny_models
from safetensors.torch import load_file, save_file

from trusteq import Items, ModelError
from trusteq.models.hub import snapshot
from trusteq.models.reopening import reopen
from trusteq.models.transformer import open_transformer

MODULES = {"bert.encoder.layer.0.attention.self.query": (32, 32), "bert.encoder.layer.1.intermediate.dense": (64, 32)}

SAVED_BY_PEFT = json.loads("""{
    "alora_invocation_tokens": null, "alpha_pattern": {}, "arrow_config": null, "auto_mapping": null,
    "base_model_name_or_path": "org/base", "bias": "none", "corda_config": null, "ensure_weight_tying": false,
    "eva_config": null, "exclude_modules": null, "fan_in_fan_out": false, "inference_mode": true,
    "init_lora_weights": true, "kasa_config": null, "layer_replication": null, "layers_pattern": null,
    "layers_to_transform": null, "loftq_config": {}, "lora_alpha": 16, "lora_bias": false,
    "lora_dropout": 0.05, "lora_ga_config": null, "megatron_config": null, "megatron_core": "megatron.core",
    "modules_to_save": null, "monteclora_config": null, "peft_type": "LORA", "peft_version": "0.21.2",
    "qalora_group_size": 16, "r": 4, "rank_pattern": {}, "revision": null,
    "target_modules": ["dense", "query"], "target_parameters": null, "task_type": null,
    "trainable_token_indices": null, "use_bdlora": null, "use_dora": false, "use_qalora": false,
    "use_rslora": false, "velora_config": null
}""")
"""A configuration as version 0.21 of PEFT writes it."""


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tiny_models.save("bert", tmp_path_factory.mktemp("base") / "base")


@pytest.fixture
def folder(base, tmp_path):
    """The base with an adapter as PEFT saves one."""
    copy = shutil.copytree(base, tmp_path / "adapted")
    write(copy, tensors())
    return copy


@pytest.fixture(scope="module")
def items():
    return Items(ids=list("abc"), segments={"text": ["the film was good", "a man sleeps", "new york"]})


def tensors(rank=4):
    generator = torch.Generator().manual_seed(1)
    made = {}
    for module, (outputs, inputs) in MODULES.items():
        made[f"base_model.model.{module}.lora_A.weight"] = torch.randn(rank, inputs, generator=generator) * 0.1
        made[f"base_model.model.{module}.lora_B.weight"] = torch.randn(outputs, rank, generator=generator) * 0.3
    return made


def write(copy, stored, **changes):
    adapter = copy / "adapter"
    adapter.mkdir(exist_ok=True)
    (adapter / "adapter_config.json").write_text(json.dumps(SAVED_BY_PEFT | changes))
    save_file(stored, adapter / "adapter_model.safetensors", metadata={"format": "pt"})


def merged(base, out, scalings):
    """The base with the same corrections in its weights, each with its scaling."""
    copy = shutil.copytree(base, out)
    weights, stored = load_file(copy / "model.safetensors"), tensors()
    for module, scaling in zip(MODULES, scalings, strict=True):
        A, B = (stored[f"base_model.model.{module}.lora_{which}.weight"] for which in "AB")
        weights[f"{module}.weight"] += scaling * B @ A
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    return copy


def predictions(place, items):
    return open_transformer(str(place), name="m").predict(items)


@pytest.mark.parametrize(
    ("changes", "scalings"),
    [
        ({}, (4, 4)),
        ({"lora_alpha": 2}, (0.5, 0.5)),
        ({"r": 8, "rank_pattern": {"query": 4, "dense": 4}, "lora_alpha": 12}, (3, 3)),
        ({"alpha_pattern": {"layer.1.intermediate.dense": 1, "^bert.encoder": 2}}, (4, 0.25)),
    ],
)
def test_the_answers_are_those_of_corrected_weights(changes, scalings, base, folder, items, tmp_path):
    write(folder, tensors(), **changes)
    expected = predictions(merged(base, tmp_path / "merged", scalings), items)
    np.testing.assert_allclose(predictions(folder, items), expected, rtol=0, atol=1e-5)
    assert np.abs(predictions(base, items) - expected).max() > 0.01


def test_an_adapter_is_stated_hashed_and_counted(base, folder):
    before, after = (open_transformer(str(place), name="m") for place in (base, folder))
    numbers = 4 * (32 + 32 + 64 + 32)
    assert after.identity.details["adapter"] == {"kind": "LoRA", "ranks": [4], "modules": 2, "parameters": numbers}
    assert after.identity.details["parameters"] == before.identity.details["parameters"] + numbers
    assert after.identity.content != before.identity.content
    write(folder, tensors(), lora_alpha=8)
    assert open_transformer(str(folder), name="m").identity.content != after.identity.content
    sizes = [opened.traits.size() for opened in (before, after)]
    files = sum(file.stat().st_size for file in (folder / "adapter").iterdir())
    # The configuration is a byte shorter by now.
    assert sizes[1].disk_bytes - sizes[0].disk_bytes == pytest.approx(files, abs=1)
    assert sizes[1].weights_bytes - sizes[0].weights_bytes == 4 * numbers


def test_another_process_opens_the_same(folder, items):
    opened = open_transformer(str(folder), name="m")
    np.testing.assert_array_equal(reopen(opened.traits.opening()).predict(items), opened.predict(items))


def test_corrections_of_a_model_in_sixteen_bits_are_computed_in_thirty_two(base, folder, items):
    weights = load_file(folder / "model.safetensors")
    save_file({k: w.bfloat16() for k, w in weights.items()}, folder / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text()) | {"dtype": "bfloat16"}
    (folder / "config.json").write_text(json.dumps(config))
    model = open_transformer(str(folder), name="m").model
    module = next(iter(MODULES))
    linear, x = model.get_submodule(module), torch.randn(5, 32, dtype=torch.bfloat16)
    A, B = (tensors()[f"base_model.model.{module}.lora_{which}.weight"] for which in "AB")
    with torch.inference_mode():
        expected = torch.nn.functional.linear(x, linear.weight, linear.bias) + 4 * (x.float() @ A.T @ B.T)
        torch.testing.assert_close(linear(x), expected.bfloat16())


def test_an_adapter_is_fetched_with_its_model(folder, monkeypatch):
    fetched = []

    def download(repository, **settings):
        fetched.append((repository, settings["revision"], settings["allow_patterns"], settings.get("ignore_patterns")))
        return folder

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    assert snapshot("org/model@main", ["config.json"], name="m", download=True) == folder
    files = ["adapter/adapter_config.json", "adapter/adapter_model.safetensors"]
    assert fetched == [
        ("org/model", "main", ["config.json"], ["*/*"]),
        ("org/model", folder.name, files, None),
    ]


# refused


def refused(place):
    with pytest.raises(ModelError) as caught:
        open_transformer(str(place), name="small")
    return caught


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("use_dora", True, "use_dora is True, expected off"),
        ("use_rslora", True, "use_rslora is True, expected off"),
        ("bias", "all", "bias is 'all', expected 'none'"),
        ("lora_bias", True, "lora_bias is True"),
        ("modules_to_save", ["classifier"], "modules_to_save is ['classifier']"),
        ("peft_type", "IA3", "peft_type is 'IA3', expected 'LORA'"),
        ("init_lora_weights", "pissa", "init_lora_weights is 'pissa'"),
        ("layer_replication", [[0, 2]], "layer_replication"),
        ("trainable_token_indices", [1], "trainable_token_indices"),
        ("fan_in_fan_out", True, "fan_in_fan_out is True"),
        ("use_something_new", True, "use_something_new is True, expected off"),
        ("something_new", 3, "something_new is 3, expected off"),
    ],
)
def test_what_computes_something_else(key, value, why, folder, one_line):
    write(folder, tensors(), **{key: value})
    one_line(refused(folder), "model small: ", "adapter_config.json says ", why, "plain LoRA only; merge")


def test_a_new_key_that_is_off_changes_nothing(folder, items):
    before = predictions(folder, items)
    write(folder, tensors(), use_something_new=False, something_new=None)
    np.testing.assert_array_equal(predictions(folder, items), before)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"r": 0}, "r is 0, expected a whole number from 1"),
        ({"r": True}, "r is True"),
        ({"r": "4"}, "r is '4'"),
        ({"rank_pattern": {"query": -1}}, "rank_pattern.query is -1"),
        ({"rank_pattern": [4]}, "rank_pattern is [4], expected an object"),
        ({"lora_alpha": float("inf")}, "lora_alpha is inf, expected a finite number"),
        ({"lora_alpha": None}, "lora_alpha is None"),
        ({"alpha_pattern": {"query": "2"}}, "alpha_pattern.query is '2'"),
        ({"alpha_pattern": {"(a+)+$": 2}}, "has a pattern of modules '(a+)+$'"),
        ({"alpha_pattern": {"\\": 2}}, "has a pattern of modules"),
    ],
)
def test_numbers_that_make_no_sense(changes, why, folder, one_line):
    write(folder, tensors(), **changes)
    one_line(refused(folder), "model small: ", "adapter_config.json", why)


@pytest.mark.parametrize("key", ["r", "lora_alpha", "peft_type"])
def test_a_configuration_that_lacks_something(key, folder, one_line):
    config = {name: value for name, value in SAVED_BY_PEFT.items() if name != key}
    (folder / "adapter" / "adapter_config.json").write_text(json.dumps(config))
    one_line(refused(folder), f"adapter_config.json has no {key}")


@pytest.mark.parametrize("text", ["{", "[]", '"LORA"'])
def test_a_configuration_that_is_no_object(text, folder, one_line):
    (folder / "adapter" / "adapter_config.json").write_text(text)
    one_line(refused(folder), "adapter_config.json")


def rename(stored, old, new):
    return {key.replace(old, new): tensor for key, tensor in stored.items()}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda s: rename(s, "layer.0", "layer.7"), "does the adapter belong to another model?"),
        (lambda s: rename(s, "base_model.model.", ""), "does the adapter belong to another model?"),
        (lambda s: rename(s, "lora_A.weight", "lora_embedding_A"), "lora_embedding_A"),
        (lambda s: rename(s, "attention.self.query", "attention.self"), "expected lora_A.weight and lora_B.weight of"),
        (lambda s: s | {"base_model.model.classifier.weight": torch.ones(3, 32)}, "classifier.weight"),
        (lambda s: dict(list(s.items())[1:]), "lacks base_model.model.bert"),
        (lambda s: {}, "holds no tensors"),
        (lambda s: {key: tensor[:2] for key, tensor in s.items()}, "is [2, 32], expected [4, 32]"),
        (lambda s: {key: tensor.T.contiguous() for key, tensor in s.items()}, "is [32, 4], expected [4, 32]"),
        (lambda s: {key: tensor / 0 for key, tensor in s.items()}, "finite floating-point numbers"),
        (lambda s: {key: tensor.int() for key, tensor in s.items()}, "finite floating-point numbers"),
    ],
)
def test_tensors_that_do_not_fit(change, why, folder, one_line):
    write(folder, change(tensors()))
    one_line(refused(folder), "model small: ", "adapter_model.safetensors", why)


def test_a_rank_that_the_tensors_do_not_have(folder, one_line):
    write(folder, tensors(), r=10**9)
    one_line(refused(folder), "is [4, 32], expected [1000000000, 32]")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", (2**40).to_bytes(8, "little") + b"{}"])
def test_a_damaged_file_of_tensors(content, folder, one_line):
    (folder / "adapter" / "adapter_model.safetensors").write_bytes(content)
    one_line(refused(folder), "adapter_model.safetensors cannot be read")


def test_a_truncated_file_of_tensors(folder, one_line):
    file = folder / "adapter" / "adapter_model.safetensors"
    file.write_bytes(file.read_bytes()[:-8])
    one_line(refused(folder), "adapter_model.safetensors cannot be read")


@pytest.mark.parametrize("name", ["adapter_config.json", "adapter_model.safetensors"])
def test_half_an_adapter(name, folder, one_line):
    (folder / "adapter" / name).unlink()
    one_line(refused(folder), f"has no {name}", "complete the folder, or remove it")


def test_a_pickled_adapter(folder, one_line):
    (folder / "adapter" / "adapter_model.safetensors").rename(folder / "adapter" / "adapter_model.bin")
    one_line(refused(folder), "only adapter_model.bin, a pickle that could execute code")


def test_a_link_out_of_the_folder(folder, tmp_path, one_line):
    file = folder / "adapter" / "adapter_model.safetensors"
    file.rename(tmp_path / "elsewhere.safetensors")
    file.symlink_to(tmp_path / "elsewhere.safetensors")
    one_line(refused(folder), "a link that leads out of the model's folder")
