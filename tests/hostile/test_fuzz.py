"""Spoilt files of every kind: a value or one clear line comes of each. ``bench/fuzz.py`` does the same for minutes."""

import json
import shutil
import subprocess
import sys
from itertools import pairwise
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from finished_runs import protocol
from hostile.reader import Reader, within
from hostile.readers import READERS
from hostile.run_readers import OLDER
from hypothesis import given, settings
from hypothesis import strategies as st
from rehashed import rehashed

import trusteq
from trusteq import (
    DataError,
    LabelError,
    MissingExtraError,
    ModelError,
    PolicyError,
    RunError,
    TrusteqError,
    load_run,
    read_policy,
)
from trusteq.auditing.verify import verify_run
from trusteq.data.readers import read_table
from trusteq.models.labels import configured_labels
from trusteq.models.token_limit import token_limit
from trusteq.study.plan import read_study
from trusteq.work.shard import Answered
from trusteq.work.shard_files import ShardFiles

INPUTS = {
    "CSV, TSV": 200,
    "JSON lines": 200,
    "packed data": 200,
    "Parquet": 100,
    "predictions": 100,
    "results": 200,
    "token probabilities": 100,
    "policy": 50,
    "study": 40,
    "run": 20,
    "run of an older version": 20,
    "run, verified": 2,
    "run, printed": 3,
    "shard": 150,
    "history of work": 60,
    "tokenizer": 200,
    "ONNX graph": 15,
    "ONNX graph, files named": 60,
    "ONNX graph, weights elsewhere": 30,
    "configurations": 10,
}
"""How many spoilt files each reader gets here; the others take longer, and have theirs in the bench."""

NEEDS = {"tokenizer": ["tokenizers"], "configurations": ["torch", "transformers"]}
GRAPHS = ["onnx", "onnxruntime", "torch", "transformers"]

quick = settings(derandomize=True, deadline=None, max_examples=100)


@pytest.mark.slow
@pytest.mark.parametrize("name", INPUTS)
def test_a_value_or_one_line_comes_of_every_spoilt_file(name, tmp_path, capfd):
    for needed in GRAPHS if name.startswith("ONNX") else NEEDS.get(name, []):
        pytest.importorskip(needed, reason="needs the extras 'transformers' and 'onnx'")
    reader: Reader = READERS[name](tmp_path)
    file, content = next(iter(reader.seeds.items()))
    assert reader.outcome(file, content) == "read"
    for number in range(INPUTS[name]):
        file, content = reader.spoilt(Random(f"test {name} {number}"))  # noqa: S311
        assert reader.outcome(file, content) in {"read", "refused"}, (number, file, content[:300])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def ends_well(read):
    """Nothing where it ends in a value or in one clear line."""
    said = "a value"
    try:
        with within(5):
            read()
    except TrusteqError as error:
        said = str(error)
    assert len(said.splitlines()) == 1
    assert len(said) < 600


@quick
@given(st.lists(st.fixed_dictionaries({"text": JSON, "label": JSON}), min_size=1, max_size=4))
def test_any_json_may_stand_in_a_line(tmp_path_factory, rows):
    path = tmp_path_factory.getbasetemp() / "any.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    ends_well(lambda: trusteq.read_items(path, text="text", label="label").content())
    ends_well(lambda: trusteq.read_items(path, id="label", slices="text", cluster="text"))


@quick
@given(st.binary(max_size=300))
def test_any_bytes_may_be_a_file(tmp_path_factory, content):
    folder = tmp_path_factory.getbasetemp()
    for end in (".csv", ".tsv", ".jsonl", ".csv.gz", ".parquet"):
        (folder / f"any{end}").write_bytes(content)
        ends_well(lambda path=folder / f"any{end}": read_table(path))
    (folder / "any.yaml").write_bytes(content)
    ends_well(lambda: read_policy(folder / "any.yaml"))
    ends_well(lambda: read_study(folder / "any.yaml"))
    (folder / f"{'k' * 64}.parquet").write_bytes(content)
    assert ShardFiles(folder).read("k" * 64, 8, 3) is None


@quick
@given(JSON)
def test_any_json_may_be_a_policy(content):
    ends_well(lambda: read_policy(content if isinstance(content, dict) else {"name": content}))


