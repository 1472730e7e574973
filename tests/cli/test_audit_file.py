"""An audit file says what the command line's options say, in the same way, and nothing else."""

import json
from contextlib import chdir

import click
import jsonschema
import pandas as pd
import pytest
import yaml
from cases import LABELS, probabilities
from command import one_line, trusteq

from trusteq.cli.audit import audit, command_words
from trusteq.cli.audit_file_schema import NOT_HERE, audit_file_schema

TWO = "models: {reference: large.csv, candidates: [small.csv]}\n"

SAME = {
    TWO: "large.csv small.csv",
    "models: {reference: {location: a.csv, name: big}, candidates: [tiny=b.csv, c.csv]}": "big=a.csv tiny=b.csv c.csv",
    TWO + "data: test.csv": "large.csv small.csv --data test.csv",
    """
models:
  reference: bert
  candidates:
    - bert-int8
    - location: small.onnx
      name: s
      tokenizer: bert
      labels: ["no", "yes"]
      scores: logits
      output: out
  peer: {location: other.onnx, scores: probabilities, preprocessing: how.yaml}
  labels: a,b
  download: true
  allow_same: false
data:
  location: test.parquet
  text: [premise, hypothesis]
  label: gold
  label_names: [0, 1]
  ignore_label: -1
  slice: [genre, length]
  by_row: true
task: how.yaml
policy: paper
dimensions: [behaviour, calibration]
explain: {items: 20, units: sentences, label: gold, k: 3, until: decided}
run: {workers: 3, batch: 8, gpus: 1, work: shards}
seed: 7
resamples: 200
costs: none
out: here
""": "bert bert-int8 s=small.onnx --peer other.onnx --tokenizer s=bert --labels a,b --labels s=no,yes "
    "--scores s=logits --scores other=probabilities --output s=out --preprocessing other=how.yaml "
    "--download --data test.parquet --text premise,hypothesis --label gold "
    "--label-names 0,1 --ignore-label -1 --slice genre,length --by-row "
    "--task how.yaml --policy paper --dimensions behaviour,calibration --explain-items 20 --units sentences "
    "--explain-label gold -k 3 --until decided --workers 3 --batch 8 --gpus 1 --work shards --seed 7 --resamples 200 "
    "--costs none --out here",
    TWO + "explain: false": "large.csv small.csv --no-explain",
    TWO + "explain: {items: all}\ndata: {no_slices: true, id: uid}\nrun:": "large.csv small.csv --explain-items all "
    "--no-slices --id uid",
}
"""Audit files, and the command lines that say the same."""


def params(*words):
    """What the words mean to the command, and its own account of them."""
    context = audit.make_context("audit", list(words))
    with context:
        return context.params, command_words(context)


@pytest.mark.parametrize("text", SAME, ids=range(len(SAME)))
def test_a_file_means_what_the_options_mean(tmp_path, text):
    (tmp_path / "audit.yaml").write_text(text, "utf-8")
    with chdir(tmp_path):
        assert params("audit.yaml") == params(*SAME[text].split())


@pytest.mark.parametrize("text", SAME, ids=range(len(SAME)))
def test_the_published_schema_allows_these_files(text):
    jsonschema.validate(yaml.safe_load(text), audit_file_schema(audit))


def test_every_option_about_the_result_has_a_key():
    (text,) = (text for text in SAME if "gpus" in text)
    schema = audit_file_schema(audit)["$defs"]
    keys = {key for part in ("Models", "Data", "Explain", "Run") for key in schema[part]["properties"]}
    keys |= set(audit_file_schema(audit)["properties"])
    assert set(yaml.safe_load(text)) == set(audit_file_schema(audit)["properties"]) - {"no_pictures"}
    for option in audit.get_params(click.Context(audit)):
        key = option.opts[0].lstrip("-").replace("-", "_").removeprefix("explain_")
        elsewhere = {*NOT_HERE, "data", "reference", "candidates"}
        assert key in keys or option.name in elsewhere or not option.expose_value, key


@pytest.fixture
def folder(tmp_path):
    """Two files of predictions in a folder below, and an audit file beside them."""
    reference, candidate, gold = probabilities(200, noise=0.05)
    (tmp_path / "conf").mkdir()
    for name, table in (("large", reference), ("small", candidate)):
        frame = pd.DataFrame(table, columns=list(LABELS)).assign(gold=[LABELS[code] for code in gold])
        frame.to_csv(tmp_path / "conf" / f"{name}.csv")
    text = TWO + f"data: {{label: gold, no_slices: true}}\nresamples: 100\npolicy: {json.dumps(RULES)}\n# a note\n"
    (tmp_path / "conf" / "audit.yaml").write_text(text, "utf-8")
    (tmp_path / "conf" / "mine.yaml").write_text(json.dumps(RULES), "utf-8")
    return tmp_path


RULES = {"name": "mine", "required": ["behaviour"], "rules": {"behaviour": {"disagreement": {"at_most": 0.15}}}}


def contents(run):
    return {str(path.relative_to(run)): path.read_bytes() for path in run.rglob("*") if path.is_file()}


def test_a_run_from_a_file_has_the_same_bytes_and_keeps_the_file(folder):
    done = trusteq("audit", "conf/audit.yaml", "--out", "a", cwd=folder)
    assert done.returncode == 0, done.stderr
    options = ("--label", "gold", "--no-slices", "--resamples", "100", "--policy", "conf/mine.yaml", "--out", "b")
    assert trusteq("audit", "conf/large.csv", "conf/small.csv", *options, cwd=folder).stdout == done.stdout
    one, other = contents(folder / "a"), contents(folder / "b")
    assert one.pop("audit-file.yaml") == (folder / "conf" / "audit.yaml").read_bytes()
    first, second = (json.loads(files.pop("manifest.json")) for files in (one, other))
    assert one == other
    assert set(first["files"]) - set(second["files"]) == {"audit-file.yaml"}
    # The rules that the file holds are those of policy.yaml in the run.
    assert first["command"] == [word.replace("conf/mine.yaml", "policy.yaml") for word in second["command"]]
    (folder / "a" / "audit-file.yaml").write_text("changed", "utf-8")
    one_line(trusteq("gate", "a", cwd=folder), "audit-file.yaml: changed since the run was written")


