"""A run of 20,000 items and five candidates, made up from a small one without asking any model."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
from report.page import made_up

import trusteq
from trusteq.record.evidence import evidence_of
from trusteq.report.page import page as module
from trusteq.report.page.page import page

ITEMS, EXPLAINED, WORDS = 20_000, 500, 24
CANDIDATES = tuple(f"small-{i}" for i in range(1, 6))
VOCABULARY = np.array(["the", "a", "of", "to", "in", "is", "and", "on", "with", "for", "at", "by", "from", "as", "it"])


def evidence():
    """The evidence: a real audit's document, and tables as large as those of 20,000 items."""
    rng = np.random.default_rng(0)
    models = {name: made_up.model(name, names=0.2 * i) for i, name in enumerate(CANDIDATES, 1)}
    small = evidence_of(
        trusteq.audit(
            made_up.model("large"),
            models,
            made_up.items(60),
            resamples=100,
            costs="none",
            with_slices=False,
            explain=trusteq.ExplainSettings(items=12, masks=16, k=4),
        )
    )
    ids = np.array([f"item-{i:05d}" for i in range(ITEMS)])
    gold = rng.integers(3, size=ITEMS)
    logits = rng.normal(size=(ITEMS, 3)) + 2.5 * np.eye(3)[gold]
    tables = {}
    answers = []
    for i, model in enumerate(small.manifest["models"]):
        p = np.exp(logits + rng.normal(size=logits.shape) * 0.3 * i)
        p /= p.sum(axis=1, keepdims=True)
        answers.append((p.argmax(axis=1), p.max(axis=1)))
        tables[model["predictions"].removesuffix(".parquet")] = pd.DataFrame(p, columns=list(small.labels))
    texts = [[" ".join(row) for row in rng.choice(VOCABULARY, size=(ITEMS, WORDS // 2))] for _ in range(2)]
    labels = np.array(small.labels)
    tables["items"] = pd.DataFrame(
        {"id": ids, "segment premise": texts[0], "segment hypothesis": texts[1], "label": labels[gold]}
        | {"column genre": rng.choice(["news", "letters", "tales"], size=ITEMS)}
    )
    tables["flips"] = pd.concat([_flips(name, ids, gold, labels, answers, i) for i, name in enumerate(CANDIDATES, 1)])
    tables["attributions"] = _attributions(rng, tables["items"])
    document = replace(small.document, items=replace(small.document.items, n=ITEMS))
    return replace(small, document=document, table=lambda name: tables[name] if name in tables else small.table(name))


def html():
    """Its page. Each figure is drawn for one candidate and stands there for all: the browser's work is the same."""
    real = module.drawer

    def drawer(evidence):
        draw, number = real(evidence), iter(range(1_000))

        def drawn(name, candidate=None):
            made = draw(name, None if candidate is None else CANDIDATES[0])
            mark = f"g{next(number):07d}-"
            return made and replace(made, svg=re.sub(r"\bf[0-9a-f]{8}-", mark, made.svg))

        return drawn

    module.drawer = drawer
    try:
        return page(evidence())
    finally:
        module.drawer = real


def _flips(name, ids, gold, labels, answers, i):
    """The changed answers of one candidate, as a run keeps them."""
    (before, sure), (after, surer) = answers[0], answers[i]
    at = np.flatnonzero(before != after)
    at = at[np.argsort(-surer[at], kind="stable")]
    kind = np.where(before[at] == gold[at], "right to wrong", "wrong to other wrong")
    kind = np.where(after[at] == gold[at], "wrong to right", kind)
    return pd.DataFrame(
        {
            "candidate": name,
            "id": ids[at],
            "kind": kind,
            "gold": labels[gold[at]],
            "reference_answer": labels[before[at]],
            "reference_confidence": sure[at],
            "candidate_answer": labels[after[at]],
            "candidate_confidence": surer[at],
        }
    )


def _attributions(rng, items):
    """Weights of every word of some items in every model."""
    at = np.sort(rng.choice(ITEMS, EXPLAINED, replace=False))
    rows = []
    for id_, *texts in items[["id", "segment premise", "segment hypothesis"]].iloc[at].itertuples(index=False):
        for segment, text in enumerate(texts):
            rows += [(id_, text[m.start() : m.end()], segment, m.start(), m.end()) for m in re.finditer(r"\w+", text)]
    base = pd.DataFrame(rows, columns=["id", "word", "segment", "start", "end"])
    frames = []
    for name in ("large", *CANDIDATES):
        weights = rng.normal(size=(len(base), 4)) * 0.1
        frames.append(
            base.assign(
                model=name,
                label="neutral",
                lime=weights[:, 0],
                lime_error=abs(weights[:, 1]),
                shapley=weights[:, 2],
                shapley_error=abs(weights[:, 3]),
            )
        )
    return pd.concat(frames, ignore_index=True)
