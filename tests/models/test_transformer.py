import json
import shutil

import numpy as np
import pytest

from trusteq import Items, LabelError, MissingExtraError, ModelError
from trusteq.data.predictions import checked

torch = pytest.importorskip("torch", reason="needs the extra 'transformers'")
transformers = pytest.importorskip("transformers", reason="needs the extra 'transformers'")

from safetensors.torch import load_file, save_file  # noqa: E402

from trusteq.models.transformer import open_transformer  # noqa: E402


@pytest.fixture
def copy(bert, tmp_path):
    """A copy of the tiny BERT to spoil."""
    return shutil.copytree(bert, tmp_path / "copy")


def configure(folder, **changes):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))


def reweigh(folder, change):
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def keep_outputs(folder, count):
    head = ("classifier.weight", "classifier.bias")
    reweigh(folder, lambda weights: weights.update({key: weights[key][:count].clone() for key in head}))


def refused(folder, **options):
    with pytest.raises(ModelError) as caught:
        open_transformer(str(folder), name="m", **options)
    return caught


def sent(model, items):
    """The tensors that reach the model for each item, without padding, as lists."""
    rows = {}
    hook = model.model.register_forward_pre_hook(lambda _, __, kwargs: seen.append(kwargs), with_kwargs=True)
    for i, id_ in enumerate(items.ids):
        seen = []
        model.predict(items.take([i]))
        rows[id_] = {key: tensor[0].tolist() for key, tensor in seen[0].items()}
    hook.remove()
    return rows


# answers


def test_answers_are_transformers_own(bert, items):
    model = open_transformer(str(bert), name="m")
    tokenizer = transformers.AutoTokenizer.from_pretrained(bert)
    with torch.inference_mode():
        for i in range(8):
            direct = model.model(**tokenizer(items.segments["text"][i], return_tensors="pt")).logits.softmax(-1)
            np.testing.assert_allclose(model.predict(items.take([i])), direct, atol=1e-6)


def test_answers_differ_between_items_so_that_the_other_tests_mean_something(bert, roberta, gpt2, items):
    for folder in (bert, roberta, gpt2):
        answers = open_transformer(str(folder), name="m").predict(items)
        assert answers.std(axis=0).max() > 0.01
        checked(answers, labels=("no", "maybe", "yes"), ids=items.ids, model="m")


@pytest.mark.slow
@pytest.mark.parametrize("budget", [1, 20, 100])
@pytest.mark.parametrize("kind", ["bert", "roberta", "gpt2"])
def test_answers_do_not_depend_on_the_budget(request, kind, budget, items, pairs):
    folder = str(request.getfixturevalue(kind))
    for some in (items, pairs):
        ordinary = open_transformer(folder, name="m").predict(some)
        np.testing.assert_allclose(open_transformer(folder, name="m", budget=budget).predict(some), ordinary, atol=1e-5)


@pytest.mark.parametrize("kind", ["bert", "roberta", "gpt2"])
def test_answers_do_not_depend_on_the_order_of_items(request, kind, pairs):
    model = open_transformer(str(request.getfixturevalue(kind)), name="m")
    order = np.random.default_rng(0).permutation(len(pairs))
    np.testing.assert_allclose(model.predict(pairs.take(order)), model.predict(pairs)[order], atol=1e-5)


def test_without_a_pad_token_rows_go_one_by_one(gpt2, items):
    model = open_transformer(str(gpt2), name="m")
    assert not model.can_pad
    together = model.predict(items)
    alone = np.concatenate([model.predict(items.take([i])) for i in range(len(items))])
    np.testing.assert_array_equal(together, alone)


