"""Samples of lm-evaluation-harness; the files under tests/results were written by it (tests/results/make.py)."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from trusteq import DataError, ModelError, OptionError, open_model, read_items
from trusteq.data.choice_results import prompt_and_options
from trusteq.data.lm_eval import read, recognises

STORED = Path(__file__).parent.parent / "results" / "lm_eval"
REFERENCE = STORED / "reference"


@pytest.fixture
def folder(tmp_path):
    """A copy of the reference's samples that a test may change."""
    return shutil.copytree(REFERENCE, tmp_path / "samples")


def rows(folder, task):
    (file,) = folder.glob(f"samples_{task}_*.jsonl")
    return file, [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def change(folder, task, change_row, only=None):
    """The samples of a task rewritten, each row changed, or only the one at this position."""
    file, stored = rows(folder, task)
    for i, row in enumerate(stored):
        if only in (None, i):
            change_row(row)
    file.write_text("".join(json.dumps(row) + "\n" for row in stored), "utf-8")
    return folder


def test_log_likelihoods_are_those_in_the_file():
    by_id = {question.id: question for question in read(REFERENCE).questions}
    for task in ("tiny_mood", "tiny_ends"):
        for row in rows(REFERENCE, task)[1]:
            question = by_id[f"{task}/{row['doc_id']}"]
            stored = [float(pair[0]) for pair in row["filtered_resps"]][: len(question.options)]
            assert question.log_probabilities == tuple(stored)


def test_prompt_and_options_join_to_what_the_model_read():
    by_id = {question.id: question for question in read(REFERENCE).questions}
    for row in rows(REFERENCE, "tiny_ends")[1]:
        question = by_id[f"tiny_ends/{row['doc_id']}"]
        for i, option in enumerate(question.options):
            request = row["arguments"][f"gen_args_{i}"]
            assert question.prompt + option == request["arg_0"] + request["arg_1"]
        assert list(question.options) == row["doc"]["ends"]


def test_the_right_option_is_found_by_position_and_by_text():
    gold = {question.id: question.gold for question in read(REFERENCE).questions}
    assert [gold[f"tiny_mood/{row['doc_id']}"] for row in rows(REFERENCE, "tiny_mood")[1]] == [1, 0, 1, 0, 1, 0]
    assert [gold[f"tiny_ends/{row['doc_id']}"] for row in rows(REFERENCE, "tiny_ends")[1]] == [0, 0, 1, 1, 1, 0]


def test_a_target_that_is_a_position_and_a_text_is_read_as_acc_says(folder):
    """With choices 2, 1, 0 the target "0" may be the first or the last; acc was computed with one of them."""

    def digits(row):
        for i in range(2):
            row["arguments"][f"gen_args_{i}"]["arg_1"] = f" {1 - i}"

    assert [q.gold for q in read(change(folder, "tiny_mood", digits)).questions if q.task == "tiny_mood"] == [
        1, 0, 1, 0, 1, 0]  # fmt: skip

    def other(row):
        row["target"] = str(1 - int(row["target"]))

    # By position the targets now contradict acc, by text they do not.
    assert [q.gold for q in read(change(folder, "tiny_mood", other)).questions if q.task == "tiny_mood"] == [
        1, 0, 1, 0, 1, 0]  # fmt: skip


def test_a_target_that_is_a_position_and_a_text_is_no_guess_without_acc(folder):
    def digits(row):
        for i in range(2):
            row["arguments"][f"gen_args_{i}"]["arg_1"] = f" {1 - i}"
        row.pop("acc")

    change(folder, "tiny_mood", digits)
    results = read(folder)
    assert results.tasks == ("tiny_ends",)
    assert "may be positions or texts of choices; acc would tell which" in results.notes[0].message


def test_with_two_contexts_and_one_continuation_the_right_one_follows_from_acc(folder):
    def like_winogrande(row):
        for i, name in enumerate(("Anna", "Otto")):
            row["arguments"][f"gen_args_{i}"] = {"arg_0": f"{row['doc_id']}: Then {name}", "arg_1": " smiled."}
        row["target"] = "smiled."

    change(folder, "tiny_mood", like_winogrande)
    questions = [q for q in read(folder).questions if q.task == "tiny_mood"]
    assert [q.gold for q in questions] == [1, 0, 1, 0, 1, 0]
    assert (questions[0].prompt, questions[0].options) == ("0: Then ", ("Anna smiled.", "Otto smiled."))


def test_a_task_whose_acc_fits_no_reading_is_left_out_with_a_note(folder):
    change(folder, "tiny_ends", lambda row: row.update(target="[0, 1]"))
    results = read(folder)
    assert results.tasks == ("tiny_mood",)
    assert "task tiny_ends was left out: its targets, e.g. '[0, 1]', and acc do not say" in results.notes[0].message


def test_generated_answers_are_left_out_with_a_note():
    notes = [note.message for note in read(REFERENCE).notes]
    assert notes == ["task tiny_sums was left out: its answers are texts, which have no probabilities to choose by"]


def test_generated_answers_alone_are_refused(one_line):
    (file,) = REFERENCE.glob("samples_tiny_sums_*")
    with pytest.raises(DataError, match="no multiple-choice questions: task tiny_sums was left out") as raised:
        read(file)
    one_line(raised)


def test_log_likelihoods_that_are_all_zero_are_refused(folder, one_line):
    """An API without log-probabilities of the prompt gives them; accuracy is then that of the first choice."""

    def zero(row):
        row["filtered_resps"] = [["0.0", "False"] for _ in row["filtered_resps"]]

    change(folder, "tiny_ends", zero, only=3)
    with pytest.raises(
        DataError, match=r"line 4: all 4 log-likelihoods are exactly 0, as written for an API"
    ) as raised:
        read(folder)
    one_line(raised)


@pytest.mark.parametrize("value", ["nan", "-inf", "0.5", "no number"])
def test_a_value_that_is_no_log_likelihood_is_refused(folder, value, one_line):
    change(folder, "tiny_mood", lambda row: row.update(filtered_resps=[[value, "False"], ["-1", "True"]]), only=1)
    with pytest.raises(DataError, match=r"samples_tiny_mood_.*: line 2: log-likelihood") as raised:
        read(folder)
    one_line(raised)


def test_rows_that_an_appended_run_repeats_count_once(folder):
    file, _ = rows(folder, "tiny_mood")
    file.write_text(file.read_text("utf-8") * 2, "utf-8")
    results = read(folder)
    assert len(results.questions) == 12
    assert any(note.message.startswith("6 rows of samples_tiny_mood_") for note in results.notes)


def test_rows_of_a_different_run_in_the_same_file_are_refused(folder, one_line):
    file, stored = rows(folder, "tiny_mood")
    stored[0]["filtered_resps"][0][0] = "-1.0"
    with file.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(stored[0]) + "\n")
    with pytest.raises(
        DataError, match="line 7: tiny_mood/0 appears twice with different answers, first in line 1"
    ) as e:
        read(folder)
    one_line(e)


