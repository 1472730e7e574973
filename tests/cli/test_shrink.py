"""``trusteq shrink``: what it passes on, what it prints, its exit codes, its one-line errors."""

import json

import command
import pytest

from trusteq import read_policy
from trusteq.cli.shrink import seconds_in
from trusteq.shrink import smallest
from trusteq.shrink.ladder import Rung, Step
from trusteq.shrink.record import Entry, Search

DATA = "id,text,label\n" + "".join(f"{i},some text {i},{'yes' if i % 2 else 'no'}\n" for i in range(20))


@pytest.fixture
def folder(tmp_path):
    """A folder with items and what looks like a transformers classifier."""
    (tmp_path / "data.csv").write_text(DATA, "utf-8")
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text(
        '{"architectures": ["BertForSequenceClassification"], "model_type": "bert"}', "utf-8"
    )
    (tmp_path / "model" / "model.safetensors").write_bytes(b"")
    return tmp_path


@pytest.fixture
def asked(monkeypatch, folder):
    """What the search was asked, which finds nothing."""
    given = {}

    def search(model, items, **how):
        given.update(how, model=model, items=items)
        entries = (Entry(Rung((Step("fp16"),)), "does not fit", "it would change nothing"),)
        parts = {"development": {"n": 20, "content": "0", "source": "data.csv", "how": "given"}}
        return Search(folder / "out", "model", read_policy("default"), {}, parts, entries)

    monkeypatch.setattr(smallest, "search", search)
    return given


def run(folder, *arguments):
    given = ("--data", "data.csv", "--text", "text", "--label", "label", "--out", "out", "--quiet")
    return command.trusteq("shrink", "model", *given, *arguments, cwd=folder)


def test_it_passes_everything_on_and_prints_what_was_tried(folder, asked):
    done = run(
        folder, "--test", "data.csv", "--policy", "paper", "--dimensions", "behaviour", "--methods", "fp16,int8-onnx",
        "--also", "mine", "--also", "yours", "--budget", "30min", "--confirm", "--seed", "3", "--explain-items", "50",
    )  # fmt: skip
    assert done.returncode == 3
    assert asked["model"] == "model"
    assert len(asked["items"]) == len(asked["test"]) == 20
    assert (asked["train"], asked["budget"], asked["confirm"], asked["seed"]) == (None, 1800.0, True, 3)
    assert asked["policy"].name == "paper"
    assert (asked["dimensions"], asked["methods"]) == (("behaviour",), ("fp16", "int8-onnx"))
    assert (asked["also"], asked["explain_items"]) == (("mine", "yours"), 50)
    assert "fp16  does not fit  it would change nothing" in done.stdout
    assert done.stderr == "page: out/shrink.html\n"


def test_it_prints_the_record_as_json(folder, asked):
    document = json.loads(run(folder, "--json").stdout)
    assert document["rungs"][0]["fate"] == "does not fit"
    assert document["exit_code"] == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--confirm",), "--confirm has no effect without --budget"),
        (("--budget", "soon"), "'soon' is no time; give a number with s, min or h: 30min"),
        (("--policy", "none.yaml"), "no such policy file"),
        (("--test", "none.csv"), "none.csv"),
    ],
)
def test_a_mistake_is_one_line(folder, asked, arguments, said):
    command.one_line(run(folder, *arguments), said)


def test_texts_must_be_named(folder):
    done = command.trusteq("shrink", "model", "--data", "data.csv", "--out", "out", "--quiet", cwd=folder)
    command.one_line(done, "model model reads texts; name their columns with --text")


def test_pictures_that_cannot_be_decoded_are_left_out_if_so_said(folder, asked):
    image = pytest.importorskip("PIL.Image", reason="needs the extra 'pictures'")
    (folder / "photos").mkdir()
    for i in range(3):
        image.new("RGB", (4, 4), (i, 0, 0)).save(folder / "photos" / f"{i}.png")
    (folder / "photos" / "bad.png").write_bytes(b"no picture")
    vit = '{"architectures": ["ViTForImageClassification"], "model_type": "vit"}'
    (folder / "model" / "config.json").write_text(vit, "utf-8")
    given = ("shrink", "model", "--data", "photos", "--out", "out")
    command.one_line(command.trusteq(*given, "--quiet", cwd=folder), "bad.png")
    done = command.trusteq(*given, "--skip-unreadable", cwd=folder)
    assert len(asked["items"]) == 3
    assert "trusteq: photos: 1 of 4 items left out, whose files cannot be decoded\n" in done.stderr


def test_a_file_of_predictions_cannot_be_made_smaller(folder):
    done = command.trusteq("shrink", "data.csv", "--data", "data.csv", "--out", "out", "--quiet", cwd=folder)
    command.one_line(done, "of which no candidate can be made")


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30min", 1800), ("1.5h", 5400), ("2 h", 7200)])
def test_a_budget_is_a_time(text, seconds):
    assert seconds_in(text) == seconds