def test_a_pad_token_unknown_to_the_model_is_not_used(gpt2, tmp_path, items):
    folder = shutil.copytree(gpt2, tmp_path / "gpt2")
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "pad_token": "<|endoftext|>"}))
    model = open_transformer(str(folder), name="m")
    assert model.tokenizer.pad_token_id is not None
    np.testing.assert_allclose(model.predict(items), open_transformer(str(gpt2), name="n").predict(items), atol=1e-6)


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_a_pair_reaches_the_model_as_its_tokenizer_encodes_it(request, kind, pairs):
    folder = request.getfixturevalue(kind)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    some = pairs.take(range(6))
    received = sent(open_transformer(str(folder), name="m"), some)
    for id_, premise, hypothesis in zip(some.ids, *some.segments.values(), strict=True):
        assert received[id_] == dict(tokenizer(premise, hypothesis, truncation=True, max_length=32))
    if kind == "bert":
        assert {1} < {code for row in received.values() for code in [*row["token_type_ids"], 0]}


def test_texts_longer_than_the_model_are_cut_counted_once_and_reported(bert):
    items = Items(ids=["short", "long"], segments={"text": ["the man", "the man is " * 30]})
    model = open_transformer(str(bert), name="m")
    assert model.findings() == ()
    for _ in range(2):
        model.predict(items)
    (finding,) = model.findings()
    assert (finding.kind, finding.value) == ("truncated", 1)
    assert "longest has 92" in finding.message
    tokenizer = transformers.AutoTokenizer.from_pretrained(bert)
    assert (
        sent(model, items)["long"]["input_ids"]
        == tokenizer(items.segments["text"][1], truncation=True, max_length=32)["input_ids"]
    )


def test_roberta_can_read_its_full_length_and_no_more(roberta):
    """34 positions, of which the first two belong to padding."""
    items = Items(ids=["fits", "long"], segments={"text": ["x" * 30, "x" * 31]})
    model = open_transformer(str(roberta), name="m")
    model.predict(items)
    assert model.cut == {"long": 33}


def test_half_precision_stays_as_it_was_saved(copy, items, bert):
    reweigh(copy, lambda weights: weights.update({key: value.half() for key, value in weights.items()}))
    configure(copy, dtype="float16")
    model = open_transformer(str(copy), name="m")
    assert model.identity.details["dtype"] == "float16"
    answers = model.predict(items)
    assert answers.dtype == np.float64
    np.testing.assert_allclose(answers, open_transformer(str(bert), name="n").predict(items), atol=0.05)


def test_nan_weights_end_in_one_clear_line(copy, items, one_line):
    reweigh(copy, lambda weights: weights["classifier.bias"].fill_(float("nan")))
    model = open_transformer(str(copy), name="m")
    with pytest.raises(ModelError) as caught:
        checked(model.predict(items), labels=model.labels, ids=items.ids, model="m")
    one_line(caught, "model m", "'t0'", "nan")


def test_nothing_reaches_the_terminal(copy, items, capfd):
    reweigh(copy, lambda weights: weights.update({"extra": torch.zeros(2)}))
    open_transformer(str(copy), name="m").predict(items)
    assert capfd.readouterr() == ("", "")


def test_a_failure_inside_the_model_names_the_item(bert, items, one_line):
    model = open_transformer(str(bert), name="m")
    model.limit = 10_000
    with pytest.raises(ModelError) as caught:
        model.predict(Items(ids=["huge"], segments={"text": ["the man " * 100]}))
    one_line(caught, "model m: failed while answering item 'huge'")


# labels


def test_labels_come_from_the_configuration_or_from_the_user(bert):
    assert open_transformer(str(bert), name="m").labels == ("no", "maybe", "yes")
    assert open_transformer(str(bert), name="m", labels=["a", "b", "c"]).labels == ("a", "b", "c")


def test_a_configuration_that_leaves_out_the_default_labels(copy, items):
    keep_outputs(copy, 2)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(
        json.dumps({k: v for k, v in config.items() if k not in ("id2label", "label2id")})
    )
    model = open_transformer(str(copy), name="m")
    assert model.labels == ("LABEL_0", "LABEL_1")
    assert model.predict(items).shape == (len(items), 2)


def test_wrong_number_of_labels(bert):
    with pytest.raises(LabelError, match="names 2 labels"):
        open_transformer(str(bert), name="m", labels=["a", "b"])


