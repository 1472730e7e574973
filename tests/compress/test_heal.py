"""Healing: a candidate comes nearer to its original, and what makes it small stays as it is."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import trusteq
import trusteq.compress
from trusteq import Items, ModelError, OptionError
from trusteq.compress import heal as healing
from trusteq.compress.methods import METHODS
from trusteq.compress.trainee import trainee
from trusteq.train.checkpoints import Checkpoints

QUICK = {"rows": 640, "rate": 1e-3, "audit": False}


@pytest.fixture(scope="module")
def unseen(texts):
    return Items(ids=[f"u{i}" for i in range(80)], segments={"text": texts(80, 11)})


@pytest.fixture(scope="module")
def unlabelled(texts):
    return Items(ids=[f"n{i}" for i in range(300)], segments={"text": texts(300, 21)})


@pytest.fixture(scope="module")
def candidates(large, tmp_path_factory):
    found = {}

    def make(method, **options):
        for package in METHODS[method].packages:
            pytest.importorskip(package.replace("-", "_"), reason=f"needs {package}")
        key = (method, *options.items())
        if key not in found:
            out = tmp_path_factory.mktemp("small") / method
            found[key] = trusteq.compress.make(large, method=method, out=out, **options).directory
        return found[key]

    return make


def healed(candidate, large, items, out, **options):
    chosen = {name: value for name, value in (QUICK | options).items() if value is not None}
    return trusteq.compress.make(candidate, method="heal", original=large, items=items, out=out, **chosen)


def divergence(folder, large, items):
    p, q = (trusteq.open_model(place).predict(items) for place in (large, folder))
    return (p * np.log(p / q)).sum(axis=1).mean()


def tensors(folder):
    return load_file(folder / "model.safetensors")


SMALL = [
    ("int4-weights", {}),
    ("prune-weights", {"share": 0.5}),
    ("prune-heads", {"share": 0.5}),
    ("prune-neurons", {"share": 0.3}),
    ("drop-layers", {"layers": 3, "drop": "last"}),
    ("low-rank", {"rank": 24}),
]


@pytest.mark.slow
@pytest.mark.parametrize(("method", "options"), SMALL, ids=[name for name, _ in SMALL])
def test_it_comes_nearer_and_stays_small(method, options, candidates, large, unlabelled, unseen, tmp_path):
    for package in trusteq.compress.METHODS[method].packages:
        pytest.importorskip(package.replace("-", "_"), reason=f"needs {package}")
    candidate = candidates(method, **options)
    made = healed(candidate, large, unlabelled, tmp_path / "healed")
    assert divergence(made.directory, large, unseen) < 0.8 * divergence(candidate, large, unseen)
    assert made.after == made.before
    before, after = tensors(candidate), tensors(made.directory)
    assert before.keys() == after.keys()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert moved == set(made.recipe["moved"])
    assert all(before[name].dtype == after[name].dtype and before[name].shape == after[name].shape for name in before)
    linear = {name for name in before if "encoder" in name and name.endswith("dense.weight")}
    if method == "int4-weights":
        assert not [name for name in moved if "packed" in name or "scale" in name or name in linear]
        assert {"classifier.weight", "bert.encoder.layer.0.output.dense.bias"} <= moved
    if method.startswith("prune"):
        assert moved >= linear
        matrices = [name for name in before if before[name].ndim > 1]
        assert all((after[name][before[name] == 0] == 0).all() for name in matrices)
    if method == "low-rank":
        assert moved >= linear
        assert {int(torch.linalg.matrix_rank(after[name])) for name in linear} == {24}


def test_a_planted_fault_is_mended(large, unlabelled, unseen, tmp_path):
    """Biases that were shifted come back to where nothing is lost."""
    candidate = tmp_path / "shifted"
    shutil.copytree(large, candidate)
    weights = tensors(candidate)
    weights["classifier.bias"] += torch.tensor([1.5, -1.0, 0.0])
    save_file(weights, candidate / "model.safetensors", metadata={"format": "pt"})
    made = healed(candidate, large, unlabelled, tmp_path / "healed", move="small", rows=2560)
    assert divergence(candidate, large, unseen) > 0.05
    assert divergence(made.directory, large, unseen) < 0.1 * divergence(candidate, large, unseen)
    bias = tensors(made.directory)["classifier.bias"] - tensors(large)["classifier.bias"]
    assert float(bias.max() - bias.min()) < 2.5


def test_rounded_weights_in_full_matrices_are_recognised(candidates, unlabelled):
    source = trusteq.open_model(candidates("int3-weights", outliers=0.02))
    learner = trainee(source)
    learner.may_move(None, source)
    assert len(learner.rounded) == 25
    moving = {name for name, parameter in learner.net.named_parameters() if parameter.requires_grad}
    assert not moving & learner.rounded
    assert "classifier.weight" in moving


@pytest.mark.parametrize("move", ["scales", "all"])
def test_steps_of_rounded_weights_may_move(move, candidates, large, unlabelled, unseen, tmp_path):
    candidate = candidates("int4-weights")
    made = healed(candidate, large, unlabelled, tmp_path / "healed", move=move)
    moved = set(made.recipe["moved"])
    assert "bert.encoder.layer.0.output.dense.weight_scale" in moved
    assert not [name for name in moved if "packed" in name]
    assert ("bert.embeddings.word_embeddings.weight" in moved) == (move == "all")
    assert divergence(made.directory, large, unseen) < 0.8 * divergence(candidate, large, unseen)


def test_there_are_no_steps_to_move(candidates, large, unlabelled, tmp_path, one_line):
    with pytest.raises(ModelError) as caught:
        healed(candidates("prune-heads", share=0.5), large, unlabelled, tmp_path / "healed", move="scales")
    one_line(caught, "no rounded weights whose scales could move")
    assert not (tmp_path / "healed").exists()


def test_labels_are_not_looked_at(candidates, large, lessons, tmp_path):
    bare = replace(lessons, labels=None, label_names=())
    folders = [
        healed(candidates("prune-heads", share=0.5), large, items, tmp_path / name, rows=160).directory
        for name, items in (("a", lessons), ("b", bare))
    ]
    first, second = ((folder / "model.safetensors").read_bytes() for folder in folders)
    assert first == second


def test_an_interruption_changes_nothing(candidates, large, unlabelled, tmp_path, monkeypatch):
    candidate = candidates("prune-heads", share=0.5)
    whole = healed(candidate, large, unlabelled, tmp_path / "whole")
    written = []
    real = Checkpoints.write

    def write(self, state):
        real(self, state)
        written.append(state.done)
        if state.done == 3 and len(written) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoints, "write", write)
    with pytest.raises(KeyboardInterrupt):
        healed(candidate, large, unlabelled, tmp_path / "again")
    assert not (tmp_path / "again").exists()
    again = healed(candidate, large, unlabelled, tmp_path / "again")
    assert written[:4] == [1, 2, 3, 4]
    assert (again.directory / "model.safetensors").read_bytes() == (whole.directory / "model.safetensors").read_bytes()
    assert again.recipe == whole.recipe
    assert not list(tmp_path.glob(".*"))


def test_minutes_become_rows_and_the_rows_give_the_same_model(candidates, large, unlabelled, tmp_path, monkeypatch):
    candidate = candidates("prune-heads", share=0.5)
    monkeypatch.setattr(healing.time, "perf_counter", iter(range(100)).__next__)
    by_time = healed(candidate, large, unlabelled, tmp_path / "time", rows=None, minutes=0.05)
    rows = by_time.recipe["training"]["epochs"], by_time.recipe["rows"]
    assert rows == (8, 384)  # 128 rows take a second of this clock, and 3 seconds are asked for
    by_rows = healed(candidate, large, unlabelled, tmp_path / "rows", rows=384)
    first, second = ((made.directory / "model.safetensors").read_bytes() for made in (by_time, by_rows))
    assert first == second


def test_rows_that_were_noted_stay_when_other_minutes_are_tried(candidates, large, unlabelled, tmp_path, monkeypatch):
    candidate = candidates("prune-heads", share=0.5)

    def timed(minutes, step=1):
        monkeypatch.setattr(healing.time, "perf_counter", iter(range(0, 1000, step)).__next__)
        return healed(candidate, large, unlabelled, tmp_path / "time", rows=None, minutes=minutes)

    def stop(self, state):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "write", stop)
        for minutes in (0.05, 0.1):
            with pytest.raises(KeyboardInterrupt):
                timed(minutes)
    assert timed(0.05, step=2).recipe["rows"] == 384
    assert [path.name for path in tmp_path.iterdir()] == ["time"]


def test_rows_and_minutes_are_two_answers_to_one_question(candidates, large, unlabelled, tmp_path, one_line):
    with pytest.raises(OptionError) as caught:
        healed(candidates("prune-heads", share=0.5), large, unlabelled, tmp_path / "h", minutes=1)
    one_line(caught, "rows and minutes")


def test_a_candidate_that_nothing_brings_nearer_is_left_alone(candidates, large, unlabelled, tmp_path, one_line):
    with pytest.raises(ModelError) as caught:
        healed(candidates("int8-weights"), large, unlabelled, tmp_path / "healed", rate=0.5)
    one_line(caught, "no round of training brought it nearer to large", "held-out disagreement")
    assert not list(tmp_path.iterdir())


def test_it_stops_when_later_rounds_are_no_nearer(candidates, large, unlabelled, tmp_path):
    made = healed(candidates("prune-heads", share=0.5), large, unlabelled, tmp_path / "healed", rows=4000, rate=3e-3)
    curve = made.recipe["curve"]
    best = min(range(len(curve)), key=lambda i: curve[i]["dev_loss"])
    assert curve[0]["number"] == 0
    assert len(curve) == min(best + healing.PATIENCE, healing.ROUNDS) + 1
    reached = trusteq.open_model(made.directory)
    dev = Items(["x"], {"text": ["a man is good"]})
    assert np.isfinite(reached.predict(dev)).all()


def test_the_recipe_says_what_was_learned(candidates, large, unlabelled, tmp_path):
    made = healed(candidates("prune-heads", share=0.5), large, unlabelled, tmp_path / "healed", perturb=0.5, rows=160)
    recipe = json.loads((made.directory / "trusteq-recipe.json").read_text("utf-8"))
    assert recipe == json.loads(json.dumps(made.recipe))
    assert recipe["trained_on_perturbations"] == {"units": "words", "replace": "remove", "share": 0.5}
    assert recipe["original"]["content"] == trusteq.open_model(large).identity.content
    assert recipe["source"]["content"] == trusteq.open_model(candidates("prune-heads", share=0.5)).identity.content
    assert recipe["rows"] == 160
    assert recipe["training"]["hard"] == 0
    plain = healed(candidates("prune-heads", share=0.5), large, unlabelled, tmp_path / "plain", rows=160)
    assert "trained_on_perturbations" not in plain.recipe


@pytest.mark.parametrize("replacement", ["remove", "mask", "..."])
def test_perturbed_rows_teach_answers_to_perturbed_texts(replacement, candidates, large, unlabelled, unseen, tmp_path):
    candidate = candidates("prune-neurons", share=0.3)
    made = healed(candidate, large, unlabelled, tmp_path / "h", perturb=0.9, whole=True, replace=replacement, rows=64)
    assert made.recipe["rows"] == 80 * (len(made.recipe["curve"]) - 1)
    assert divergence(made.directory, large, unseen) < divergence(candidate, large, unseen)


def test_an_original_with_other_labels(candidates, large, tmp_path, unlabelled, one_line):
    other = tmp_path / "other"
    shutil.copytree(large, other)
    config = (other / "config.json").read_text("utf-8")
    (other / "config.json").write_text(config.replace("maybe", "perhaps"), "utf-8")
    with pytest.raises(ModelError) as caught:
        healed(candidates("prune-heads", share=0.5), other, unlabelled, tmp_path / "healed")
    one_line(caught, "model other: answers with the labels", "only a candidate for the same task")


def test_heal_needs_an_original_and_others_take_none(large, unlabelled, tmp_path, one_line):
    for arguments, words in (
        ({"method": "heal", "items": unlabelled}, "name it with --original"),
        ({"method": "fp16", "original": large}, "original has no effect on method fp16"),
    ):
        with pytest.raises(OptionError) as caught:
            trusteq.compress.make(large, out=tmp_path / "x", **arguments)
        one_line(caught, words)
