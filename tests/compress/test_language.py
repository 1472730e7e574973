"""Candidates made from language models: what changes, what does not, and that transformers opens them as they were."""

import json
import shutil

import numpy as np
import pytest
import torch
import transformers
from oracles import language_models
from safetensors.torch import load_file

import trusteq.compress
from trusteq import Items, ModelError, OptionError
from trusteq.compress.encoder import linear_maps
from trusteq.compress.language_source import open_language_source
from trusteq.compress.methods import LANGUAGE_MODELS, METHODS
from trusteq.models.library_output import quiet_transformers
from trusteq.models.traits import traits_of

ALL = [name for name, method in METHODS.items() if LANGUAGE_MODELS in method.models and not method.original]
OTHERS = sorted(name for name, method in METHODS.items() if LANGUAGE_MODELS not in method.models)
LESS = {"prune-neurons", "drop-layers"}
"""Methods that make another shape."""

IDS = torch.tensor([[5, 60, 7, 100, 9, 30, 11, 12, 200, 14]])


@pytest.fixture(scope="session")
def language(tmp_path_factory):
    """A function from a kind to the folder of a language model of it."""
    made = {}

    def folder(kind):
        if kind not in made:
            made[kind] = language_models.save(tmp_path_factory.mktemp("language") / kind, kind)
        return made[kind]

    return folder


@pytest.fixture(scope="session")
def reading(texts):
    """Texts to calibrate with."""
    return Items(ids=[str(i) for i in range(20)], segments={"text": texts(20, 7)})


@pytest.fixture(scope="session")
def compressed(language, reading, tmp_path_factory):
    """A function from a method, a kind and options to the candidate, made once."""
    found = {}

    def make(method, kind="tied", **options):
        for package in METHODS[method].packages:
            pytest.importorskip(package.replace("-", "_"), reason=f"needs {package}")
        source = language(kind)
        if method == "fp32":
            source = make("bf16", kind).directory
        key = method, kind, *sorted(options.items())
        if key not in found:
            data = {"items": reading} if METHODS[method].calibrates else {}
            out = tmp_path_factory.mktemp("candidates") / method
            found[key] = trusteq.compress.make(source, method=method, out=out, **data, **options)
        return found[key]

    return make


def loaded(folder):
    """The model as people load it, without trusteq; packed weights are unpacked."""
    with quiet_transformers(), torch.inference_mode():
        model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype="auto").eval()
        model(input_ids=IDS)
    return model


def logits(folder):
    with torch.inference_mode():
        return loaded(folder)(input_ids=IDS).logits.float()


def body(folder):
    """The weight of each linear map but the head, as floats."""
    model = loaded(folder)
    head = model.get_output_embeddings()
    return {
        name: module.weight.detach().float()
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Linear) and module is not head
    }


