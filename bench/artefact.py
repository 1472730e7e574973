"""Is low alignment an artefact of unstable explainers? Models whose true attributions are known, explained with noise.

    python bench/artefact.py [--data ../shared/data] [--items 100] [--runs 3] [--samples 50 100 250 500 1000 5000]

Sentiment classifiers over averaged word vectors, asked about all 2^16 versions of sentences of 16 words; a sentiment
Transformer's answers to all 2^14 versions of eight sentences; and classifiers of wines, asked about all 2^13 versions
of a row of 13 columns (a column left out has its median). So the limit of LIME for endless samples, the Shapley values,
and every score of two models' attributions are known exactly. Against this truth stand, as samples grow: the published
protocol (LIME's own samples and fit, Jaccard of the top k), with the same samples for both models and with samples of
their own; and alignment, from plans of as many masks.

Pairs: a model with itself, with itself rounded to 3 bits, with another training of the same network on the same data,
and with a model of another kind.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))

from games import Game

import trusteq
from trusteq.comparing.top_k import chance_jaccard, jaccard, top_k
from trusteq.explain.attributions import attributions, products
from trusteq.explain.lime import lime_fit, lime_masks
from trusteq.explain.plan import Plan, mask_plan

DATA = Path(os.environ.get("TRUSTEQ_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
WORDS, FEATURES = 16, 20
"""Words of a sentence; and how many of them LIME fits again in the protocol: here all."""
TOPS = {"sentences": (5, 10), "games": (5, 10), "wines": (5,)}
UNKNOWN = 2
"""The number that stands for words that a vocabulary does not hold."""

Answer = Callable[[NDArray[np.bool_]], NDArray[np.float64]]
"""From masks [masks, units] of one item to the value that is explained [masks]."""


@dataclass(frozen=True)
class Pair:
    """Two models' answers to versions of each item."""

    what: str
    reference: list[Answer]
    candidate: list[Answer]


@dataclass(frozen=True)
class Embedding:
    """A classifier over averaged word vectors (../shared/data/models/sentiment_embedding/SOURCE.txt)."""

    emb: NDArray[np.float64]
    w1: NDArray[np.float64]
    b1: NDArray[np.float64]
    w2: NDArray[np.float64]
    b2: NDArray[np.float64]

    @classmethod
    def read(cls, file: Path) -> Embedding:
        with np.load(file) as arrays:
            return cls(*(arrays[name].astype(np.float64) for name in ("emb", "W1", "b1", "W2", "b2")))

    def rounded(self, bits: int) -> Embedding:
        """Its weights on a grid of 2^bits - 1 steps, one scale for each tensor's row."""

        def on_grid(x: NDArray[np.float64]) -> NDArray[np.float64]:
            scale = np.abs(x).max(axis=-1, keepdims=True) / (2 ** (bits - 1) - 1)
            return np.asarray(np.round(x / np.maximum(scale, 1e-30)) * scale)

        return Embedding(on_grid(self.emb), on_grid(self.w1), self.b1, on_grid(self.w2), self.b2)

    def probabilities(self, summed: NDArray[np.float64], words: NDArray[np.int64]) -> NDArray[np.float64]:
        """From summed vectors [rows, width] of so many words [rows], start included; the rest of 256 is padding."""
        mean = (summed + (256 - words)[:, None] * self.emb[0]) / 256
        logits = np.maximum(mean @ self.w1.T + self.b1, 0) @ self.w2.T + self.b2
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    def about(self, ids: NDArray[np.int64], label: int) -> Answer:
        """The probability of a label when only some of these words are there."""
        vectors, start = self.emb[ids], self.emb[1]
        return lambda masks: self.probabilities(masks @ vectors + start, 1 + masks.sum(axis=1))[:, label]

    def label(self, ids: NDArray[np.int64]) -> int:
        summed = self.emb[ids].sum(axis=0) + self.emb[1]
        return int(self.probabilities(summed[None], np.array([1 + len(ids)]))[0].argmax())


