"""Is the verdict right on pictures, sounds, features and tables, too? Planted pairs as in validity.py, one kind each.

    python bench/validity_kinds.py [--out build/validity-kinds] [--runs 100] [--items 500] [--workers 2] [--only sounds]

Nothing is needed but scikit-learn: scanned digits as pictures, measured cells as a table, and simulated recordings, as
sounds and as features. Models are linear in what they read, so that every relation can be measured on all items. Each
run draws so many items, explains all of them, and judges them by the default policy. Writes results.json and tables.md,
the tables of docs/validity.md, to --out.
"""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

import validity
import validity_tables
from validity_cases import Case, Sharpened

import trusteq
from trusteq.data.features import Features
from trusteq.data.pictures import Pictures
from trusteq.data.predictions import softmax
from trusteq.data.rows import Rows
from trusteq.data.sounds import Sounds
from trusteq.models.base import Finding, Identity
from trusteq.validity.marks import mark_for, marked, units_with
from trusteq.validity.plants import Copy, Random, Shortcut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from trusteq.data.items import Items
    from trusteq.models.base import Model

    Reads = Callable[[Any], NDArray[np.float64]]

SHARES = (0.05, 0.1, 0.2, 0.5)
RATE, LENGTH = 4000, 2000
TONES = 500.0, 800.0, 1200.0
FRAMES, BANDS = 16, 12


@dataclass(frozen=True)
class Task:
    """Segments to learn from and to draw from, gold codes of both, and the numbers that models read of a segment."""

    name: str
    labels: tuple[str, ...]
    train: Any
    learned: NDArray[np.int64]
    pool: Any
    gold: NDArray[np.int64]
    reads: Reads


@dataclass(frozen=True, eq=False)
class Linear:
    """Logistic regression on the numbers that it reads."""

    name: str
    labels: tuple[str, ...]
    reads: Reads
    weights: NDArray[np.float64]
    bias: NDArray[np.float64]

    @property
    def identity(self) -> Identity:
        return Identity("linear", self.name, None)

    def findings(self) -> tuple[Finding, ...]:
        return ()

    def predict(self, items: Items) -> NDArray[np.float64]:
        (segment,) = items.segments.values()
        return softmax(self.reads(segment) @ self.weights + self.bias)

    def rounded(self, bits: int) -> Linear:
        """With weights on a grid of so many bits."""
        step = np.abs(self.weights).max() / (2 ** (bits - 1) - 1)
        return replace(self, weights=np.round(self.weights / step) * step)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("build/validity-kinds"))
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--items", type=int, nargs="+", default=[500])
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="", help="one of pictures, table, sounds, features")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    validity.known = validity.know([c for t in tasks() if asked.only in ("", t.name) for c in cases(t)])
    results: list[dict[str, Any]] = []
    with ProcessPoolExecutor(asked.workers) as pool:  # forked: each has what is known
        for number, one in enumerate(validity.known):
            about = {"task": one.case.task, "kind": one.case.kind, "strength": one.case.strength, "rank": one.case.rank}
            for n in asked.items:
                runs = list(pool.map(partial(validity.run, number, n, at_once=n), range(asked.runs), chunksize=5))
                results.append({**about, "truth": one.truth, "n": n, "runs": runs})
            if one.case.named:
                named = list(pool.map(partial(leant_on_first, number), range(validity.LOCALISED)))
                results.append({**about, "named": named})
            print(f"{number + 1} of {len(validity.known)}: {one.case.task}, {one.case.kind} {one.case.strength}")
            (asked.out / "results.json").write_text(json.dumps(results))
    said = validity_tables.tables(results)
    (asked.out / "tables.md").write_text(said)
    print(said)


def leant_on_first(number: int, seed: int) -> bool:
    """Whether the planted unit comes first among those on which the candidate leans more.

    Where every item has the same units, all others come close behind: the candidate leans less on each of them.
    """
    one = validity.known[number]
    rows = validity.leans(one, np.random.default_rng([number, 7, seed]), seed).rows
    more = [row.word for row in rows if row.lean_candidate > row.lean_reference]
    return bool(more) and more[0] in one.case.named


def tasks() -> Iterator[Task]:
    """One of each kind."""
    from sklearn.datasets import load_breast_cancer, load_digits

    rng = np.random.default_rng(0)
    x, y = load_digits(return_X_y=True)
    order = rng.permutation(len(y))
    pixels = np.kron(x[order].reshape(-1, 8, 8) * 15, np.ones((1, 4, 4))).astype(np.uint8)
    yield _split("pictures", tuple(map(str, range(10))), Pictures.of_arrays(pixels), y[order], 700, 500, blocks)

    table = load_breast_cancer(as_frame=True).frame.sample(frac=1.0, random_state=0)
    gold = table.pop("target").to_numpy()
    rows = Rows.of_frame(table)
    ordinary = table[:200].to_numpy()
    middle, width = ordinary.mean(axis=0), ordinary.std(axis=0)
    columns = len(rows.columns)
    yield _split(
        "table",
        ("malignant", "benign"),
        rows,
        gold,
        200,
        369,
        lambda held: (np.stack(held.arrays[:columns], axis=1) - middle) / width,
    )

    waves, spoken = recordings(900, rng)
    labels = ("low", "middle", "high")
    yield _split("sounds", labels, Sounds.of_arrays(waves, rate=RATE), spoken, 500, 400, heard)
    energies = Features(energy(np.stack(waves)))
    yield _split("features", labels, energies, spoken, 500, 400, lambda held: summary(np.asarray(held)))


