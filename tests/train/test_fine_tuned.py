"""Fine-tuning from a pretrained model: what is made, from what, and what is refused."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs the extra 'transformers'")

import torch
from oracles import tiny_models
from safetensors.torch import load_file, save_file

import trusteq
from trusteq import DataError, Items, LabelError, ModelError, OptionError, RunError
from trusteq.models.transformer import open_transformer
from trusteq.train import PAPER, TrainingSettings, fine_tune, loop

QUICK = TrainingSettings(epochs=3, batch=8, rate=3e-3)
WORDS = ["the film was", "a man is", "not very", "the dog runs outside", "york"]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    """A small encoder without a head, as a pretrained model comes."""
    return tiny_models.save_encoder(tmp_path_factory.mktemp("base") / "base", scale=0.1, seed=4)


def lessons(count, offset=0):
    """Texts labelled by whether they hold "good" or "bad"."""
    texts = [f"{WORDS[i % 5]} {('good', 'bad')[i % 2]}" for i in range(count)]
    return Items(
        ids=[f"{offset}-{i}" for i in range(count)],
        segments={"text": texts},
        labels=np.arange(count) % 2,
        label_names=("praise", "blame"),
    )


@pytest.fixture(scope="module")
def items():
    return lessons(80)


@pytest.fixture(scope="module")
def made(base, items, tmp_path_factory):
    return fine_tune(base, items=items, out=tmp_path_factory.mktemp("made") / "m", settings=QUICK, device="cpu")


def weights(folder):
    return (folder / "model.safetensors").read_bytes()


def refused(error, out, *arguments, **options):
    with pytest.raises(error) as caught:
        fine_tune(*arguments, out=out, **{"settings": QUICK, "device": "cpu", **options})
    assert list(out.parent.iterdir()) == []
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_it_learns_and_the_ordinary_loader_reads_it(base, items, tmp_path):
    made = fine_tune(base, items=items, out=tmp_path / "m", settings=replace(QUICK, epochs=10), device="cpu")
    assert made.best.dev_accuracy > 0.9
    model = trusteq.open_model(made.directory)
    assert model.labels == ("praise", "blame")
    unseen = lessons(40, offset=1)
    assert (model.predict(unseen).argmax(axis=1) == unseen.labels).mean() > 0.9


def test_the_recipe_tells_everything(made, base, items):
    recipe = json.loads((made.directory / "trusteq-recipe.json").read_text("utf-8"))
    assert recipe == json.loads(json.dumps(made.recipe))
    assert recipe["method"] == "train"
    assert "notes" not in recipe
    assert recipe["arguments"]["rate"] == 3e-3
    assert recipe["source"]["location"] == str(base)
    assert recipe["items"]["items"], recipe["dev"]["items"] == (72, 8)
    assert [epoch["number"] for epoch in recipe["curve"]] == [1, 2, 3]
    assert recipe["content"] == trusteq.open_model(made.directory).identity.content
    assert made.best.dev_accuracy == max(epoch["dev_accuracy"] for epoch in recipe["curve"])


def test_the_same_again_gives_the_same_bytes_and_another_seed_others(made, base, items, tmp_path):
    torch.rand(3)
    again = fine_tune(base, items=items, out=tmp_path / "m", settings=QUICK, device="cpu")
    assert weights(again.directory) == weights(made.directory)
    assert again.recipe == made.recipe
    other = fine_tune(base, items=items, out=tmp_path / "o", settings=replace(QUICK, seed=1), device="cpu")
    assert weights(other.directory) != weights(made.directory)


@pytest.mark.slow
@pytest.mark.parametrize("at", [(1, 2), (2, 1), (3, 9)])
def test_interrupted_anywhere_it_goes_on_to_the_same_bytes(at, made, base, items, tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    def die(epoch, done, total):
        if (epoch, done) == at:
            raise Killed

    real = loop.train
    monkeypatch.setattr("trusteq.train.fine_tuned.train", lambda *a, **k: real(*a, **{**k, "advance": die}))
    with pytest.raises(Killed):
        fine_tune(base, items=items, out=tmp_path / "m", settings=QUICK, device="cpu")
    assert not (tmp_path / "m").exists()
    monkeypatch.undo()
    steps, said = [], []
    again = fine_tune(
        base, items=items, out=tmp_path / "m", settings=QUICK, device="cpu",
        tell=lambda stage, *_: steps.append(stage), say=said.append,
    )  # fmt: skip
    done = at[0] - 1
    assert (f"resumes after epoch {done}" in said) == (done > 0)
    assert f"epoch {at[0]} of 3" in steps
    assert f"epoch {done} of 3" not in steps
    assert weights(again.directory) == weights(made.directory)
    assert again.recipe == made.recipe
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_what_another_run_left_is_not_taken_up(base, items, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("trusteq.train.fine_tuned.in_words", stop)
    with pytest.raises(KeyboardInterrupt):
        fine_tune(base, items=items, out=tmp_path / "m", settings=QUICK, device="cpu")
    monkeypatch.undo()
    assert (tmp_path / ".m.training" / "state.safetensors").is_file()
    said = []
    fine_tune(base, items=items, out=tmp_path / "m", settings=replace(QUICK, seed=5), device="cpu", say=said.append)
    assert not any("resumes" in line for line in said)
    assert any(".m.training holds the state of an interrupted run with other arguments" in line for line in said)
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize("wrong", [{"settings": replace(QUICK, rate=1e30)}, {"layers": 7}])
def test_a_run_that_fails_leaves_the_state_of_another(wrong, base, items, made, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("trusteq.train.fine_tuned.in_words", stop)
        with pytest.raises(KeyboardInterrupt):
            fine_tune(base, items=items, out=tmp_path / "m", settings=QUICK, device="cpu")
    with pytest.raises(ModelError):
        fine_tune(base, items=items, out=tmp_path / "m", device="cpu", **{"settings": QUICK, **wrong})
    said = []
    again = fine_tune(base, items=items, out=tmp_path / "m", settings=QUICK, device="cpu", say=said.append)
    assert "resumes after epoch 1" in said
    assert weights(again.directory) == weights(made.directory)


def test_some_of_the_layers(base, items, tmp_path):
    made = fine_tune(base, items=items, out=tmp_path / "m", settings=replace(QUICK, epochs=1), layers=1, device="cpu")
    assert trusteq.open_model(made.directory).model.config.num_hidden_layers == 1
    assert made.notes == ("a new head for 2 labels", "layers 1 of 2")


def test_layers_that_cannot_be_taken_from_the_others(base, items, tmp_path, monkeypatch):
    def changed(*_):
        raise ValueError("its layer 2 would change")

    monkeypatch.setattr("trusteq.train.start.with_layers", changed)
    said = refused(ModelError, tmp_path / "m", base, items=items, layers=1, drop="first")
    assert said.endswith("cannot be made of layers 2 of 2: its layer 2 would change")


def test_items_to_choose_by_that_are_learned_from_are_noted_in_the_recipe(base, items, tmp_path):
    some, said = items.take(range(5)), []
    settings = replace(QUICK, epochs=1)
    made = fine_tune(base, items=items, dev=some, out=tmp_path / "m", settings=settings, device="cpu", say=said.append)
    note = f"{len(some)} items of the 5 to choose by (items) are also among those to learn from, by content"
    assert made.notes == ("a new head for 2 labels", note)
    assert json.loads((made.directory / "trusteq-recipe.json").read_text("utf-8"))["notes"] == [note]
    assert note in said


def test_the_head_comes_from_the_seed(base, tmp_path):
    from trusteq.train.start import open_base, save_untrained

    found = open_base(str(base), name="b", download=False)
    heads = []
    for i, seed in enumerate((0, 0, 1)):
        save_untrained(found, ("a", "b"), tmp_path / str(i), layers=None, drop="last", seed=seed)
        heads.append(load_file(tmp_path / str(i) / "model.safetensors")["classifier.weight"])
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


def test_a_classifier_goes_on_from_its_own_head(made, tmp_path):
    from trusteq.train.start import open_base, save_untrained

    found = open_base(str(made.directory), name="b", download=False)
    notes = save_untrained(found, ("praise", "blame"), tmp_path / "same", layers=None, drop="last", seed=0)
    assert notes == ("the base's own head",)
    assert weights(tmp_path / "same") == weights(made.directory)
    notes = save_untrained(found, ("a", "b", "c"), tmp_path / "other", layers=None, drop="last", seed=0)
    assert notes == ("a new head for 3 labels",)
    assert open_transformer(str(tmp_path / "other"), name="o").labels == ("a", "b", "c")


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_a_head_for_the_same_labels_in_another_order_answers_as_it_did(kind, items, tmp_path):
    from trusteq.train.start import open_base, save_untrained

    found = open_base(str(tiny_models.save(kind, tmp_path / "base")), name="b", download=False)
    notes = save_untrained(found, ("yes", "no", "maybe"), tmp_path / "m", layers=None, drop="last", seed=0)
    assert notes == ("the base's own head",)
    before, after = (trusteq.open_model(tmp_path / folder) for folder in ("base", "m"))
    assert (before.labels, after.labels) == (("no", "maybe", "yes"), ("yes", "no", "maybe"))
    np.testing.assert_allclose(after.predict(items), before.predict(items)[:, [2, 0, 1]], atol=1e-6)


def test_a_head_for_other_labels_is_drawn_anew_and_told(base, made, tmp_path):
    from trusteq.train.start import open_base, save_untrained

    heads = []
    for name, folder in (("without", base), ("other", made.directory)):
        found = open_base(str(folder), name="b", download=False)
        notes = save_untrained(found, ("angry", "calm"), tmp_path / name, layers=None, drop="last", seed=0)
        heads.append(load_file(tmp_path / name / "model.safetensors")["classifier.weight"])
    assert notes == ("a new head for 2 labels, since the base's own is for {'praise', 'blame'}",)
    own = load_file(made.directory / "model.safetensors")["classifier.weight"]
    assert not torch.isclose(heads[1], own).any()
    assert float(heads[1].std()) == pytest.approx(float(heads[0].std()), rel=0.3)


def test_a_head_without_names_is_kept_only_for_labels_without_names(made, tmp_path):
    from trusteq.train.start import open_base, save_untrained

    config = json.loads((made.directory / "config.json").read_text("utf-8"))
    nameless = shutil.copytree(made.directory, tmp_path / "nameless")
    (nameless / "config.json").write_text(
        json.dumps({key: value for key, value in config.items() if key not in ("id2label", "label2id")}), "utf-8"
    )
    found = open_base(str(nameless), name="b", download=False)
    notes = save_untrained(found, ("0", "1"), tmp_path / "new", layers=None, drop="last", seed=0)
    assert notes == ("a new head for 2 labels, since the base's own is for {'LABEL_0', 'LABEL_1'}",)
    notes = save_untrained(found, ("LABEL_0", "LABEL_1"), tmp_path / "own", layers=None, drop="last", seed=0)
    assert notes == ("the base's own head",)
    assert weights(tmp_path / "own") == weights(made.directory)


def test_pairs_are_read_as_pairs(base, items, tmp_path):
    texts = list(items.segments["text"])
    pairs = replace(items, segments={"premise": texts, "hypothesis": texts})
    made = fine_tune(base, items=pairs, dev=pairs, out=tmp_path / "m", settings=replace(QUICK, epochs=1), device="cpu")
    assert made.recipe["dev"]["items"] == 80


def test_a_body_that_is_not_whole(base, items, tmp_path):
    folder = tmp_path / "torn" / "base"
    folder.mkdir(parents=True)
    for file in base.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    tensors = load_file(folder / "model.safetensors")
    save_file({k: v for k, v in tensors.items() if "layer.1." not in k}, folder / "model.safetensors", {"format": "pt"})
    (tmp_path / "out").mkdir()
    assert "partly random" in refused(ModelError, tmp_path / "out" / "m", folder, items=items)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"items": replace(lessons(8), labels=None)}, DataError, "no labels to learn from"),
        ({"items": "train.csv"}, OptionError, "must be Items"),
        ({"items": lessons(1)}, DataError, "1 item cannot be split"),
        ({"dev": replace(lessons(8), labels=None)}, DataError, "no labels to learn from"),
        ({"settings": replace(PAPER, hard=0.5)}, OptionError, "another model's answers"),
        ({"drop": "first"}, OptionError, "drop 'first' has no effect without layers"),
        ({"layers": 1, "drop": "middle"}, OptionError, "drop must be last, first or evenly, found 'middle'"),
        ({"layers": 7}, ModelError, "2 layers, fewer than 7"),
        ({"settings": replace(QUICK, rate=1e30)}, ModelError, "lower --rate"),
    ],
)
def test_what_cannot_be_trained(change, error, said, base, items, tmp_path):
    assert said in refused(error, tmp_path / "m", base, **{"items": items, **change})


def test_a_base_that_is_not_there(items, tmp_path):
    assert "not a file or folder here" in refused(ModelError, tmp_path / "m", "nobody/nothing", items=items)


def test_a_body_of_another_shape(base, items, tmp_path):
    folder = Path(shutil.copytree(base, tmp_path / "torn" / "base"))
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 48}), "utf-8")
    (tmp_path / "out").mkdir()
    refused(ModelError, tmp_path / "out" / "m", folder, items=items)


def test_labels_that_do_not_fit_leave_nothing(made, items, tmp_path, monkeypatch):
    def unfit(*_, **__):
        raise LabelError("labels do not fit")

    monkeypatch.setattr("trusteq.train.fine_tuned.train", unfit)
    assert refused(LabelError, tmp_path / "m", made.directory, items=items) == "labels do not fit"


@pytest.mark.parametrize(("after", "file"), [(1, ".m.training/state.safetensors"), (3, "m")])
def test_a_full_disk_leaves_what_can_be_gone_on_from(after, file, base, items, made, tmp_path, small_files):
    def fill(line):
        if line.startswith(f"epoch {after}"):
            small_files()

    with pytest.raises(RunError) as caught:
        fine_tune(base, items=items, out=tmp_path / "m", settings=QUICK, device="cpu", say=fill)
    small_files(None)
    assert str(caught.value).startswith(f"{tmp_path / file}: cannot be written: ")
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("*/*.part"))
    said = []
    again = fine_tune(base, items=items, out=tmp_path / "m", settings=QUICK, device="cpu", say=said.append)
    assert f"resumes after epoch {after}" in said
    assert weights(again.directory) == weights(made.directory)


def test_a_folder_that_is_taken_stays(base, items, tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "mine").touch()
    with pytest.raises(RunError, match="already exists"):
        fine_tune(base, items=items, out=tmp_path / "m", settings=QUICK)