def test_repeated_label_names(copy):
    configure(copy, id2label={"0": "a", "1": "b", "2": "a"})
    with pytest.raises(LabelError, match="'a' appears twice"):
        open_transformer(str(copy), name="m")


def test_a_single_output_is_refused(copy, one_line):
    configure(copy, id2label={"0": "LABEL_0"}, label2id={"LABEL_0": 0})
    keep_outputs(copy, 1)
    one_line(refused(copy), "1 label", "regression")


@pytest.mark.parametrize("problem", ["multi_label_classification", "regression"])
def test_other_problems_are_refused(copy, problem, one_line):
    configure(copy, problem_type=problem)
    one_line(refused(copy), problem, "one label")


# refusals


def test_a_folder_with_only_a_pickle(copy, one_line):
    torch.save(load_file(copy / "model.safetensors"), copy / "pytorch_model.bin")
    (copy / "model.safetensors").unlink()
    one_line(refused(copy), "pytorch_model.bin", "could execute code", "convert the weights to safetensors")


def test_a_missing_tensor(copy, one_line):
    reweigh(copy, lambda weights: weights.pop("classifier.weight"))
    one_line(refused(copy), "does not hold 1 of the model's tensors (classifier.weight)", "partly random")


def test_a_model_for_another_task(copy, one_line):
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "architectures": ["BertForTokenClassification"]}))
    reweigh(copy, lambda weights: weights.pop("bert.pooler.dense.weight"))
    one_line(refused(copy), "its config.json says BertForTokenClassification, a model for another task")


def test_a_headless_model(bert, tmp_path, one_line):
    folder = shutil.copytree(bert, tmp_path / "headless")
    reweigh(folder, lambda weights: [weights.pop(key) for key in list(weights) if not key.startswith("bert.enc")])
    one_line(refused(folder), "bert.embeddings", ", …", "partly random")


def test_a_tensor_of_another_shape(copy, one_line):
    reweigh(copy, lambda weights: weights.update({"classifier.weight": torch.zeros(4, 32)}))
    one_line(refused(copy), "tensor classifier.weight is [4, 32] in the checkpoint, [3, 32] in the model;")


def test_tensors_of_another_shape_in_several_layers(copy, one_line):
    layers = [f"bert.encoder.layer.{i}.output.dense.bias" for i in (0, 1)]
    reweigh(copy, lambda weights: weights.update({key: torch.zeros(7) for key in [*layers, "classifier.bias"]}))
    one_line(refused(copy), "bert.encoder.layer.{0, 1}.output.dense.bias", "[7] in the checkpoint", "classifier.bias")


def test_a_truncated_weights_file(copy, one_line):
    content = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").write_bytes(content[: len(content) // 2])
    one_line(refused(copy), "cannot load")


def test_remote_code_is_refused_and_not_run(copy, one_line, tmp_path):
    trace = tmp_path / "executed"
    (copy / "evil.py").write_text(f"open({str(trace)!r}, 'w')\n")
    configure(copy, model_type="evil", auto_map={"AutoConfig": "evil.Config"})
    one_line(refused(copy), "needs Python code of its own", "auto_map")
    assert not trace.exists()


@pytest.mark.parametrize("kind", ["bert", "roberta", "gpt2"])
def test_a_folder_without_a_tokenizer(request, kind, tmp_path, one_line):
    """transformers 5 opens it with a vocabulary of nothing but special tokens."""
    folder = shutil.copytree(request.getfixturevalue(kind), tmp_path / "bare")
    (folder / "tokenizer.json").unlink()
    one_line(refused(folder), "holds no tokenizer", "tokenizer.save_pretrained")


def test_an_older_vocabulary_file_is_a_tokenizer(bert, copy, items):
    vocabulary = json.loads((copy / "tokenizer.json").read_text())["model"]["vocab"]
    (copy / "tokenizer.json").unlink()
    (copy / "vocab.txt").write_text("\n".join(vocabulary))
    answers, expected = (open_transformer(str(folder), name="m").predict(items) for folder in (copy, bert))
    np.testing.assert_array_equal(answers, expected)


