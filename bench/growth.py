"""How explanations grow: time against items, words, masks and candidates; peak memory against items. Real weights.

    python bench/classifiers.py --data FOLDER --out build/classifiers      # once
    python bench/growth.py --data FOLDER --models build/classifiers [--part time memory] [--out docs/images/growth]

time    processor seconds of value tables, attributions and alignment, by one number at a time with the others fixed:
        the straight line through the points, fitted to relative errors, and how far the farthest point is from it;
        a plot as SVG and PNG
memory  peak of the bare models answering the very same rows, and of the whole audit, each in a process of its own.
        oneDNN's cache of matrix kernels fills with the first few hundred items, whoever asks; it is left out of both

Reference and candidates have the same weights, so that one candidate costs as much as the next: the two layers of
SNLI's layers-2, beside which everything but the model weighs most; for words an item the six of SST-2's base.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

import trusteq

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trusteq.explain.explanation import Explanation
    from trusteq.models.token_rows import TokenRows

# What explains is imported where it is used: the process of the bare models is to hold nothing of it.

MASKS = 32
"""Masks an item where their number is fixed; few, so that what does not grow with them shows."""
WORDS = (19, 20)
"""Words of a pair where their number is fixed."""
CHUNK = 8192
"""Rows that the bare models are given at a time, as many as value tables put together."""
COUNTS = (30, 120, 480)
LONGEST = 200


@dataclass(frozen=True)
class Series:
    """What is measured against one number: how to read that number off an explanation, and the work at each point."""

    name: str
    axis: str
    read: Callable[[Explanation], float]
    works: Sequence[Callable[[], Explanation]]
    x: list[float] = field(default_factory=list)
    y: list[float] = field(default_factory=list)

    def line(self) -> tuple[float, float, float]:
        """Slope, intercept, and the largest relative deviation of a point from the line."""
        x, y = np.array(self.x), np.array(self.y)
        slope, intercept = np.polyfit(x, y, 1, w=1 / y)
        return float(slope), float(intercept), float(np.abs(y / (slope * x + intercept) - 1).max())


def work(models: Sequence[Any], items: trusteq.Items, masks: int) -> Callable[[], Explanation]:
    """Value tables of all models, and every candidate's attributions and alignment; predictions are made beforehand."""
    from trusteq.auditing.explanations import paired
    from trusteq.comparing.alignment import alignment
    from trusteq.explain.explanation import explain
    from trusteq.explain.respondent import respondents
    from trusteq.stats.resampling import RESAMPLES, Resampling

    labels = models[0].labels
    settings = trusteq.ExplainSettings(items=None, masks=masks)
    predicted = [model.predict(items) for model in models]

    def run() -> Explanation:
        made = explain(respondents(models, predicted, labels), items, settings, gold=None)
        for candidate in range(1, len(models)):
            for one in paired(made, candidate, items, Resampling(len(items), resamples=RESAMPLES)):
                alignment(one)
        return made

    return run


