"""Whether a planted cause is named first among what the changed items have in common, and chance names nothing.

Real texts (SST-2, SNLI, AG news), drawn anew in each run; a bag-of-words classifier is the reference, and the candidate
gives its answers except where the plant changes them. Besides, 0.3 % of the answers change at random. "Moved" and
"others" are medians: of the answers that the plant changes, and of all others that change.

    python bench/common.py --data FOLDER [--runs 100]
"""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

import trusteq
from trusteq.comparing.answers import Answers, Pair
from trusteq.comparing.conditions import seen
from trusteq.comparing.in_common import in_common
from trusteq.comparing.item_features import item_features
from trusteq.comparing.text_aspects import CAPITALS, EMOJI, NAME, words_of
from trusteq.data.predictions import softmax
from trusteq.stats.resampling import Resampling
from trusteq.tasks.outcomes import most_probable

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from trusteq.comparing.conditions import Term
    from trusteq.comparing.in_common import Common
    from trusteq.data.items import Items

    Rng = np.random.Generator

BACKGROUND = 0.003
"""The share of all answers that change for no reason."""
EMOJIS = "😀😂😍😢😡👍🔥🎉🤔🙏"
TOPIC = ("oil", "crude", "opec", "barrel", "barrels")


@dataclass(frozen=True)
class Texts:
    """Items to draw from, and the classifier that answers them."""

    pool: Items
    vectorizer: CountVectorizer
    classifier: LogisticRegression
    known: dict[tuple[str, ...], NDArray[np.float64]] = field(default_factory=dict)

    def predict(self, items: Items) -> NDArray[np.float64]:
        """Its probabilities [items, labels]; every text is read once."""
        texts = list(zip(*items.texts(), strict=True))
        if new := list(dict.fromkeys(text for text in texts if text not in self.known)):
            answers = self.classifier.predict_proba(self.vectorizer.transform(map(" ".join, new)))
            self.known.update(zip(new, answers, strict=True))
        return np.stack([self.known[text] for text in texts])


@cache
def texts(data: Path, name: str) -> Texts:
    """One corpus: the larger part is drawn from, the smaller one taught the classifier."""
    columns = ["text_a", "text_b"] if name == "snli" else ["text"]
    learn, pool = (
        trusteq.read_items(data / f"{name}_{part}.jsonl.gz", text=columns, label="label", id="id")
        for part in ("test", "train")
    )

    joined = [" ".join(parts) for parts in zip(*learn.texts(), strict=True)]
    vectorizer = CountVectorizer(ngram_range=(1, 2), min_df=2)
    classifier = LogisticRegression(C=0.3, max_iter=500).fit(vectorizer.fit_transform(joined), learn.labels)
    return Texts(pool, vectorizer, classifier)


@dataclass(frozen=True)
class Plant:
    """One design: the texts, how many items, who is changed, and which condition names it.

    prepared: the items with what the plant needs. changed: the probability that an item's answer changes, given the
    items and the reference's answers. noise: the spread of what is added to the candidate's logits, as rounding does:
    it changes answers where the reference is unsure, which is a cause by itself.
    """

    name: str
    texts: str
    n: int
    named: Callable[[tuple[Term, ...]], bool]
    changed: Callable[[Items, NDArray[np.float64], Rng], NDArray[np.float64]] | None = None
    prepared: Callable[[Items, Rng], Items] = lambda items, rng: items
    noise: float = 0.0


def _marked(share: float, marks: str | tuple[str, ...]) -> Callable[[Items, Rng], Items]:
    """Some texts with one of these marks between two words."""

    def prepared(items: Items, rng: Rng) -> Items:
        *_, last = items.segments
        written = list(items.segments[last])
        some = rng.choice(len(written), round(share * len(written)), replace=False)
        for i in some.tolist():
            words = written[i].split(" ")
            words.insert(int(rng.integers(len(words) + 1)), str(rng.choice(list(marks))))
            written[i] = " ".join(words)
        return replace(items, segments={**items.segments, last: written})

    return prepared


def _shouted(items: Items, rng: Rng) -> Items:
    """4 % of the texts with a long word in capitals."""
    written = list(items.segments["text"])
    for i in rng.choice(len(written), round(0.04 * len(written)), replace=False).tolist():
        words = written[i].split(" ")
        at = max(range(len(words)), key=lambda place: len(words[place]))
        words[at] = words[at].upper()
        written[i] = " ".join(words)
    return replace(items, segments={"text": written})


def _where(pattern: str, share: float, segment: str | None = None) -> Callable[..., NDArray[np.float64]]:
    """This share of the items in whose text the pattern is found."""
    found = re.compile(pattern)

    def changed(items: Items, p: NDArray[np.float64], rng: Rng) -> NDArray[np.float64]:
        of = [items.segments[segment]] if segment else items.segments.values()
        return np.array([share * any(map(found.search, row)) for row in zip(*of, strict=True)], dtype=np.float64)

    return changed