def test_a_quantization_that_is_no_object(copy, one_line):
    configure(copy, quantization_config=["int8"])
    one_line(refused(copy), "quantization_config", "['int8']")


@pytest.mark.parametrize("method", ["nonsense", "gptq", None])
def test_a_quantization_that_cannot_be_loaded(copy, method, one_line):
    configure(copy, quantization_config={"quant_method": method, "bits": 4})
    one_line(refused(copy), "plain" if method == "gptq" else "cannot load", "quant")


def test_an_adapter_is_refused(copy, one_line):
    (copy / "adapter_config.json").write_text("{}")
    one_line(refused(copy), "adapter; merge it")


def test_weights_without_a_place_are_reported(copy):
    reweigh(copy, lambda weights: weights.update({"bert.encoder.layer.9.extra": torch.zeros(2)}))
    (finding,) = open_transformer(str(copy), name="m").findings()
    assert (finding.kind, finding.value) == ("unused weights", 1)
    assert "bert.encoder.layer.9.extra" in finding.message


def test_more_than_two_segments(bert, one_line):
    items = Items(ids=["a"], segments={name: ["the"] for name in "xyz"})
    with pytest.raises(ModelError) as caught:
        open_transformer(str(bert), name="m").predict(items)
    one_line(caught, "3 text segments (x, y, z)")


def test_a_hub_id_that_is_not_cached(one_line):
    one_line(refused("nobody/nothing"), "'nobody/nothing'", "not in the local cache", "--download")


def test_a_hub_id_is_opened_from_the_cache(bert, tmp_path, monkeypatch, items):
    revision = "0123456789abcdef0123456789abcdef01234567"
    cached = tmp_path / "models--some--bert"
    shutil.copytree(bert, cached / "snapshots" / revision)
    (cached / "refs").mkdir()
    (cached / "refs" / "main").write_text(revision)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    local = open_transformer(str(bert), name="m")
    for location in ("some/bert", f"some/bert@{revision}"):
        model = open_transformer(location, name="m")
        assert model.identity.details["revision"] == revision
        assert model.identity.content == local.identity.content
    np.testing.assert_array_equal(model.predict(items), local.predict(items))


def test_a_download_that_fails_is_one_line(one_line, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    one_line(refused("nobody/nothing", download=True), "'nobody/nothing'", "HF_HUB_OFFLINE")
    assert capfd.readouterr() == ("", "")


def test_a_device_that_is_not_there(bert, one_line):
    one_line(refused(bert, device="nonsense"), "device 'nonsense'")


def test_without_transformers_the_install_command_is_given(bert, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'trusteq\[transformers\]'"):
        open_transformer(str(bert), name="m")


# identity


def test_a_model_saved_again_elsewhere_has_the_same_content(bert, tmp_path):
    transformers.AutoTokenizer.from_pretrained(bert).save_pretrained(tmp_path / "again")
    transformers.AutoModelForSequenceClassification.from_pretrained(bert).save_pretrained(tmp_path / "again")
    first, again = (open_transformer(str(folder), name="m") for folder in (bert, tmp_path / "again"))
    assert first.identity.content == again.identity.content
    assert first.identity.location != again.identity.location


def test_one_changed_weight_changes_the_content(bert, copy):
    reweigh(copy, lambda weights: weights["classifier.bias"][:1].add_(1e-3))
    first, other = (open_transformer(str(folder), name="m").identity for folder in (bert, copy))
    assert first.content != other.content


def test_another_vocabulary_changes_the_content(bert, copy):
    text = (copy / "tokenizer.json").read_text()
    (copy / "tokenizer.json").write_text(text.replace('"guitar"', '"banjo"'))
    first, other = (open_transformer(str(folder), name="m").identity for folder in (bert, copy))
    assert first.content != other.content


def test_the_identity_tells_what_the_model_is(bert):
    identity = open_transformer(str(bert), name="m").identity
    assert identity.kind == "transformers"
    assert identity.details["architecture"] == "BertForSequenceClassification"
    assert identity.details["files"] == ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    json.dumps(dict(identity.details))
