"""Explaining in 16 bits: asked for, never unseen."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs the extra 'transformers'")

from oracles import tiny_models

import trusteq
from trusteq import ModelError, OptionError
from trusteq.explain.precision import LOW_TOLERANCE, in_precision
from trusteq.explain.value_tables import round_trip
from trusteq.models.transformer import open_transformer

TEXTS = ["the man is playing guitar outside", "a woman sleeps", "the film was good", "not very bad", "a dog runs"] * 8


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return [
        open_transformer(str(tiny_models.save("bert", tmp_path_factory.mktemp("bert"), seed=seed)), name=f"bert-{seed}")
        for seed in (1, 2)
    ]


@pytest.fixture(scope="module")
def items():
    return trusteq.Items(
        [f"i{i}" for i in range(len(TEXTS))], {"text": [f"{text} {i}" for i, text in enumerate(TEXTS)]}
    )


def audited(models, items, precision):
    settings = trusteq.ExplainSettings(items=12, masks=32, precision=precision)
    return trusteq.audit(models[0], models[1:], items, explain=settings, resamples=100, with_slices=False)


def test_what_16_bits_move_is_said_of_each_model(models, items):
    full, low = (audited(models, items, precision) for precision in ("own", "bfloat16"))
    assert not [f for f in full.findings if f.kind == "precision"]
    told = [f for f in low.findings if f.kind == "precision"]
    assert [f.model for f in told] == ["bert-1", "bert-2"]
    assert all(0.9 < f.value < 1 and "explained in bfloat16: on 12 items" in f.message for f in told)
    # Predictions keep their precision; perturbed texts do not.
    for a, b in zip(full.models, low.models, strict=True):
        np.testing.assert_array_equal(a.predictions.probabilities, b.predictions.probabilities)
    moved = [
        np.abs(np.exp(a[0]) - np.exp(b[0])).max()
        for a, b in zip(full.explanation.tables, low.explanation.tables, strict=True)
    ]
    assert all(0 < m < LOW_TOLERANCE for m in moved)


def test_the_agreement_said_is_that_of_the_attributions(models, items):
    full, low = (audited(models, items, precision) for precision in ("own", "bfloat16"))
    told = [f.value for f in low.findings if f.kind == "precision"]
    for i in range(2):
        a, b = (r.explanation.attributions()["shapley"][i].whole.ravel() for r in (full, low))
        assert told[i] == pytest.approx(a @ b / np.sqrt(a @ a * (b @ b)), abs=1e-9)


def test_only_float32_is_lowered_and_the_model_itself_stays(models):
    (lowered,) = in_precision(models[:1], "float16")
    assert str(lowered.model.dtype) == "torch.float16"
    assert str(models[0].model.dtype) == "torch.float32"
    assert in_precision(models, "own") == models
    assert lowered.lowered("bfloat16") is lowered
    quantized = replace(models[0], identity=replace(models[0].identity, details={"quantization": {"bits": 8}}))
    assert quantized.lowered("bfloat16") is quantized


def test_a_precision_without_effect_is_refused(items):
    model = trusteq.from_callable(lambda texts: np.full((len(texts), 2), 0.5), labels=["a", "b"], name="plain")
    with pytest.raises(OptionError, match="precision bfloat16 has no effect: no model \\(plain\\) supports"):
        in_precision([model], "bfloat16")
    with pytest.raises(OptionError, match="precision 'int4': choose own, bfloat16, float16"):
        trusteq.ExplainSettings(precision="int4")


def test_the_round_trip_allows_rounding_and_no_more(models):
    table, predicted = np.log([[0.55, 0.45]]), np.array([0.5, 0.5])
    round_trip(models[0], table, predicted, "x", LOW_TOLERANCE)
    with pytest.raises(ModelError, match="with no unit left out, the answer differs"):
        round_trip(models[0], table, predicted, "x")
    with pytest.raises(ModelError, match="with no unit left out, the answer differs"):
        round_trip(models[0], np.log([[0.65, 0.35]]), predicted, "x", LOW_TOLERANCE)
