import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from trusteq import TaskFile, TaskFileError, read_task_file
from trusteq.prompts.schema import text
from trusteq.prompts.task_file import task_schema

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples/tasks").glob("*.yaml"))
PUBLISHED = ROOT / "docs/reference/task.schema.json"
SHARED = {
    "task": "choices",
    "prompt": "Review: {{ sentence }}\nSentiment:",
    "choices": {"positive": " positive", "negative": " negative"},
}
OWN = {"task": "choices", "prompt": "{{ question }}\nAnswer:", "options": "endings"}
SHOWN = "{{ question }}\n{% for choice in choices %}{{ choice.letter }}. {{ choice.text }}\n{% endfor %}Answer:"
LETTERS = {**OWN, "prompt": SHOWN, "score": "letters"}
SHOT = {"sentence": "dull", "answer": "negative"}
OWN_SHOT = {"question": "1 + 1?", "options": ["1", "2"], "answer": "2"}


def refused(content):
    with pytest.raises(TaskFileError) as caught:
        read_task_file(content)
    return str(caught.value)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_read_and_valid_by_the_schema(path):
    task = read_task_file(path)
    assert task.columns in {("sentence",), ("text",), ("question",)}
    jsonschema.Draft202012Validator(task_schema()).validate(yaml.safe_load(path.read_text("utf-8")))


def test_there_are_examples():
    assert len(EXAMPLES) == 3


def test_the_published_schema_is_this_one():
    assert PUBLISHED.read_text("utf-8") == text(), "python -m trusteq.prompts.schema > docs/reference/task.schema.json"


def test_the_schema_refuses_unknown_keys_and_values_of_shots_that_are_no_texts():
    validator = jsonschema.Draft202012Validator(task_schema())
    validator.check_schema(task_schema())
    assert validator.is_valid(json.loads(json.dumps({**SHARED, "shots": [SHOT]})))
    assert not validator.is_valid({**SHARED, "prompts": "x"})
    assert not validator.is_valid({**SHARED, "shots": [{**SHOT, "sentence": 5}]})


@pytest.mark.parametrize("content", [SHARED, OWN, LETTERS, {**SHARED, "shots": [SHOT]}, {"task": "tokens"}])
def test_a_task_file_survives_being_written_out_and_read_back(content):
    task = read_task_file(content)
    again = read_task_file(json.loads(json.dumps(task.model_dump(mode="json"))))
    assert again == task
    assert again.content() == task.content()


def test_a_task_file_is_itself():
    task = read_task_file(SHARED)
    assert isinstance(task, TaskFile)
    assert read_task_file(task) is task


def test_columns_are_what_the_template_reads_in_order_of_first_use():
    template = "{{ b }}{% if a %}{{ b }}{{ c[:5] }}{% endif %}{% for choice in choices %}{{ choice.text }}{% endfor %}"
    assert read_task_file({**LETTERS, "prompt": template}).columns == ("b", "a", "c")
    assert read_task_file({"task": "tokens", "text": "{{ title }}\n{{ body }}"}).columns == ("title", "body")
    assert read_task_file({"task": "tokens"}).columns == ()


CHANGES = [
    {"prompt": "Review: {{ sentence }}\nMood:"},
    {"system": "Judge."},
    {"shots": [SHOT]},
    {"chat": "model"},
    {"choices": {"negative": " negative", "positive": " positive"}},
    {"choices": {"positive": " good", "negative": " negative"}},
    {"score": "per_byte"},
    {"minus_unconditional": True, "unconditional": "Sentiment:"},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: next(iter(change)))
def test_whatever_changes_a_question_or_its_answer_changes_the_content(change):
    assert read_task_file({**SHARED, **change}).content() != read_task_file(SHARED).content()


