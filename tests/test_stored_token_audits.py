"""Audits of language models that read one after the other: a lower bound shows harm, never its absence."""

import importlib
import json

import pytest
import yaml
from command import one_line
from command import trusteq as command
from oracles import tiny_language_models as tiny
from oracles.tiny_readers import WORDS

import trusteq
from trusteq import load_run
from trusteq.auditing.verify import verify_run
from trusteq.cli.report import FORMATS
from trusteq.models.causal import crowded
from trusteq.models.open import open_model
from trusteq.record.evidence import evidence
from trusteq.record.run import rejudge
from trusteq.report.page.page import page

POLICY = {
    "name": "close",
    "min_items": 20,
    "required": ["distribution"],
    "rules": {"distribution": {"token_kl_excess": {"at_most": 0.05}, "same_top": {"at_least": 0.5}}},
}
TEXTS = [f"the {WORDS[i % 7]} film was {'very ' * (i % 5)}{WORDS[i % 3]} in scene {i}" for i in range(40)]
ITEMS = trusteq.Items([f"d{i:02}" for i in range(40)], {"text": TEXTS})


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    for name, seed in (("large", 1), ("copy", 1), ("far", 2)):
        tiny.save(folder / name, seed=seed)
    (folder / "items.jsonl").write_text(
        "".join(json.dumps({"id": id_, "text": text}) + "\n" for id_, text in zip(ITEMS.ids, TEXTS, strict=True))
    )
    (folder / "task.yaml").write_text(yaml.safe_dump({"task": "tokens"}))
    (folder / "policy.yaml").write_text(yaml.safe_dump(POLICY))
    return folder


def audited(place, *names, **options):
    models = [open_model(place / n, options={"task": {"task": "tokens"}, **options}) for n in ("large", *names)]
    return trusteq.audit(
        models[0], models[1:], ITEMS, policy=POLICY, costs="quick", resamples=200, allow_same="copy" in names
    )


@pytest.fixture(scope="module")
def stored(place):
    return audited(place, "far", "copy", top_tokens=20)


def test_harm_is_shown_as_by_the_whole_vocabulary(place, stored):
    whole, bound = (made["far"] for made in (audited(place, "far"), stored))
    assert whole.verdict.outcome == bound.verdict.outcome == "NOT EQUIVALENT"
    exact, least = (
        made.measures["distribution"][name]
        for made, name in ((whole, "token_kl_excess"), (bound, "token_kl_at_least_excess"))
    )
    assert 0.05 < least.low < least.value < exact.value
    for name in ("same_top", "token_probability_change_rms", "nll_per_byte_ratio"):
        assert bound.measures["distribution"][name] == whole.measures["distribution"][name]
    assert "token_kl" not in bound.measures["distribution"]


def test_identical_models_are_undecided(stored):
    verdict = stored["copy"].verdict
    assert verdict.outcome == "UNDECIDED"
    (rules,) = (d.rules for d in verdict.dimensions if d.dimension == "distribution")
    assert {rule.measure: rule.outcome for rule in rules} == {
        "token_kl_at_least_excess": "UNDECIDED",
        "same_top": "EQUIVALENT",
    }
    assert rules[1].estimate.value == 1
    assert "is a lower bound, which can never show that something is at most 0.05" in verdict.reason


def test_how_much_is_not_covered_is_said(stored):
    finding = next(f for f in stored["far"].candidate.findings if f.kind == "lower bound")
    assert finding.value == pytest.approx(stored["far"].measures["distribution"]["token_kl_at_least_tail"].value)
    assert f"{finding.value:.2%} of the reference's probability, on average, lies in" in finding.message
    assert [f.kind for f in stored.reference.findings].count("stored tokens") == 1
    assert "lower bound" not in [f.kind for f in stored.reference.findings]


def test_speed_is_not_measured_of_a_model_that_is_opened_for_it(stored):
    assert "far: speed was not measured: it is in memory only while it reads" in stored.costs.notes
    assert stored.costs.models[1].weights_bytes > 0


def test_a_run_is_stored_checked_judged_again_and_told(stored, tmp_path):
    run = load_run(stored.save(tmp_path / "run"))
    assert verify_run(run).passed
    assert {name: v.outcome for name, v in rejudge(run, trusteq.read_policy(POLICY)).items()} == {
        "far": "NOT EQUIVALENT",
        "copy": "UNDECIDED",
    }
    for module, _, function in (path.partition(":") for name, path in FORMATS.items() if name != "badge"):
        assert "far" in getattr(importlib.import_module(module), function)(evidence(run))
    assert "nats, at least" in page(evidence(run))
    assert "token KL (lower bound) excess" in page(evidence(run))


def run(place, *arguments):
    return command(
        "audit", place / "large", place / "far", "--data", place / "items.jsonl", "--task", place / "task.yaml",
        "--text", "text", "--policy", place / "policy.yaml", "--costs", "none", "--resamples", 100, "--quiet",
        *arguments,
    )  # fmt: skip


def answers(folder):
    return {file.name: file.read_bytes() for file in (folder / "audit.json", *sorted(folder.glob("predictions/*")))}


@pytest.mark.slow
@pytest.mark.long
def test_the_command_gives_the_same_bytes_in_other_processes_and_resumed(place, tmp_path):
    work = tmp_path / "work"
    for out, more in {
        "one": ("--work", work),
        "resumed": ("--work", work),
        "several": ("--workers", 2),
    }.items():
        assert run(place, "--top-tokens", 20, "--out", tmp_path / out, *more).returncode == 1
        if out == "one":
            assert len(list(work.glob("*.tokens"))) == len(ITEMS)
            for file in work.glob("*.tokens"):  # what a killed audit may have left: answers, but no tokens
                file.unlink()
            next(file for file in sorted(work.glob("*.parquet"))).unlink()
    assert answers(tmp_path / "one") == answers(tmp_path / "resumed") == answers(tmp_path / "several")
    assert not (tmp_path / "several.work").exists()


def test_models_that_do_not_fit_in_memory_read_one_after_the_other(place, tmp_path, monkeypatch):
    monkeypatch.setattr(crowded, "available_bytes", lambda: 1000)
    assert run(place, "--device", "cpu", "--out", tmp_path / "run").returncode == 1
    messages = [finding.message for finding in load_run(tmp_path / "run").document.reference.findings]
    assert any(m.startswith("the weights of all 2 models take ") and "so models read one after" in m for m in messages)


def test_the_command_refuses_it_for_choices(place, tmp_path):
    (tmp_path / "task.yaml").write_text(
        yaml.safe_dump({"task": "choices", "prompt": "{{ text }}", "choices": {"no": " bad", "yes": " good"}})
    )
    refused = command(
        "audit", place / "large", place / "far", "--data", place / "items.jsonl", "--task", tmp_path / "task.yaml",
        "--top-tokens", 5, "--quiet",
    )  # fmt: skip
    one_line(refused, "top_tokens has no effect", "its task file asks for choices")
