"""Audits of language models that choose, from folders to the verdict."""

import shutil

import numpy as np
import pytest
from oracles import tiny_language_models as tiny

import trusteq
from trusteq.data.items import Items
from trusteq.errors import TrusteqError
from trusteq.models.open import open_model

TASK = {
    "task": "choices",
    "prompt": "Text: {{ text }}\nIt is",
    "choices": {"no": " bad", "yes": " good"},
    "shots": [{"text": "a bad thing", "answer": "no"}],
}
WORDS = ("good", "bad", "film", "dull", "fine", "so", "it", "was", "rather", "not", "the", "day")


@pytest.fixture(scope="module")
def items():
    rng = np.random.default_rng(1)
    texts = [" ".join(rng.choice(WORDS, rng.integers(3, 9))) for _ in range(40)]
    return Items([str(i) for i in range(40)], {"text": texts}, labels=rng.integers(0, 2, 40), label_names=("no", "yes"))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {name: tiny.save(folder / name, scale=scale) for name, scale in (("large", 0.3), ("small", 0.28))}


def opened(folder, **task):
    return open_model(folder, options={"task": {**TASK, **task}})


@pytest.mark.slow
def test_language_models_are_audited_and_explained(folders, items):
    done = trusteq.audit(opened(folders["large"]), [opened(folders["small"])], items, costs="none")
    (comparison,) = done.comparisons
    measured = set(done.estimates()["dimension"])
    assert {"behaviour", "calibration", "explanation"} <= measured
    findings = [*done.reference.findings, *comparison.candidate.findings]
    near = [finding.value for finding in findings if finding.kind == "plain forward"]
    assert len(near) == 2
    assert max(near) < 1e-4


def test_answers_far_from_the_plain_forward_are_replaced_by_plain_ones(folders, items, monkeypatch):
    from trusteq.models.causal.scoring import Scorer

    large, small = opened(folders["large"]), opened(folders["small"])
    settings = {"explain": False, "costs": "none", "resamples": 100}
    right = trusteq.audit(large, [small], items, **settings)
    original = Scorer.log_probabilities
    monkeypatch.setattr(
        Scorer, "log_probabilities", lambda self, *given, **more: [x * 1.1 for x in original(self, *given, **more)]
    )
    done = trusteq.audit(opened(folders["large"]), [opened(folders["small"])], items, **settings)
    np.testing.assert_allclose(done.estimates()["value"], right.estimates()["value"], atol=1e-3)
    (far,) = [finding for finding in done.reference.findings if finding.kind == "plain forward"]
    assert far.message.endswith(", so all items were answered again by the plain forward")


def test_the_same_weights_stored_in_another_way_are_the_reference_itself(folders, items, tmp_path):
    import transformers

    again = shutil.copytree(folders["large"], tmp_path / "again")
    (again / "model.safetensors").unlink()
    transformers.AutoModelForCausalLM.from_pretrained(folders["large"]).save_pretrained(again, max_shard_size="30KB")
    with pytest.raises(TrusteqError, match="again"):
        trusteq.audit(opened(folders["large"]), [opened(again)], items)