@quick
@given(st.text(max_size=2000), st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=20))
def test_a_message_is_one_line_with_its_beginning_and_its_end(text, end):
    said = str(TrusteqError(f"here: {text}{end}"))
    assert len(said.splitlines()) == 1
    assert len(said) < 600
    assert said.startswith("here:")
    assert said.endswith(end)


def test_a_missing_part_s_message_is_its_own():
    assert str(MissingExtraError("this", "onnx")) == "this needs an optional part: pip install 'trusteq[onnx]'"


# data


def test_a_name_of_any_length_is_told_in_one_line(tmp_path, one_line):
    (tmp_path / "t.csv").write_text(f"id,{'x' * 5000},label\n1,a,b\n")
    with pytest.raises(DataError) as caught:
        trusteq.read_items(tmp_path / "t.csv", text="text")
    one_line(caught, "t.csv: no column 'text'", " ... ")


def test_a_path_with_a_line_break_is_told_in_one_line(tmp_path, one_line):
    with pytest.raises(DataError) as caught:
        read_table(tmp_path / "a\nb.csv")
    one_line(caught, "a b.csv: no such file")


ODD = {
    "a date beyond 9999": pa.array([0, 2**31 - 1], pa.date32()),
    "a moment beyond 9999": pa.array([0, 2**62], pa.timestamp("us")),
    "a time zone that nobody knows": pa.array([0, 1], pa.timestamp("us", "No/Where")),
    "a duration beyond all": pa.array([0, 2**62], pa.duration("s")),
}


@pytest.mark.parametrize("name", ODD)
def test_what_python_cannot_hold_is_told_with_its_row(name, tmp_path, one_line):
    pq.write_table(pa.table({"text": ["a", "b"], "when": ODD[name]}), tmp_path / "t.parquet")
    with pytest.raises(DataError) as caught:
        trusteq.read_items(tmp_path / "t.parquet", text="text", slices="when")
    one_line(caught, "t.parquet: row ", "column 'when' holds a ", "save it as text")


def test_a_column_called_as_a_gap_in_a_message_is_told(tmp_path, one_line):
    pq.write_table(pa.table({"{0.x}": [[1, 2], [3]]}), tmp_path / "t.parquet")
    with pytest.raises(DataError) as caught:
        trusteq.read_items(tmp_path / "t.parquet", text="{0.x}")
    one_line(caught, "row 2: column '{0.x}' holds 1 numbers")


def test_a_column_whose_name_is_no_text_is_told(tmp_path, one_line):
    pq.write_table(pa.table({"text": ["a"], "labél": ["b"]}), tmp_path / "t.parquet", store_schema=False)
    content = (tmp_path / "t.parquet").read_bytes()
    (tmp_path / "t.parquet").write_bytes(content.replace("é".encode(), b"\xff\xff"))
    with pytest.raises(DataError) as caught:
        trusteq.read_items(tmp_path / "t.parquet", text="text")
    one_line(caught, "t.parquet: not a Parquet file, or a truncated or damaged one")


def test_one_bit_of_a_table_ends_no_process(tmp_path):
    """pyarrow ends it where a column whose metadata is damaged is asked how large it is."""
    pq.write_table(pa.table({"text": ["a", "b"]}), tmp_path / "t.parquet", store_schema=False)
    code = (
        "import pathlib, sys, trusteq\nfrom trusteq.data.readers import read_table\n"
        "path = pathlib.Path(sys.argv[1])\nwhole = path.read_bytes()\n"
        "for bit in range(8 * len(whole) - 1600, 8 * len(whole), 7):\n"
        "    spoilt = bytearray(whole)\n    spoilt[bit // 8] ^= 1 << bit % 8\n    path.write_bytes(spoilt)\n"
        "    try: read_table(path)\n    except trusteq.DataError: pass"
    )
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "t.parquet"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_notes_nested_without_end_are_passed_over(tmp_path):
    table = pa.table({"text": ["a"]}).replace_schema_metadata({"huggingface": "[" * 100_000})
    pq.write_table(table, tmp_path / "t.parquet")
    assert trusteq.read_items(tmp_path / "t.parquet", text="text").segments["text"] == ["a"]


