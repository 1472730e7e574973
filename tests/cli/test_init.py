"""What ``trusteq init`` writes can be run, says why, and asks only what it cannot see."""

import json
from contextlib import chdir
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sample_files
import yaml
from cases import LABELS, probabilities
from click import UsageError
from click.testing import CliRunner
from command import one_line, trusteq

from trusteq.cli.init import init

QUICK = ("--resamples", "100", "--costs", "none", "--quiet")
RESULTS = Path(__file__).parents[1] / "results" / "lm_eval"


@pytest.fixture
def files(tmp_path):
    """Two files of predictions, and items with texts, labels and a desk."""
    n = 200
    reference, candidate, gold = probabilities(n, noise=0.05)
    names = [LABELS[code] for code in gold]
    for name, table in (("large", reference), ("small", candidate)):
        frame = pd.DataFrame(table, columns=list(LABELS)).assign(id=[f"q{i}" for i in range(n)], gold=names)
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    items = pd.DataFrame({"id": [f"q{i}" for i in range(n)], "gold": names})
    items["premise"] = [f"tale {i // 2} of the day" for i in range(n)]
    items["hypothesis"] = [f"it is number {i}" for i in range(n)]
    items["desk"] = [f"desk {i % 3}" for i in range(n)]
    items.to_csv(tmp_path / "test.csv", index=False)
    return tmp_path


def written(folder, name="audit.yaml"):
    return yaml.safe_load((folder / name).read_text("utf-8"))


def test_two_files_of_predictions_need_no_answer_and_the_file_runs(files):
    done = trusteq("init", "large.csv", "small.csv", "--yes", cwd=files)
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("next: trusteq audit audit.yaml\n")
    assert written(files) == {
        "models": {"reference": "large.csv", "candidates": ["small.csv"]},
        "data": {"location": "large.csv", "label": "gold"},
        "policy": "default",
        "dimensions": ["behaviour", "calibration"],
        "seed": 0,
    }
    text = (files / "audit.yaml").read_text("utf-8")
    assert text.startswith("# yaml-language-server: $schema=audit-file.schema.json\n")
    assert all("#" in line for line in text.splitlines() if ": " in line)
    assert json.loads((files / "audit-file.schema.json").read_text("utf-8"))["title"] == "AuditFile"
    done = trusteq("audit", "audit.yaml", *QUICK, cwd=files)
    assert done.returncode in {0, 1, 3}, done.stderr
    assert (files / "trusteq-run" / "audit-file.yaml").read_text("utf-8") == text


SHOWN, APART = {"text": ["premise", "hypothesis"]}, {"cluster": "premise"}
"""The texts, which files of predictions are shown with, and what items of the same premise are not: independent."""


def test_items_of_their_own_bring_slices_and_paths_are_relative_to_the_file(files):
    (files / "conf").mkdir()
    done = trusteq("init", "large.csv", "tiny=small.csv", "test.csv", "--yes", "--out", "conf/a.yaml", cwd=files)
    assert done.returncode == 0, done.stderr
    content = written(files, "conf/a.yaml")
    assert content["models"] == {
        "reference": "../large.csv",
        "candidates": [{"location": "../small.csv", "name": "tiny"}],
    }
    assert content["data"] == {"location": "../test.csv", **SHOWN, "label": "gold", **APART, "slice": ["desk"]}
    done = trusteq("audit", "conf/a.yaml", *QUICK, "--out", "run", "--no-slices", cwd=files)
    assert done.returncode in {0, 1, 3}, done.stderr


def test_numbers_that_are_no_labels_and_logits_are_told_apart(files):
    for name in ("large", "small"):
        frame = pd.read_csv(files / f"{name}.csv")
        frame[list(LABELS)] = np.log(frame[list(LABELS)].clip(1e-9)) + 3
        frame.assign(length=range(len(frame))).to_csv(files / f"{name}.csv", index=False)
    assert trusteq("init", "large.csv", "small.csv", "--yes", cwd=files).returncode == 0
    own = {"labels": list(LABELS), "scores": "logits"}
    assert written(files)["models"]["reference"] == {"location": "large.csv", **own}
    assert written(files)["models"]["candidates"] == [{"location": "small.csv", **own}]
    done = trusteq("audit", "audit.yaml", *QUICK, "--no-slices", cwd=files)
    assert done.returncode in {0, 1, 3}, done.stderr


