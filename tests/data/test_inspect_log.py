"""Logs of inspect_ai; the files under tests/results were written by it (tests/results/make.py)."""

import json
import math
import zipfile
from pathlib import Path

import pytest

from trusteq import DataError, open_model, read_items
from trusteq.data.inspect_log import _from_zip, read, recognises

STORED = Path(__file__).parent.parent / "results" / "inspect"
REFERENCE = STORED / "reference.eval"


@pytest.fixture
def log():
    """A log as one JSON object, as inspect_ai writes it with ``--log-format json``."""
    header, samples = _from_zip(REFERENCE)
    return {**header, "samples": samples}


@pytest.fixture
def as_json(tmp_path):
    """Writes a log to a file."""

    def write(log):
        path = tmp_path / "log.json"
        path.write_text(json.dumps(log), "utf-8")
        return path

    return write


def answer(sample):
    """The logged token that is the letter: "ANSWER: C" is AN, SW, ER, :, and the letter."""
    return sample["output"]["choices"][0]["logprobs"]["content"][4]


def test_log_probabilities_are_those_of_the_letters_at_the_answer(log):
    by_id = {question.id: question for question in read(REFERENCE).questions}
    for sample in log["samples"]:
        question = by_id[f"tiny_threes/{sample['id']}"]
        logged = {one["token"]: one["logprob"] for one in answer(sample)["top_logprobs"]}
        assert question.log_probabilities == pytest.approx([logged[f"\u0120{letter}"] for letter in "ABC"])
        assert question.options == tuple(sample["choices"])
        assert "ABC"[question.gold] == sample["target"]


def test_accuracy_is_what_inspect_reports(log):
    right = [
        question.gold == max(range(3), key=question.log_probabilities.__getitem__)
        for question in read(REFERENCE).questions
    ]
    (score,) = log["results"]["scores"]
    assert sum(right) / len(right) == pytest.approx(score["metrics"]["accuracy"]["value"])


def test_both_formats_read_the_same(log, as_json):
    path = as_json(log)
    assert recognises(path)
    zipped, plain = read(REFERENCE).questions, read(path).questions
    assert [(q.id, q.prompt, q.options, q.log_probabilities) for q in zipped] == [
        (q.id, q.prompt, q.options, q.log_probabilities) for q in plain]  # fmt: skip


def test_the_prompt_is_what_the_model_read(log):
    (first,) = [sample for sample in log["samples"] if sample["id"] == 1]
    question = read(REFERENCE).questions[0]
    assert question.prompt == first["messages"][0]["content"]
    assert question.prompt.endswith("Question: A cat that is hungry looks for\nA) letters\nB) food\nC) fences\n")


def test_a_system_message_is_part_of_the_prompt(log, as_json):
    for sample in log["samples"]:
        sample["messages"].insert(0, {"role": "system", "content": "Be brief."})
    assert read(as_json(log)).questions[0].prompt.startswith("system: Be brief.\n\nuser: Question:")


def test_equal_letters_with_and_without_a_blank_are_added(log, as_json):
    token = answer(log["samples"][0])
    token["top_logprobs"] = [{"token": t, "logprob": math.log(p)} for t, p in
                             (("C", 0.1), ("\u0120C", 0.3), ("A", 0.2), ("\u0120B", 0.1))]  # fmt: skip
    token["logprob"] = math.log(0.3)
    by_id = {q.id: q for q in read(as_json(log)).questions}
    logs = by_id[f"tiny_threes/{log['samples'][0]['id']}"].log_probabilities
    assert [math.exp(x) for x in logs] == pytest.approx([0.2, 0.1, 0.4])


def test_an_option_that_was_not_logged_is_improbable_up_to_the_least_that_was(log, as_json):
    token = answer(log["samples"][0])
    token["top_logprobs"] = [{"token": t, "logprob": math.log(p)} for t, p in
                             (("\u0120C", 0.9), ("\u0120A", 0.09), (".", 0.002))]  # fmt: skip
    token["logprob"] = math.log(0.9)
    results = read(as_json(log))
    assert results.notes[0].message.endswith("its probability is at most 0.002")
    model = open_model(as_json(log))
    rows = model.predict(read_items(as_json(log)))
    at = [q.id for q in results.questions].index(f"tiny_threes/{log['samples'][0]['id']}")
    assert rows.values[3 * at : 3 * at + 3, 0] == pytest.approx([0.09 / 0.99, 0, 0.9 / 0.99])


def test_too_few_logged_tokens_are_refused(log, as_json, one_line):
    token = answer(log["samples"][0])
    token["top_logprobs"] = token["top_logprobs"][:1]
    with pytest.raises(DataError, match="an option is not among the logged tokens, and may have") as raised:
        read(as_json(log))
    one_line(raised)