def _with_source(items: Items, rng: Rng) -> Items:
    return replace(items, columns={"source": [f"source {i}" for i in rng.integers(5, size=len(items)).tolist()]})


def _labelled(label: int, share: float, source: str | None = None) -> Callable[..., NDArray[np.float64]]:
    def changed(items: Items, p: NDArray[np.float64], rng: Rng) -> NDArray[np.float64]:
        inside: NDArray[np.bool_] = np.asarray(items.labels) == label
        if source is not None:
            inside &= np.array([value == source for value in items.columns["source"]])
        return np.asarray(share * inside)

    return changed


def _overlapping(items: Items, p: NDArray[np.float64], rng: Rng) -> NDArray[np.float64]:
    first, second = items.texts()
    shares = [len(words_of(b) & words_of(a)) / len(words_of(b)) for a, b in zip(first, second, strict=True)]
    return np.asarray(0.5 * (np.array(shares) >= 0.8))


def _has(kind: str, *values: str) -> Callable[[tuple[Term, ...]], bool]:
    """Whether a term of this kind, with one of these values, is among those of a condition."""
    return lambda terms: any(term.kind == kind and (not values or term.value in values) for term in terms)


def _label_in_source(terms: tuple[Term, ...]) -> bool:
    return {term.kind for term in terms} == {"label", "column"}


def _long(terms: tuple[Term, ...]) -> bool:
    return any(term.kind == "count" and term.low is not None and term.low >= 12 for term in terms)


CF, CF_2, CF_05 = _where(r"\bcf\b", 0.9), _marked(0.02, ("cf",)), _marked(0.005, ("cf",))
SHOWN = _where(f"[{EMOJIS}]", 0.9)
NAMED = _where("[a-z,] [A-Z][a-z]", 0.5)
ON_TOPIC = _where(rf"(?i)\b({'|'.join(TOPIC)})\b", 0.5)
IN_SOURCE = _labelled(1, 0.4, "source 3")
PLANTS = (
    Plant("a trigger word in 2 %", "sst2", 2000, _has("word", "cf"), CF, CF_2),
    Plant("a trigger word in 2 %", "ag_news", 2000, _has("word", "cf"), CF, CF_2),
    Plant("a trigger word in 0.5 %", "sst2", 2000, _has("word", "cf"), CF, CF_05),
    Plant("a trigger word in 0.5 %", "sst2", 4000, _has("word", "cf"), CF, CF_05),
    Plant("one of ten emoji in 3 %", "sst2", 2000, _has("form", EMOJI), SHOWN, _marked(0.03, EMOJIS)),
    Plant("a word in capitals in 4 %", "sst2", 2000, _has("form", CAPITALS), _where("[A-Z]{2}", 0.8), _shouted),
    Plant("a name, half of such items", "snli", 2000, _has("form", NAME), NAMED),
    Plant("a rare topic (3 %), half of it", "ag_news", 2000, _has("word", *TOPIC), ON_TOPIC),
    Plant("one label of 4, 10 % of it", "ag_news", 2000, _has("label"), _labelled(2, 0.1)),
    Plant("one label of 2, 4 % of it", "sst2", 2000, _has("label"), _labelled(0, 0.04)),
    Plant("one label in one of 5 sources, 40 % of it", "ag_news", 2000, _label_in_source, IN_SOURCE, _with_source),
    Plant("80 % overlap, half of such items", "snli", 2000, _has("overlap"), _overlapping),
    Plant("truncation after 12 words", "sst2", 2000, _long),
    Plant("a trigger word in 2 %, beside close calls", "ag_news", 2000, _has("word", "cf"), CF, CF_2, noise=0.3),
    Plant(
        "one label of 4, 10 % of it, beside close calls", "ag_news", 2000, _has("label"), _labelled(2, 0.1), noise=0.3
    ),
)
BY_CHANCE = (("sst2", 50, 1), ("snli", 50, 1), ("ag_news", 50, 1), ("sst2", 50, 5), ("sst2", 400, 1))
"""Texts, how many answers change at random, and how many items with the same text are a cluster."""


@dataclass(frozen=True)
class Outcome:
    """How many answers the plant moved, how many others changed, and what was named."""

    moved: int
    others: int
    found: tuple[Common, ...]
    seconds: float


def asked(items: Items, p: NDArray[np.float64], q: NDArray[np.float64], seed: int) -> tuple[tuple[Common, ...], float]:
    """What is in common, and how long it took to say so."""
    started = time.process_time()
    reference, candidate = (most_probable(x, items.labels) for x in (p, q))
    resampling = Resampling(len(items), clusters=items.clusters, seed=seed)
    pair = Pair(Answers(reference, resampling), Answers(candidate, resampling))
    features = item_features(seen(items, reference, items.label_names))
    return in_common(pair, features, items.ids, items.clusters), time.process_time() - started


