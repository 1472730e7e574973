"""A study small enough for tests: a tiny pretrained model and made-up texts."""

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs the extra 'transformers'")

import yaml
from oracles import tiny_models
from oracles.tokenizers import WORDS

from trusteq.study import read_study, run_study

SHAPE = {"hidden_size": 32, "num_hidden_layers": 4, "num_attention_heads": 2, "intermediate_size": 64}


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    """The folder of a small encoder without a head."""
    return tiny_models.save_encoder(tmp_path_factory.mktemp("pretrained") / "tiny-base", scale=0.2, shape=SHAPE)


@pytest.fixture(scope="session")
def data(tmp_path_factory):
    """A folder with texts labelled by whether "good" or "bad" is in them."""
    folder = tmp_path_factory.mktemp("texts")
    rng = np.random.default_rng(0)
    for name, count in (("train", 160), ("test", 120)):
        lines = []
        for i in range(count):
            said = ("good", "bad")[i % 2]
            words = [*rng.choice([w for w in WORDS if w not in ("good", "bad")], 4 + i % 9), said, f"{name}{i}"]
            label = ("praise", "blame")[i % 2]
            lines.append(json.dumps({"id": f"{name}-{i}", "text": " ".join(rng.permutation(words)), "label": label}))
        (folder / f"{name}.jsonl").write_text("\n".join(lines), "utf-8")
    return folder


@pytest.fixture(scope="session")
def plan(base):
    """The study's YAML as a mapping."""
    return {
        "name": "tiny",
        "description": "A study for tests.",
        "seeds": [0, 1],
        "data": {"train": "train.jsonl", "test": "test.jsonl", "text": ["text"], "label": "label", "id": "id"},
        "training": {"recipe": "small-data", "epochs": 2, "rate": 3e-3, "batch": 16},
        "models": {
            "base": {"train": str(base)},
            "again": {"train": str(base), "seed": 1},
            "thin": {"train": "pruned", "training": {"epochs": 1}},
            "pruned": {"from": "base", "method": "prune-neurons", "options": {"share": 0.5}, "audited": False},
            "student": {"from": "base", "method": "distil", "options": {"layers": 2, "epochs": 1}},
            "half": {"from": "base", "method": "bf16"},
        },
        "audit": {
            "reference": "base",
            "peer": "again",
            "explain_items": 20,
            "masks": 16,
            "k": 3,
            "resamples": 100,
            "protocol_items": 2,
        },
    }


@pytest.fixture(scope="session")
def written(plan, tmp_path_factory):
    """A function from changes to the plan to a YAML file of it."""

    def write(**changes):
        path = tmp_path_factory.mktemp("plan") / "study.yaml"
        path.write_text(yaml.safe_dump({**plan, **changes}, sort_keys=False), "utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def done(written, data, tmp_path_factory):
    """The study, done, and what it said."""
    said = []
    out = tmp_path_factory.mktemp("done") / "tiny"
    return run_study(read_study(written()), data=data, out=out, say=said.append), said


@pytest.fixture
def copied(done, tmp_path):
    """A copy of the finished study that may be broken."""
    import shutil

    return Path(shutil.copytree(done[0].directory, tmp_path / "copy"))
