"""Details of lighteval; the files under tests/results were written by it (tests/results/make.py)."""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import trusteq
from trusteq import DataError, ModelError, read_items
from trusteq.data.lighteval import read, recognises

STORED = Path(__file__).parent.parent / "results" / "lighteval"
REFERENCE, CANDIDATE = STORED / "reference", STORED / "candidate"


@pytest.fixture
def rows():
    return pq.read_table(REFERENCE / "details_tiny_ends.parquet").to_pylist()


@pytest.fixture
def written(tmp_path):
    """Writes rows to a file of details."""

    def write(rows):
        path = tmp_path / "details_tiny_ends.parquet"
        pq.write_table(pa.Table.from_pylist(rows), path)
        return path

    return write


def test_log_probabilities_options_and_gold_are_those_in_the_file(rows):
    by_id = {question.id: question for question in read(REFERENCE).questions}
    for row in rows:
        question = by_id[f"tiny_ends|0/{row['doc']['id']}"]
        assert question.log_probabilities == tuple(row["model_response"]["logprobs"])
        assert [question.prompt + option for option in question.options] == [
            row["doc"]["query"] + choice for choice in row["doc"]["choices"]]  # fmt: skip
        assert question.gold == row["doc"]["gold_index"]


def test_accuracy_is_what_lighteval_reports(rows):
    by_id = {question.id: question for question in read(REFERENCE).questions}
    for row in rows:
        question = by_id[f"tiny_ends|0/{row['doc']['id']}"]
        logs = question.log_probabilities
        assert (logs.index(max(logs)) == question.gold) == row["metric"]["acc"]


def test_two_folders_are_audited():
    """It printed acc 0.8333 for both models."""
    audit = trusteq.audit(
        trusteq.open_model(REFERENCE), {"int4": trusteq.open_model(CANDIDATE)}, read_items(REFERENCE),
        resamples=200, costs="none",
    )  # fmt: skip
    measures = audit.comparisons[0].measures["behaviour"]
    assert measures["accuracy_reference"].value == measures["accuracy_candidate"].value == pytest.approx(5 / 6)


def test_models_that_read_other_tokens_are_refused(rows, written, one_line):
    """The text of chat template and shots is not stored, so that it may differ where the question does not."""
    rows[0]["model_response"]["input_tokens"].insert(0, 7)
    path = written(rows)
    with pytest.raises(
        ModelError, match=r"1 of 6 questions .*: the model read 34 tokens, [0-9a-f]+, not 33 tokens,"
    ) as e:
        trusteq.open_model(path).predict(read_items(REFERENCE))
    one_line(e)


def test_folders_are_found_below_as_lighteval_writes_them(tmp_path):
    folder = tmp_path / "out" / "details" / "owner" / "model" / "2026-01-01T00-00-00.000000"
    shutil.copytree(REFERENCE, folder)
    assert recognises(tmp_path / "out")
    assert len(read(tmp_path / "out").questions) == 6


def test_several_runs_are_refused(tmp_path, one_line):
    for time in ("a", "b"):
        shutil.copytree(REFERENCE, tmp_path / "details" / "model" / time)
    with pytest.raises(DataError, match="holds details of 2 runs, in") as raised:
        read(tmp_path)
    one_line(raised)


def test_a_prompt_that_was_cut_off_is_refused(rows, written, one_line):
    rows[2]["model_response"]["truncated_tokens_count"] = 5
    with pytest.raises(DataError, match="row 3: 5 tokens of its prompt were cut off") as raised:
        read(written(rows))
    one_line(raised)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda row: row["model_response"].update(logprobs=[]), "its answers are texts, which have no probabilities"),
        (lambda row: row["model_response"].update(logprobs=[-1.0]), "it has 1 log-probabilities for 4 choices"),
        (lambda row: row["doc"].update(gold_index=7), "its right answers are 7, not one of the choices"),
    ],
)
def test_a_task_that_has_not_one_right_choice_is_left_out(rows, written, change, says, one_line):
    change(rows[0])
    with pytest.raises(DataError, match=f"no multiple-choice questions: task .* was left out: {says}") as raised:
        read(written(rows))
    one_line(raised)


def test_log_likelihoods_that_are_all_zero_are_refused(rows, written, one_line):
    rows[0]["model_response"]["logprobs"] = [0.0] * 4
    with pytest.raises(DataError, match="row 1: all 4 log-likelihoods are exactly 0") as raised:
        read(written(rows))
    one_line(raised)


def test_an_ordinary_table_is_not_recognised(tmp_path):
    pq.write_table(pa.table({"doc": ["a"], "label": [1]}), tmp_path / "items.parquet")
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    assert not any(recognises(tmp_path / name) for name in ("items.parquet", "broken.parquet", "none.parquet", "."))


@pytest.mark.parametrize(
    ("part", "change", "says"),
    [
        ("doc", {"id": None}, "row 1: is not as lighteval 0.13 stores it (it has no 'id'); run it again"),
        ("doc", {"query": None}, "row 1: is not as lighteval 0.13 stores it (it has no 'query'); run it again"),
        ("model_response", {"input_tokens": [[1, 2]]}, "row 1: is not as lighteval 0.13 stores it (int()"),
        ("model_response", {"input_tokens": ["x"]}, "row 1: is not as lighteval 0.13 stores it (invalid literal"),
        ("doc", {"gold_index": True}, "its right answers are True, not one of the choices"),
        ("doc", {"choices": "ab"}, "its choices are 'ab' and their log-probabilities"),
    ],
)
def test_a_row_of_another_form_is_one_line(rows, written, part, change, says):
    for row in rows:
        row[part] = {key: value for key, value in {**row[part], **change}.items() if value is not None}
    with pytest.raises(DataError) as raised:
        read(written(rows))
    assert says in str(raised.value)
