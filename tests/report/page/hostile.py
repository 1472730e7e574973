"""A run in which every text a stranger can write tries to command the page."""

from __future__ import annotations

from functools import cache

import numpy as np

import trusteq
from trusteq import ExplainSettings, read_policy
from trusteq.record.evidence import evidence_of
from trusteq.report.page.page import page

SCRIPT = "<script>window.pwned = true; alert(1)</script>"
ENDING = "</script><script>window.pwned = true</script>"
IMAGE = "<img src=x onerror='window.pwned = true'>"
COMMENT = "<!-- <script> --!> ]]> {{ 7 * 7 }} {% raw %} ${1} \u2028 \u2029"
ANSI = "\x1b[31mred\x1b[0m\x07"
BIDI = "safe\u202egnp.exe\u2066x\u2069"
QUOTES = '"\' onmouseover=\'window.pwned = true\' style="color: red" x="'
ALL = (SCRIPT, ENDING, IMAGE, COMMENT, ANSI, BIDI, QUOTES)
LONG = "w" * 3_000
UNSEEN = "\U000e0061\U000e0062"
FLAG = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"
"""England's, which unseen letters make; others hide a text."""


@cache
def evidence():
    """The evidence of an audit whose every name and text is hostile."""
    n = 60
    rng = np.random.default_rng(3)
    labels = (f"{SCRIPT}a", f"{QUOTES}b", f"{BIDI}{ANSI}c")
    texts = [f"{ALL[i % len(ALL)]} word{i % 9} and word{i % 5} {ALL[(i + 3) % len(ALL)]}" for i in range(n)]
    texts[4] = f"{LONG} {SCRIPT}"
    texts[5] = "a\u0000b e\u0301 \U0001f468\u200d\U0001f469 \u05d0\u05d1 " + FLAG + UNSEEN + ENDING
    items = trusteq.Items(
        ids=[f"{ALL[i % len(ALL)]}&candidate=0#{i}" for i in range(n)],
        segments={f"{SCRIPT}premise": texts, f"{QUOTES}{ANSI}": [text[::-1] for text in texts]},
        labels=rng.integers(3, size=n),
        label_names=labels,
        columns={f"{IMAGE}{BIDI}": [ALL[i % 3] for i in range(n)]},
        source=f"{ENDING}/../{ANSI}.csv",
    )

    def model(name, weight):
        def answer(pairs):
            scores = np.array([[len(a) % 7, a.count("word") * weight, len(b) % 5] for a, b in pairs], dtype=float)
            p = np.exp(scores / 4 - (scores / 4).max(axis=1, keepdims=True))
            return p / p.sum(axis=1, keepdims=True)

        return trusteq.from_callable(answer, labels=labels, name=name)

    policy = read_policy("default").model_copy(update={"name": f"{SCRIPT}{BIDI}", "description": f"{ENDING}{IMAGE}"})
    made = trusteq.audit(
        model(f"{SCRIPT}large", 3.0),
        {
            f"{ENDING}{QUOTES}": model(f"{ENDING}{QUOTES}", 2.0),
            f"{ANSI}{BIDI}{COMMENT}": model(f"{ANSI}{BIDI}{COMMENT}", 0.2),
        },
        items,
        policy=policy,
        resamples=100,
        costs="none",
        explain=ExplainSettings(items=30, masks=24, k=3),
    )
    return evidence_of(made)


@cache
def html():
    """Its page, figures and all: they hold names and words as well."""
    return page(evidence())
