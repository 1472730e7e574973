"""A run of 20,000 pictures, made up from a small one without asking any model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from report.page import made_up_kinds

from trusteq.data.pictures import Pictures
from trusteq.record.evidence import evidence_of
from trusteq.report.page.page import page

ITEMS, EXPLAINED, SIDE = 20_000, 500, 4


def evidence(items=ITEMS, size=(240, 160)):
    """The evidence: a real audit's document, and as many pictures of this size."""
    rng = np.random.default_rng(0)
    small = evidence_of(made_up_kinds.audit("pictures"))
    ids = np.array([f"picture-{i:05d}" for i in range(items)])
    gold = rng.integers(2, size=items)
    logits = rng.normal(size=(items, 2)) + 2.5 * np.eye(2)[gold]
    tables = {}
    for i, model in enumerate(small.manifest["models"]):
        p = np.exp(logits + rng.normal(size=logits.shape) * 0.3 * i)
        p /= p.sum(axis=1, keepdims=True)
        tables[model["predictions"].removesuffix(".parquet")] = pd.DataFrame(p, columns=list(small.labels))
    # Few different pictures: what the page does with each is the same.
    arrays, _ = made_up_kinds.pictures(50, size=size)
    some = Pictures.of_arrays(arrays).pictures
    pictures = Pictures(tuple(some[i % len(some)] for i in range(items)))
    labels = np.array(small.labels)
    tables["items"] = pd.DataFrame({"id": ids, "segment photo": "", "label": labels[gold]})
    tables["attributions"] = _attributions(rng, ids, small.models, size)
    document = replace(small.document, items=replace(small.document.items, n=items))
    return replace(
        small,
        document=document,
        table=lambda name: tables[name] if name in tables else small.table(name),
        others=lambda: {"photo": pictures},
    )


def html():
    """Its page."""
    return page(evidence())


def _attributions(rng, ids, models, size):
    """Weights of every tile of some items in every model."""
    explained = np.sort(rng.choice(len(ids), min(EXPLAINED, len(ids)), replace=False))
    row, column = np.divmod(np.arange(SIDE * SIDE), SIDE)
    wide, high = size[0] // SIDE, size[1] // SIDE
    tiles = pd.DataFrame(
        {
            "word": [f"row {r + 1}, column {c + 1}" for r, c in zip(row, column, strict=True)],
            "segment": 0,
            "top": row * high,
            "left": column * wide,
            "bottom": (row + 1) * high,
            "right": (column + 1) * wide,
        }
    )
    base = pd.concat([tiles.assign(id=ids[i]) for i in explained], ignore_index=True)
    frames = []
    for name in models:
        weights = rng.normal(size=(len(base), 4)) * 0.1
        numbers = {"lime": weights[:, 0], "lime_error": abs(weights[:, 1]) / 4, "shapley": weights[:, 2]}
        frames.append(base.assign(model=name, label="sun", **numbers, shapley_error=abs(weights[:, 3]) / 4))
    return pd.concat(frames, ignore_index=True)