def test_codes_of_labels_get_names_and_items_without_one_are_left_out(files):
    items = pd.read_csv(files / "test.csv").rename(columns={"gold": "label"})
    items["label"] = [LABELS.index(name) if i > 3 else -1 for i, name in enumerate(items["label"])]
    items.to_csv(files / "test.csv", index=False)
    for name in ("large", "small"):
        pd.read_csv(files / f"{name}.csv").drop(columns="gold").to_csv(files / f"{name}.csv", index=False)
    assert trusteq("init", "large.csv", "small.csv", "test.csv", "--yes", cwd=files).returncode == 0
    assert written(files)["data"] == {
        "location": "test.csv",
        **SHOWN,
        **APART,
        "label": "label",
        "label_names": list(LABELS),
        "ignore_label": ["-1"],
        "slice": ["desk"],
    }
    done = trusteq("audit", "audit.yaml", *QUICK, "--no-slices", cwd=files)
    assert done.returncode in {0, 1, 3}, done.stderr


def test_what_is_asked_can_be_answered_and_a_wrong_column_is_asked_again(files):
    with chdir(files):
        typed = "nothing\ngold\nnone\nnone\npaper\n"
        done = CliRunner().invoke(init, ["large.csv", "small.csv", "test.csv"], input=typed, standalone_mode=False)
    assert done.return_value == 0, done.output
    assert "no column 'nothing'; the columns are id, gold, premise, hypothesis, desk" in done.output
    assert written(files)["data"] == {"location": "test.csv", **SHOWN, "label": "gold"}
    assert written(files)["policy"] == "paper"
    assert "policy: paper  # as you said" in (files / "audit.yaml").read_text("utf-8")


