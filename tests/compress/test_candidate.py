"""Every method's candidate: read back exactly, as small as promised, the same bytes again, whole or not at all."""

import json
import logging
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers
from oracles import tiny_models

import trusteq
import trusteq.compress
from trusteq import DataError, MissingExtraError, ModelError, OptionError, RunError, TrusteqError
from trusteq.compress import candidate
from trusteq.compress.asked import asked_of
from trusteq.compress.compressed import Compressed
from trusteq.compress.methods import CLASSIFIERS, METHODS
from trusteq.models.library_output import quiet_transformers
from trusteq.models.made import Perturbed
from trusteq.models.traits import traits_of
from trusteq.models.transformer import open_transformer

ALL = [
    name
    for name, method in METHODS.items()
    if CLASSIFIERS in method.models and not method.original and not method.calibrates and name != "fp32"
]
"""Every method that makes a candidate of the large model, which has 32 bits already."""

TORCH = [name for name in ALL if "onnx" not in name and not METHODS[name].learns]
GRAPHS = ["onnx", "int8-onnx"]


def alone(answer, folder, pairs):
    """Probabilities [items, labels] of each pair by itself: no batches of ours, tokenized by transformers."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    rows = [answer(tokenizer(*pair, return_tensors="pt")) for pair in zip(*pairs.texts(), strict=True)]
    return torch.cat(rows).double().softmax(dim=1).numpy()


@pytest.mark.slow
@pytest.mark.parametrize("method", TORCH)
def test_the_loader_reads_back_the_model_that_was_in_memory(method, made, large, pairs):
    folder = made(method).directory
    with quiet_transformers(), torch.inference_mode():
        again = METHODS[method].load(method)(open_transformer(str(large), name="large")).model
        expected = alone(lambda tokens: again(**tokens).logits, large, pairs)
    model = trusteq.open_model(folder, options=trusteq.ModelOptions(budget=1))
    np.testing.assert_allclose(model.predict(pairs), expected, rtol=0, atol=1e-6)
    assert model.findings() == ()


@pytest.mark.slow
@pytest.mark.parametrize("method", GRAPHS)
def test_the_loader_answers_as_the_graph_itself(method, made, pairs):
    onnxruntime = pytest.importorskip("onnxruntime")
    folder = made(method).directory
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))

    def answer(tokens):
        return torch.from_numpy(session.run(["logits"], {key: value.numpy() for key, value in tokens.items()})[0])

    model = trusteq.open_model(folder, options=trusteq.ModelOptions(budget=1))
    with quiet_transformers():
        np.testing.assert_allclose(model.predict(pairs), alone(answer, folder, pairs), rtol=0, atol=1e-6)


def test_the_float_graph_answers_as_the_original_in_batches_too(made, large, pairs):
    graph, original = (trusteq.open_model(folder) for folder in (made("onnx").directory, large))
    np.testing.assert_allclose(graph.predict(pairs), original.predict(pairs), rtol=0, atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("method", sorted(set(ALL) - {"onnx"}))
def test_a_candidate_is_another_model_but_not_a_random_one(method, made, large, pairs):
    moved = trusteq.open_model(made(method).directory).predict(pairs) - trusteq.open_model(large).predict(pairs)
    assert np.abs(moved).max() > 1e-4
    if method in {"fp16", "bf16", "int8-weights", "int8-dynamic", "int8-onnx"}:
        assert np.abs(moved).mean() < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("method", ALL)
def test_the_size_on_disk_is_as_promised(method, made, large):
    most = {"onnx": 1.1, "int8-onnx": 0.5, "fp16": 0.55, "bf16": 0.55, "int8-weights": 0.4, "int8-dynamic": 0.4}
    most |= {"int4-weights": 0.3, "int3-weights": 0.25, "prune-neurons": 0.75, "drop-layers": 0.6, "distil": 0.6}
    found = made(method)
    before, after = found.before.disk_bytes, found.after.disk_bytes
    files = [file for file in found.directory.iterdir() if file.name != candidate.RECIPE]
    assert after == sum(file.stat().st_size for file in files)
    assert before == sum(file.stat().st_size for file in large.iterdir())
    if "same size" in METHODS[method].summary:
        assert after == before
        assert any("the size stays" in note for note in found.notes)
    else:
        assert after < most[method] * before


def test_scales_and_zero_points_are_no_parameters(made):
    assert made("int8-onnx").after.parameters == made("onnx").after.parameters


@pytest.mark.slow
@pytest.mark.parametrize("method", ALL)
def test_the_same_again_gives_the_same_bytes_and_says_nothing(method, made, large, lessons, tmp_path, capfd):
    first = made(method).directory
    capfd.readouterr()  # what libraries print while they are imported is not ours
    extra = {"items": lessons, "epochs": 1} if METHODS[method].learns else {}
    torch.rand(3)  # whatever was drawn before
    second = trusteq.compress.make(large, method=method, out=tmp_path / "again", **extra).directory
    assert capfd.readouterr() == ("", "")
    names = {file.name for file in first.iterdir()}
    assert {"config.json", "tokenizer.json", candidate.RECIPE} <= names == {file.name for file in second.iterdir()}
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_the_root_logger_hears_nothing(large, tmp_path):
    """Where onnxruntime.quantization warns, which would also set up the caller's logging."""
    pytest.importorskip("onnx")
    heard = []
    handler = logging.Handler()
    handler.emit = heard.append
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        trusteq.compress.make(large, method="int8-onnx", out=tmp_path / "int8")
        assert handler in root.handlers
    finally:
        root.removeHandler(handler)
    assert heard == []


