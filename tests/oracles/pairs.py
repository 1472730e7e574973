"""Pairs of models for tests: from given arrays, drawn at random, or planted with a known relation."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from trusteq import Pair
from trusteq.comparing.answers import Answers
from trusteq.data.predictions import softmax
from trusteq.stats.resampling import Resampling
from trusteq.tasks.outcomes import most_probable


def pair_of(reference, candidate, gold=None, *, resamples=50, seed=0, clusters=None):
    """A pair from probabilities [items, labels] and gold codes [items] or None."""
    reference, candidate = np.asarray(reference, dtype=np.float64), np.asarray(candidate, dtype=np.float64)
    gold = None if gold is None else np.asarray(gold, dtype=np.int64)
    resampling = Resampling(len(reference), resamples=resamples, seed=seed, clusters=clusters)
    return Pair(*(Answers(most_probable(p, gold), resampling) for p in (reference, candidate)))


def two_labels(confidence, right):
    """Probabilities [items, 2] and gold of a model that answers label 0 with these confidences (0.5 or more)."""
    confidence = np.asarray(confidence, dtype=np.float64)
    return np.stack([confidence, 1 - confidence], axis=1), np.where(np.asarray(right, dtype=bool), 0, 1)


def drawn(n, labels, seed):
    """Random probabilities of two models and gold codes, without ties."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(2, n, labels)) * 2
    logits[1] += logits[0]
    gold = (logits[0] / 2 + rng.gumbel(size=(n, labels))).argmax(axis=1)
    return softmax(logits[0]), softmax(logits[1] / 1.5), gold


def planted(n, seed, *, noise=(0.3, 0.3), sharpness=(1.3, 1.3), labels=3):
    """As bench/planted.py: both models see the truth through noise of their own, and a sharpness."""
    rng = np.random.default_rng(seed)
    shape = (n, labels)
    truth = rng.normal(size=shape) * 3
    gold = (truth + rng.gumbel(size=shape)).argmax(axis=1)
    seen = truth + rng.normal(size=shape) * 0.5
    models = [softmax((seen + rng.normal(size=shape) * s) * k) for s, k in zip(noise, sharpness, strict=True)]
    return *models, gold


@st.composite
def coarse_models(draw, models=1, min_items=1, max_items=12, max_labels=4):
    """Probabilities of one or more models and gold codes, from small whole numbers: full of ties, zeros and ones."""
    n, k = draw(st.integers(min_items, max_items)), draw(st.integers(2, max_labels))
    weights = arrays.arrays(np.int64, (n, k), elements=st.integers(0, 10)).filter(lambda w: (w.sum(axis=1) > 0).all())
    gold = draw(arrays.arrays(np.int64, n, elements=st.integers(0, k - 1)))
    drawn_weights = [draw(weights) for _ in range(models)]
    return *(w / w.sum(axis=1, keepdims=True) for w in drawn_weights), gold