def sentences(data: Path, count: int) -> list[Pair]:
    """Pairs of sentiment classifiers about sentences of 16 different words."""
    folder = data / "models" / "sentiment_embedding"
    lines = (folder / "movie_review_vocab.txt").read_text("utf-8").splitlines()
    number = {line.split()[0]: int(line.split()[1]) - 1 for line in lines if len(line.split()) == 2}
    ids = []
    for part in ("test", "train", "dev"):
        items = trusteq.read_items(data / "text" / f"sst2_{part}.jsonl.gz", text="text", label="label", id="id")
        for text in items.texts()[0]:
            words = [word for word in re.split(r"[^\w']+", text.lower()) if word]
            if len(words) == len(set(words)) == WORDS:
                ids.append(np.array([number.get(word, UNKNOWN) for word in words]))
    ids = ids[:count]
    one, other = (Embedding.read(folder / f"{name}_weights.npz") for name in ("movie_review", "nl_regex"))
    labels = [one.label(of) for of in ids]

    def asked(model: Embedding) -> list[Answer]:
        return [model.about(of, label) for of, label in zip(ids, labels, strict=True)]

    reference = asked(one)
    return [
        Pair("itself", reference, asked(one)),
        Pair("rounded to 3 bits", reference, asked(one.rounded(3))),
        Pair("trained again", reference, asked(other)),
    ]


def games(data: Path) -> list[Pair]:
    """A Transformer with itself (../shared/data/games/sentiment_14_words/SOURCE.txt)."""
    found: list[Answer] = [Game(file) for file in sorted((data / "games" / "sentiment_14_words").glob("*.json.gz"))]
    return [Pair("itself", found, found)]