def test_the_caller_s_random_numbers_are_untouched(large, lessons, tmp_path):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    trusteq.compress.make(large, method="distil", out=tmp_path / "student", items=lessons, epochs=1)
    assert torch.rand(1) == expected


def test_a_graph_of_texts_becomes_the_same_candidate_as_its_model(made, tmp_path, pairs):
    again = trusteq.compress.make(made("onnx").directory, method="int8-onnx", out=tmp_path / "again").directory
    assert (again / "model.onnx").read_bytes() == (made("int8-onnx").directory / "model.onnx").read_bytes()
    answers = [trusteq.open_model(folder).predict(pairs) for folder in (again, made("int8-onnx").directory)]
    assert answers[0].tobytes() == answers[1].tobytes()


def test_a_graph_of_texts_is_not_calibrated(made, lessons, tmp_path, one_line):
    source = made("onnx").directory
    caught = refused(ModelError, source, tmp_path / "out", "int8-static", items=lessons)
    one_line(caught, "does not apply to this ONNX graph: it reads texts", "use int8-onnx")


# the recipe


@pytest.mark.parametrize("method", ["prune-weights", "int8-onnx"])
def test_the_recipe_tells_how_it_was_made_and_from_what(method, made, large):
    found = made(method)
    recipe = json.loads((found.directory / candidate.RECIPE).read_text("utf-8"))
    assert recipe == found.recipe
    assert recipe["method"] == method
    assert recipe["source"] == {"location": str(large), "content": trusteq.open_model(large).identity.content}
    assert recipe["seed"] is None
    assert {"trusteq", "torch", *METHODS[method].packages} <= set(recipe["versions"])
    json.dumps(found.document())


def test_the_recipe_holds_the_arguments_that_were_given(large, tmp_path):
    found = trusteq.compress.make(large, method="prune-weights", out=tmp_path / "p", share=0.25)
    assert found.recipe["arguments"] == {"share": 0.25}


def test_the_recipe_holds_the_defaults_that_were_not_given(made):
    assert made("prune-weights").recipe["arguments"] == {"share": 0.5}
    assert made("drop-layers").recipe["arguments"] == {"layers": None, "drop": "evenly"}
    assert made("drop-layers").recipe["kept_layers"] == [1, 3]


@pytest.mark.parametrize("method", ["bf16", "int8-onnx"])
def test_the_recipe_is_no_part_of_the_model(method, made, tmp_path):
    folder = shutil.copytree(made(method).directory, tmp_path / "copy")
    content = trusteq.open_model(folder).identity.content
    assert content == made(method).recipe["content"]
    (folder / candidate.RECIPE).unlink()
    assert trusteq.open_model(folder).identity.content == content