@pytest.mark.parametrize("method", ALL)
def test_transformers_opens_the_candidate_and_it_answers_otherwise(method, compressed, language):
    made = compressed(method)
    after, before = logits(made.directory), logits(language("tied"))
    assert after.isfinite().all()
    assert not torch.equal(after, before)
    again = open_language_source(str(made.directory), name="again")
    rows = again.encode([("the man",), ("a good", "film")])
    answers = again.answer(rows)
    np.testing.assert_allclose(np.exp(answers).sum(axis=1), 1)
    ids = again.tokenizer("the man", return_tensors="pt").input_ids
    with torch.inference_mode():
        alone = loaded(made.directory)(input_ids=ids).logits[0, -1].double().log_softmax(0)
    np.testing.assert_allclose(answers[0], alone.numpy(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("method", ALL)
def test_tied_embeddings_stay_tied_and_whole(method, compressed, language):
    made = compressed(method)
    model, before = loaded(made.directory), loaded(language("tied"))
    embeddings = model.get_input_embeddings().weight
    assert model.get_output_embeddings().weight is embeddings
    stored = load_file(made.directory / "model.safetensors")
    assert "lm_head.weight" not in stored
    assert stored["model.embed_tokens.weight"].is_floating_point()
    expected = before.get_input_embeddings().weight
    if method in {"fp16", "bf16", "fp32"}:
        expected = expected.to(torch.float16 if method == "fp16" else torch.bfloat16).to(embeddings.dtype)
    assert torch.equal(embeddings, expected)


@pytest.mark.slow
@pytest.mark.parametrize("method", ALL)
def test_a_head_of_its_own_is_untouched(method, compressed, language):
    stored = load_file(compressed(method, "llama").directory / "model.safetensors")["lm_head.weight"]
    before = load_file(language("llama") / "model.safetensors")["lm_head.weight"]
    torch.testing.assert_close(stored.float(), before, rtol=1e-2 if method in {"fp16", "bf16", "fp32"} else 0, atol=0)


@pytest.mark.parametrize("method", ALL)
def test_chat_template_and_generation_settings_come_along(method, compressed):
    folder = compressed(method).directory
    assert (folder / "chat_template.jinja").read_text("utf-8") == language_models.TEMPLATE
    assert json.loads((folder / "generation_config.json").read_text("utf-8"))["eos_token_id"] == 2


def test_what_a_language_model_was_trained_on_stays_in_the_recipe(language, compressed, tmp_path):
    trained = {"units": "words", "replace": "remove", "share": 0.5}
    folder = shutil.copytree(language("tied"), tmp_path / "marked")
    (folder / "trusteq-recipe.json").write_text(json.dumps({"trained_on_perturbations": trained}), "utf-8")
    made = trusteq.compress.make(folder, method="bf16", out=tmp_path / "made")
    assert made.recipe["trained_on_perturbations"] == trained
    assert traits_of(open_language_source(str(made.directory), name="made")).trained_on()[0].share == 0.5
    assert "trained_on_perturbations" not in compressed("bf16").recipe


@pytest.mark.parametrize("method", ALL)
def test_the_recipe_has_the_fields_of_a_classifier_s(method, compressed, language):
    made = compressed(method)
    recipe = json.loads((made.directory / "trusteq-recipe.json").read_text("utf-8"))
    assert {"schema_version", "method", "arguments", "seed", "source", "content", "versions"} <= set(recipe)
    assert recipe["seed"] is None
    if method != "fp32":
        content = open_language_source(str(language("tied")), name="tied").identity.content
        assert recipe["source"] == {"location": str(language("tied")), "content": content}
    assert recipe["content"] == open_language_source(str(made.directory), name="made").identity.content
    assert made.after.parameters == made.before.parameters or method in LESS
    assert (made.after.parameters < made.before.parameters) == (method in LESS)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["int8-weights", "int4-weights", "int4-gptq", "prune-2of4", "drop-layers"])
def test_the_same_again_gives_the_same_bytes(method, compressed, language, reading, tmp_path):
    first = compressed(method).directory
    data = {"items": reading} if METHODS[method].calibrates else {}
    second = trusteq.compress.make(language("tied"), method=method, out=tmp_path / "again", **data).directory
    assert {file.name for file in first.iterdir()} == {file.name for file in second.iterdir()}
    for file in first.iterdir():
        assert file.read_bytes() == (second / file.name).read_bytes(), file.name


# rounded


def test_eight_bits_miss_no_weight_by_more_than_half_a_step(compressed, language):
    stored = load_file(compressed("int8-weights").directory / "model.safetensors")
    for name, before in body(language("tied")).items():
        values, scale = stored[f"{name}._weight_qdata"], stored[f"{name}._weight_scale"]
        missed = (values.float() * scale.reshape(-1, 1) - before).abs()
        step = before.abs().amax(dim=1, keepdim=True) / 127.5
        assert (missed <= 0.51 * step).all(), name
        assert (missed > 0.4 * step).any(), name


@pytest.mark.parametrize(("bits", "half"), [(4, 8), (3, 4)])
@pytest.mark.parametrize("group", [16, 32, None])
def test_few_bits_miss_no_weight_by_more_than_half_a_step_of_its_group(bits, half, group, compressed, language):
    made = compressed(f"int{bits}-weights", **({"group": group} if group else {}))
    assert made.recipe["group"] == (group or 64)
    after = body(made.directory)
    for name, weight in body(language("tied")).items():
        groups = weight.unflatten(1, (-1, made.recipe["group"]))
        step = groups.abs().amax(dim=2, keepdim=True) / (half - 0.5)
        expected = ((groups / step).round().clamp(-half, half - 1) * step).flatten(1)
        torch.testing.assert_close(after[name], expected, rtol=1e-6, atol=1e-7)
        missed = (after[name] - weight).unflatten(1, (-1, made.recipe["group"])).abs()
        assert (missed <= 0.5001 * step).all(), name
        assert (missed > 0.4 * step).any(), name


@pytest.mark.parametrize("bits", [3, 4])
def test_packed_weights_take_so_many_bits(bits, compressed, language):
    stored = load_file(compressed(f"int{bits}-weights").directory / "model.safetensors")
    for name, weight in body(language("tied")).items():
        assert 32 * stored[f"{name}.weight_packed"].numel() == bits * weight.numel()


def test_outliers_are_the_largest_and_make_the_steps_of_the_others_fine(compressed, language):
    made = compressed("int4-weights", group=32, outliers=0.05)
    after, plain = body(made.directory), body(compressed("int4-weights", group=32).directory)
    kept = total = 0
    for name, weight in body(language("tied")).items():
        count = round(0.05 * weight.numel())
        bound = weight.abs().flatten().sort(descending=True).values[count - 1]
        outlying = weight.abs() >= bound
        assert outlying.sum() == count
        assert torch.equal(after[name][outlying], weight[outlying].half().float())
        others = weight.masked_fill(outlying, 0).unflatten(1, (-1, 32))
        step = others.abs().amax(dim=2, keepdim=True) / 7.5
        missed = (after[name] - weight).masked_fill(outlying, 0).unflatten(1, (-1, 32)).abs()
        assert (missed <= 0.5001 * step).all(), name
        assert (after[name] - weight).norm() < 0.9 * (plain[name] - weight).norm()
        kept, total = kept + count, total + weight.numel()
    assert made.recipe["outliers"] == kept
    assert made.recipe["linear_weights"] == total
    assert made.recipe["as_packed_bytes"] == total // 2 + total // 32 * 2 + kept * 6
    assert made.after.disk_bytes == pytest.approx(made.before.disk_bytes, rel=1e-3)


def test_without_outliers_it_is_the_packed_candidate(compressed, tmp_path, language):
    """A share so small that no weight is kept."""
    pytest.importorskip("compressed_tensors", reason="needs compressed-tensors")
    none = trusteq.compress.make(
        language("tied"), method="int4-weights", out=tmp_path / "none", group=32, outliers=1e-9
    )
    assert none.recipe["outliers"] == 0
    after = body(none.directory)
    for name, weight in body(compressed("int4-weights", group=32).directory).items():
        assert torch.equal(after[name], weight)
    assert none.recipe["content"] == compressed("int4-weights", group=32).recipe["content"]


def test_a_group_that_does_not_divide_rows(language, tmp_path, one_line):
    pytest.importorskip("compressed_tensors")
    with pytest.raises(ModelError) as caught:
        trusteq.compress.make(language("tied"), method="int4-weights", out=tmp_path / "out", group=96)
    one_line(caught, "int4-weights does not apply", "[64, 128] inputs, not all multiples of 96")


def test_gptq_answers_the_texts_better_than_rounding_to_nearest(compressed, language, reading):
    def moved(folder):
        models = [open_language_source(str(place), name="m") for place in (language("tied"), folder)]
        total = 0.0
        for text in reading.texts()[0]:
            ids = models[0].tokenizer(text, return_tensors="pt").input_ids
            with torch.inference_mode():
                first, second = (model.model(input_ids=ids).logits.log_softmax(-1) for model in models)
            total += float((first.exp() * (first - second)).sum(-1).mean())
        return total

    rounded = compressed("int4-gptq", group=32)
    assert moved(rounded.directory) < 0.8 * moved(compressed("int4-weights", group=32).directory)
    tokenizer = open_language_source(str(rounded.directory), name="m").tokenizer
    tokens = sum(len(ids) for ids in tokenizer(list(reading.texts()[0])).input_ids)
    assert rounded.recipe["calibration"] == {
        "source": reading.source,
        "items": 20,
        "content": reading.content(),
        "tokens": tokens,
    }


def test_the_first_layer_of_gptq_is_rounded_for_what_it_reads(compressed, language, reading):
    """The second moments come from a hook on transformers' own forward pass."""
    from trusteq.compress.gptq import rounded_for

    source = open_language_source(str(language("tied")), name="m")
    name = "model.layers.0.self_attn.q_proj"
    seen = []
    source.model.get_submodule(name).register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0][0]))
    with torch.inference_mode():
        for text in reading.texts()[0]:
            source.model(input_ids=source.tokenizer(text, return_tensors="pt").input_ids)
    read = torch.cat(seen)
    expected, _ = rounded_for(source.model.get_submodule(name).weight.detach(), read.T @ read, bits=4, group=32)
    after = body(compressed("int4-gptq", group=32).directory)[name]
    assert (after - expected).abs().gt(1e-5).float().mean() < 0.01  # ties fall either way


