"""Low-rank corrections: trained beside the weights, then merged or kept as an adapter."""

import json
import shutil

import numpy as np
import pytest
import torch
import transformers
from oracles import language_models
from safetensors.torch import load_file, save_file

import trusteq
import trusteq.compress
from trusteq import Items, ModelError, OptionError
from trusteq.compress.language_source import open_language_source
from trusteq.models.library_output import quiet_transformers
from trusteq.train.start import open_base

IDS = torch.tensor([[5, 60, 7, 100, 9, 30, 11, 12, 200, 14]])


@pytest.fixture(scope="module")
def reading(texts):
    return Items(ids=[str(i) for i in range(120)], segments={"text": texts(120, 41)})


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    return language_models.save(tmp_path_factory.mktemp("corrected") / "large", "tied")


@pytest.fixture(scope="module")
def rounded(original, tmp_path_factory):
    pytest.importorskip("compressed_tensors", reason="needs compressed-tensors")
    out = tmp_path_factory.mktemp("corrected") / "int3"
    return trusteq.compress.make(original, method="int3-weights", group=32, out=out).directory


@pytest.fixture(scope="module")
def blurred(original, tmp_path_factory):
    """The original with plain weights that are a little wrong."""
    folder = shutil.copytree(original, tmp_path_factory.mktemp("corrected") / "blurred")
    return blur(folder)


def blur(folder):
    generator = torch.Generator().manual_seed(5)
    weights = load_file(folder / "model.safetensors")
    for name in weights:
        if "layer" in name and weights[name].ndim == 2:
            noise = torch.randn(weights[name].shape, generator=generator)
            weights[name] += 0.3 * weights[name].std() * noise
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def heal(candidate, original, items, out, **options):
    chosen = {"rows": 160, "rank": 4, "rate": 1e-2, **options}
    return trusteq.compress.make(candidate, method="heal", original=original, items=items, out=out, **chosen)


def plain(folder):
    """The logits of a language model as transformers alone computes them, without an adapter."""
    with quiet_transformers(), torch.inference_mode():
        model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
        return model, model(input_ids=IDS).logits[0]


def corrected(folder):
    """The logits with the adapter in the folder added to the unpacked weights by hand."""
    model, _ = plain(folder)
    stored = load_file(folder / "adapter" / "adapter_model.safetensors")
    for key in stored:
        if key.endswith("lora_A.weight"):
            name = key.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
            added = stored[key.replace("lora_A", "lora_B")] @ stored[key]
            linear = model.get_submodule(name)
            weight = linear.weight.detach().clone() + added
            linear.forward = lambda x, weight=weight: x @ weight.T
    with torch.inference_mode():
        return model(input_ids=IDS).logits[0]


def answered(folder):
    """The logits as trusteq opens the model, up to a constant for each token."""
    model = open_language_source(str(folder), name="m").model
    with torch.inference_mode():
        return model(input_ids=IDS).logits[0]


@pytest.fixture(scope="module")
def healed(rounded, original, reading, tmp_path_factory):
    """The rounded model with an adapter beside it; nothing may change it."""
    return heal(rounded, original, reading, tmp_path_factory.mktemp("corrected") / "healed")


def same_files(first, second):
    return {file.name for file in first.iterdir() if file.is_file()} == {
        file.name for file in second.iterdir() if file.is_file()
    }


def test_an_adapter_lies_beside_weights_that_stay_to_the_bit(rounded, healed):
    made = healed
    for file in rounded.iterdir():
        if file.name != "trusteq-recipe.json":
            assert (made.directory / file.name).read_bytes() == file.read_bytes(), file.name
    assert same_files(rounded, made.directory)
    adapter = made.directory / "adapter"
    assert {file.name for file in adapter.iterdir()} == {"adapter_config.json", "adapter_model.safetensors"}
    stored = load_file(adapter / "adapter_model.safetensors")
    assert len(stored) == 2 * 21
    assert stored["base_model.model.model.layers.0.mlp.up_proj.lora_A.weight"].shape == (4, 64)
    assert stored["base_model.model.model.layers.0.mlp.up_proj.lora_B.weight"].shape == (128, 4)
    _, without = plain(made.directory)
    torch.testing.assert_close(answered(made.directory), corrected(made.directory), rtol=0, atol=1e-4)
    assert (answered(made.directory) - without).abs().max() > 0.1
    curve = made.recipe["curve"]
    assert min(epoch["dev_loss"] for epoch in curve) < 0.8 * curve[0]["dev_loss"]
    assert made.recipe["moves"] == "corrections"
    assert set(made.recipe["moved"]) == {key[17:-14] + ".correction" for key in stored if "lora_A" in key}
    assert "21 linear maps lie in adapter/" in made.notes[2]


