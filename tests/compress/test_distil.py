"""Distillation: the student comes nearer to the large model, on texts it has not seen."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

import trusteq
import trusteq.compress
from trusteq import DataError, Items, LabelError, ModelError, OptionError, RunError
from trusteq.compress.perturbed import masks, perturbed
from trusteq.models.transformer import open_transformer


@pytest.fixture(scope="module")
def unseen(texts):
    return Items(ids=[f"u{i}" for i in range(60)], segments={"text": texts(60, 11)})


def divergence(folder, large, items):
    """Mean KL from the large model's answers to those of the folder's."""
    p, q = (trusteq.open_model(place).predict(items) for place in (large, folder))
    return (p * np.log(p / q)).sum(axis=1).mean()


def distilled(large, items, out, **options):
    return trusteq.compress.make(large, method="distil", items=items, out=out, **options)


LESSON = {"layers": 3, "drop": "last", "epochs": 6, "rate": 2e-3, "batch": 16}


@pytest.mark.slow
@pytest.mark.parametrize("labelled", [True, False])
def test_a_student_is_nearer_to_the_large_model_than_its_layers_alone(labelled, large, lessons, unseen, tmp_path):
    items = lessons if labelled else replace(lessons, labels=None, label_names=())
    layers = trusteq.compress.make(large, method="drop-layers", layers=3, drop="last", out=tmp_path / "layers")
    student = distilled(large, items, tmp_path / "student", **LESSON)
    before, after = (divergence(made.directory, large, unseen) for made in (layers, student))
    assert after < 0.7 * before
    assert student.after.disk_bytes == layers.after.disk_bytes


@pytest.mark.slow
def test_a_narrower_student_learns_from_nothing(large, lessons, unseen, tmp_path):
    first, last = (
        distilled(large, lessons, tmp_path / str(epochs), width=32, epochs=epochs, rate=rate, hard=0.0, batch=16)
        for epochs, rate in ((1, 1e-9), (4, 3e-3))
    )
    assert divergence(last.directory, large, unseen) < divergence(first.directory, large, unseen)
    config = open_transformer(str(last.directory), name="student").model.config
    assert (config.hidden_size, config.num_attention_heads, config.intermediate_size) == (32, 2, 128)
    assert config.num_hidden_layers == 4
    assert last.after.disk_bytes < 0.5 * last.before.disk_bytes
    assert "at random" in last.recipe["student"]


def test_a_seed_decides_the_bytes(large, lessons, tmp_path):
    def weights(seed, name):
        torch.rand(1)  # whatever was drawn before
        made = distilled(large, lessons, tmp_path / name, width=16, layers=1, epochs=1, seed=seed)
        assert (made.recipe["training"]["temperature"], made.recipe["training"]["hard"]) == (1.0, 0.0)
        return (made.directory / "model.safetensors").read_bytes()

    assert weights(1, "a") == weights(1, "b") != weights(2, "c")


def test_the_recipe_tells_the_lesson(large, lessons, unseen, tmp_path):
    dev = replace(lessons.take(range(20)), ids=[f"d{i}" for i in range(20)])
    made = distilled(large, lessons, tmp_path / "s", dev=dev, epochs=2, temperature=3, hard=0.25, seed=7)
    recipe = made.recipe
    assert recipe["seed"] == 7
    given = {"epochs": 2, "temperature": 3.0, "hard": 0.25, "seed": 7}
    defaults = {"layers": None, "drop": None, "width": None, "rate": 5e-5, "batch": 32, "mixed": False}
    defaults |= {"perturb": None, "replace": None, "whole": False}
    assert recipe["arguments"] == given | defaults
    assert (recipe["training"]["temperature"], recipe["training"]["hard"]) == (3.0, 0.25)
    assert recipe["items"] == {"source": "items", "items": 160, "content": lessons.content()}
    assert recipe["dev"] == {"source": "items", "items": 20, "content": dev.content()}
    assert [epoch["number"] for epoch in recipe["curve"]] == [1, 2]
    best = max(epoch["dev_accuracy"] for epoch in recipe["curve"])
    student, original = (trusteq.open_model(place).predict(dev).argmax(axis=1) for place in (made.directory, large))
    assert (student == dev.labels).mean() == pytest.approx(best)
    note, _ = made.notes  # the second says that dev was learned from
    assert note.startswith("starts from the original's layers 1, 3 of 4; ")
    assert f"answers {(student == original).mean():.1%} of 20 dev items as the original does" in note
    assert f"the original's {(original == dev.labels).mean():.1%}" in note


def test_it_says_how_it_goes(large, lessons, tmp_path):
    said, told = [], []
    distilled(large, lessons, tmp_path / "s", epochs=2, batch=80, say=said.append, tell=lambda *what: told.append(what))
    assert said[0] == "the student starts from the original's layers 1, 3 of 4"
    assert [line.split(":")[0] for line in said[1:]] == ["epoch 1 of 2", "epoch 2 of 2"]
    assert "dev accuracy" in said[1]
    assert ("epoch 2 of 2", 2, 2) in told


def test_only_a_run_that_trains_replaces_the_state_of_another(large, lessons, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    arguments = {"layers": 2, "epochs": 2, "batch": 16}
    with monkeypatch.context() as patch:
        patch.setattr("trusteq.compress.distil._outcome", stop)
        with pytest.raises(KeyboardInterrupt):
            distilled(large, lessons, tmp_path / "s", **arguments)
    state = tmp_path / ".s.training/state.safetensors"
    before = state.read_bytes()
    with pytest.raises(ModelError):
        distilled(large, lessons, tmp_path / "s", **{**arguments, "layers": 5})
    made = trusteq.compress.make(large, method="bf16", out=tmp_path / "s")
    assert state.read_bytes() == before
    shutil.rmtree(made.directory)
    said = []
    distilled(large, lessons, tmp_path / "s", **{**arguments, "seed": 3}, say=said.append)
    assert any(".s.training holds the state of an interrupted run" in line for line in said)
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def test_items_to_choose_by_that_are_learned_from_are_noted_in_the_recipe(large, lessons, tmp_path):
    made = distilled(large, lessons, tmp_path / "s", dev=lessons, epochs=1, batch=16)
    note = "160 items of the 160 to choose by (items) are also among those to learn from, by content"
    assert made.notes[-1] == note
    assert made.recipe["notes"] == [note]


def test_a_full_disk_leaves_what_was_trained(large, lessons, tmp_path, small_files):
    def fill(line):
        if line.startswith("epoch 1"):
            small_files()

    with pytest.raises(RunError) as caught:
        distilled(large, lessons, tmp_path / "s", epochs=1, batch=16, say=fill)
    small_files(None)
    assert str(caught.value).startswith(f"{tmp_path / 's'}: cannot be written: ")
    said = []
    distilled(large, lessons, tmp_path / "s", epochs=1, batch=16, say=said.append)
    assert not any(line.startswith("epoch") for line in said)
    assert [path.name for path in tmp_path.iterdir()] == ["s"]


def refused(error, out, *arguments, **options):
    with pytest.raises(error) as caught:
        distilled(*arguments, out=out, **options)
    assert not out.exists()
    return caught


def test_gold_labels_that_are_not_there(large, unseen, tmp_path, one_line):
    one_line(refused(DataError, tmp_path / "s", large, unseen, hard=0.5), "has no labels, which hard 0.5 needs")


def test_labels_that_the_model_does_not_know(large, lessons, tmp_path, one_line):
    strange = replace(lessons, label_names=("no", "maybe", "never"))
    one_line(refused(LabelError, tmp_path / "s", large, strange), "'never'", "is not one of the models' labels")


def test_one_item_cannot_be_split(large, lessons, tmp_path, one_line):
    one_line(refused(DataError, tmp_path / "s", large, lessons.take([0])), "1 item cannot be split")


@pytest.mark.parametrize("width", [40, 64, 128])
def test_a_width_that_does_not_fit(width, large, lessons, tmp_path, one_line):
    caught = refused(ModelError, tmp_path / "s", large, lessons, width=width)
    one_line(caught, "width must be a multiple of its head size 16 and less than its width 64")


def test_more_layers_than_there_are(large, lessons, tmp_path, one_line):
    one_line(refused(ModelError, tmp_path / "s", large, lessons, layers=5), "has 4 layers, fewer than 5")


def test_which_layers_beside_a_width(large, lessons, tmp_path, one_line):
    caught = refused(OptionError, tmp_path / "s", large, lessons, width=32, drop="last")
    one_line(caught, "drop has no effect with width")


def test_a_device_that_is_not_there(large, lessons, tmp_path, one_line):
    one_line(refused(ModelError, tmp_path / "s", large, lessons, device="nonsense"), "device 'nonsense'")


def perturbed_divergence(folder, large, items):
    """Mean KL on the items with words left out."""
    at = np.arange(len(items))
    rows = perturbed(items, at, masks(items, at, seed=5, epoch=1), "remove", None)
    p, q = (trusteq.open_model(place).predict(rows) for place in (large, folder))
    return (p * np.log(p / q)).sum(axis=1).mean()


def test_answers_to_perturbed_texts_are_learned(large, lessons, unseen, tmp_path):
    lesson = LESSON | {"epochs": 8, "temperature": 1, "hard": 0.0}
    layers = trusteq.compress.make(large, method="drop-layers", layers=3, drop="last", out=tmp_path / "layers")
    plain = distilled(large, lessons, tmp_path / "plain", **lesson | {"epochs": 1})
    taught = distilled(large, lessons, tmp_path / "taught", perturb=0.999, **lesson)
    before, after = (perturbed_divergence(made.directory, large, unseen) for made in (layers, taught))
    assert after < 0.4 * before
    assert taught.recipe["trained_on_perturbations"] == {"units": "words", "replace": "remove", "share": 0.999}
    assert "trained_on_perturbations" not in plain.recipe
    assert (taught.recipe["training"]["temperature"], taught.recipe["training"]["hard"]) == (1.0, 0.0)


def test_perturbed_rows_are_as_many_or_more(large, lessons, tmp_path):
    steps = {}
    for name, options in (("half", {"perturb": 0.5}), ("whole", {"perturb": 0.5, "whole": True, "replace": "mask"})):
        told = []
        distilled(large, lessons, tmp_path / name, epochs=1, batch=16, tell=lambda *what, told=told: told.append(what),
                  **options)  # fmt: skip
        steps[name] = max(total for stage, _, total in told if stage == "epoch 1 of 1")
    assert steps == {"half": 10, "whole": 19}  # 145 items are left to learn from


@pytest.mark.parametrize("share", [0.001, 0.999])
def test_an_epoch_may_have_whole_or_perturbed_rows_alone(large, lessons, tmp_path, share):
    made = distilled(large, lessons, tmp_path / "s", epochs=1, batch=16, perturb=share)
    assert made.recipe["trained_on_perturbations"]["share"] == share


def test_perturbed_texts_have_no_labels(large, lessons, tmp_path, one_line):
    one_line(
        refused(OptionError, tmp_path / "s", large, lessons, perturb=0.5, hard=0.3), "perturbed texts have no labels"
    )
    one_line(refused(OptionError, tmp_path / "s", large, lessons, replace="mask"), "no effect without perturb")
    one_line(refused(OptionError, tmp_path / "s", large, lessons, perturb=1.0), "perturb must be a number between")