@pytest.mark.parametrize(
    ("said", "typed", "means"),
    [
        ("seed: 3\nout: here", "--seed 4", "--seed 4 --out here"),
        ("explain: {items: 20, masks: 64}", "--no-explain", "--no-explain"),
        ("explain: false", "--explain-items 30", "--explain-items 30"),
        ("explain: {items: 20, masks: 64}", "--explain-items 30", "--masks 64 --explain-items 30"),
        ("explain: {items: 20, masks: 64}", "--protocol paper", "--explain-items 20 --protocol paper"),
        ("data: {label: gold, slice: genre}", "--no-slices", "--label gold --no-slices"),
        ("data: {label: gold, slice: genre}", "--slice author", "--label gold --slice author"),
        ("data: {by_row: true}", "--id uid", "--id uid"),
        ("models: {reference: large.csv, candidates: [small.csv], peer: {location: p.csv, scores: logits}}",
         "--peer q.csv", "--peer q.csv"),
        ("policy: paper", "--policy default", "--policy default"),
        ("policy: paper\ndimensions: behaviour", "--policy default", "--policy default"),
        ("policy: paper\ndimensions: behaviour", "--dimensions calibration", "--policy paper --dimensions calibration"),
    ],
)  # fmt: skip
def test_an_option_overrides_the_file_and_what_it_excludes(tmp_path, said, typed, means):
    (tmp_path / "audit.yaml").write_text(said if "models" in said else TWO + said, "utf-8")
    with chdir(tmp_path):
        assert params("audit.yaml", *typed.split()) == params("large.csv", "small.csv", *means.split())
        assert params(*typed.split(), "audit.yaml") == params("large.csv", "small.csv", *means.split())


def test_paths_are_those_of_the_file_s_folder_and_hub_ids_stay(tmp_path):
    (tmp_path / "conf").mkdir()
    for name in ("test.csv", "bert"):
        (tmp_path / "conf" / name).touch()
    (tmp_path / "here.csv").touch()
    text = (
        "models: {reference: bert, candidates: [org/bert, small=bert, here.csv, /abs/m.onnx]}\n"
        "data: test.csv\ntask: t.yaml\npolicy: default\nout: s3://b/run\nrun: {work: w}"
    )
    (tmp_path / "conf" / "a.yml").write_text(text, "utf-8")
    with chdir(tmp_path):
        found, _ = params("conf/a.yml")
    assert found["reference"] == "conf/bert"
    assert found["candidates"] == ("org/bert", "small=conf/bert", "conf/here.csv", "/abs/m.onnx")
    places = [found[name] for name in ("data", "task", "policy", "out", "work")]
    assert places == ["conf/test.csv", "conf/t.yaml", "default", "s3://b/run", "conf/w"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("modls: {}", "audit file has no key 'modls'; did you mean 'models'? Its keys are models, data, task, "),
        (TWO + "data: {lable: x}", "a.yaml: data has no key 'lable'; did you mean 'label'? Its keys are location, "),
        ("models: {reference: a, candidates: [{location: b, tokeniser: c}]}", "did you mean 'tokenizer'?"),
        ("models: {reference: a}", "models.candidates: field required"),
        ("models: {reference: a, candidates: b}", "models.candidates: must be a list, even of one model"),
        ("models: {reference: a, candidates: []}", "models.candidates: "),
        ("models: {reference: a, candidates: [{location: b, name: b/c}]}", "name: must not contain '/'"),
        ("models: {reference: a, candidates: [{location: ./lr=0.1.csv, scores: logits}]}",
         "scores of 'lr=0.1' cannot be told from its name, which has '='; give it a name"),
        (TWO + "data: {label: yes}", "data.label: must be a text; YAML reads yes, no,"),
        (TWO + "data: {text: ['a,b']}", "data.text: 'a,b' has a comma"),
        (TWO + "data: [a]", "data: must be the path, or a mapping of options"),
        (TWO + "explain: true", "explain: must be false, or a mapping of options"),
        (TWO + "seed: -1", "seed: input should be greater than or equal to 0 (found -1)"),
        (TWO + "costs: most", "costs: input should be 'none', 'quick' or 'full' (found 'most')"),
        ("models: {reference: a, candidates: [b], scores: odds}", "'probabilities' or 'logits'"),
        (TWO + "policy: {name: x}", "a.yaml: policy: required: field required"),
        ("- a", "must be a mapping of names to values"),
        ("a: [", "a.yaml: not YAML"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_before_anything_runs(tmp_path, text, says):
    (tmp_path / "a.yaml").write_text(text, "utf-8")
    one_line(trusteq("audit", "a.yaml", cwd=tmp_path), says)
    assert [path.name for path in tmp_path.iterdir()] == ["a.yaml"]


def test_a_file_stands_alone_in_place_of_the_models(tmp_path):
    (tmp_path / "a.yaml").write_text(TWO, "utf-8")
    one_line(trusteq("audit", "a.yaml", "small.csv", cwd=tmp_path), "a.yaml is an audit file, which names all models")
    one_line(trusteq("audit", "none.yaml", cwd=tmp_path), "none.yaml: no such audit file")
    one_line(trusteq("audit", "large.csv", cwd=tmp_path), "'CANDIDATE...'. An audit compares models: name")
