"""A made-up run for the page: pairs of sentences, a reference, a rounded copy, a calm one, and one with a shortcut."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

import trusteq
from trusteq import ExplainSettings
from trusteq.record.evidence import evidence_of
from trusteq.report.page.page import page

if TYPE_CHECKING:
    from trusteq.record.evidence import Evidence

LABELS = ("entailment", "neutral", "contradiction")
WHO = {"A girl": "A child", "A man": "A person", "A dog": "An animal", "An old woman": "A woman"}
DOES = {
    "is reading a letter": ("is reading", "is asleep", "is reading good news"),
    "is climbing a ladder": ("is climbing", "is sitting down", "is climbing to mend the roof"),
    "is playing a violin": ("is playing music", "is silent", "is playing for a prize"),
    "is painting a fence": ("is painting", "is swimming", "is painting for a neighbour"),
    "is waiting for a train": ("is waiting", "is flying a plane", "is waiting for a friend"),
}
WHERE = ("in the garden", "by the river", "at the station", "under a bridge", "in the morning sun", "near the old mill")
WHEN = ("", " before noon", " after the rain", " while it snows", " on a feast day", " as the bells ring")
HOW = ("", "quietly ", "slowly ", "happily ", "alone ")
TELLS = {"good": 1, "mend": 1, "prize": 1, "neighbour": 1, "friend": 1, "asleep": 2, "sitting": 2, "silent": 2}
TELLS |= {"swimming": 2, "flying": 2}
NAMES = {"entailment": "today", "neutral": "maybe", "contradiction": "now"}


def items(n: int = 240, *, labelled: bool = True) -> trusteq.Items:
    """Pairs of a premise and a hypothesis, with a genre to slice by."""
    rng = np.random.default_rng(7)
    pairs: dict[tuple[str, str], int] = {}
    while len(pairs) < n:
        label = int(rng.integers(3))
        who, does = rng.choice(list(WHO)), rng.choice(list(DOES))
        premise = f"{who} {does.replace('is ', f'is {rng.choice(HOW)}', 1)} {rng.choice(WHERE)}{rng.choice(WHEN)}."
        # People do not always agree on what follows from a sentence, and a word often gives away what they said.
        meant = label if rng.random() < 0.85 else rng.integers(3)
        tell = "" if rng.random() < 0.4 else f" {NAMES[LABELS[label]]}"
        pairs.setdefault((premise, f"{WHO[who]} {DOES[does][(0, 2, 1)[meant]]}{tell}."), label)
    premises, hypotheses = zip(*pairs, strict=True)
    gold = np.array(list(pairs.values()))
    return trusteq.Items(
        ids=[f"pair-{i:03d}" for i in range(n)],
        segments={"premise": list(premises), "hypothesis": list(hypotheses)},
        labels=gold if labelled else None,
        label_names=LABELS if labelled else (),
        columns={"genre": ["letters" if i % 3 else "news" for i in range(n)]},
        source="made-up.jsonl",
    )


def model(name, *, tells=3.6, overlap=4.5, names=0.0, noise=0.35, grid=0.0, draws="large"):
    """A model that weighs telling words, words in both sentences, and words that give the label away."""

    def answer(pairs):
        scores = np.zeros((len(pairs), 3))
        for row, (premise, hypothesis) in zip(scores, pairs, strict=True):
            words = hypothesis.lower().strip(".").split()
            both = set(premise.lower().strip(".").split())
            row[0] += overlap * (sum(word in both for word in words) / max(len(words), 1) - 0.3)
            for word in words:
                if word in TELLS:
                    row[TELLS[word]] += tells
                for code, label in enumerate(LABELS):
                    row[code] += names * (word == NAMES[label])
            if noise:
                seed = hashlib.sha256(f"{draws}{premise}{hypothesis}".encode()).digest()[:4]
                row += np.random.default_rng(int.from_bytes(seed)).normal(size=3) * noise
        if grid:
            scores = np.round(scores / grid) * grid
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        return p / p.sum(axis=1, keepdims=True)

    return trusteq.from_callable(answer, labels=LABELS, name=name)


def audit(
    n: int = 240,
    *,
    explained: int | None = 60,
    candidates=("int8", "calm", "shortcut"),
    labelled=True,
    how=None,
    resamples=200,
    **more,
):
    """The audit of the made-up models."""
    made = {
        "int8": lambda: model("int8", grid=0.08),
        "calm": lambda: model("calm", tells=2.0, overlap=2.5, noise=0.2),
        "shortcut": lambda: model("shortcut", tells=2.2, overlap=2.8, names=2.2, draws="shortcut"),
    }
    return trusteq.audit(
        model("large"),
        {name: made[name]() for name in candidates},
        items(n, labelled=labelled),
        resamples=resamples,
        costs="none",
        explain=False
        if explained is None
        else ExplainSettings(**{"items": explained, "masks": 48, "k": 4, **(how or {})}),
        **more,
    )


COSTS = {
    "schema_version": 1,
    "machine": {"processor": "a processor", "cores": 2, "threads": 1, "platform": "Linux", "device": "cpu"},
    "items": 64,
    "models": [
        {
            "name": name,
            "parameters": parameters,
            "disk_bytes": 4 * parameters,
            "weights_bytes": 4 * parameters,
            "peak_bytes": 6 * parameters,
            "latency": {"median": speed, "low": 0.9 * speed, "high": 1.2 * speed, "n": 64},
            "throughput": {"median": 3 / speed, "low": 2.8 / speed, "high": 3.1 / speed, "n": 8},
        }
        for name, parameters, speed in (
            ("large", 110_000_000, 0.021),
            ("int8", 110_000_000, 0.011),
            ("calm", 66_000_000, 0.012),
            ("shortcut", 14_000_000, 0.004),
        )
    ],
}
"""What was measured of the models' costs, made up as well."""


@cache
def evidence() -> Evidence:
    """A small run of two candidates with everything in it, made once for all tests of a process."""
    made = audit(110, explained=40, candidates=("int8", "shortcut"), how={"masks": 32})
    costs = [model for model in COSTS["models"] if model["name"] != "calm"]
    return replace(evidence_of(made), costs={**COSTS, "models": costs})


@cache
def html() -> str:
    """Its page, figures and all."""
    return page(evidence())