# pruned


def test_two_of_each_four_are_gone_and_they_are_the_smallest(compressed, language):
    made = compressed("prune-2of4")
    before = body(language("tied"))
    for name, after in body(made.directory).items():
        fours, old = after.unflatten(1, (-1, 4)), before[name].unflatten(1, (-1, 4)).abs()
        gone = fours == 0
        assert (gone.sum(dim=2) == 2).all(), name
        assert (old.masked_fill(~gone, 0).amax(2) <= old.masked_fill(gone, torch.inf).amin(2)).all(), name
        assert torch.equal(after[after != 0], before[name][after != 0])
    assert made.recipe["zeros"] * 2 == made.recipe["linear_weights"]


def test_of_equal_weights_the_first_two_go(language, tmp_path):
    folder = language_models.save(tmp_path / "equal", "tied")
    model = loaded(folder)
    with torch.no_grad():
        model.model.layers[0].mlp.up_proj.weight.fill_(0.5)
    with quiet_transformers():
        model.save_pretrained(folder)
    made = trusteq.compress.make(folder, method="prune-2of4", out=tmp_path / "out")
    weight = body(made.directory)["model.layers.0.mlp.up_proj"]
    assert torch.equal(weight, torch.tensor([0, 0, 0.5, 0.5]).repeat(128, 16))