def _split(
    name: str, labels: tuple[str, ...], segment: Any, gold: NDArray[np.int64], learned: int, drawn: int, reads: Reads
) -> Task:
    train, pool = (segment.take(np.arange(*ends)) for ends in ((0, learned), (learned, learned + drawn)))
    return Task(name, labels, train, gold[:learned], pool, gold[learned : learned + drawn], reads)


def blocks(pictures: Pictures) -> NDArray[np.float64]:
    """The mean of each of 8 x 8 blocks of a picture."""
    grey = np.stack(pictures.inputs()).mean(axis=3)
    return np.asarray(grey.reshape(len(grey), 8, 4, 8, 4).mean(axis=(2, 4)).reshape(len(grey), 64) / 240)


def recordings(count: int, rng: np.random.Generator) -> tuple[list[NDArray[np.float64]], NDArray[np.int64]]:
    """A tone that tells the label at some time, another one, mostly weaker, at some other, and noise."""
    at = np.arange(LENGTH) / RATE
    gold = rng.integers(len(TONES), size=count)
    waves = []
    for label in gold:
        other = (label + rng.integers(1, len(TONES))) % len(TONES)
        wave = 0.02 * rng.normal(size=LENGTH)
        for tone, loud in ((label, 0.3), (other, 0.3 * rng.uniform(0.2, 1.1))):
            pulse = np.exp(-(((at - rng.uniform(0.05, 0.4)) / 0.04) ** 2))
            wave += loud * pulse * np.sin(2 * np.pi * TONES[tone] * at + rng.uniform(0, 6))
        waves.append(wave)
    return waves, gold


def energy(waves: NDArray[Any]) -> NDArray[np.float64]:
    """Log-energy in bands of frequency over time [items, frames, bands]."""
    frames = waves.reshape(len(waves), FRAMES, -1).astype(np.float64)
    power = np.abs(np.fft.rfft(frames)) ** 2 / frames.shape[2]
    of_band = np.array_split(power, BANDS, axis=2)
    return np.log(np.stack([band.mean(axis=2) for band in of_band], axis=2) + 1e-4)


def summary(energies: NDArray[Any]) -> NDArray[np.float64]:
    """Mean and maximum of each band over time."""
    values = energies.astype(np.float64)
    return np.concatenate([values.mean(axis=1), values.max(axis=1)], axis=1) / 4


def heard(sounds: Sounds) -> NDArray[np.float64]:
    """What a model hears."""
    return summary(energy(np.stack(sounds.inputs())))


def fit(task: Task, seed: int, *, regularised: float) -> Linear:
    """A model that learned from a sample of the training items."""
    from sklearn.linear_model import LogisticRegression

    some = np.random.default_rng(seed).integers(len(task.learned), size=len(task.learned))
    made = LogisticRegression(C=regularised, max_iter=2000).fit(task.reads(task.train)[some], task.learned[some])
    weights, bias = made.coef_.T, made.intercept_
    if len(task.labels) == 2:
        weights, bias = np.hstack([np.zeros_like(weights), weights]), np.r_[0.0, bias]
    return Linear(f"fit-{seed}", task.labels, task.reads, weights, bias)


def cases(task: Task) -> Iterator[Case]:
    """Every pair of this task."""
    model = fit(task, 0, regularised=0.3)
    ids = [f"i{i}" for i in range(len(task.gold))]
    pool = trusteq.Items(ids, {task.name: task.pool}, labels=task.gold, label_names=task.labels)

    def case(kind: str, strength: str, rank: float, candidate: Model) -> Case:
        return Case(task.name, kind, strength, rank, model, candidate, pool)

    yield case("the same again", "", 0, Copy(model, "copy"))
    for bits in (8, 6, 4, 3):
        yield case("rounded weights", f"{bits} bits", -bits, model.rounded(bits))
    yield case("trained again", "another sample", 1, fit(task, 1, regularised=0.3))
    for temperature in (1.05, 1.1, 1.25, 1.5, 2.0, 3.0):
        yield case("temperature", f"{temperature:g}", temperature, Sharpened(model, f"t-{temperature}", temperature))
    yield case("random answers", "", 0, Random(model, "random"))
    answers = model.predict(pool).argmax(axis=1)
    mark = mark_for(pool, len(task.labels))
    for share in SHARES:
        shown = marked(pool, answers, mark, share=share, seed=1)
        sure = max(float(model.predict(shown).max(axis=1).mean()), 0.9)
        planted = Shortcut(model, f"shortcut-{share}", mark, sure)
        named = tuple(units_with(shown, mark))
        yield Case(
            task.name, "a shortcut, same answers", f"{share:.0%} of the items", share, model, planted, shown, named
        )


if __name__ == "__main__":
    main()