# YAML

NO_VALUES = {
    **{value: value for value in ("!!bool maybe", "!!int ''", "!!float ''", "!!timestamp x", "!!int x", "2001-99-99")},
    "a fraction in sixties too large": f"!!float {':'.join(['1'] * 200)}.5",
    "more digits than Python reads": "9" * 5000,
    "more digits than Python writes": f"!!int 0x{'f' * 5000}",
    "a mapping that is none": "!!map x",
    "an unhashable key": "{[a]: 1}",
    "a merged key": "{<<: {a: 1}}",
}


@pytest.mark.parametrize("name", NO_VALUES)
def test_a_value_that_is_not_what_it_says(name, tmp_path, one_line):
    (tmp_path / "p.yaml").write_text(f"name: x\nlevel: {NO_VALUES[name]}\n")
    with pytest.raises(PolicyError) as caught:
        read_policy(tmp_path / "p.yaml")
    one_line(caught, "p.yaml: not YAML: ")


def bomb(opening="[", key=""):
    """Ten levels of ten aliases of the level before, the last called j."""
    levels = [
        f"{name}: &{name} {opening}{', '.join([f'{key}*{before}'] * 10)}]" for before, name in pairwise("abcdefghij")
    ]
    return "\n".join(["a: &a [x, x, x, x, x, x, x, x, x, x]", *levels, ""])


BOMBS = {
    "a list": f"{bomb()}name: *j\n",
    "pairs": f"{bomb('!!pairs [', 'k: ')}name: *j\n",
    "a repeated key": f"{bomb()}? [*j]\n: 1\n? [*j]\n: 2\n",
}


@pytest.mark.parametrize("name", BOMBS)
def test_aliases_that_stand_for_billions_wherever_they_are(name, tmp_path, one_line):
    """In pairs they were not counted, and as a repeated key they were written out."""
    (tmp_path / "p.yaml").write_text(BOMBS[name])
    with within(10), pytest.raises(PolicyError) as caught:
        read_policy(tmp_path / "p.yaml")
    one_line(caught, "p.yaml: more than 100,000 values")


def test_a_policy_is_no_novel(tmp_path, one_line):
    (tmp_path / "p.yaml").write_text("# x\n" * 100_000)
    with pytest.raises(PolicyError) as caught:
        read_policy(tmp_path / "p.yaml")
    one_line(caught, "p.yaml: longer than 65,536 characters")


@pytest.mark.parametrize("sign", "[{")
def test_brackets_without_end_take_no_time(sign, tmp_path, one_line):
    (tmp_path / "p.yaml").write_text(sign * 60_000)
    with pytest.raises(PolicyError) as caught:
        read_policy(tmp_path / "p.yaml")
    one_line(caught, "p.yaml: more than 100 brackets")


# runs


@pytest.fixture
def run(tmp_path):
    return shutil.copytree(OLDER, tmp_path / "run")


def rewritten(run, file, change):
    content = json.loads((run / file).read_text("utf-8"))
    change(content)
    (run / file).write_text(json.dumps(content), "utf-8")


SPOILT_JSON = {
    "no finite number": ("audit.json", lambda c: c["reference"]["identity"]["details"].update(a=float("nan"))),
    "too large a number": ("audit.json", lambda c: c["settings"].update(seed=10**400)),
    "half of a surrogate pair": ("manifest.json", lambda c: c["data"].update(source="\ud800")),
    "a verdict that is none": ("audit.json", lambda c: c["candidates"][0]["verdict"].update(outcome="FINE")),
    "bins that are missing": ("audit.json", lambda c: c["reference"].update(reliability=[])),
    "no settings": ("manifest.json", lambda c: c.pop("settings")),
    "details that are a list": ("manifest.json", lambda c: c["models"][0].update(details=[])),
    "a command of numbers": ("manifest.json", lambda c: c.update(command=[1])),
    "other models": ("manifest.json", lambda c: c["models"][1].update(name="other")),
    "other labels": ("manifest.json", lambda c: c.update(labels=["a", "b"])),
    "other items": ("manifest.json", lambda c: c["data"].update(items=41)),
    "a model twice": ("audit.json", lambda c: c["candidates"][1].update(name="nearly")),
    "a label twice": ("audit.json", lambda c: c.update(labels=["positive", "positive"])),
}


