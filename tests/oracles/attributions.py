"""Simulated attributions: what two models lean on, with the noise of two independent halves of a plan."""

from __future__ import annotations

import numpy as np

from trusteq.comparing.alignment import Explained
from trusteq.explain.attributions import Attributions
from trusteq.stats.resampling import Resampling


def truths(items, units, *, cosine, seed=0, size=None):
    """Centred attributions of two models [items, units] whose pooled cosine is about ``cosine``, and the lengths."""
    rng = np.random.default_rng(seed)
    lengths = np.full(items, units) if isinstance(units, int) else rng.integers(*units, items)
    inside = np.arange(lengths.max()) < lengths[:, None]
    a, other = rng.standard_normal((2, items, lengths.max())) * inside
    scale = rng.lognormal(sigma=0.5, size=(items, 1)) if size is None else size
    b = cosine * a + np.sqrt(1 - cosine**2) * other
    return (*(centred(x, lengths) * scale for x in (a, b)), lengths)


def centred(x, lengths):
    inside = np.arange(x.shape[1]) < lengths[:, None]
    return np.where(inside, x - (x.sum(axis=1) / lengths)[:, None], 0.0)


def estimated(truth, lengths, *, noise, rng):
    """The truth as two halves of a plan show it."""
    first, second = (centred(truth + noise * rng.standard_normal(truth.shape), lengths) for _ in range(2))
    whole = (first + second) / 2
    return Attributions(whole, np.full_like(whole, noise / np.sqrt(2)), first, second)


def explained(a, b, lengths, *, noise=0.0, seed=0, resamples=200, method="shapley", **options):
    """Both models' attributions with independent noise; an item's values spread as both together do."""
    rng = np.random.default_rng([seed, 1])
    one, other = (estimated(x, lengths, noise=noise, rng=rng) for x in (a, b))
    spread_a, spread_b = ((x**2).sum(axis=1) + lengths * noise**2 for x in (a, b))
    resampling = Resampling(len(a), resamples=resamples)
    return Explained(method, one, other, lengths, spread_a, spread_b, resampling, **options)


def cosine(a, b):
    return (a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())


def cosine_per_item(a, b):
    """With every item's attributions brought to one size."""
    return np.mean((a * b).sum(axis=1) / np.sqrt((a * a).sum(axis=1) * (b * b).sum(axis=1)))