def test_two_runs_of_a_task_are_refused(folder, one_line):
    file, _ = rows(folder, "tiny_mood")
    shutil.copy(file, folder / "samples_tiny_mood_2027-01-01T00-00-00.000000.jsonl")
    with pytest.raises(DataError, match="holds 2 runs of task 'tiny_mood'") as raised:
        read(folder)
    one_line(raised)


def test_results_of_several_models_are_refused(tmp_path, one_line):
    shutil.copytree(STORED, tmp_path / "out")
    with pytest.raises(DataError, match="holds samples of 2 models") as raised:
        read(tmp_path / "out")
    one_line(raised)


def test_the_folder_above_that_of_the_model_is_read_too(tmp_path):
    shutil.copytree(REFERENCE, tmp_path / "out" / "model")
    assert recognises(tmp_path / "out")
    assert read(tmp_path / "out").questions[0].id == read(REFERENCE).questions[0].id


def scores_in(folder):
    """The file of scores that lm-evaluation-harness writes beside its samples."""
    file = folder / "results_2026-11-29T16-38-21.718373.json"
    file.write_text(json.dumps({"results": {}, "configs": {}, "versions": {}, "n-shot": {}}))
    return file


def test_scores_without_samples_say_how_to_get_them(tmp_path, one_line):
    (tmp_path / "org__model").mkdir()
    file = scores_in(tmp_path / "org__model")
    for place in (file, file.parent, tmp_path):
        for refuse, error in ((open_model, ModelError), (read_items, DataError)):
            with pytest.raises(error, match=r"no samples_\*\.jsonl, .*; run it again with --log_samples") as e:
                refuse(place)
            one_line(e)


def test_scores_beside_samples_lead_to_the_folder(folder, one_line):
    with pytest.raises(ModelError, match=r"its samples are beside it: name .*samples$") as raised:
        open_model(scores_in(folder))
    one_line(raised)
    assert len(read_items(folder)) == 12


def test_results_of_another_program_are_not_taken_for_scores(tmp_path):
    (tmp_path / "results_1.json").write_text('{"results": 1}')
    with pytest.raises(ModelError, match="is not a model folder"):
        open_model(tmp_path)


def test_a_renamed_file_is_recognised_by_its_keys_and_ordinary_ones_are_not(folder, tmp_path):
    file, _ = rows(folder, "tiny_mood")
    renamed = file.rename(tmp_path / "mood.jsonl")
    assert recognises(renamed)
    assert read(renamed).tasks == ("mood",)
    other = tmp_path / "other"
    other.mkdir()
    (other / "items.jsonl").write_text('{"text": "a", "label": 0}\n')
    (other / "broken.jsonl").write_bytes(b"\xff\xfe")
    assert not any(recognises(other / name) for name in ("items.jsonl", "broken.jsonl", "none.jsonl", "."))


