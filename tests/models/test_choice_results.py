"""Stored answers to multiple-choice questions as models, in files written by the tools (tests/results/make.py)."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from command import one_line as one_error_line
from command import trusteq as command

import trusteq
from trusteq import ModelError, OptionError

STORED = Path(__file__).parent.parent / "results"
REFERENCE, CANDIDATE = STORED / "lm_eval" / "reference", STORED / "lm_eval" / "candidate"


def only(folder, task):
    (file,) = folder.glob(f"samples_{task}_*")
    return file


@pytest.fixture(scope="module")
def finished():
    items = trusteq.read_items(REFERENCE)
    return trusteq.audit(
        trusteq.open_model(REFERENCE), {"int4": trusteq.open_model(CANDIDATE)}, items, resamples=200, costs="none"
    )


def test_probabilities_are_the_softmax_of_log_likelihoods_and_raw_ones_are_those_of_the_texts():
    items = trusteq.read_items(only(REFERENCE, "tiny_mood"))
    rows = trusteq.open_model(only(REFERENCE, "tiny_mood")).predict(items)
    with only(REFERENCE, "tiny_mood").open() as file:
        stored = [json.loads(line) for line in file]
    likelihoods = np.exp([[float(pair[0]) for pair in row["filtered_resps"]] for row in stored])
    np.testing.assert_allclose(rows.values[:, 1].reshape(-1, 2), likelihoods, rtol=1e-12)
    np.testing.assert_allclose(
        rows.values[:, 0].reshape(-1, 2), likelihoods / likelihoods.sum(axis=1, keepdims=True), rtol=1e-12
    )
    assert np.isnan(rows.values[:, 2]).all()
    # As lm-eval itself printed them, to eight decimals.
    printed = [np.array(row["brier_score"][1].strip("[]").split(), float) for row in stored]
    np.testing.assert_allclose(rows.values[:, 0].reshape(-1, 2), printed, atol=1e-8)


def test_accuracy_is_what_lm_eval_reports(finished):
    """It printed acc 0.8333 and 0.8333 for the reference's tasks, 0.6667 and 1.0 for the candidate's."""
    measures = finished.comparisons[0].measures["behaviour"]
    assert measures["accuracy_reference"].value == pytest.approx((5 + 5) / 12)
    assert measures["accuracy_candidate"].value == pytest.approx((4 + 6) / 12)


@pytest.mark.parametrize("folder", [REFERENCE, CANDIDATE])
@pytest.mark.parametrize(("score", "metric"), [("sum", "acc"), ("per_byte", "acc_bytes")])
@pytest.mark.parametrize("task", ["tiny_mood", "tiny_ends"])
def test_every_answer_is_right_where_lm_eval_says_so(folder, score, metric, task):
    file = only(folder, task)
    items = trusteq.read_items(file)
    rows = trusteq.open_model(file, options={"score": score}).predict(items)
    ends = np.cumsum(rows.counts)[:-1]
    answers = [int(shares.argmax()) for shares in np.split(rows.values[:, 0], ends)]
    with file.open() as lines:
        stored = [json.loads(line)[metric] for line in lines]
    assert [float(answer == gold) for answer, gold in zip(answers, items.labels, strict=True)] == stored


def test_brier_is_what_lm_eval_reports_where_all_choices_are_of_one_length():
    """It printed 0.1783 for the reference's task and 0.2159 for the candidate's."""
    file = only(REFERENCE, "tiny_mood")
    audit = trusteq.audit(
        trusteq.open_model(file), {"int4": trusteq.open_model(only(CANDIDATE, "tiny_mood"))}, trusteq.read_items(file),
        resamples=200, costs="none",
    )  # fmt: skip
    measures = audit.comparisons[0].measures["calibration"]
    assert measures["brier_reference"].value == pytest.approx(0.1783, abs=5e-5)
    assert measures["brier_candidate"].value == pytest.approx(0.2159, abs=5e-5)


def test_what_was_left_out_is_a_finding(finished):
    messages = [finding.message for finding in finished.reference.findings]
    assert any(message.startswith("task tiny_sums was left out") for message in messages)


def test_another_rule_is_part_of_the_identity_and_an_unknown_one_is_refused(one_line):
    assert trusteq.open_model(REFERENCE).identity.details["score"] == "sum"
    assert trusteq.open_model(REFERENCE, options={"score": "per_byte"}).identity.details["score"] == "per_byte"
    with pytest.raises(OptionError, match="score 'letters' is not sum or per_byte, as samples") as raised:
        trusteq.open_model(REFERENCE, options={"score": "letters"})
    one_line(raised)


def test_models_under_different_rules_are_refused(one_line):
    with pytest.raises(ModelError, match="by the rule 'per_byte', the reference reference by 'sum'") as raised:
        trusteq.audit(
            trusteq.open_model(REFERENCE),
            {"int4": trusteq.open_model(CANDIDATE, options={"score": "per_byte"})},
            trusteq.read_items(REFERENCE),
        )
    one_line(raised)


def test_the_same_results_are_refused_as_a_candidate(tmp_path, one_line):
    copy = shutil.copytree(REFERENCE, tmp_path / "copy")
    with pytest.raises(ModelError, match="is the same model as") as raised:
        trusteq.audit(trusteq.open_model(REFERENCE), {"copy": trusteq.open_model(copy)}, trusteq.read_items(REFERENCE))
    one_line(raised)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("Sentiment:", "Mood:", r"6 of 12 questions were put in other words .* 'tiny_mood/0': character 48 of"),
        (" wheels", " spoons", r"1 of 12 questions .* 'tiny_ends/3': character 1 of option 4 begins 'spoons'"),
        ('"arg_1": " ', '"arg_1": "\\n', "12 of 12 questions"),
    ],
)  # fmt: skip
def test_other_prompts_are_refused_naming_the_first(tmp_path, one_line, old, new, says):
    """prompt_hash is that of the first context only, so it does not see another choice, or white space before it."""
    folder = shutil.copytree(CANDIDATE, tmp_path / "other")
    for file in folder.iterdir():
        file.write_text(file.read_text("utf-8").replace(old, new), "utf-8")
    with pytest.raises(ModelError, match=says) as raised:
        trusteq.open_model(folder).predict(trusteq.read_items(REFERENCE))
    one_line(raised)


def test_another_right_option_is_refused(tmp_path, one_line):
    """The data were corrected between the two runs, say."""
    folder = shutil.copytree(CANDIDATE, tmp_path / "other")
    file = only(folder, "tiny_mood")
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    rows[4].update(target="0", acc=1.0 - rows[4]["acc"])
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    with pytest.raises(
        ModelError, match=r"1 of 12 questions have another right option .* 'tiny_mood/4': option 1"
    ) as e:
        trusteq.open_model(folder).predict(trusteq.read_items(REFERENCE))
    one_line(e)


def test_documents_that_only_one_side_has_are_refused(tmp_path, one_line):
    folder = shutil.copytree(CANDIDATE, tmp_path / "fewer")
    file = only(folder, "tiny_ends")
    file.write_text("".join(file.read_text("utf-8").splitlines(keepends=True)[:-1]), "utf-8")
    with pytest.raises(ModelError, match=r"lacks 1 of 12 questions of .*, e.g. 'tiny_ends/5'.* same --limit") as raised:
        trusteq.open_model(folder).predict(trusteq.read_items(REFERENCE))
    one_line(raised)
    with pytest.raises(ModelError, match=r"has 1 more than the 11 questions of .*, e.g. 'tiny_ends/5'") as raised:
        trusteq.open_model(REFERENCE).predict(trusteq.read_items(folder))
    one_line(raised)


def test_tasks_that_only_one_side_has_are_named_with_the_way_out(tmp_path, one_line):
    folder = shutil.copytree(CANDIDATE, tmp_path / "fewer")
    only(folder, "tiny_ends").unlink()
    said = "only one of them was asked tiny_ends: name a file of one task of each model, or a folder without it"
    for model, items in ((folder, REFERENCE), (REFERENCE, folder)):
        with pytest.raises(ModelError, match=f"6 .*questions of .*{said}$") as raised:
            trusteq.open_model(model).predict(trusteq.read_items(items))
        one_line(raised)
    with pytest.raises(ModelError, match=r"share no question \(this model was asked tiny_ends\)") as raised:
        trusteq.open_model(only(REFERENCE, "tiny_ends")).predict(trusteq.read_items(folder))
    one_line(raised)


def test_items_from_elsewhere_are_refused(one_line):
    items = trusteq.Items(ids=["a", "b"], segments={"text": ["one", "two"]})
    with pytest.raises(ModelError, match="need the items of such results; leave out --data and --text") as raised:
        trusteq.open_model(REFERENCE).predict(items)
    one_line(raised)


def test_the_order_of_rows_does_not_matter(tmp_path):
    folder = shutil.copytree(CANDIDATE, tmp_path / "reversed")
    for file in folder.iterdir():
        file.write_text("".join(reversed(file.read_text("utf-8").splitlines(keepends=True))), "utf-8")
    items = trusteq.read_items(REFERENCE)
    np.testing.assert_array_equal(
        trusteq.open_model(folder).predict(items).values, trusteq.open_model(CANDIDATE).predict(items).values
    )


@pytest.mark.slow
def test_two_folders_are_audited_from_the_command_line(tmp_path):
    done = command(
        "audit", f"fp32={REFERENCE}", f"int4={CANDIDATE}", "--cluster", "doc.writer", "--resamples", 200, "--quiet",
        cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert "12 items" in done.stdout
    assert "task tiny_sums was left out" in done.stdout
    assert command("verify", "trusteq-run", cwd=tmp_path).returncode == 0
    assert command("report", "trusteq-run", "--out", "page.html", cwd=tmp_path).returncode == 0


def test_an_option_without_effect_is_refused_on_the_command_line(tmp_path):
    one_error_line(
        command("audit", REFERENCE, CANDIDATE, "--label", "gold", "--quiet", cwd=tmp_path),
        "--label has no effect",
        "lm-evaluation-harness",
    )