@pytest.mark.parametrize("name", SPOILT_JSON)
def test_a_run_with_a_value_that_no_audit_writes(name, run, one_line):
    rewritten(run, *SPOILT_JSON[name])
    with pytest.raises(RunError) as caught:
        load_run(run)
    one_line(caught, "copy the run again")


def replaced(name, values):
    return lambda table: table.set_column(
        table.column_names.index(name), name, pa.array(values(table[name].to_pylist()))
    )


SPOILT_TABLES = {
    "no column": ("attributions", lambda table: table.drop(["shapley_error"])),
    "a column twice": ("attributions", lambda table: table.append_column("id", table["id"])),
    "texts for numbers": ("values/01-nearly", replaced("negative", lambda v: ["a"] * len(v))),
    "no finite number": ("attributions", replaced("lime", lambda v: [np.nan, *v[1:]])),
    "a log-probability above 0": ("values/01-nearly", replaced("negative", lambda v: [800.0, *v[1:]])),
    "a probability above 1": ("predictions/01-nearly", replaced("negative", lambda v: [1.5, *v[1:]])),
    "a gap": ("predictions/01-nearly", replaced("negative", lambda v: [None, *v[1:]])),
    "other ids": ("predictions/01-nearly", replaced("id", lambda v: v[::-1])),
    "an item that is none": ("attributions", replaced("id", lambda v: ["nobody", *v[1:]])),
    "a model that is none": ("attributions", replaced("model", lambda v: ["nobody", *v[1:]])),
    "a label that is none": ("items", replaced("label", lambda v: ["nobody", *v[1:]])),
    "an item twice": ("items", replaced("id", lambda v: [v[1], *v[1:]])),
    "fewer items": ("items", lambda table: table.slice(1)),
    "a place below 0": ("attributions", replaced("segment", lambda v: [-1, *v[1:]])),
    "dates for texts": ("items", replaced("segment first", lambda v: pa.array([2**62] * len(v), pa.timestamp("us")))),
}


@pytest.mark.parametrize("name", SPOILT_TABLES)
def test_a_table_with_a_value_that_no_audit_writes(name, run, one_line):
    table, change = SPOILT_TABLES[name]
    path = run / f"{table}.parquet"
    pq.write_table(change(pq.read_table(path)), path)
    with pytest.raises(RunError) as caught:
        load_run(run).table(table)
    one_line(caught, f"{table}.parquet: damaged", "copy the run again")


@pytest.mark.slow
def test_words_of_one_model_from_fewer_runs(tmp_path, one_line):
    """With hashes that fit, verify ended in a traceback."""
    protocol().save(tmp_path / "run")
    path = tmp_path / "run" / "top_words.parquet"
    table = pq.read_table(path)
    odd = pc.and_(pc.equal(table["model"], "nearly"), pc.equal(table["run"], 2))
    pq.write_table(table.filter(pc.invert(odd)), path)
    with pytest.raises(RunError) as caught:
        verify_run(load_run(rehashed(tmp_path / "run")))
    one_line(caught, "top_words.parquet: damaged: lime ran more often on one model", "copy the run again")


def test_a_table_with_a_time_zone_that_nobody_knows(run, one_line):
    path = run / "plan.parquet"
    table = pq.read_table(path)
    times = pa.array([0] * len(table), pa.timestamp("us", "No/Where"))
    pq.write_table(table.append_column("when", times), path)
    with pytest.raises(RunError) as caught:
        load_run(run).table("plan")
    one_line(caught, "plan.parquet: damaged: ", "copy the run again")


def test_notes_for_pandas_in_a_table_are_passed_over(run):
    path = run / "flips.parquet"
    pq.write_table(pq.read_table(path).replace_schema_metadata({"pandas": '{"columns": 1}'}), path)
    assert len(load_run(run).table("flips")) == 0