def test_an_adapter_is_part_of_what_the_model_is(rounded, healed, tmp_path):
    made = healed
    before, after = (open_language_source(str(folder), name="m") for folder in (rounded, made.directory))
    numbers = sum(tensor.numel() for tensor in load_file(made.directory / "adapter/adapter_model.safetensors").values())
    assert after.identity.details["adapter"] == {
        "kind": "LoRA", "ranks": [4], "modules": 21, "parameters": numbers
    }  # fmt: skip
    assert "adapter/adapter_model.safetensors" in after.identity.details["files"]
    assert "adapter" not in before.identity.details
    assert after.identity.content != before.identity.content
    disk = sum(file.stat().st_size for file in (made.directory / "adapter").iterdir())
    assert made.after.disk_bytes == made.before.disk_bytes + disk
    assert made.after.parameters == made.before.parameters + numbers
    assert made.after.weights_bytes == made.before.weights_bytes + 4 * numbers
    other = shutil.copytree(made.directory, tmp_path / "other")
    assert open_language_source(str(other), name="m").identity.content == after.identity.content
    config = other / "adapter" / "adapter_config.json"
    config.write_text(config.read_text().replace('"lora_alpha": 4', '"lora_alpha": 8'))
    again = open_language_source(str(other), name="m")
    assert again.identity.content not in {before.identity.content, after.identity.content}


def test_merged_or_beside_the_answers_are_the_same(blurred, original, reading, tmp_path):
    beside = heal(blurred, original, reading, tmp_path / "beside")
    merged = heal(blurred, original, reading, tmp_path / "merged", merge=True)
    first, second = (answered(made.directory).softmax(-1) for made in (beside, merged))
    torch.testing.assert_close(first, second, rtol=0, atol=1e-5)
    assert beside.recipe["curve"] == merged.recipe["curve"]
    assert not (merged.directory / "adapter").exists()
    assert merged.after == merged.before
    before, after = (load_file(folder / "model.safetensors") for folder in (blurred, merged.directory))
    for name in before:
        change = after[name] - before[name]
        if name.endswith("proj.weight"):
            assert int(torch.linalg.matrix_rank(change, rtol=1e-3)) == 4, name
            length = float(change.double().norm() / before[name].double().norm())
            assert merged.recipe["moved"][name] == pytest.approx(length, rel=1e-3)
        else:
            assert not change.any(), name
    torch.testing.assert_close(plain(merged.directory)[1], answered(merged.directory))
    assert "were added into the weights" in merged.notes[2]


def test_corrections_of_a_classifier(large, texts, tmp_path):
    candidate = blur(shutil.copytree(large, tmp_path / "blurred"))
    items = Items(ids=[str(i) for i in range(120)], segments={"text": texts(120, 43)})
    unseen = Items(ids=[str(i) for i in range(60)], segments={"text": texts(60, 44)})
    expected, before = (trusteq.open_model(folder).predict(unseen) for folder in (large, candidate))
    beside = heal(candidate, large, items, tmp_path / "beside", rows=1600)
    merged = heal(candidate, large, items, tmp_path / "merged", rows=1600, merge=True)
    opened = trusteq.open_model(beside.directory)
    after = opened.predict(unseen)
    np.testing.assert_allclose(after, trusteq.open_model(merged.directory).predict(unseen), rtol=0, atol=1e-5)

    def divergence(answers):
        return (expected * np.log(expected / answers)).sum(axis=1).mean()

    assert divergence(after) < 0.8 * divergence(before)
    rows = opened.encode([(text,) for text in unseen.texts()[0]])
    np.testing.assert_allclose(np.exp(opened.answer(rows)), after, rtol=0, atol=1e-5)
    contents = {trusteq.open_model(folder).identity.content for folder in (candidate, beside.directory)}
    assert len(contents) == 2
    assert opened.identity.details["adapter"]["modules"] == 4 * 6 + 1
    lowered = opened.lowered("bfloat16").predict(unseen)
    assert np.abs(lowered - after).max() < np.abs(before - after).max()


