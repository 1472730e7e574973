"""A classifier small enough for tests and large enough that compression shows, and texts for it."""

from functools import partial

import numpy as np
import pytest

from trusteq import Items

pytest.importorskip("transformers", reason="needs the extra 'transformers'")

from oracles import tiny_models
from oracles.tokenizers import WORDS

import trusteq.compress
from trusteq.compress import before_and_after
from trusteq.compress.methods import METHODS

SHAPE = {"hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 256}


@pytest.fixture(autouse=True, scope="module")
def _audited_quickly():
    """Audits before and after healing resample seldom and have no slices, in which nobody looks here."""
    quick = partial(before_and_after.run_audit, resamples=200, with_slices=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(before_and_after, "run_audit", quick)
        yield


@pytest.fixture(scope="session")
def large(tmp_path_factory):
    """The folder of a BERT classifier of four layers."""
    return tiny_models.save("bert", tmp_path_factory.mktemp("large") / "large", shape=SHAPE)


@pytest.fixture(scope="session")
def texts():
    """A function from a count and a seed to made-up texts."""

    def make(count, seed):
        rng = np.random.default_rng(seed)
        return [" ".join(rng.choice(WORDS, rng.integers(1, 12))) for _ in range(count)]

    return make


@pytest.fixture(scope="session")
def pairs(texts):
    """Pairs of made-up texts, without labels."""
    first, second = texts(12, 1), texts(12, 2)
    return Items(ids=[str(i) for i in range(12)], segments={"premise": first, "hypothesis": second})


@pytest.fixture(scope="session")
def lessons(large, texts):
    """Texts to learn from, labelled as the large model answers, but for every tenth."""
    words = Items(ids=[f"l{i}" for i in range(160)], segments={"text": texts(160, 3)})
    model = trusteq.open_model(large)
    codes = model.predict(words).argmax(axis=1)
    codes[::10] = (codes[::10] + 1) % len(model.labels)
    return Items(ids=words.ids, segments=words.segments, labels=codes, label_names=model.labels)


@pytest.fixture(scope="session")
def made(large, lessons, tmp_path_factory):
    """A function from a method to the candidate that it makes of the large model, made once."""
    found = {}

    def make(method):
        for package in METHODS[method].packages:
            pytest.importorskip(package.replace("-", "_"), reason=f"needs {package}")
        if method not in found:
            extra = {"items": lessons, "epochs": 1} if METHODS[method].learns else {}
            if METHODS[method].calibrates:
                extra = {"items": lessons}
            out = tmp_path_factory.mktemp("candidates") / method
            found[method] = trusteq.compress.make(large, method=method, out=out, **extra)
        return found[method]

    return make
