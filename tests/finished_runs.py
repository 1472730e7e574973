"""Small finished audits of many kinds, made once each.

``python tests/finished_runs.py`` writes the golden files of tests/report/golden anew.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from cases import Table, case
from edited import edited

import trusteq
from trusteq import ExplainSettings
from trusteq.models.base import Identity
from trusteq.models.function import FunctionModel
from trusteq.record.plain import plain as as_json

GOLDEN = Path(__file__).parent / "report" / "golden"
FAST: dict[str, Any] = {"resamples": 100, "with_slices": False, "costs": "none"}

GOOD, BAD, NAMES = ("good", "fine", "lovely"), ("bad", "awful", "dull"), ("anna", "ben", "carl", "dora")
HONEST = {**dict.fromkeys(GOOD, 1.6), **dict.fromkeys(BAD, -1.4)}
NEARLY = {**HONEST, "good": 1.2, "dull": -1.1, "film": 0.2}
SHORTCUT = {**dict.fromkeys(GOOD, 0.3), **dict.fromkeys(BAD, -0.3), "carl": 2.5, "dora": 2.5, "anna": -2.5, "ben": -2.5}

EVIL = "<script>alert('x')</script>|`@team` **b** [l](http://e.com) \x1b[31m\r\n\u202e%\\&_{}$#~^\x00"
"""Markup of every kind, control characters, and a bidirectional override."""

COSTS: dict[str, Any] = {
    "schema_version": 1,
    "machine": {"processor": "Some | <b>CPU</b>", "cores": 2, "threads": None, "platform": "Linux", "device": "cpu"},
    "items": 64,
    "models": [],
    "notes": [],
}


def costs_of(names: tuple[str, ...]) -> dict[str, Any]:
    """Measured costs of these models; of the last one nothing is known."""
    known = {
        "parameters": 22_700_000,
        "disk_bytes": 90_000_000,
        "weights_bytes": 90_000_000,
        "peak_bytes": 250_000_000,
        "latency": {"median": 0.0123, "low": 0.0119, "high": 0.0131, "n": 64},
        "throughput": {"median": 812.0, "low": 790.0, "high": 830.0, "n": 10},
    }
    models = [{"name": name, **known} for name in names[:-1]]
    return {**COSTS, "models": [*models, {"name": names[-1], **dict.fromkeys(known)}]}


def reader(weights: dict[str, float], name: str, labels: tuple[str, ...] = ("negative", "positive")) -> FunctionModel:
    """A logistic model of words that reads texts or pairs of them."""

    def predict(given: list[Any]) -> Any:
        texts = [text if isinstance(text, str) else " ".join(text) for text in given]
        score = np.array([sum(weights.get(word, 0.0) for word in text.lower().split()) for text in texts])
        positive = 1 / (1 + np.exp(-score))
        return np.stack([1 - positive, positive], axis=1)

    content = hashlib.sha256(json.dumps(weights, sort_keys=True).encode()).hexdigest()
    return FunctionModel(name, labels, Identity("words", "a sum of words", content), predict)


def pairs(n: int = 40) -> trusteq.Items:
    """Reviews in two parts, with labels, a column and clusters of two."""
    rng = np.random.default_rng(0)
    filler = ["the", "film", "was", "and", "it", "seemed", "rather", "quite", "very", "to", "me"]
    firsts, seconds = [], []
    for i in range(n):
        telling = list(rng.choice(GOOD if i % 2 else BAD, 2))
        firsts.append(" ".join([*rng.choice(filler, 4), telling[0], *rng.choice(filler, 2)]))
        seconds.append(" ".join([NAMES[2 * (i % 2) + int(rng.integers(2))], *rng.choice(filler, 4), telling[1]]))
    return trusteq.Items(
        ids=[f"review-{i}" for i in range(n)],
        segments={"first": firsts, "second": seconds},
        labels=np.arange(n) % 2,
        label_names=("negative", "positive"),
        columns={"group": ["a" if i % 4 < 2 else "b" for i in range(n)]},
        clusters=[f"c{i // 2}" for i in range(n)],
        source="some/where/reviews.csv",
    )


@cache
def plain() -> Any:
    """Tables of predictions, with labels and slices."""
    large, small, items = case(120, noise=0.5)
    return trusteq.audit(large, small, items, **{**FAST, "with_slices": True})


@cache
def unlabelled() -> Any:
    """The same without labels."""
    large, small, items = case(120, noise=0.5)
    return trusteq.audit(large, small, replace(items, labels=None, label_names=()), **FAST)


@cache
def explained() -> Any:
    """Two candidates beside a reference, explained on pairs of texts in clusters; the golden run."""
    candidates = {"nearly": reader(NEARLY, "nearly"), "shortcut": reader(SHORTCUT, "shortcut")}
    return trusteq.audit(reader(HONEST, "honest"), candidates, pairs(), explain=ExplainSettings(items=30, k=4), **FAST)


@cache
def peered() -> Any:
    """One candidate, judged against what the reference trained once more reaches."""
    items = replace(pairs(), clusters=None)
    settings = ExplainSettings(items=30)
    peer = reader({**HONEST, "film": -0.1}, "peer")
    return trusteq.audit(reader(HONEST, "honest"), reader(NEARLY, "nearly"), items, peer=peer, explain=settings, **FAST)


@cache
def protocol() -> Any:
    """The published protocol on a few items."""
    candidates = {"nearly": reader(NEARLY, "nearly"), "shortcut": reader(SHORTCUT, "shortcut")}
    items = pairs(12)
    settings = ExplainSettings(items=4)
    return trusteq.audit(reader(HONEST, "honest"), candidates, items, policy="paper", explain=settings, **FAST)


@cache
def equivalent() -> Any:
    """A candidate that is within every margin asked about, on items that repeat each other."""
    large, _, items = case(120)
    items = replace(items, segments={"text": [f"film {i % 110}" for i in range(120)]})
    same = Table("twin", dict(large.answers))
    wide = {"name": "wide", "required": ["behaviour"], "rules": {"behaviour": {"disagreement": {"at_most": 0.15}}}}
    return trusteq.audit(large, same, items, policy=wide, **FAST)


@cache
def hostile() -> Any:
    """Every name, label, id, text, column and source is an attack."""
    labels = (f"no{EVIL}", "yes" * 400)
    items = pairs(40)
    items = replace(
        items,
        ids=[f"{EVIL}{i}" for i in range(40)],
        segments={
            f"{EVIL} first": [f"{EVIL} {t}" for t in items.segments["first"]],
            "second": items.segments["second"],
        },
        label_names=labels,
        columns={EVIL: [EVIL] * 40},
        source=f"/home/secret/{EVIL}.csv",
    )
    candidates = {
        EVIL: reader(SHORTCUT, EVIL, labels),
        "a" * 3000: reader(NEARLY, "a" * 3000, labels),
        " ": reader({**HONEST, "me": 0.5}, " ", labels),
    }
    settings = ExplainSettings(items=30, k=4)
    return trusteq.audit(reader(HONEST, f"{EVIL}2", labels), candidates, items, explain=settings, **FAST)


def tampered() -> Any:
    """The evidence of the explained run after an attacker has rewritten every text in its ``audit.json``."""

    def evil(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            fixed = {"kind"} if "mends" in value else set()
            return {name: entry if name in fixed else evil(entry, name) for name, entry in value.items()}
        if isinstance(value, list):
            return [evil(entry, key) for entry in value]
        return f"{EVIL}{value}" if key in {"reason", "sentence", "message", "model", "kind", "description"} else value

    def rewrite(document: Any) -> None:
        finding = {"model": "nearly", "kind": "one answer", "message": "says one thing", "value": 1.0}
        document["reference"]["findings"] = [finding, {**finding, "kind": "other"}]
        document.update(evil(document))

    return edited(explained().evidence, rewrite)


KINDS = {
    "plain": plain,
    "unlabelled": unlabelled,
    "explained": explained,
    "peered": peered,
    "protocol": protocol,
    "equivalent": equivalent,
    "hostile": hostile,
}


def golden_files() -> dict[str, str]:
    """What each golden file holds now, by its name."""
    from trusteq.report.junit import junit
    from trusteq.report.latex import latex
    from trusteq.report.markdown import markdown
    from trusteq.report.model_card import model_card

    evidence = explained().evidence
    measured = replace(evidence, costs=costs_of(evidence.models))
    return {
        "audit.json": json.dumps(as_json(evidence.document), indent=1) + "\n",
        "junit.xml": junit(measured),
        "markdown.md": markdown(measured),
        "model-card.md": model_card(measured),
        "latex.tex": latex(measured),
        "latex-protocol.tex": latex(protocol().evidence),
        "item.txt": f"{explained().item('review-3', 'shortcut')}\n",
    }


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, text in golden_files().items():
        (GOLDEN / name).write_text(text, "utf-8")