def test_results_of_an_evaluation_tool_say_all_themselves(tmp_path):
    done = trusteq("init", RESULTS / "reference", RESULTS / "candidate", "--yes", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "reference: samples of lm-evaluation-harness: 12 questions of tiny_ends, tiny_mood" in done.stderr
    assert set(written(tmp_path)) == {"models", "dimensions", "seed"}
    assert written(tmp_path)["dimensions"] == ["behaviour", "calibration"]
    text = (tmp_path / "audit.yaml").read_text("utf-8")
    assert "# data: {cluster: FIELD} if questions share one, {slice: [FIELD]} to see each value; fields: doc.st" in text
    assert ", doc.writer\n" in text
    done = trusteq("audit", "audit.yaml", *QUICK, "--no-slices", cwd=tmp_path)
    assert done.returncode in {0, 1, 3}, done.stderr


def test_fields_of_results_are_asked_for(tmp_path):
    models = [str(RESULTS / role) for role in ("reference", "candidate")]
    out = tmp_path / "audit.yaml"
    typed = "writer\ndoc.writer\nnone\n"
    done = CliRunner().invoke(init, [*models, "--out", str(out)], input=typed, standalone_mode=False)
    assert done.return_value == 0, done.output
    assert "no field 'writer'; the fields are doc.start, " in done.output
    assert written(tmp_path)["data"] == {"cluster": "doc.writer"}


def test_a_folder_of_several_models_is_no_model(tmp_path):
    done = trusteq("init", RESULTS, RESULTS, "--yes", cwd=tmp_path)
    one_line(done, "holds samples of 2 models, in ")
    assert not (tmp_path / "audit.yaml").exists()


@pytest.fixture
def checkpoints(files):
    """Folders that look like models of pairs of texts: only their configuration is looked at."""
    for name in ("bert", "bert-int8"):
        (files / name).mkdir()
        config = {"model_type": "bert", "architectures": ["BertForSequenceClassification"]}
        config["id2label"] = {str(code): label for code, label in enumerate(LABELS)}
        (files / name / "config.json").write_text(json.dumps(config), "utf-8")
        (files / name / "model.safetensors").touch()
        (files / name / "tokenizer.json").touch()
    return files


def test_models_of_texts_get_columns_a_cluster_and_slices(checkpoints):
    done = trusteq("init", "bert", "bert-int8", "test.csv", "--yes", cwd=checkpoints)
    assert done.returncode == 0, done.stderr
    assert written(checkpoints)["data"] == {
        "location": "test.csv",
        "text": ["premise", "hypothesis"],
        "label": "gold",
        "cluster": "premise",
        "slice": ["desk"],
    }
    assert "dimensions" not in written(checkpoints)


def numbered(folder):
    """The models only number their labels."""
    for name in ("bert", "bert-int8"):
        config = json.loads((folder / name / "config.json").read_text("utf-8"))
        config["id2label"] = {str(code): f"LABEL_{code}" for code in range(len(LABELS))}
        (folder / name / "config.json").write_text(json.dumps(config), "utf-8")


def test_names_of_labels_that_models_only_number_are_not_guessed_but_pointed_at(checkpoints):
    numbered(checkpoints)
    done = trusteq("init", "bert", "bert-int8", "test.csv", "--yes", cwd=checkpoints)
    assert done.returncode == 0, done.stderr
    assert "label" not in written(checkpoints)["data"]
    says = "if gold has the names of LABEL_0, LABEL_1, LABEL_2, write label: gold under data, and labels: "
    says += f"[{', '.join(sorted(LABELS))}] under each model, in the order of its outputs"
    assert says in done.stderr
    assert says in (checkpoints / "audit.yaml").read_text("utf-8")


def test_codes_of_labels_that_models_only_number_are_the_label_whatever_the_column_is_called(checkpoints):
    numbered(checkpoints)
    items = pd.read_csv(checkpoints / "test.csv")
    items["gold"] = [LABELS.index(name) for name in items["gold"]]
    items.rename(columns={"gold": "sentiment"}).to_csv(checkpoints / "test.csv", index=False)
    assert trusteq("init", "bert", "bert-int8", "test.csv", "--yes", cwd=checkpoints).returncode == 0
    data = written(checkpoints)["data"]
    assert (data["label"], data["label_names"]) == ("sentiment", ["LABEL_0", "LABEL_1", "LABEL_2"])


def test_without_an_answer_it_says_how_to_do_without_one(files):
    with chdir(files), pytest.raises(UsageError, match=r"no answer; run init in a terminal, or .*--yes"):
        CliRunner().invoke(init, ["large.csv", "small.csv"], input="", standalone_mode=False, catch_exceptions=False)
    assert not (files / "audit.yaml").exists()


@pytest.mark.slow
def test_what_is_written_for_models_runs(files):
    pytest.importorskip("torch")
    sample_files.write_models(files)
    items = pd.read_csv(files / "test.csv")
    items["gold"] = items["gold"].map(dict(zip(LABELS, sample_files.LABELS, strict=True)))
    items.to_csv(files / "test.csv", index=False)
    assert trusteq("init", "large", "small", "test.csv", "--yes", cwd=files).returncode == 0
    done = trusteq("audit", "audit.yaml", *QUICK, "--explain-items", "10", cwd=files)
    assert done.returncode in {0, 1, 3}, done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("large.csv", "small.csv", "--out", "test.csv"), "test.csv is there already; choose another --out"),
        (("large.csv", "model.pkl"), "model.pkl is a pickle file, which could execute code when opened"),
        (("large.csv", "nowhere"), "model nowhere: 'nowhere' is not a file or folder here, nor a model of the hub"),
        (("bert", "bert-int8"), "File or folder with the items: cannot be seen; name it after the models"),
        (("bert", "bert-int8", "plain.csv"), "Columns that the models read, in order: cannot be seen; name it"),
        (("bert", "bert-int8", "none.csv"), "none.csv: no such file"),
    ],
)
def test_where_nothing_can_be_proposed_one_line_says_so_and_nothing_is_written(checkpoints, arguments, says):
    (checkpoints / "model.pkl").touch()
    plain = {"one": ["a b c d", "e f g h"], "two": ["i j k l", "m n o p"]}
    pd.DataFrame(plain).to_csv(checkpoints / "plain.csv", index=False)
    before = {path: path.read_bytes() for path in checkpoints.rglob("*") if path.is_file()}
    done = trusteq("init", *arguments, "--yes", cwd=checkpoints)
    done.stderr = "".join(line for line in done.stderr.splitlines(True) if line.startswith("error"))
    one_line(done, says)
    assert {path: path.read_bytes() for path in checkpoints.rglob("*") if path.is_file()} == before


def test_it_overwrites_only_with_force(files):
    assert trusteq("init", "large.csv", "small.csv", "--yes", cwd=files).returncode == 0
    one_line(trusteq("init", "large.csv", "small.csv", "--yes", cwd=files), "audit.yaml is there already")
    assert trusteq("init", "large.csv", "small.csv", "--yes", "--force", cwd=files).returncode == 0


def test_models_of_other_labels_are_told_before_the_audit_stops(files):
    frame = pd.read_csv(files / "small.csv").rename(columns={LABELS[0]: "another"})
    frame.to_csv(files / "small.csv", index=False)
    done = trusteq("init", "large.csv", "small.csv", "--yes", cwd=files)
    assert done.returncode == 0
    assert (
        f"warning: the audit will stop, as labels differ: only large has {{'{LABELS[0]}'}}, only small has"
        in done.stderr
    )
