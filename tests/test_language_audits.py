"""Audits of language models, from a folder and a task file to a verdict and a run."""

import html
import json
import shutil

import numpy as np
import pytest
import yaml
from command import one_line
from command import trusteq as command
from oracles import tiny_language_models as tiny

import trusteq
from trusteq import ModelError, RunError, load_run
from trusteq.auditing.verify import verify_run
from trusteq.models.library_output import quiet_transformers
from trusteq.models.open import open_model
from trusteq.record.evidence import evidence
from trusteq.report.difference import difference
from trusteq.report.page.page import page
from trusteq.report.wording import URGENT

TASK = {"task": "choices", "prompt": "Text: {{ text }}\nIt is", "choices": {"no": " bad", "yes": " good"}}
OWN = {"task": "choices", "prompt": "Q: {{ text }}\nA:", "options": "answers"}
WORDS = ["a", "good", "day", "was", "bad", "so", "it", "is", "not", "the", "worst", "of", "all"]
POLICY = {
    "name": "wide",
    "min_items": 20,
    "required": ["behaviour"],
    "rules": {"behaviour": {"disagreement": {"at_most": 0.9}}},
}


def rows(n=40):
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS, 4 + i % 4)) for i in range(n)]
    answers = ["a good", "a bad", "so"]
    return [
        {"id": f"t{i}", "text": text, "label": "yes" if "good" in text else "no", "answers": answers[: 2 + i % 2]}
        | {"right": i % 2}
        for i, text in enumerate(texts)
    ]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Two models, one of them again with another chat template, items and task files."""
    folder = tmp_path_factory.mktemp("language")
    tiny.save(folder / "large")
    tiny.save(folder / "small", seed=2)
    tiny.save(folder / "polite", seed=2)
    with quiet_transformers():
        tiny.tokenizer(template=tiny.TEMPLATE.replace("<s>assistant", "<s>helper")).save_pretrained(folder / "polite")
    (folder / "items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows()))
    (folder / "task.yaml").write_text(yaml.safe_dump(TASK))
    (folder / "own.yaml").write_text(yaml.safe_dump(OWN))
    (folder / "policy.yaml").write_text(yaml.safe_dump(POLICY))
    return folder


def opened(place, name, task=TASK):
    return open_model(place / name, name=name, options={"task": task})


def items(place, task=TASK):
    if task.get("options"):
        return trusteq.read_items(place / "items.jsonl", text="text", label="right", options="answers", id="id")
    return trusteq.read_items(place / "items.jsonl", text="text", label="label", id="id")


def audited(place, names=("large", "small"), task=TASK, **options):
    reference, candidate = (opened(place, name, task) for name in names)
    options = {"policy": POLICY, "resamples": 100, "costs": "none", "with_slices": False, **options}
    return trusteq.audit(reference, {candidate.name: candidate}, items(place, task), **options)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["task", "own"])
def test_a_task_file_is_enough_on_the_command_line(place, task, tmp_path):
    label = "label" if task == "task" else "right"
    words = ["large", "small", "--data", "items.jsonl", "--task", f"{task}.yaml", "--label", label, "--policy"]
    words += ["policy.yaml", "--explain-items", "20", "--costs", "none", "--out", str(tmp_path / "run"), "--quiet"]
    done = command("audit", *words, cwd=place)
    assert done.returncode == 0, done.stderr
    finished = load_run(tmp_path / "run")
    assert verify_run(finished).passed
    settings = finished.document.settings
    assert settings["task"] == "choices"
    assert settings["asking"]["prompt"] == (TASK if task == "task" else OWN)["prompt"]
    assert settings["explain"].scale == "log-odds"
    measures = finished.document.candidates[0].measures
    assert {"mass_reference", "disagreement"} <= set(measures["behaviour"])
    assert ("kl_reference_candidate" in measures["behaviour"]) == (task == "task")
    assert "faithfulness_reference_shapley" in measures["explanation"]


def test_the_page_shows_how_the_models_were_asked(place):
    shown = page(audited(place).evidence)
    block = shown.partition('aria-label="Task file"><code>')[2].partition("</code>")[0]
    assert yaml.safe_load(html.unescape(block)) == TASK
    assert "prompt: |-\n  Text: {{ text }}\n  It is\n" in block


def test_without_a_task_file_it_is_one_line(place):
    done = command("audit", "large", "small", "--data", "items.jsonl", "--text", "text", "--quiet", cwd=place)
    one_line(done, "is a language model, and nothing says how to ask it; give a task file with --task FILE")


def test_a_language_model_compared_with_itself_is_equivalent(place):
    policy = {**POLICY, "min_items": 20, "rules": {"behaviour": {"disagreement": {"at_most": 0.2}}}}
    one, other = opened(place, "large"), opened(place, "large")
    other.name = "again"
    with pytest.raises(ModelError, match="again is the same model as large"):
        trusteq.audit(one, {"again": other}, items(place), policy=policy, costs="none")
    result = trusteq.audit(
        one, {"again": other}, items(place), policy=policy, costs="none", allow_same=True, explain=False, resamples=100
    )
    assert result["again"].verdict.outcome == "EQUIVALENT"


def test_other_prompts_are_an_urgent_finding(place):
    task = {**TASK, "chat": "model", "choices": {"no": "bad", "yes": "good"}}
    result = audited(place, ("large", "polite"), task, explain=False)
    (first,) = [finding for finding in result["polite"].candidate.findings if finding.kind == "other prompts"]
    assert first.kind in URGENT
    assert "reads other prompts than large, in 40 of 40" in first.message
    assert "helper" in first.message
    same = audited(place, ("large", "small"), task, explain=False)
    assert "other prompts" not in {finding.kind for finding in same.findings}


def test_models_asked_in_different_ways_are_refused(place):
    other = {**TASK, "score": "per_byte"}
    with pytest.raises(ModelError, match="small is asked by another task file than the reference large"):
        trusteq.audit(opened(place, "large"), {"small": opened(place, "small", other)}, items(place), costs="none")


def test_runs_that_asked_in_different_ways_are_never_compared(place):
    one = audited(place, explain=False).evidence
    other = audited(place, task={**TASK, "score": "per_byte"}, explain=False).evidence
    with pytest.raises(RunError, match="asked in different ways: their task files differ in 'score'"):
        difference(one, other)
    assert difference(one, one).match.paired


@pytest.mark.slow
def test_letters_have_an_order_effect_and_an_explanation(place, tmp_path):
    task = {
        **OWN,
        "prompt": "Q: {{ text }}\n{% for choice in choices %}{{ choice.letter }}. {{ choice.text }}\n{% endfor %}A:",
        "score": "letters",
        "orders": "cyclic",
    }
    result = audited(place, task=task, explain=trusteq.ExplainSettings(items=10, masks=32))
    assert result["small"].measures["behaviour"]["order_effect_reference"].value > 0
    kept = load_run(result.save(tmp_path / "run"))
    assert verify_run(kept).passed
    assert evidence(kept).task.name == "choices"


TEXTS = {"task": "tokens", "text": "{{ text }}"}
BOTH = {
    "name": "both",
    "min_items": 20,
    "required": ["behaviour", "distribution"],
    "rules": {
        "behaviour": {"disagreement": {"at_most": 0.99}},
        "distribution": {"token_kl_excess": {"at_most": 1000}, "nll_per_byte_ratio": {"at_most": 50}},
    },
}


@pytest.fixture(scope="module")
def two_runs(place, tmp_path_factory):
    """A run of choices and one of tokens, of the same models."""
    folder = tmp_path_factory.mktemp("runs")
    (folder / "both.yaml").write_text(yaml.safe_dump(BOTH))
    for name, task in (("choices", TASK), ("tokens", TEXTS)):
        audited(place, task=task, policy=BOTH, explain=False).save(folder / name)
    return folder


def test_each_run_alone_leaves_a_required_dimension_unmeasured(two_runs):
    for name, missing in (("choices", "distribution"), ("tokens", "behaviour")):
        done = command("gate", name, cwd=two_runs)
        assert done.returncode == 3
        assert f"{missing} was not measured" in done.stdout.replace("\n", " ")


def test_runs_of_choices_and_tokens_are_judged_together(two_runs):
    done = command("gate", "choices", "tokens", cwd=two_runs)
    assert done.returncode == 0, done.stdout
    assert "in choices, 40 items:" in done.stdout
    assert "other runs" not in done.stdout
    document = json.loads(command("gate", "choices", "tokens", "--json", cwd=two_runs).stdout)
    outcomes = {d["dimension"]: d["outcome"] for d in document["candidates"]["small"]["dimensions"]}
    assert outcomes == {
        "behaviour": "EQUIVALENT",
        "calibration": "NOT MEASURED",
        "explanation": "NOT MEASURED",
        "distribution": "EQUIVALENT",
    }


def test_one_run_beyond_a_margin_is_enough(two_runs):
    strict = {**BOTH, "name": "strict", "rules": {**BOTH["rules"], "distribution": {"same_top": {"at_least": 0.999}}}}
    (two_runs / "strict.yaml").write_text(yaml.safe_dump(strict))
    done = command("gate", "choices", "tokens", "--policy", "strict.yaml", cwd=two_runs)
    assert done.returncode == 1
    assert "same top token" in done.stdout


def test_runs_of_other_models_are_not_judged_together(place, two_runs, tmp_path):
    other = audited(place, ("large", "polite"), explain=False, policy=BOTH)
    other.save(tmp_path / "other")
    done = command("gate", "choices", tmp_path / "other", cwd=two_runs)
    one_line(done, "no model 'small'; judge together only runs of the same models")
    audited(place, ("small", "large"), explain=False, policy=BOTH).save(tmp_path / "turned")
    done = command("gate", "choices", tmp_path / "turned", cwd=two_runs)
    one_line(done, "the reference is 'small', that of choices is 'large'; judge together only runs of the same models")


def test_runs_of_another_model_of_the_same_name_are_not_judged_together(place, two_runs, tmp_path):
    one, other = opened(place, "large"), open_model(place / "large", name="small", options={"task": TASK})
    result = trusteq.audit(
        one, {"small": other}, items(place), policy=BOTH, costs="none", explain=False, resamples=100, allow_same=True
    )
    result.save(tmp_path / "other")
    done = command("gate", "choices", tmp_path / "other", cwd=two_runs)
    one_line(done, "model 'small' is not the one in choices")


@pytest.mark.parametrize("part", ["tokenizer", "chat_template"])
def test_runs_of_the_same_weights_that_read_otherwise_are_not_judged_together(two_runs, tmp_path, part):
    shutil.copytree(two_runs / "tokens", tmp_path / "other")
    manifest = json.loads((tmp_path / "other/manifest.json").read_text("utf-8"))
    manifest["models"][1]["details"][part] = "0" * 64
    (tmp_path / "other/manifest.json").write_text(json.dumps(manifest), "utf-8")
    done = command("gate", "choices", tmp_path / "other", cwd=two_runs)
    one_line(done, "model 'small' is not the one in choices")


def test_runs_by_different_policies_need_one(place, two_runs, tmp_path):
    audited(place, explain=False).save(tmp_path / "wide")
    done = command("gate", "choices", tmp_path / "wide", cwd=two_runs)
    one_line(done, "the runs were judged by different policies (both, wide); choose with --policy")


@pytest.mark.parametrize(("task", "dimension"), [("texts", "distribution"), ("task", "behaviour")])
def test_a_dimension_can_be_chosen_without_naming_the_policy(place, task, dimension, tmp_path):
    (place / "texts.yaml").write_text(yaml.safe_dump(TEXTS))
    words = ["large", "small", "--data", "items.jsonl", "--task", f"{task}.yaml", "--dimensions", dimension]
    words += ["--no-explain", "--costs", "none", "--quiet", "--resamples", "100", "--out", tmp_path / "run"]
    done = command("audit", *words, cwd=place)
    assert done.returncode == 1, done.stderr
    policy = load_run(tmp_path / "run").policy
    assert (policy.name, policy.required) == ("generative", (dimension,))


def test_without_a_policy_the_dimensions_of_the_task_are_required(place):
    for task, required in (
        (TASK, ("behaviour", "calibration", "explanation")),
        (TEXTS, ("calibration", "distribution")),
    ):
        policy = audited(place, task=task, explain=False, policy=None).policy
        assert (policy.name, policy.required) == ("generative", required)


def test_prompts_that_are_too_long_are_counted_among_all_items(place):
    task = {**TASK, "system": "so " * 240}
    with pytest.raises(ModelError, match=r"model large: the prompts of 40 of 40 items do not fit into its context"):
        audited(place, task=task, explain=False)