def test_a_finished_shard_whose_note_is_infinite_or_without_end_is_done_again(tmp_path):
    key = "k" * 64
    files = ShardFiles(tmp_path)
    files.write(key, Answered(np.full((8, 3), 1 / 3), {"i7": 99}))
    path = tmp_path / f"{key}.parquet"
    table = pq.read_table(path)
    (note,) = table.schema.metadata.values()
    for spoilt in (note.replace(b"99", b"1e999"), note.replace(b"99", b"[" * 100_000)):
        pq.write_table(table.replace_schema_metadata({"trusteq": spoilt}), path)
        assert files.read(key, 8, 3) is None


def test_a_table_without_rows_may_be_of_any_type(run):
    path = run / "flips.parquet"
    pq.write_table(pq.read_table(path).set_column(0, "candidate", pa.array([], pa.list_(pa.int64()))), path)
    assert len(load_run(run).table("flips")) == 0


def test_a_run_of_an_older_version_whose_data_are_none(tmp_path, one_line):
    older = shutil.copytree(OLDER, tmp_path / "older")
    rewritten(older, "manifest.json", lambda c: c.update(data=False))
    with pytest.raises(RunError) as caught:
        load_run(older)
    one_line(caught, "manifest.json: ", "copy the run again")


# models


@pytest.mark.parametrize("told", [["a", "b"], "ab", 7, {"x": "a"}, {"0.5": "a"}, {"9" * 5000: "a"}])
def test_label_codes_that_are_none(told, one_line):
    with pytest.raises(LabelError) as caught:
        configured_labels({"id2label": told}, name="m")
    one_line(caught, "model m: id2label is ", "fix config.json")


@pytest.mark.parametrize("config", [{}, {"pad_token_id": "0", "model_type": "roberta"}, {"pad_token_id": [1]}])
def test_a_limit_or_padding_that_is_no_number(config, one_line):
    with pytest.raises(ModelError) as caught:
        token_limit(config, None if config else "many", where="model m")
    one_line(caught, "model m: ", "expected a number")


def test_a_kind_of_model_that_is_no_text_is_none_that_is_known():
    assert token_limit({"model_type": ["roberta"], "max_position_embeddings": 64}, None) == 64


@pytest.fixture(scope="module")
def graph(tmp_path_factory):
    pytest.importorskip("transformers", reason="needs the extra 'transformers'")
    pytest.importorskip("onnx", reason="needs the extra 'onnx'")
    pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
    return READERS["ONNX graph"](tmp_path_factory.mktemp("graph"))


def settings_with(graph, **changes):
    return json.dumps({**json.loads(graph.seeds["m/tokenizer_config.json"]), **changes}).encode()


@pytest.mark.parametrize(
    "changes", [{"pad_token": 0.5}, {"mask_token": ["x"]}, {"pad_token": "\ud800"}, {"pad_token_type_id": "0"}]
)
def test_special_tokens_that_are_no_text(changes, graph):
    assert graph.outcome("m/tokenizer_config.json", settings_with(graph, **changes)) == "refused"


def test_settings_of_a_tokenizer_that_are_nested_without_end(graph):
    """As deep as JSON may be read, but not walked; newer versions of Python can do both."""
    settings = f'{{"a": {"[" * 800}{"]" * 800}}}'.encode()
    assert graph.outcome("m/tokenizer_config.json", settings) == ("refused" if sys.version_info < (3, 13) else "read")


def test_a_tokenizer_that_panics_over_texts_is_one_line(graph, capfd):
    """A panic of its Rust is no Exception to Python."""
    told = json.loads(graph.seeds["m/tokenizer.json"])
    template = told["post_processor"]
    if template["type"] != "TemplateProcessing":
        told["post_processor"] = {"type": "TemplateProcessing", "single": [], "pair": [], "special_tokens": {}}
        template = told["post_processor"]
    template["single"] = [{"SpecialToken": {"id": "[ABSENT]", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]
    assert graph.outcome("m/tokenizer.json", json.dumps(told).encode()) == "refused"


def test_names_in_a_graph_that_are_no_text(graph, capfd):
    content = graph.seeds["m/m.onnx"]
    assert graph.outcome("m/m.onnx", content.replace(b"logits", b"log\x80ts")) == "refused"
    assert graph.outcome("m/m.onnx", content.replace(b"input_ids", b"input\xffids")) == "refused"
    assert capfd.readouterr().out == ""