@pytest.mark.parametrize("method", ["prune-weights", "onnx", "int8-onnx"])
def test_what_a_model_was_trained_on_stays_in_the_recipe(method, made, large, lessons, tmp_path):
    trained = {"units": "words", "replace": "remove", "share": 0.5}
    folder = shutil.copytree(large, tmp_path / "marked")
    (folder / candidate.RECIPE).write_text(json.dumps({"trained_on_perturbations": trained}), "utf-8")
    first = trusteq.compress.make(folder, method=method, out=tmp_path / "first")
    assert first.recipe["trained_on_perturbations"] == trained
    if method == "onnx":
        again = trusteq.compress.make(first.directory, method="int8-onnx", out=tmp_path / "again")
        assert again.recipe["trained_on_perturbations"] == trained
    assert traits_of(trusteq.open_model(first.directory)).trained_on() == (Perturbed("words", "remove", 0.5),)
    assert "trained_on_perturbations" not in made(method).recipe


# whole or not at all


@pytest.fixture
def failing(monkeypatch):
    """A function that puts another function in the place of prune-weights."""

    def put(function):
        monkeypatch.setattr("trusteq.compress.pruning.prune_weights", function)

    return put


def refused(error, source, out, method="prune-weights", **options):
    """The error that making a candidate ends with; afterwards nothing is there that was not before."""
    before = sorted(out.parent.rglob("*"))
    with pytest.raises(error) as caught:
        trusteq.compress.make(source, method=method, out=out, **options)
    assert sorted(out.parent.rglob("*")) == before
    return caught


def half(error):
    """A method that saves a part and then fails."""

    def save(folder):
        (folder / "config.json").write_text("{}")
        raise error

    return lambda source, **_: Compressed(save, source.model)


def test_nothing_is_left_when_a_library_fails_while_saving(large, tmp_path, failing, one_line):
    failing(half(RuntimeError("no\nkernel")))
    one_line(refused(ModelError, large, tmp_path / "out"), "prune-weights does not apply", "cannot be saved: no kernel")


def test_nothing_is_left_when_the_disk_is_full(large, tmp_path, failing, one_line):
    failing(half(OSError(28, "No space left on device")))
    one_line(refused(RunError, large, tmp_path / "out"), "No space left on device")


def test_nothing_is_left_when_the_user_interrupts(large, tmp_path, failing):
    failing(half(KeyboardInterrupt()))
    refused(KeyboardInterrupt, large, tmp_path / "out")


def test_what_is_saved_wrong_is_refused(large, tmp_path, failing, one_line):
    other = tiny_models.save("bert", tmp_path / "other", seed=2, shape={"num_hidden_layers": 1})
    failing(
        lambda source, **_: Compressed(lambda folder: shutil.copytree(other, folder, dirs_exist_ok=True), source.model)
    )
    one_line(refused(ModelError, large, tmp_path / "out"), "probabilities differ from those before saving by up to ")


def test_what_the_loader_does_not_open_is_refused(large, tmp_path, failing, one_line):
    failing(lambda source, **_: Compressed(lambda folder: (folder / "config.json").write_text("{}"), source.model))
    caught = refused(ModelError, large, tmp_path / "out")
    one_line(caught, "the ordinary loader does not open the saved model", "it is not a model folder")
    assert ".trusteq-" not in str(caught.value)


def test_what_is_saved_with_another_tokenizer_is_refused(large, tmp_path, failing, one_line):
    def save(folder):
        shutil.copytree(large, folder, dirs_exist_ok=True)
        text = (folder / "tokenizer.json").read_text("utf-8")
        (folder / "tokenizer.json").write_text(text.replace('"##ing"', '"##gni"').replace('"man"', '"nam"'), "utf-8")

    failing(lambda source, **_: Compressed(save, source.model))
    one_line(refused(ModelError, large, tmp_path / "out"), "other tokens")


def test_a_method_that_changes_nothing_is_refused(large, tmp_path, one_line):
    one_line(refused(ModelError, large, tmp_path / "out", share=1e-9), "does not apply", "change nothing")


def test_answers_that_are_no_numbers_are_refused(large, tmp_path, failing, one_line):
    def spoil(source, **_):
        from trusteq.compress.compressed import checkpoint

        torch.nn.init.constant_(source.model.classifier.weight, float("nan"))
        return checkpoint(source, source.model)

    failing(spoil)
    one_line(refused(ModelError, large, tmp_path / "out"), "no longer finite")