@pytest.mark.long
def test_the_same_again_gives_the_same_bytes_and_another_seed_does_not(rounded, original, reading, tmp_path):
    first, again, other = (
        heal(rounded, original, reading, tmp_path / name, rows=64, seed=seed).directory / "adapter"
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    for file in first.iterdir():
        assert file.read_bytes() == (again / file.name).read_bytes(), file.name
    assert (first / "adapter_config.json").read_bytes() == (other / "adapter_config.json").read_bytes()
    name = "adapter_model.safetensors"
    assert (first / name).read_bytes() != (other / name).read_bytes()


def test_an_interrupted_healing_resumes(rounded, healed, original, reading, tmp_path):
    def stop(line):
        if "round 2 of" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        heal(rounded, original, reading, tmp_path / "healed", say=stop)
    stored = load_file(tmp_path / ".healed.training" / "state.safetensors")
    assert {key.split("/")[0] for key in stored} == {"weights", "best", "moments"}
    assert all(".correction." in key for key in stored if key.startswith(("weights", "best")))
    resumed = heal(rounded, original, reading, tmp_path / "healed").directory
    name = "adapter/adapter_model.safetensors"
    assert (healed.directory / name).read_bytes() == (resumed / name).read_bytes()


# refused


@pytest.mark.parametrize(
    ("method", "options", "why"),
    [
        ("int3-weights", {"group": 32}, "rounded weights would leave their grid"),
        ("int4-weights", {"outliers": 0.05}, "rounded weights would leave their grid"),
        ("prune-weights", {"share": 0.1}, "pruned weights would be 0 no longer"),
        ("low-rank", {"rank": 16}, "weights would lose their low rank"),
    ],
)
def test_what_makes_a_candidate_small_is_not_merged_away(method, options, why, original, reading, tmp_path, one_line):
    for package in trusteq.compress.METHODS[method].packages:
        pytest.importorskip(package.replace("-", "_"), reason=f"needs {package}")
    small = trusteq.compress.make(original, method=method, out=tmp_path / "small", **options).directory
    with pytest.raises(ModelError) as caught:
        heal(small, original, reading, tmp_path / "out", merge=True)
    one_line(caught, "method heal does not apply", f"with --merge its {why}", "leave --merge out to keep an adapter")
    assert not (tmp_path / "out").exists()


def test_options_that_do_not_go_together(blurred, original, reading, tmp_path, one_line):
    with pytest.raises(OptionError) as caught:
        heal(blurred, original, reading, tmp_path / "out", move="small")
    one_line(caught, "move has no effect with rank")
    with pytest.raises(OptionError) as caught:
        trusteq.compress.make(
            blurred, method="heal", original=original, items=reading, out=tmp_path / "out", merge=True
        )
    one_line(caught, "merge has no effect without rank")
    with pytest.raises(ModelError) as caught:
        heal(blurred, original, reading, tmp_path / "out", rank=65)
    one_line(caught, "its narrowest linear map is 32 wide, less than --rank 65")


def test_a_model_with_an_adapter_is_not_compressed_or_trained(healed, original, reading, tmp_path, one_line):
    made = healed
    for method, more in (("bf16", {}), ("heal", {"original": original, "items": reading})):
        with pytest.raises(ModelError) as caught:
            trusteq.compress.make(made.directory, method=method, out=tmp_path / "out", **more)
        one_line(caught, f"method {method} does not apply", "it has an adapter; merge it into the weights")
    plain_with = shutil.copytree(original, tmp_path / "plain")
    shutil.copytree(made.directory / "adapter", plain_with / "adapter")
    with pytest.raises(ModelError) as caught:
        open_base(str(plain_with), name="plain", download=False)
    one_line(caught, "holds an adapter and cannot be trained")


def test_linear_maps_of_another_kind(reading, tmp_path, one_line):
    large = language_models.save(tmp_path / "large", "gpt2")
    small = trusteq.compress.make(large, method="drop-layers", layers=2, out=tmp_path / "small").directory
    with pytest.raises(ModelError) as caught:
        heal(small, large, reading, tmp_path / "out")
    one_line(caught, "method heal does not apply to this GPT2LMHeadModel", "has no torch.nn.Linear")


def test_the_configuration_is_one_that_peft_reads(healed):
    config = json.loads((healed.directory / "adapter" / "adapter_config.json").read_text("utf-8"))
    assert (config["peft_type"], config["task_type"]) == ("LORA", "CAUSAL_LM")
    assert config["lora_alpha"] == config["r"] == 4
    assert "model.layers.2.self_attn.o_proj" in config["target_modules"]
    assert config["base_model_name_or_path"] is None
