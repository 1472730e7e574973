"""What the recipe beside a model says of its training."""

import json
import os

import pytest

from trusteq.models.base import Identity
from trusteq.models.made import LARGEST, RECIPE, Perturbed, carried, told_in, trained_on, with_trainings

HALF = {"units": "words", "replace": "remove", "share": 0.5}
MARK = Perturbed("words", "remove", 0.5)
MASKED = {"units": "words", "replace": "mask", "share": 1}


def beside(folder, text):
    (folder / RECIPE).write_text(text, "utf-8")
    return trained_on([folder / "model.safetensors"])


def told(folder, entry):
    return beside(folder, json.dumps({"method": "distil", "trained_on_perturbations": entry}))


def test_a_training_on_perturbed_items_is_read(tmp_path):
    assert told(tmp_path, HALF) == (MARK,)
    assert told(tmp_path, [HALF, MASKED, HALF]) == (MARK, Perturbed("words", "mask", 1.0))


def test_without_a_recipe_or_files_nothing_is_known(tmp_path):
    assert trained_on([tmp_path / "model.onnx"]) == trained_on([]) == ()
    assert beside(tmp_path, json.dumps({"method": "distil"})) == ()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "7", '"words"', "[" * 100_000, '{"trained_on_perturbations": NaN}', "\ud800", "9" * 5_000],
    ids=["empty", "cut off", "list", "null", "number", "text", "deep", "not a number", "surrogate", "digits"],
)
def test_a_damaged_recipe_says_nothing_and_is_no_error(text, tmp_path):
    (tmp_path / RECIPE).write_bytes(text.encode("utf-8", "surrogatepass"))
    assert trained_on([tmp_path / "model.onnx"]) == ()


@pytest.mark.parametrize(
    "entry",
    [
        True,
        "words",
        [],
        {},
        {**HALF, "share": "0.5"},
        {**HALF, "share": True},
        {**HALF, "share": 0},
        {**HALF, "share": 1.5},
        {**HALF, "share": float("nan")},
        {**HALF, "share": 10**400},
        {**HALF, "units": ""},
        {**HALF, "units": ["words"]},
        {**HALF, "units": "w\x1b[31m"},
        {**HALF, "replace": "\ud800"},
        {**HALF, "replace": None},
        {**HALF, "replace": "x" * 81},
    ],
    ids=str,
)
def test_an_entry_of_another_form_says_nothing(entry, tmp_path):
    assert told(tmp_path, entry) == ()
    assert told(tmp_path, [entry, HALF]) == (MARK,)


def test_a_text_that_stood_in_may_be_any(tmp_path):
    for text in ("", "\t", "…", "\x1b[31m"):
        assert told(tmp_path, {**HALF, "replace": text}) == (Perturbed("words", text, 0.5),)


def test_a_recipe_is_read_up_to_a_size(tmp_path):
    text = json.dumps({"trained_on_perturbations": HALF})
    assert beside(tmp_path, text.ljust(LARGEST)) == (MARK,)
    assert beside(tmp_path, text.ljust(LARGEST + 1)) == ()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_neither_a_pipe_nor_a_folder_nor_a_link_out_is_read(tmp_path):
    for name in ("pipe", "folder", "link"):
        (tmp_path / name).mkdir()
    os.mkfifo(tmp_path / "pipe" / RECIPE)
    (tmp_path / "folder" / RECIPE).mkdir()
    (tmp_path / "elsewhere").write_text(json.dumps({"trained_on_perturbations": HALF}))
    (tmp_path / "link" / RECIPE).symlink_to("../elsewhere")
    assert [trained_on([tmp_path / name / "model.onnx"]) for name in ("pipe", "folder", "link")] == [(), (), ()]


def test_what_a_run_keeps_is_what_was_read():
    identity = Identity("onnx", "here", "hash", {"scores": "logits"})
    for entries in ([MARK], [MARK, Perturbed("words", "mask", 1.0)]):
        kept = with_trainings(identity, entries)
        assert told_in(json.loads(json.dumps(kept.details))) == tuple(entries)
        assert kept.details["scores"] == "logits"
    assert with_trainings(identity, ()) is identity


def test_a_candidate_keeps_the_trainings_of_what_it_was_made_from():
    assert carried([], {"curve": []}) == {}
    assert carried([MARK], {}) == carried([], {"trained_on_perturbations": HALF}) == {"trained_on_perturbations": HALF}
    assert carried([MARK], {"trained_on_perturbations": HALF}) == {"trained_on_perturbations": HALF}
    assert carried([MARK], {"trained_on_perturbations": MASKED}) == {"trained_on_perturbations": [HALF, MASKED]}
