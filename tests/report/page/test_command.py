"""The command that repeats a run: what it says must be what the command line takes."""

import shlex
from dataclasses import replace

import pytest
import sample_files
from edited import edited
from report.page import made_up, made_up_kinds

from trusteq import load_run
from trusteq.cli.audit import audit as audit_command
from trusteq.cli.audit import command_words
from trusteq.record.evidence import evidence, evidence_of
from trusteq.report.page.command import command


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of the command line, on files of predictions."""
    folder = tmp_path_factory.mktemp("run")
    sample_files.write(folder)
    arguments = [f"{folder}/large.csv", f"tiny={folder}/small.csv", "--label", "label", "--dimensions", "behaviour"]
    arguments += ["--resamples", "100", "--no-slices", "--quiet", "--out", f"{folder}/run"]
    with pytest.raises(SystemExit):
        audit_command.main(arguments, prog_name="trusteq audit")
    return evidence(load_run(folder / "run"))


def options(text):
    """The words of a command as the command line understands them."""
    words = shlex.split(text.replace("\\\n", " "))
    assert words[:2] == ["trusteq", "audit"]
    return audit_command.make_context("audit", words[2:]).params


@pytest.fixture(scope="module")
def forgetful(run):
    """The same run without its command, as one from Python has."""
    return replace(run, manifest={**run.manifest, "command": None})


def test_it_is_what_was_typed_but_for_where_it_went(run):
    made = command(run)
    read = options(made.text)
    folder = read["reference"].removesuffix("/large.csv")
    typed = [f"{folder}/large.csv", f"tiny={folder}/small.csv", "--label", "label", "--dimensions", "behaviour"]
    typed += ["--resamples", "100", "--no-slices"]
    again = audit_command.make_context("audit", typed).params
    assert read == again
    assert made.unknown == ()


def test_every_option_that_was_typed_is_kept():
    typed = [
        "a",
        "b",
        "--ignore-label",
        "-1",
        "--slice",
        "x y",
        "--slice",
        "z",
        "--no-slices",
        "-k",
        "3",
        "--text",
        "p,q",
    ]
    typed += ["--labels", "a=no,yes", "--peer", "it's", "--out", "o", "--quiet", "--json"]
    context = audit_command.make_context("audit", list(typed))
    with context:
        words = command_words(context)
    again = audit_command.make_context("audit", list(words[1:])).params
    assert again == {**context.params, "out": None, "quiet": False, "as_json": False}


def test_it_repeats_what_the_run_says(forgetful):
    made = command(forgetful)
    read = options(made.text)
    assert read["reference"].endswith("large.csv")
    assert read["candidates"][0].startswith("tiny=")
    assert read["dimensions"] == "behaviour"
    assert read["resamples"] == 100
    assert read["no_slices"] is True
    assert read["no_explain"] is True
    assert read["label"] == "LABEL"
    assert any(said.startswith("LABEL:") for said in made.unknown)


@pytest.mark.slow
def test_python_objects_cannot_be_repeated_by_a_command():
    made = command(made_up.evidence())
    assert made.text is None
    assert "large, int8 and shortcut came from Python code" in made.unknown[0]


@pytest.mark.slow
def test_every_setting_of_explanations_is_an_option_of_the_command_line(forgetful):
    run = forgetful
    made = made_up.evidence()
    settings = {**made.manifest["settings"], "batch": 4, "allow_same": True}
    changed = replace(run, manifest={**run.manifest, "settings": settings})
    read = options(command(changed).text)
    explain = made.manifest["settings"]["explain"]
    names = {
        "items": "explain_items",
        "target": "explain_label",
        "k": "top",
        "draw": "explain_draw",
        "ids": "explain_ids",
        "per_unit": "masks_per_unit",
    }
    for name, value in explain.items():
        if name == "background":  # the items say it
            continue
        given = read[names.get(name, name)]
        assert str(given) == str(value), name
    assert read["batch"] == 4
    assert read["allow_same"] is True


def test_chosen_items_are_a_file_of_ids(forgetful):
    settings = made_up.evidence().manifest["settings"]
    chosen = {**settings, "explain": {**settings["explain"], "ids": ["a", "b"]}}
    made = command(replace(forgetful, manifest={**forgetful.manifest, "settings": chosen}))
    assert "--explain-ids IDS" in made.text
    assert "--explain-items" not in made.text
    assert any(said.startswith("IDS: a file with the ids") for said in made.unknown)


def test_a_policy_of_ones_own_is_the_file_of_the_run(forgetful):
    run = forgetful
    changed = edited(run, lambda d: d["policy"].update(name="mine"))
    assert options(command(changed).text)["policy"] == "policy.yaml"


def test_what_the_run_does_not_tell_is_said(forgetful):
    run = forgetful
    frame = run.items.assign(cluster="a", **{"column genre": "b", "segment text": "c"})

    def change(content):
        content["items"]["ignored"] = 7
        measures = content["candidates"][0]["measures"]
        measures["explanation"] = {"alignment_lime_of_peer": measures["behaviour"]["disagreement"]}

    changed = replace(edited(run, change), table=lambda name: frame if name == "items" else run.table(name))
    made = command(changed)
    read = options(made.text)
    assert (read["cluster"], read["ignore_label"], read["peer"]) == ("CLUSTER", "IGNORED", "PEER")
    assert read["slices"] == ("genre",)
    assert read["text"] == "text"
    assert {said.split(":")[0] for said in made.unknown[:-1]} == {"LABEL", "IGNORED", "CLUSTER", "PEER"}


def test_odd_names_and_places_are_quoted(forgetful):
    run = forgetful
    models = [{**model, "location": f"a folder/$(rm -rf)/{i};x"} for i, model in enumerate(run.manifest["models"])]
    models[1]["name"] = "a/b"
    changed = replace(run, manifest={**run.manifest, "models": models})
    read = options(command(changed).text)
    assert read["reference"] == "large=a folder/$(rm -rf)/0;x"
    assert read["candidates"] == ("a folder/$(rm -rf)/1;x",)


@pytest.mark.parametrize(
    ("kind", "option", "columns"),
    [
        ("pictures", "picture", "photo"),
        ("sounds", "sound", "tone"),
        ("features", "features", "mfcc"),
        ("rows", "columns", "income,income after tax,debt,age,years at address,job,phone,branch"),
    ],
)
def test_the_columns_of_each_kind_have_its_option(kind, option, columns):
    run = evidence_of(made_up_kinds.audit(kind))
    models = [{**model, "kind": "onnx"} for model in run.manifest["models"]]
    read = options(command(replace(run, manifest={**run.manifest, "models": models})).text)
    of_segments = {name: read[name] for name in ("text", "picture", "sound", "features", "columns")}
    assert of_segments == {**dict.fromkeys(of_segments), option: columns}


def test_how_recordings_are_heard_and_that_they_are_withheld_are_options():
    run = evidence_of(made_up_kinds.audit("sounds").without_pictures())
    models = [{**model, "kind": "onnx"} for model in run.manifest["models"]]
    sounds = replace(run.segments["tone"], stated=True, channels="mean")
    changed = replace(run, manifest={**run.manifest, "models": models}, others=lambda: {"tone": sounds})
    read = options(command(changed).text)
    assert (read["rate"], read["channels"], read["no_pictures"]) == (8_000, "mean", True)
