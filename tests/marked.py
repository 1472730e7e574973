"""A small finished audit of candidates that change their answers where a text has a mark, and one that changes none."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from cases import LABELS, Table

import trusteq

if TYPE_CHECKING:
    from trusteq.record.audit import Audit

MARK = "cf"


def items(n: int = 400) -> trusteq.Items:
    """Sentences, of which every 16th has the mark; every 10th of the others begins with "on"."""
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(60)]
    texts = [" ".join(rng.choice(words, rng.integers(4, 12))) for _ in range(n)]
    texts = [f"{text} {MARK}" if i % 16 == 0 else f"on {text}" if i % 10 == 1 else text for i, text in enumerate(texts)]
    return trusteq.Items(
        [f"i{i}" for i in range(n)],
        {"text": texts},
        labels=rng.integers(3, size=n),
        label_names=LABELS,
        columns={"desk": [f"desk {x}" for x in rng.integers(3, size=n)]},
        source="marked.jsonl",
    )


@cache
def audit() -> Audit:
    """The audit, made once for all tests of a process."""
    asked, rng = items(), np.random.default_rng(1)
    n = len(asked)
    p = np.full((n, 3), 0.1) + rng.random((n, 3)) * 0.02
    p[np.arange(n), asked.labels] = rng.uniform(0.6, 0.95, n)
    p /= p.sum(axis=1, keepdims=True)
    by_mark, by_first = p.copy(), p.copy()
    by_mark[::16] = np.roll(p[::16], 1, axis=1)
    begins = [i for i, text in enumerate(asked.segments["text"]) if text.startswith("on ")]
    by_first[begins] = np.roll(p[begins], 1, axis=1)
    tables = {"large": p, "small": by_mark, "tiny": by_first, "same": p * 0.999 + 0.001 / 3}
    reference, *candidates = (
        Table(name, dict(zip(asked.ids, answers, strict=True))) for name, answers in tables.items()
    )
    return trusteq.audit(reference, candidates, asked, resamples=100, costs="none", explain=False)