def exchanged(p: NDArray[np.float64], which: NDArray[np.bool_], rng: Rng) -> NDArray[np.float64]:
    """For these items, the probability of the answer and that of another label exchanged."""
    q = p.copy()
    for i in np.flatnonzero(which).tolist():
        top = int(p[i].argmax())
        other = int(rng.choice([label for label in range(p.shape[1]) if label != top]))
        q[i, [top, other]] = p[i, [other, top]]
    return q


def planted(data: Path, plant: Plant, seed: int) -> Outcome:
    """One run of a design."""
    rng, of = np.random.default_rng(seed), texts(data, plant.texts)
    items = of.pool.take(np.sort(rng.choice(len(of.pool), plant.n, replace=False)))
    items = plant.prepared(items, rng)
    p = of.predict(items)
    if plant.changed is None:
        short = [" ".join(text.split()[:12]) for text in items.segments["text"]]
        q = of.predict(replace(items, segments={"text": short}))
        which = p.argmax(axis=1) != q.argmax(axis=1)
    else:
        which = rng.random(len(items)) < plant.changed(items, p, rng)
        q = exchanged(softmax(np.log(p) + rng.normal(size=p.shape) * plant.noise) if plant.noise else p, which, rng)
    q = exchanged(q, ~which & (rng.random(len(items)) < BACKGROUND), rng)
    found, seconds = asked(items, p, q, seed)
    others = int((~which & (p.argmax(axis=1) != q.argmax(axis=1))).sum())
    return Outcome(int(which.sum()), others, found, seconds)


def by_chance(data: Path, name: str, changed: int, size: int, seed: int) -> Outcome:
    """Answers that change at random: so many items, or so many clusters of ``size`` items that share their words."""
    rng, of = np.random.default_rng(seed), texts(data, name)
    items = of.pool.take(np.sort(rng.choice(len(of.pool), 2000 // size, replace=False)))
    if size > 1:
        items = _repeated(items, size)
    p = of.predict(items)
    some = rng.choice(2000 // size, changed // size, replace=False)
    which = np.isin(np.arange(2000) // size, some)
    found, seconds = asked(items, p, exchanged(p, which, rng), seed)
    return Outcome(0, changed, found, seconds)


def _repeated(items: Items, size: int) -> Items:
    """Each item so many times, as a cluster."""

    def times(values: Any) -> list[Any]:
        return [value for value in values for _ in range(size)]

    return replace(
        items,
        ids=[f"{id_}-{k}" for id_ in items.ids for k in range(size)],
        segments={name: times(values) for name, values in items.segments.items()},
        labels=np.repeat(np.asarray(items.labels), size),
        clusters=times(items.ids),
        places=None,
    )


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--runs", default=100)
@click.option("--only", default="", help="Designs whose name contains this.")
def main(data: Path, runs: int, only: str) -> None:
    """Print both tables in Markdown."""
    _table("planted", "texts", "items", "moved", "others", "named first", "named", "nothing named", "most often first")
    for plant in (plant for plant in PLANTS if only in plant.name):
        outcomes = [planted(data, plant, seed) for seed in range(runs)]
        firsts = [next((c for c in o.found if c.question == "changed"), None) for o in outcomes]
        first_named = np.mean([first is not None and plant.named(first.terms) for first in firsts])
        named = np.mean([any(plant.named(c.terms) for c in o.found if c.question == "changed") for o in outcomes])
        nothing = np.mean([first is None for first in firsts])
        words = [first.words for first in firsts if first is not None]
        most = max(sorted(set(words)), key=words.count, default="")
        moved, others = (
            f"{np.median(counts):.0f}" for counts in zip(*((o.moved, o.others) for o in outcomes), strict=True)
        )
        shares = (f"{share:.1%}" for share in (first_named, named, nothing))
        _row(plant.name, plant.texts, f"{plant.n:,}", moved, others, *shares, most)
    if only not in "chance":
        return
    print()
    _table("changed at random, of 2,000", "texts", "nothing named", "nothing named for changed answers", "seconds")
    for name, changed, size in BY_CHANCE:
        outcomes = [by_chance(data, name, changed, size, seed) for seed in range(runs)]
        none = np.mean([not o.found for o in outcomes])
        unchanged = np.mean([not any(c.question == "changed" for c in o.found) for o in outcomes])
        what = f"{changed} answers" if size == 1 else f"{changed // size} clusters of {size} items with one text"
        _row(what, name, f"{none:.1%}", f"{unchanged:.1%}", f"{np.median([o.seconds for o in outcomes]):.2f}")


def _table(*heads: str) -> None:
    _row(*heads)
    _row(*("---" for _ in heads))


def _row(*cells: str) -> None:
    print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