def all_series(data: Path, models: Path, share: float) -> list[Series]:
    """The four; ``share`` of the items of each, for a quick try."""
    from trusteq.explain.words import words

    def opened(folder: str, count: int) -> list[Any]:
        return [trusteq.open_model(str(models / folder), name=f"model {i}") for i in range(count)]

    def some(count: int) -> int:
        return max(2, round(share * count))

    items = read_pairs(data)
    of_length = [i for i, pair in enumerate(zip(*items.texts(), strict=True)) if len(words(pair)) in WORDS]
    pairs = items.take(of_length)
    two_layers, six_layers = opened("snli/layers-2", 9), opened("sst2/base", 2)
    reviews = trusteq.read_items(data / "eraser_movies_test.jsonl.gz", text=["text"], label="label", id="id")
    long = [(text,) for text in reviews.texts()[0] if len(words((text,))) >= LONGEST][: some(4)]
    ends = [words(text).spans[:, 2] for text in long]

    def beginnings(count: int) -> trusteq.Items:
        texts = [text[: end[count - 1]] for (text,), end in zip(long, ends, strict=True)]
        return trusteq.Items([str(i) for i in range(len(texts))], {"text": texts})

    return [
        Series(
            f"{MASKS} masks, 1 candidate",
            "items",
            lambda made: len(made.units),
            [work(two_layers[:2], pairs.take(range(some(n))), MASKS) for n in (8, 16, 32, 64, 96, 128)],
        ),
        Series(
            f"{len(long)} reviews, {MASKS} masks, 1 candidate",
            "words an item",
            lambda made: float(made.lengths.mean()),
            [work(six_layers, beginnings(n), MASKS) for n in (12, 25, 50, 100, 150, LONGEST)],
        ),
        Series(
            f"{some(10)} items, 1 candidate",
            "masks an item",
            lambda made: float(np.mean([len(plan) for plan in made.plans])),
            [work(two_layers[:2], pairs.take(range(some(10))), n) for n in (16, 32, 64, 128, 192, 256)],
        ),
        Series(
            f"{some(12)} items, {MASKS} masks",
            "candidates",
            lambda made: len(made.tables) - 1,
            [work(two_layers[: n + 1], pairs.take(range(some(12))), MASKS) for n in (1, 2, 3, 4, 6, 8)],
        ),
    ]


def read_pairs(data: Path) -> trusteq.Items:
    """The sentence pairs."""
    return trusteq.read_items(data / "snli_test.jsonl.gz", text=["text_a", "text_b"], label="label", id="id")


def measure(series: Sequence[Series], repeats: int) -> None:
    """Fill in every point: the median of several runs, all points in turn."""
    seconds: dict[tuple[int, int], list[float]] = {}
    for one in series:
        one.works[0]()  # what happens once happens here
    for repeat in range(repeats):
        for s, one in enumerate(series):
            for p, run in enumerate(one.works):
                start = time.process_time()
                made = run()
                seconds.setdefault((s, p), []).append(time.process_time() - start)
                if repeat == 0:
                    one.x.append(one.read(made))
    for s, one in enumerate(series):
        one.y.extend(median(seconds[s, p]) for p in range(len(one.works)))


def draw(series: Sequence[Series], out: Path) -> None:
    """The points and their lines, as SVG and PNG; the same bytes for the same numbers."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "trusteq", "font.size": 9, "axes.spines.top": False}):
        figure = Figure(figsize=(7.5, 5.5), layout="constrained")
        for axes, one in zip(figure.subplots(2, 2).flat, series, strict=True):
            slope, intercept, deviation = one.line()
            ends = np.array([0.0, max(one.x)])
            axes.plot(ends, slope * ends + intercept, color="0.6", label=f"line, points within {deviation:.0%}")
            axes.plot(one.x, one.y, "o", color="C0", markersize=4, label=f"median; {one.name}")
            axes.set(xlabel=one.axis, ylabel="processor time (s)", xlim=(0, None), ylim=(0, None))
            axes.spines["right"].set_visible(False)
            axes.legend(frameon=False, fontsize=7, loc="upper left")
        out.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(out.with_suffix(".svg"), metadata={"Date": None})
        figure.savefig(out.with_suffix(".png"), dpi=150, metadata={"Software": None})


def peak() -> float:
    """Most memory of this process so far, in MB; unlike ru_maxrss it knows nothing of the process that started it."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")) * 1024 / 1e6


def both(models: Path) -> list[Any]:
    """A reference and a candidate, all their weights read: mapped from a file, they would count when first used."""
    location = str(models / "snli" / "layers-2")
    made: list[Any] = [trusteq.open_model(location, name=name) for name in ("reference", "candidate")]
    for model in made:
        for weight in model.model.parameters():
            weight.sum()
    return made