@pytest.mark.parametrize("there", ["file", "folder", "link"])
def test_what_is_there_is_never_overwritten(there, large, tmp_path, one_line):
    out = tmp_path / "out"
    if there == "folder":
        out.mkdir()
    if there == "link":
        out.symlink_to(tmp_path / "elsewhere")
    else:
        (out / "kept" if there == "folder" else out).write_text("mine")
    one_line(refused(RunError, large, out), str(out), "symbolic link" if there == "link" else "already exists")


def test_a_candidate_is_not_written_into_its_source(large):
    refused(RunError, large, large)


# refused


@pytest.mark.parametrize(
    ("method", "options", "expected"),
    [
        ("int9", {}, ["unknown method 'int9'", "int8-onnx"]),
        ("prune-weights", {"share": 0}, ["share must be a number between 0 and 1, found 0"]),
        ("prune-weights", {"share": 1.0}, ["between 0 and 1"]),
        ("prune-heads", {"share": float("nan")}, ["between 0 and 1, found nan"]),
        ("prune-heads", {"share": "0.5"}, ["found '0.5'"]),
        ("drop-layers", {"layers": True}, ["found True"]),
        ("drop-layers", {"layers": 1.5}, ["layers must be a whole number from 1 to 1,000, found 1.5"]),
        ("drop-layers", {"layers": 0}, ["found 0"]),
        ("drop-layers", {"drop": "middle"}, ["drop must be evenly or last or first, found 'middle'"]),
        ("low-rank", {"rank": -1}, ["rank must be a whole number"]),
        ("fp16", {"share": 0.5}, ["share has no effect on method fp16; leave it out"]),
        ("fp16", {"size": 0.5}, ["unknown option 'size'", "takes no options"]),
        ("distil", {}, ["learns from items", "--data"]),
        ("distil", {"items": ["a text"]}, ["items must be Items", "found list"]),
    ],
)
def test_bad_values(method, options, expected, large, tmp_path, one_line):
    one_line(refused(OptionError, large, tmp_path / "out", method, **options), *expected)


def test_items_for_a_method_that_learns_nothing(large, lessons, tmp_path, one_line):
    one_line(refused(OptionError, large, tmp_path / "out", "fp16", items=lessons), "items has no effect", "fp16")


@pytest.mark.parametrize("method", ["bf16", "prune-heads"])
def test_a_quantized_model(method, made, tmp_path, one_line):
    source = made("int8-weights").directory
    one_line(refused(ModelError, source, tmp_path / "out", method), "already quantized (torchao)", method)


def test_a_model_in_16_bits_already(made, tmp_path, one_line):
    one_line(refused(ModelError, made("fp16").directory, tmp_path / "out", "bf16"), "already in float16")


@pytest.mark.parametrize("what", ["onnx", "predictions", "nothing"])
def test_what_is_no_transformers_folder(what, made, tmp_path, one_line):
    (tmp_path / "p.csv").write_text("id,a,b\n1,0.5,0.5\n")
    place = {"onnx": made("onnx").directory, "predictions": tmp_path / "p.csv", "nothing": tmp_path / "absent"}[what]
    expected = "no such file or folder" if what == "nothing" else "is not a transformers classifier"
    one_line(refused(ModelError, place, tmp_path / "out", "fp16"), expected)


def test_weights_beyond_the_range_of_float16(large, tmp_path, one_line):
    model = open_transformer(str(large), name="large").model
    with torch.no_grad():
        model.bert.pooler.dense.bias[0] = 1e5
    with quiet_transformers():
        model.save_pretrained(shutil.copytree(large, tmp_path / "wide"))
    one_line(refused(ModelError, tmp_path / "wide", tmp_path / "out", "fp16"), "pooler.dense.bias", "range of float16")
    trusteq.compress.make(tmp_path / "wide", method="bf16", out=tmp_path / "out")


def test_a_package_that_is_missing_is_named(large, tmp_path, monkeypatch, one_line):
    monkeypatch.setattr("trusteq.compress.methods.find_spec", lambda name: None)
    caught = refused(MissingExtraError, large, tmp_path / "out", "int4-weights")
    one_line(caught, "method int4-weights needs", "pip install compressed-tensors")


def test_every_error_is_of_the_one_tree():
    assert issubclass(ModelError, TrusteqError)
    assert issubclass(DataError, TrusteqError)