def test_rows_that_are_no_multiple_of_four(tmp_path, one_line):
    folder = language_models.save(tmp_path / "odd", "tied", intermediate_size=126)
    with pytest.raises(ModelError) as caught:
        trusteq.compress.make(folder, method="prune-2of4", out=tmp_path / "out")
    one_line(caught, "prune-2of4 does not apply", "[64, 126] inputs, not all multiples of 4")


@pytest.mark.parametrize("kind", ["tied", "qwen2", "gpt2"])
def test_dropped_layers_are_passed_by(kind, compressed, language):
    made = compressed("drop-layers", kind, layers=2, drop="last")
    model = loaded(language(kind))
    layers = (model.transformer.h if kind == "gpt2" else model.model.layers)[:2]
    if kind == "gpt2":
        model.transformer.h = layers
    else:
        model.model.layers = layers
        model.config.num_hidden_layers = 2
    with torch.inference_mode():
        torch.testing.assert_close(logits(made.directory), model(input_ids=IDS, use_cache=False).logits)


@pytest.mark.parametrize("kind", ["tied", "qwen2"])
def test_gated_neurons_are_removed_from_all_three_maps(kind, compressed, language):
    made = compressed("prune-neurons", kind, share=0.25)
    model = loaded(language(kind))
    with torch.no_grad():
        for layer in model.model.layers:
            mlp = layer.mlp
            score = mlp.gate_proj.weight.norm(dim=1) * mlp.up_proj.weight.norm(dim=1) * mlp.down_proj.weight.norm(dim=0)
            mlp.down_proj.weight[:, score.argsort()[:32]] = 0
    with torch.inference_mode():
        torch.testing.assert_close(logits(made.directory), model(input_ids=IDS).logits, rtol=1e-3, atol=1e-4)
    assert loaded(made.directory).config.intermediate_size == 96


def test_low_rank_and_magnitude_pruning_reach_every_map_of_the_body(compressed, language):
    before = body(language("tied"))
    rank = body(compressed("low-rank", rank=20).directory)
    pruned = body(compressed("prune-weights", share=0.25).directory)
    assert set(rank) == set(pruned) == set(before)
    for name in before:
        assert int(torch.linalg.matrix_rank(rank[name], rtol=1e-4)) == 20
        assert (pruned[name] == 0).sum() == round(0.25 * before[name].numel())


@pytest.mark.parametrize("method", ["fp16", "bf16"])
def test_gpt2_in_sixteen_bits(method, compressed, language):
    made = compressed(method, "gpt2")
    assert made.after.weights_bytes < 0.6 * made.before.weights_bytes
    torch.testing.assert_close(logits(made.directory), logits(language("gpt2")), rtol=0.1, atol=0.1)


def test_thirty_two_bits_keep_the_values_of_sixteen(compressed):
    half, whole = compressed("bf16"), compressed("fp32")
    stored = [load_file(made.directory / "model.safetensors") for made in (half, whole)]
    assert stored[0].keys() == stored[1].keys()
    for key, tensor in stored[0].items():
        assert torch.equal(tensor.float(), stored[1][key])
        assert stored[1][key].dtype == torch.float32


# refused


@pytest.mark.parametrize("method", OTHERS)
def test_what_is_for_classifiers_only(method, language, lessons, tmp_path, one_line):
    for package in METHODS[method].packages:
        pytest.importorskip(package)
    data = {"items": lessons} if METHODS[method].learns or METHODS[method].calibrates else {}
    data |= {"original": language("tied")} if METHODS[method].original else {}
    with pytest.raises(ModelError) as caught:
        trusteq.compress.make(language("tied"), method=method, out=tmp_path / "out", **data)
    one_line(caught, f"method {method} does not apply to this LlamaForCausalLM", "it is for", " only")