def test_samples_of_lists_as_earlier_versions_wrote_them_read_the_same(folder):
    def as_before(row):
        row["arguments"] = [list(request.values()) for request in row["arguments"].values()]
        row["filtered_resps"] = [[float(value), greedy == "True"] for value, greedy in row["filtered_resps"]]

    change(folder, "tiny_mood", as_before)
    old, new = read(folder), read(REFERENCE)
    assert [(q.prompt, q.options, q.log_probabilities) for q in old.questions] == [
        (q.prompt, q.options, q.log_probabilities) for q in new.questions]  # fmt: skip


def test_items_have_their_own_options_or_share_the_labels():
    (mood,) = REFERENCE.glob("samples_tiny_mood_*")
    items = read_items(mood)
    assert (items.label_names, items.options) == (("negative", "positive"), None)
    assert items.ids[0] == "tiny_mood/0"
    assert items.columns == {}
    items = read_items(REFERENCE)
    assert items.label_names == ("0", "1", "2", "3")
    assert items.options[:2] == [("look for food", "write a letter", "paint the fence"),
                                 ("umbrellas", "windows", "books", "shoes")]  # fmt: skip
    assert items.columns["task"] == ["tiny_ends"] * 6 + ["tiny_mood"] * 6


def test_clusters_and_slices_are_fields_of_the_documents():
    (mood,) = REFERENCE.glob("samples_tiny_mood_*")
    assert read_items(mood, cluster="doc.writer").clusters == [f"writer {i % 3}" for i in range(6)]
    assert read_items(mood, slices="doc.writer").columns == {"doc.writer": [f"writer {i % 3}" for i in range(6)]}


def test_documents_of_a_task_without_the_field_are_clusters_of_their_own():
    items = read_items(REFERENCE, cluster="doc.writer", slices="doc.writer")
    assert items.clusters[:6] == items.ids[:6]
    assert items.clusters[6:] == [f"tiny_mood: writer {i % 3}" for i in range(6)]
    assert items.columns["doc.writer"][:6] == ["(missing)"] * 6


def test_an_unknown_field_is_refused_with_those_that_exist(one_line):
    (mood,) = REFERENCE.glob("samples_tiny_mood_*")
    with pytest.raises(
        DataError, match=r"no field 'doc.author' in any record; the fields are doc.sentence, "
    ) as raised:
        read_items(mood, cluster="doc.author")
    one_line(raised)


def test_a_field_of_any_task_is_listed_and_found_without_its_prefix(one_line):
    with pytest.raises(DataError, match=r"the fields are doc.start, doc.gold, doc_id, doc.sentence, .*doc.writer") as e:
        read_items(REFERENCE, cluster="doc.author")
    one_line(e)
    with pytest.raises(DataError, match=r"no field 'writer' in any record; use 'doc.writer'$") as e:
        read_items(REFERENCE, cluster="writer")
    one_line(e)
    with pytest.raises(DataError, match=r"field 'doc.ends' is \[.*; such fields are doc.start, doc.gold, doc_id$") as e:
        read_items(REFERENCE, slices="doc.ends")
    one_line(e)


@pytest.mark.parametrize(
    ("options", "flag"),
    [({"rate": 16_000}, "--rate"), ({"channels": "mean"}, "--channels"), ({"skip_unreadable": True}, "--skip-unread")],
)
def test_options_about_recordings_are_refused(one_line, options, flag):
    with pytest.raises(OptionError, match=f"{flag}.* has no effect: .* are samples of lm-evaluation-harness") as raised:
        read_items(REFERENCE, **options)
    one_line(raised)


def test_options_that_the_results_decide_are_refused(one_line):
    with pytest.raises(OptionError, match="--label has no effect") as raised:
        read_items(REFERENCE, label="label")
    one_line(raised)


def test_equal_options_are_numbered_so_that_they_can_be_told_apart(folder):
    def repeat(row):
        row["arguments"]["gen_args_0"]["arg_1"] = row["arguments"]["gen_args_1"]["arg_1"] = " the same"
        row["target"] = str(int(row["acc"] == 0))

    file, stored = rows(folder, "tiny_mood")
    change(folder, "tiny_mood", repeat)
    assert read_items(file).label_names == ("the same (1)", "the same (2)")
    assert len(stored) == 6


def test_a_prompt_ends_where_contexts_or_continuations_begin_to_differ():
    assert prompt_and_options(["Q:", "Q:"], [" no", " not"]) == ("Q: ", ("no", "not"))
    assert prompt_and_options(["Q: a", "Q: b"], [" end", " end"]) == ("Q: ", ("a end", "b end"))
    assert np.all([prompt_and_options(["Q", "Q"], ["", "a"])[1] == ("", "a")])