def bare(models: Path, rows_file: Path) -> float:
    """Peak of the models answering these rows, a chunk at a time."""
    from trusteq.models.token_rows import TokenRows

    made = np.load(rows_file)
    ids, types, starts = made["ids"], made["types"], made["starts"]
    for model in both(models):
        for first in range(0, len(starts) - 1, CHUNK):
            at = starts[first : first + CHUNK + 1]
            model.answer(TokenRows(ids[at[0] : at[-1]], types[at[0] : at[-1]], at - at[0]))
    return peak()


def audited(models: Path, data: Path, count: int) -> float:
    """Peak of the audit, from reading the items to the verdict."""
    reference, candidate = both(models)
    items, settings = read_pairs(data).take(range(count)), trusteq.ExplainSettings(items=None, masks=MASKS)
    trusteq.audit(reference, candidate, items, explain=settings, allow_same=True)
    return peak()


def rows(model: Any, items: trusteq.Items) -> TokenRows:
    """The rows that the audit's explanations ask about."""
    from trusteq.explain.plan import mask_plan
    from trusteq.explain.splice import splicer
    from trusteq.explain.words import words
    from trusteq.models.token_rows import joined

    make, parts = splicer(model), []
    for name, texts in zip(items.ids, zip(*items.texts(), strict=True), strict=True):
        units = words(texts)
        masks = mask_plan(name, len(units), masks=MASKS).masks
        parts.append(make.rows(units, masks, len(masks) // 2))
    return joined(parts)


def memory(data: Path, models: Path, counts: Sequence[int]) -> None:
    """Both sides' peaks by number of items, each in a fresh process."""
    print(f"peak memory, a reference and a candidate of two layers, {MASKS} masks an item, all items explained")
    print(f"{'items':>6} {'rows':>7} {'bare models, MB':>16} {'audit, MB':>10} {'ratio':>6}")
    model, items = both(models)[0], read_pairs(data)
    found = []
    for count in counts:
        asked = rows(model, items.take(range(count)))
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "rows.npz"
            np.savez(file, ids=asked.ids, types=asked.types, starts=asked.starts)
            command = [sys.executable, __file__, "--data", str(data), "--models", str(models)]
            settings = {**os.environ, "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "0"}
            sides = [
                float(subprocess.run([*command, *side], check=True, stdout=subprocess.PIPE, env=settings).stdout)
                for side in (["--bare", str(file)], ["--audit", str(count)])
            ]
        found.append([*sides, sides[1] - sides[0]])
        print(f"{count:6,} {len(asked):7,} {sides[0]:16.0f} {sides[1]:10.0f} {sides[1] / sides[0]:6.2f}", flush=True)
    if len(counts) > 1:
        names = ("the bare models", "the audit", "the audit beyond the bare models")
        for name, peaks in zip(names, zip(*found, strict=True), strict=True):
            print(f"  {name}: {1000 * np.polyfit(counts, peaks, 1)[0]:+.0f} MB for 1,000 items more")


def main() -> None:
    """Both parts, or one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path, default=Path("build/classifiers"))
    parser.add_argument("--part", nargs="+", choices=("time", "memory"), default=["time", "memory"])
    parser.add_argument("--out", type=Path, default=Path("docs/images/growth"), help="the plot, without its ending")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--share", type=float, default=1.0, help="of the items of each series, for a quick try")
    parser.add_argument("--counts", type=int, nargs="+", default=COUNTS, help="items of each measure of memory")
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--audit", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    if given.bare or given.audit:
        print(bare(given.models, given.bare) if given.bare else audited(given.models, given.data, given.audit))
        return
    if "time" in given.part:
        series = all_series(given.data, given.models, given.share)
        measure(series, given.repeats)
        for one in series:
            slope, intercept, deviation = one.line()
            points = ", ".join(f"{x:.4g}: {y:.2f}" for x, y in zip(one.x, one.y, strict=True))
            print(f"seconds by {one.axis} ({one.name}): {points}")
            print(f"  {slope:.4g} s each, {intercept:+.2f} s; farthest point {deviation:.1%} from the line", flush=True)
        draw(series, given.out)
    if "memory" in given.part:
        memory(given.data, given.models, given.counts)


if __name__ == "__main__":
    main()