def test_what_changes_nothing_does_not_change_the_content():
    plain = read_task_file(OWN).content()
    assert (
        read_task_file({**OWN, "continuation": " {{ option }}", "between": "\n\n", "score": "sum"}).content() == plain
    )
    shots = [{"sentence": "a", "answer": "positive"}, {"answer": "positive", "sentence": "a"}]
    one, other = (read_task_file({**SHARED, "shots": [shot]}).content() for shot in shots)
    assert one == other


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({**SHARED, "options": "o"}, "has both choices and options"),
        ({"task": "choices", "prompt": "{{ a }}"}, "has neither choices nor options"),
        ({"task": "choices", "choices": SHARED["choices"]}, "task: choices needs a prompt"),
        ({**SHARED, "choices": {"a": " a"}}, "choices: needs two or more"),
        ({**SHARED, "choices": {"a": " a", "b": "  "}}, "choices: the text of 'b' is empty"),
        ({**SHARED, "choices": {"a": " a", " ": " b"}}, "choices: a label is empty"),
        ({**SHARED, "choices": {"a": " yes", "b": " yes"}}, "the text ' yes' begins with another choice's, ' yes'"),
        ({**SHARED, "choices": {"a": " yes", "b": " yes, no"}}, "the text ' yes, no' begins with another choice's"),
        ({**SHARED, "choices": {True: " yes", False: " no"}}, "must be a text; YAML reads yes, no, on and off"),
        ({**SHARED, "choices": {0: " yes", 1: " no"}}, "must be a text; put it in quotes (found 0)"),
        ({**SHARED, "shots": [{**SHOT, "answer": "bad"}]}, "shot 1: the answer 'bad' is none of 'positive', 'neg"),
        ({**SHARED, "shots": [SHOT, {"answer": "negative"}]}, "shot 2 lacks 'sentence'"),
        ({**SHARED, "shots": [{**SHOT, "title": "x"}]}, "shot 1: the prompt does not read 'title'; it reads sentence"),
        ({**SHARED, "shots": [{"sentence": "x"}]}, "shots.0.answer: field required"),
        ({**SHARED, "shots": [{**SHOT, "options": ["a", "b"]}]}, "shot 1 has options of its own"),
        ({**OWN, "shots": [{"question": "x", "answer": "a"}]}, "shot 1 lacks options"),
        ({**OWN, "shots": [{**OWN_SHOT, "answer": "3"}]}, "shot 1: the answer '3' is none of '1', '2'"),
        ({**OWN, "shots": [{**OWN_SHOT, "options": ["2"]}]}, "shot 1 has 1 of the two or more options"),
        ({**OWN, "shots": [{**OWN_SHOT, "options": ["2", " "]}]}, "shot 1 has an empty option, number 2"),
        ({**OWN, "shots": [{**OWN_SHOT, "options": ["2", "2"]}]}, "shot 1 has the option '2' twice"),
        ({**OWN, "shots": [{**OWN_SHOT, "options": ["2", "23"]}]}, "shot 1 has an option, ' 23', that begins with"),
        ({**OWN, "prompt": "{{ answer }}", "shots": [OWN_SHOT]}, "the column 'answer', but shots have another"),
        ({**SHARED, "orders": "cyclic"}, "orders would have no effect: only letters have orders"),
        ({**SHARED, "between": "\n"}, "between would have no effect"),
        ({**SHARED, "continuation": "{{ option }}"}, "continuation would have no effect"),
        ({**SHARED, "text": "{{ sentence }}"}, "text would have no effect: only task: tokens reads it"),
        ({**SHARED, "minus_unconditional": True}, "minus_unconditional and unconditional need each other"),
        ({**SHARED, "unconditional": "Answer:"}, "minus_unconditional and unconditional need each other"),
        ({**LETTERS, "minus_unconditional": True, "unconditional": "A:"}, "minus_unconditional with score: letters"),
        ({**OWN, "score": "letters"}, "score: letters, but the prompt does not show them"),
        ({**LETTERS, "score": "sum"}, "the prompt reads 'choices', which have letters only with score: letters"),
        ({**LETTERS, "prompt": "{{ choices|join }}"}, "the prompt reads no column"),
        ({**SHARED, "prompt": "Sentiment:"}, "prompt: reads no column of the items"),
        ({**SHARED, "prompt": "{{ sentence }} "}, "the prompt ends in ' ' and what follows begins with ' '"),
        ({**OWN, "prompt": "{{ question }}\n"}, "the prompt ends in '\\n' and what follows begins with ' '"),
        ({**SHARED, "system": " "}, "system: is empty"),
        ({**SHARED, "system": "About {{ sentence }}"}, "system: is the same for all items"),
        ({**OWN, "continuation": " because"}, "continuation: must be a template of {{ option }}"),
        ({**OWN, "continuation": "{{ option }}{{ question }}"}, "continuation: must be a template of {{ option }}"),
        ({**SHARED, "prompts": "x"}, "task file has no key 'prompts'; did you mean 'prompt'?"),
        ({**SHARED, "task": "classes"}, "task: input should be 'choices' or 'tokens'"),
        ({"prompt": "{{ a }}"}, "task: field required"),
        ({"task": "tokens", "prompt": "{{ a }}"}, "task: tokens does not read prompt; remove it"),
        ({"task": "tokens", "text": "a"}, "text: reads no column"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_in_one_line(content, message):
    assert message in refused(content)


def test_shared_letters_may_begin_with_one_another_but_not_be_the_same():
    task = {**LETTERS, "options": None, "choices": {"a": "yes", "b": "yes, but"}}
    assert read_task_file(task).score == "letters"
    assert "two choices have the same text" in refused({**task, "choices": {"a": "yes", "b": " yes"}})


def test_there_are_26_letters():
    task = {**LETTERS, "options": None, "choices": {f"l{i}": f"text {i}" for i in range(26)}}
    assert len(read_task_file(task).choices) == 26
    task["choices"] = task["choices"] | {"l26": "text 26"}
    assert "27 choices for 26 letters; use score: sum or per_byte" in refused(task)


def test_a_file_says_where_it_is_wrong(tmp_path):
    path = tmp_path / "task.yaml"
    assert refused(path) == f"{path}: no such task file"
    path.write_text("- a", "utf-8")
    assert refused(path) == f"{path}: a task file must be a mapping of names to values, found list"
    path.write_text("task: [", "utf-8")
    assert re.match(rf"{re.escape(str(path))}: not YAML: ", refused(str(path)))
    path.write_bytes(b"\xff\xfe")
    assert "cannot be read as text" in refused(path)
    path.write_text("task: choices\nprompt: |\n  {{ a }}\noptions: b\n", "utf-8")
    assert "(in YAML, |- leaves out the last line break and | keeps it)" in refused(path)


def test_anything_else_is_no_task_file():
    assert refused(5) == "task is 5; give a YAML file, a mapping or a trusteq.TaskFile"