# other architectures


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "method"),
    [
        *(("roberta", method) for method in ("int8-onnx", "onnx", "prune-heads")),
        *(("llama", method) for method in ("fp16", "onnx", "prune-heads", "prune-neurons", "drop-layers")),
    ],
)
def test_other_architectures(kind, method, tmp_path, pairs):
    for package in METHODS[method].packages:
        pytest.importorskip(package)
    side = "left" if kind == "llama" else "right"
    source = tiny_models.save(kind, tmp_path / kind, side=side)
    out = trusteq.compress.make(source, method=method, out=tmp_path / "out").directory
    moved = trusteq.open_model(out).predict(pairs) - trusteq.open_model(source).predict(pairs)
    assert (np.abs(moved).max() < 1e-4) == (method == "onnx")


def test_a_model_in_16_bits_can_lose_layers(tmp_path):
    """What Llama computes in float32 whatever its weights are stays so."""
    source = tiny_models.save("llama", tmp_path / "llama", side="left", shape={"num_hidden_layers": 3})
    half = trusteq.compress.make(source, method="bf16", out=tmp_path / "half").directory
    less = trusteq.compress.make(half, method="drop-layers", out=tmp_path / "less")
    assert trusteq.open_model(less.directory).identity.details["dtype"] == "bfloat16"
    assert less.after.disk_bytes < less.before.disk_bytes


@pytest.mark.parametrize(
    ("method", "expected"),
    [
        ("int8-weights", "has no torch.nn.Linear"),
        ("prune-weights", "has no torch.nn.Linear"),
        ("prune-heads", "output projection of its attention heads was not recognised"),
        ("prune-neurons", "has no intermediate_size"),
    ],
)
def test_a_method_that_does_not_know_the_architecture_says_so(method, expected, gpt2, tmp_path, one_line):
    for package in METHODS[method].packages:
        pytest.importorskip(package)
    one_line(refused(ModelError, gpt2, tmp_path / "out", method), f"method {method} does not apply", "GPT2", expected)


@pytest.fixture(scope="session")
def gpt2(large, tmp_path_factory):
    """A GPT-2 classifier, whose linear maps are of a kind of their own, with the large model's tokenizer."""
    folder = tmp_path_factory.mktemp("gpt2") / "gpt2"
    size = len(open_transformer(str(large), name="large").tokenizer)
    config = transformers.GPT2Config(
        vocab_size=size, n_embd=16, n_layer=2, n_head=2, bos_token_id=0, eos_token_id=0, pad_token_id=0, num_labels=3
    )
    with quiet_transformers():
        transformers.GPT2ForSequenceClassification(config).save_pretrained(folder)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(large / file, folder)
    return folder


def test_a_model_without_a_padding_token_becomes_a_graph(gpt2, tmp_path, pairs):
    pytest.importorskip("onnx")
    folder = shutil.copytree(gpt2, tmp_path / "unpadded")
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps(config | {"pad_token_id": None}), "utf-8")
    graph = trusteq.compress.make(folder, method="onnx", out=tmp_path / "graph").directory
    expected = trusteq.open_model(folder).predict(pairs)
    np.testing.assert_allclose(trusteq.open_model(graph).predict(pairs), expected, atol=1e-5)


def test_layers_that_share_their_weights_are_no_list(large, tmp_path, one_line):
    folder = tmp_path / "albert"
    size = len(open_transformer(str(large), name="large").tokenizer)
    config = transformers.AlbertConfig(
        vocab_size=size,
        embedding_size=8,
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=32,
        num_labels=3,
    )
    with quiet_transformers():
        transformers.AlbertForSequenceClassification(config).save_pretrained(folder)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(large / file, folder)
    one_line(refused(ModelError, folder, tmp_path / "out", "drop-layers"), "its 4 layers are not in one list")


def test_the_check_before_renaming_compares_with_memory(made, large):
    """A candidate of one method does not pass for that of another."""
    source = open_transformer(str(large), name="large")
    other = open_transformer(str(made("prune-weights").directory), name="other")
    asked = asked_of(source)
    read = trusteq.open_model(made("int8-weights").directory)
    same = replace(source, model=read.model)
    candidate._refuse_changed(source, "int8-weights", Compressed(print, same.model), read, asked)
    with pytest.raises(ModelError, match="probabilities differ"):
        candidate._refuse_changed(source, "int8-weights", Compressed(print, other.model), read, asked)