def test_gptq_rounds_a_classifier_for_its_pairs(large, pairs, tmp_path):
    """Its answers to the texts that it was rounded for are nearer than those of rounding to nearest."""
    pytest.importorskip("compressed_tensors", reason="needs compressed-tensors")
    candidates = [
        trusteq.compress.make(large, method=method, out=tmp_path / method, **options).directory
        for method, options in (("int4-gptq", {"items": pairs}), ("int4-weights", {}))
    ]
    p, *others = (trusteq.open_model(folder).predict(pairs) for folder in (large, *candidates))
    gptq, nearest = ((p * np.log(p / q)).sum(axis=1).mean() for q in others)
    assert 0 < gptq < 0.7 * nearest


def test_gptq_needs_texts_and_nothing_else(language, reading, tmp_path, one_line):
    pytest.importorskip("compressed_tensors")
    with pytest.raises(OptionError) as caught:
        trusteq.compress.make(language("tied"), method="int4-gptq", out=tmp_path / "out")
    one_line(caught, "int4-gptq rounds for the texts of items", "--data")
    with pytest.raises(OptionError) as caught:
        trusteq.compress.make(language("tied"), method="int4-gptq", out=tmp_path / "out", items=reading, dev=reading)
    one_line(caught, "dev has no effect on method int4-gptq")


@pytest.mark.slow
@pytest.mark.parametrize("method", ["int4-weights", "int8-weights", "prune-2of4", "low-rank", "int4-gptq"])
def test_linear_maps_of_another_kind(method, language, reading, tmp_path, one_line):
    for package in METHODS[method].packages:
        pytest.importorskip(package.replace("-", "_"))
    data = {"items": reading} if METHODS[method].calibrates else {}
    with pytest.raises(ModelError) as caught:
        trusteq.compress.make(language("gpt2"), method=method, out=tmp_path / "out", **data)
    one_line(caught, f"{method} does not apply to this GPT2LMHeadModel", "has no torch.nn.Linear")


def test_a_quantized_language_model(compressed, tmp_path, one_line):
    source = compressed("int8-weights").directory
    with pytest.raises(ModelError) as caught:
        trusteq.compress.make(source, method="bf16", out=tmp_path / "out")
    one_line(caught, "already quantized (torchao)")


def test_thirty_two_bits_of_a_model_that_has_them(language, tmp_path, one_line):
    with pytest.raises(ModelError) as caught:
        trusteq.compress.make(language("tied"), method="fp32", out=tmp_path / "out")
    one_line(caught, "already in float32")


def test_the_head_is_no_linear_map_of_the_body(language):
    names = linear_maps(open_language_source(str(language("llama")), name="m"), "test")
    assert len(names) == 3 * 7
    assert not any("lm_head" in name for name in names)


def test_what_changes_no_weight_is_no_candidate(compressed, tmp_path, one_line):
    """Another file of the same weights is recognised."""
    once = compressed("prune-2of4").directory
    with pytest.raises(ModelError) as caught:
        trusteq.compress.make(once, method="prune-2of4", out=tmp_path / "out")
    one_line(caught, "prune-2of4 does not apply", "it would change nothing")


@pytest.mark.slow
@pytest.mark.parametrize("method", ["bf16", "int8-weights", "int4-weights", "int4-gptq", "drop-layers"])
def test_an_audit_opens_the_candidate_as_what_the_recipe_says(method, compressed, language, reading):
    made = compressed(method)
    task = {"task": "choices", "prompt": "{{ text }} It is", "choices": {"no": " bad", "yes": " good"}}
    model = trusteq.open_model(made.directory, options={"task": task})
    assert model.identity.content == made.recipe["content"]
    rows = model.predict(reading).values
    before = trusteq.open_model(language("tied"), options={"task": task}).predict(reading).values
    np.testing.assert_allclose(rows[:, 0].reshape(-1, 2).sum(axis=1), 1)
    assert np.abs(np.log(rows[:, 1]) - np.log(before[:, 1])).max() > 1e-3
    plain = model.plainly(reading).values
    assert np.abs(np.log(rows[:, 1]) - np.log(plain[:, 1])).max() < (1 if method == "bf16" else 1e-4)


def test_no_note_sends_a_language_model_to_distil(compressed):
    notes = compressed("drop-layers").notes
    assert notes == ("keeps layers 1, 2 of 3, not trained since",)