def wines(count: int) -> list[Pair]:
    """Pairs of classifiers of wines, trained on half of them and asked about the others."""
    from sklearn.datasets import load_wine
    from sklearn.ensemble import GradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    x, y = load_wine(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    train, test = order[::2], order[1::2][:count]
    instead = np.median(x[train], axis=0)
    trees, again = (
        GradientBoostingClassifier(n_estimators=50, subsample=0.5, random_state=seed).fit(x[train], y[train])
        for seed in (0, 1)
    )
    linear = make_pipeline(StandardScaler(), LogisticRegression()).fit(x[train], y[train])
    labels = trees.predict(x[test])

    def asked(model: GradientBoostingClassifier | LogisticRegression) -> list[Answer]:
        def about(row: NDArray[np.float64], label: int) -> Answer:
            return lambda masks: np.asarray(model.predict_proba(np.where(masks, row, instead))[:, label])

        return [about(row, int(label)) for row, label in zip(x[test], labels, strict=True)]

    reference = asked(trees)
    return [
        Pair("itself", reference, asked(trees)),
        Pair("trained again", reference, asked(again)),
        Pair("logistic regression", reference, asked(linear)),
    ]


@dataclass(frozen=True)
class Told:
    """All versions of all items, and both models' answers to them [items, versions, models]."""

    every: Plan
    answers: NDArray[np.float64]

    @classmethod
    def by(cls, pair: Pair, units: int) -> Told:
        every = mask_plan("all", units, masks=2**units)
        both = zip(pair.reference, pair.candidate, strict=True)
        return cls(every, np.stack([np.stack([of(every.masks) for of in one], axis=1) for one in both]))

    def to(self, masks: NDArray[np.bool_], item: int) -> NDArray[np.float64]:
        """The answers to these versions of an item [masks, models]."""
        powers = 1 << np.arange(self.every.units)
        place = np.empty(2**self.every.units, dtype=np.int64)
        place[self.every.masks @ powers] = np.arange(len(self.every))
        return np.asarray(self.answers[item][place[masks @ powers]])


def cosine(products_: NDArray[np.float64]) -> float:
    """The alignment that products [items, 2, 2] add up to."""
    (aa, ab), (_, bb) = products_.sum(axis=0)
    return float(ab / np.sqrt(aa * bb)) if aa > 0 and bb > 0 else float("nan")


def mean_jaccard(a: NDArray[np.float64], b: NDArray[np.float64], k: int) -> float:
    lengths = np.full(len(a), a.shape[1])
    return float(jaccard(top_k(a, lengths, k), top_k(b, lengths, k)).mean())


def truth(told: Told, tops: tuple[int, ...]) -> dict[str, float]:
    """What endless samples would give."""
    plans, values = [told.every] * len(told.answers), list(told.answers)
    found = {}
    for method in ("lime", "shapley"):
        found[f"alignment, {method}"] = cosine(products(plans, values, method))
    a, b = (of.whole for of in attributions(plans, values, "lime"))
    return found | {f"Jaccard of the top {k}": mean_jaccard(a, b, k) for k in tops}


def published(told: Told, tops: tuple[int, ...], samples: int, seed: int) -> dict[str, float]:
    """The published protocol: LIME with so many samples, the same for both models and each model its own."""
    units = told.every.units
    fits: list[list[NDArray[np.float64]]] = []
    for item in range(len(told.answers)):
        masks = [lime_masks(units, samples, seed=hash_of(seed, item, draw)) for draw in (0, 1)]
        first, second = (lime_fit(of, told.to(of, item), features=FEATURES) for of in masks)
        fits.append([first[:, 0], first[:, 1], second[:, 1]])
    reference, same, own = (np.stack(of) for of in zip(*fits, strict=True))
    return {f"Jaccard of the top {k}, same samples": mean_jaccard(reference, same, k) for k in tops} | {
        f"Jaccard of the top {k}, own samples": mean_jaccard(reference, own, k) for k in tops
    }


def hash_of(*parts: int) -> int:
    return int(np.random.SeedSequence(parts).generate_state(1)[0])


def aligned(told: Told, masks: int, seed: int) -> dict[str, float]:
    """Alignment from plans of so many masks."""
    items = range(len(told.answers))
    plans = [mask_plan(str(item), told.every.units, masks=masks, seed=seed) for item in items]
    values = [told.to(plan.masks, item) for plan, item in zip(plans, items, strict=True)]
    return {f"alignment, {method}": cosine(products(plans, values, method)) for method in ("lime", "shapley")}


def show(pair: Pair, kind: str, units: int, samples: list[int], runs: int) -> None:
    """One pair's table: each score at each number of samples, the mean over runs and its spread, and the truth."""
    told, tops = Told.by(pair, units), TOPS[kind]
    true = truth(told, tops)
    by: dict[str, list[str]] = {}
    for count in samples:
        runs_ = [published(told, tops, count, seed) | aligned(told, count, seed) for seed in range(runs)]
        for name in runs_[0]:
            values = [run[name] for run in runs_]
            by.setdefault(name, []).append(f"{np.mean(values):.3f} ±{np.std(values):.3f}")
    print(f"\n{kind}, {pair.what}: {len(told.answers)} items of {units}; {runs} runs\n")
    print(f"| score | chance | {' | '.join(f'{count:,}' for count in samples)} | truth |")
    print("|---" * (len(samples) + 3) + "|")
    for name, cells in by.items():
        known = next(value for of, value in true.items() if name.startswith(of))
        k = next((k for k in sorted(tops, reverse=True) if f"top {k}" in name), None)
        chance = 0.0 if k is None else chance_jaccard(np.array([units]), k)[0]
        print(f"| {name} | {chance:.3f} | {' | '.join(cells)} | {known:.3f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--items", type=int, default=100)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--samples", type=int, nargs="+", default=[50, 100, 250, 500, 1000, 5000])
    asked = parser.parse_args()
    if not (asked.data / "games").is_dir():
        parser.error(f"{asked.data} has no folder games; name the folder of the data with --data")
    for pair in wines(asked.items):
        show(pair, "wines", 13, asked.samples, asked.runs)
    for pair in games(asked.data):
        show(pair, "games", 14, asked.samples, asked.runs)
    for pair in sentences(asked.data, asked.items):
        show(pair, "sentences", WORDS, asked.samples, asked.runs)


if __name__ == "__main__":
    main()
