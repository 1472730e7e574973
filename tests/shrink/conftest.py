"""A classifier small enough for tests, texts to choose and to confirm on, and the questions that models were asked."""

from collections import Counter

import numpy as np
import pytest
from oracles.tokenizers import WORDS

import trusteq
from trusteq import Items
from trusteq.models import cost_speed
from trusteq.shrink import ladder
from trusteq.shrink.ladder import Rung, Step
from trusteq.work.shard import Here

POLICY = {
    "name": "loose",
    "min_items": 20,
    "required": ["behaviour", "calibration", "explanation"],
    "rules": {
        "behaviour": {"disagreement": {"at_most": 0.15}},
        "calibration": {"confidence_profile_distance": {"at_most": 0.1}},
        "explanation": {"alignment_shapley": {"at_least": 0.2}},
    },
}
SHAPE = {"hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 256}


@pytest.fixture(autouse=True)
def _timed_shortly(monkeypatch):
    """Speed is measured on few items: nobody looks at it here."""
    for name, value in (("ALONE", 3), ("TOGETHER", 4), ("PASSES", (1, 1))):
        monkeypatch.setattr(cost_speed, name, value)


@pytest.fixture(scope="session")
def large(tmp_path_factory):
    """The folder of a BERT classifier of four layers."""
    pytest.importorskip("transformers", reason="needs the extra 'transformers'")
    from oracles import tiny_models

    return tiny_models.save("bert", tmp_path_factory.mktemp("large") / "large", shape=SHAPE)


@pytest.fixture(scope="session")
def texts():
    """A function from a count, a seed and the beginning of ids to items of made-up texts without labels."""

    def make(count, seed, prefix):
        rng = np.random.default_rng(seed)
        written = [" ".join(rng.choice(WORDS, rng.integers(3, 12))) for _ in range(count)]
        return Items(ids=[f"{prefix}{i}" for i in range(count)], segments={"text": written}, source=prefix)

    return make


@pytest.fixture(scope="session")
def labelled(large, texts):
    """The same, labelled as the large model answers, but for every tenth."""
    model = trusteq.open_model(large)

    def make(count, seed, prefix):
        items = texts(count, seed, prefix)
        codes = model.predict(items).argmax(axis=1)
        codes[::10] = (codes[::10] + 1) % len(model.labels)
        return Items(items.ids, items.segments, labels=codes, label_names=model.labels, source=prefix)

    return make


@pytest.fixture
def data(labelled):
    """Items to develop on, untouched ones and some to learn from, as arguments."""
    return {"items": labelled(150, 1, "dev"), "test": labelled(150, 2, "test"), "train": labelled(60, 3, "learn")}


INT4 = Step("int4-weights", {"group": 64})
SHORT = tuple(map(Rung, ((Step("fp16"),), (Step("int8-onnx"),), (INT4,), (INT4, Step("heal", {"rows": 320})))))
"""A ladder with few rungs."""


@pytest.fixture
def settings(monkeypatch):
    """Settings that make a search quick, on a ladder with few rungs."""
    monkeypatch.setattr(ladder, "LADDER", SHORT)
    return {"policy": POLICY, "explain_items": 100, "resamples": 100, "methods": ["fp16", "int4-weights"]}


class Asked(Here):
    """An executor that counts every question to every model. It breaks off, as a killed process, after ``most``."""

    def __init__(self, most=None):
        self.counts, self.most = Counter(), most

    def answers(self, model, shards, advance):
        for number, shard in enumerate(shards):
            if self.most is not None and sum(self.counts.values()) >= self.most:
                raise KeyboardInterrupt
            self.counts[model.name, shard.content()] += 1
            yield number, shard.run(model, advance)


@pytest.fixture
def asked():
    """The class of such executors."""
    return Asked