def test_an_answer_that_was_sampled_is_noted(log, as_json):
    token = answer(log["samples"][0])
    for one in token["top_logprobs"]:
        one["logprob"] = math.log(0.9) if one["token"] == "\u0120A" else min(one["logprob"], math.log(0.02))
    token["logprob"] = math.log(0.02)
    assert (
        read(as_json(log)).notes[0].message.startswith("in 1 of 6 questions the letter that was generated is not the")
    )


def test_the_answer_is_found_behind_the_last_word_answer(log, as_json):
    tokens = log["samples"][0]["output"]["choices"][0]["logprobs"]["content"]
    thought = [
        {"token": text, "logprob": -1.0, "top_logprobs": []} for text in ("C", "\u010a", "Option", "\u0120C", "\u010a")
    ]
    tokens[:0] = thought
    assert read(as_json(log)).questions[0].log_probabilities == read(REFERENCE).questions[0].log_probabilities


def test_an_answer_without_log_probabilities_is_refused(one_line):
    """Its confidence is unknown, and calibration cannot be measured without it."""
    with pytest.raises(
        DataError, match=r"sample 1: has an answer but no log-probabilities, .* --top-logprobs 20"
    ) as raised:
        read(STORED / "silent.eval")
    one_line(raised)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda log: log.update(status="error"), "ended with status 'error'"),
        (lambda log: log["plan"]["steps"][0]["params"].update(shuffle=True), "choices were shuffled by the solver"),
        (lambda log: log["samples"].append(log["samples"][0]), "several answers to a question"),
        (lambda log: log.update(samples=[]), "has no samples"),
        (lambda log: log["samples"][0].update(choices=None), "has no choices"),
        (
            lambda log: log["samples"][0].update(target=["A", "B"]),
            r"its target is \['A', 'B'\], where one letter of ABC",
        ),
        (lambda log: log["samples"][0].update(target="D"), "its target is 'D', where one letter of ABC"),
        (lambda log: log["samples"][0]["scores"]["choice"].update(answer=""), "no answer was found in what the model"),
        (lambda log: log["samples"][0].pop("output"), "is not a complete sample"),
        (lambda log: answer(log["samples"][0]).update({"token": "x"}), "do not show at which token it answers"),
    ],
)
def test_what_cannot_be_read_is_refused(log, as_json, change, says, one_line):
    change(log)
    with pytest.raises(DataError, match=says) as raised:
        read(as_json(log))
    one_line(raised)


def test_a_damaged_archive_is_refused(tmp_path, one_line):
    data = bytearray(REFERENCE.read_bytes())
    for entry in zipfile.ZipFile(REFERENCE).infolist():
        start = entry.header_offset + 40 + len(entry.filename)
        data[start : start + 20] = bytes(20)
    (tmp_path / "broken.eval").write_bytes(data)
    with pytest.raises(DataError, match=r"broken\.eval") as raised:
        read(tmp_path / "broken.eval")
    one_line(raised)


def test_an_archive_that_unpacks_to_too_much_is_refused(monkeypatch, one_line):
    monkeypatch.setattr("trusteq.data.inspect_log.MAX_UNPACKED_BYTES", 10)
    monkeypatch.setattr("trusteq.data.inspect_log.MAX_RATIO", 1)
    with pytest.raises(DataError, match="unpacks to more than") as raised:
        read(REFERENCE)
    one_line(raised)


def test_other_files_are_not_logs(tmp_path):
    (tmp_path / "a.json").write_text('{"text": 1}')
    (tmp_path / "b.eval").write_text("no archive")
    assert not any(recognises(tmp_path / name) for name in ("a.json", "b.eval", "c.eval", "."))


def test_metadata_can_be_sliced_and_clustered_by():
    items = read_items(REFERENCE, slices="metadata.topic", cluster="metadata.topic")
    assert items.columns["metadata.topic"] == items.clusters == ["food", "other", "other", "food", "food", "other"]


def packed(path, log):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("header.json", json.dumps({key: value for key, value in log.items() if key != "samples"}))
        for number, sample in enumerate(log["samples"]):
            archive.writestr(f"samples/{number}_epoch_1.json", json.dumps(sample))
    return bytearray(path.read_bytes())


def test_a_log_whose_content_is_damaged_is_one_line(log, tmp_path):
    path = tmp_path / "log.eval"
    content = packed(path, log)
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("samples/0_epoch_1.json").header_offset
    for at in range(start + 52, start + 72):
        content[at] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"log\.eval: cannot be unpacked \(.*\); copy it again"):
        read(path)


def test_an_encrypted_log_is_one_line(log, tmp_path):
    path = tmp_path / "log.eval"
    content = packed(path, log)
    content[content.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"log\.eval: header\.json is encrypted; give the log without a password"):
        read(path)
