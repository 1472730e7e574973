"""Explanations beside the libraries lime and shap: same work, overhead, and the whole audit. Real weights, real pairs.

    python bench/classifiers.py --data FOLDER --out build/classifiers      # once
    python bench/explain.py --data FOLDER --models build/classifiers [--part same overhead audit truth] [--pairs 4]
    python bench/explain.py --data FOLDER --models build/classifiers --texts sentences reviews --samples 150 --pairs 2
    python bench/explain.py --data FOLDER --models build/classifiers --precision bfloat16

same      identical masks: seconds of the library (a predict function with batches of 64) and of the engine, the largest
          difference of a coefficient, the cosine between both sides' and how many of the ten largest they share
overhead  seconds of the whole engine over those of the bare model on the very same rows
audit     a reference and four candidates: what our alignment and the libraries cost to the same standard error, by the
          published protocol (1,000 LIME samples and 500 SHAP evaluations an item) and by the libraries' defaults
truth     bias and standard error of our alignment, of the plain cosine and of Jaccard from 1,000 LIME samples, against
          a plan of 768 masks an item; not run unless asked for

With --precision the engine asks in 16 bits, the libraries still in float32. On single texts, same and overhead run on
SST-2's sentences of 16-22 words and on beginnings of movie reviews, whole sentences of 60-200 words. Owen values of all
words would take some 10,000 answers a review; there they are those of its sentences.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

import trusteq
from trusteq.comparing.alignment import Explained, alignment, products
from trusteq.comparing.top_k import jaccard, top_k
from trusteq.comparing.weight_similarity import cosine
from trusteq.explain.attributions import attributions
from trusteq.explain.explanation import ExplainSettings, explain
from trusteq.explain.lime import lime_fit, lime_masks
from trusteq.explain.owen import linkage, owen_plan
from trusteq.explain.plan import distinct, mask_plan
from trusteq.explain.precision import PRECISIONS, in_precision
from trusteq.explain.respondent import respondents
from trusteq.explain.splice import splicer
from trusteq.explain.value_tables import Question, value_tables
from trusteq.explain.words import TextUnits, by_pattern, sentences
from trusteq.models.token_rows import joined
from trusteq.stats.resampling import Resampling
from trusteq.work.freed_memory import keep_freed_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from trusteq.explain.precision import Precision
    from trusteq.explain.words import CutTexts

CUT = "\x1f"
"""Stands between the segments of a pair: to lime no word, so it is never left out."""
NAMES = ("base", "peer", "int8", "layers-4", "layers-2")


def timed(*sides: Callable[[], Any], repeats: int) -> list[tuple[float, Any]]:
    """Median seconds and last result of each side, run in turn."""
    seconds: list[list[float]] = [[] for _ in sides]
    results: list[Any] = [None for _ in sides]
    for _ in range(repeats):
        for i, side in enumerate(sides):
            start = time.perf_counter()
            results[i] = side()
            seconds[i].append(time.perf_counter() - start)
    return [(median(s), r) for s, r in zip(seconds, results, strict=True)]


def merged(texts: tuple[str, ...]) -> TextUnits:
    """Words as lime cuts them: runs of letters and digits, equal ones one unit."""
    units = by_pattern(r"\w+")(texts)
    place: dict[str, int] = {}
    return TextUnits(texts, units.spans, np.array([place.setdefault(word, len(place)) for word in units.names]))


def trusteq_words(texts: tuple[str, ...]) -> TextUnits:
    """Our words."""
    from trusteq.explain.words import words

    return words(texts)


def predict_function(model: Any) -> Callable[[Sequence[str]], Any]:
    """What a careful user would give the libraries: batches of 64 texts, pairs as pairs."""
    import torch

    def predict(texts: Sequence[str]) -> Any:
        answers = []
        with torch.inference_mode():
            for start in range(0, len(texts), 64):
                segments = zip(*(str(text).split(CUT) for text in texts[start : start + 64]), strict=True)
                inputs = model.tokenizer(*map(list, segments), padding=True, return_tensors="pt")
                answers.append(torch.softmax(model.model(**inputs).logits.double(), dim=1).numpy())
        return np.concatenate(answers)

    return predict


def library_lime(predict: Any, texts: tuple[str, ...], samples: int, labels: int) -> tuple[Any, Any]:
    """lime's coefficients [units, labels] and the masks it drew."""
    from lime.lime_text import LimeTextExplainer

    class Watched(LimeTextExplainer):  # type: ignore[misc]
        def _LimeTextExplainer__data_labels_distances(self, *given: Any, **named: Any) -> Any:  # noqa: N802
            made = super()._LimeTextExplainer__data_labels_distances(*given, **named)
            self.masks = made[0].astype(bool)
            return made

    explainer = Watched(random_state=0)
    units = len(merged(texts))
    found = explainer.explain_instance(
        CUT.join(texts), predict, labels=range(labels), num_features=units, num_samples=samples
    )
    coefficients = np.zeros((units, labels))
    for label in range(labels):
        for unit, weight in found.local_exp[label]:
            coefficients[unit, label] = weight
    return coefficients, explainer.masks


def engine_lime(model: Any, units: Sequence[TextUnits], masks: Sequence[Any]) -> list[Any]:
    """The same coefficients from the same masks, each distinct one asked once, all items together."""
    once = [distinct(m) for m in masks]
    tables = value_tables(model, [Question(u, rows) for u, (rows, _) in zip(units, once, strict=True)])
    return [
        lime_fit(rows, np.exp(table), weights=np.bincount(place).astype(float))
        for (rows, place), table in zip(once, tables, strict=True)
    ]


def library_shap(predict: Any, units: TextUnits, batch: int | str = 64) -> Any:
    """shap's partition values [units, labels] over our tree, in batches of this size ("auto": its default)."""
    from shap.explainers import Partition

    class Masker:
        clustering = linkage(units.segments)
        shape = (1, len(units))

        def __call__(self, mask: Any, x: Any) -> Any:
            return (np.array([CUT.join(units.write(np.asarray(mask, dtype=bool)))]),)

    explainer = Partition(predict, Masker())
    values = explainer(np.zeros((1, len(units))), max_evals=100_000, batch_size=batch, silent=True).values[0]
    return np.asarray(values)


def engine_owen(model: Any, units: Sequence[TextUnits]) -> list[Any]:
    """The same values from one table of all items."""
    plans = [owen_plan(u.segments) for u in units]
    tables = value_tables(model, [Question(u, p.masks) for u, p in zip(units, plans, strict=True)])
    return [p.weights @ np.exp(t) for p, t in zip(plans, tables, strict=True)]


def agreement(theirs: Sequence[Any], ours: Sequence[Any], k: int = 10) -> str:
    """How near both sides' coefficients [units, labels] are, over all items and labels."""
    a, b = (np.concatenate([item.T.ravel() for item in side]) for side in (theirs, ours))
    common = []
    for x, y in zip(theirs, ours, strict=True):
        for label in range(x.shape[1]):
            tops = [set(np.argsort(-np.abs(side[:, label]), kind="stable")[:k]) for side in (x, y)]
            common.append(len(tops[0] & tops[1]) / len(tops[0]))
    angle = a @ b / np.sqrt((a @ a) * (b @ b))
    return f"largest difference {np.abs(a - b).max():.1e}, cosine {angle:.5f}, top {k} in common {np.mean(common):.1%}"


def same_work(
    model: Any,
    asked: Any,
    pairs: Sequence[tuple[str, ...]],
    given: argparse.Namespace,
    owen_cut: CutTexts = trusteq_words,
) -> dict[str, float]:
    """Seconds an item of both libraries, and the ratios. asked: the model that the engine asks, perhaps in 16 bits."""
    samples, repeats = given.samples, given.repeats
    predict, labels = predict_function(model), len(model.labels)

    def flat(texts: Sequence[str]) -> Any:
        """Answers that cost nothing: the masks do not depend on them."""
        return np.full((len(texts), labels), 1 / labels)

    masks = [library_lime(flat, texts, samples, labels)[1] for texts in pairs]
    units = [merged(texts) for texts in pairs]
    (slow, found), (fast, ours) = timed(
        lambda: [library_lime(predict, texts, samples, labels)[0] for texts in pairs],
        lambda: engine_lime(asked, units, masks),
        repeats=repeats,
    )
    seconds = {"lime": slow / len(pairs)}
    print(
        f"  LIME, {samples} samples: library {slow:.2f} s, engine {fast:.2f} s, ratio {slow / fast:.2f}, "
        f"{agreement(found, ours)}"
    )
    parts = [owen_cut(texts) for texts in pairs]
    library_shap(flat, parts[0])  # what happens once: shap compiles
    (slow, found), (default, _), (fast, ours) = timed(
        lambda: [library_shap(predict, u) for u in parts],
        lambda: [library_shap(predict, u, "auto") for u in parts],
        lambda: engine_owen(asked, parts),
        repeats=repeats,
    )
    print(
        f"  SHAP partition: library in batches of 64 {slow:.2f} s, in its own {default:.2f} s, engine {fast:.2f} s, "
        f"ratios {slow / fast:.2f} and {default / fast:.2f}, {agreement(found, ours)}"
    )
    return {**seconds, "shap": slow / len(pairs), "shap by default": default / len(pairs)}


def by_default(model: Any, texts: tuple[str, ...]) -> float:
    """Seconds of one item by the libraries' defaults: 5,000 LIME samples, and shap's own batches."""
    predict, labels = predict_function(model), len(model.labels)
    start = time.perf_counter()
    library_lime(predict, texts, 5000, labels)
    library_shap(predict, trusteq_words(texts), "auto")
    return time.perf_counter() - start


def overhead(model: Any, pairs: Sequence[tuple[str, ...]], repeats: int, owen_cut: CutTexts = trusteq_words) -> None:
    """Seconds of everything over seconds of the bare model on the very same rows in the very same batches."""
    units = [trusteq_words(texts) for texts in pairs]
    plans = [mask_plan(str(i), len(u), masks=256) for i, u in enumerate(units)]
    parts = [owen_cut(texts) for texts in pairs]
    owen = [owen_plan(u.segments) for u in parts]
    make = splicer(model)

    def rows(units: Sequence[TextUnits], masks: Sequence[Any]) -> Any:
        return joined([make.rows(u, m, len(m) // 2) for u, m in zip(units, masks, strict=True)])

    def sampled() -> None:
        made = [mask_plan(str(i), len(u), masks=256) for i, u in enumerate(units)]
        tables = value_tables(model, [Question(u, p.masks) for u, p in zip(units, made, strict=True)])
        values = [np.exp(t) for t in tables]
        for method in ("lime", "shapley"):
            attributions(made, values, method)

    bare_rows, owen_rows = rows(units, [p.masks for p in plans]), rows(parts, [p.masks for p in owen])
    (bare, _), (whole, _) = timed(lambda: model.answer(bare_rows), sampled, repeats=repeats)
    print(f"  LIME and Shapley, one plan: {100 * (whole / bare - 1):+.1f} % ({bare:.2f} s bare, {len(bare_rows)} rows)")
    (bare, _), (whole, _) = timed(lambda: model.answer(owen_rows), lambda: engine_owen(model, parts), repeats=repeats)
    print(f"  Owen values: {100 * (whole / bare - 1):+.1f} % ({bare:.2f} s bare, {len(owen_rows)} rows)")


Seconds = dict[int, tuple[float, float, float]]
"""By number of layers, of one item: the published protocol, its LIME alone, and the libraries' defaults."""


def whole_audit(models: Sequence[Any], items: trusteq.Items, library: Seconds, precision: Precision) -> None:
    """Cost of our alignment and of the libraries to the same standard error.

    Between the numbers of layers that were measured their seconds grow linearly. Ours include both models' ceilings;
    the protocol knows none, and with one, LIME runs once more.
    """
    predicted = [m.predict(items) for m in models]
    labels = models[0].labels
    asked = in_precision(models, precision)

    def run(masks: int | None) -> tuple[float, dict[str, list[Any]], Any]:
        start = time.perf_counter()
        made = explain(
            respondents(asked, predicted, labels),
            items,
            ExplainSettings(items=None, masks=masks, precision=precision),
            gold=items.gold(labels),
        )
        return time.perf_counter() - start, made.attributions(), made

    seconds, found, made = run(None)
    ours = seconds / len(items) / len(models)
    layers = sorted(library)

    def mean_over_models(which: int) -> float:
        known = [library[k][which] for k in layers]
        return float(np.mean([np.interp(m.model.config.num_hidden_layers, layers, known) for m in models]))

    protocol, again, default = (mean_over_models(which) for which in range(3))
    n, spread = len(items), made.spread()
    print(
        f"  an item and model: ours {ours:.3f} s ({np.mean([len(p) for p in made.plans]):.0f} masks), the protocol "
        f"{protocol:.2f} s, ratio {protocol / ours:.1f}; LIME once more for a ceiling {protocol + again:.2f} s, "
        f"ratio {(protocol + again) / ours:.1f}; the libraries' defaults {default:.1f} s, ratio {default / ours:.0f}"
    )
    for method, a in found.items():
        for i in range(1, len(models)):
            one = Explained(method, a[0], a[i], made.lengths, spread[0], spread[i], Resampling(n))
            e = alignment(one)
            name = f"alignment_{method}"
            if name not in e:
                continue
            error = standard_error(one)
            plain = cosine(a[0].whole, a[i].whole, made.lengths)
            plain_error = float(np.nanstd(plain) / np.sqrt(n))
            over_ceiling = plain_error * e[name].value / float(np.nanmean(plain))
            print(
                f"  {models[i].name:9} {name}: {e[name].value:.3f} (standard error {error:.4f}); plain cosine "
                f"{np.nanmean(plain):.3f} ({plain_error:.4f}; over its ceiling at least {over_ceiling:.4f}); to the "
                f"same error {protocol / ours * plain_error**2 / error**2:.0f} times faster than the plain cosine, "
                f"{(protocol + again) / ours * over_ceiling**2 / error**2:.0f} than that over its ceiling, "
                f"{default / ours * plain_error**2 / error**2:.0f} than the plain one by the defaults"
            )


def standard_error(explained: Explained) -> float:
    """Of the pooled alignment, by leaving out one item after the other."""
    c, a, b = (x.sum() - x for x in products(explained))
    without = c / np.sqrt(a * b)
    return float(np.sqrt((len(without) - 1) * without.var()))


def against_truth(models: Sequence[Any], items: trusteq.Items, masks: int = 768) -> None:
    """Bias and standard error of both sides on the same items; LIME's 1,000 samples come from the engine."""
    predicted = [m.predict(items) for m in models]
    labels = models[0].labels

    def run(masks: int | None) -> Any:
        how = ExplainSettings(items=None, masks=masks)
        return explain(respondents(models, predicted, labels), items, how, gold=items.gold(labels))

    truth, ours = run(masks), run(None)
    exact, quick = truth.attributions()["lime"], ours.attributions()["lime"]
    lengths, spread = ours.lengths, ours.spread()
    own = [truth.targets[m] for m in range(len(models))]
    published = []
    for number, model in enumerate(models):
        masks_ = [lime_masks(len(u), 1000, seed=i) for i, u in enumerate(ours.units)]
        found = engine_lime(model, ours.units, masks_)
        rows = np.zeros((len(found), int(lengths.max())))
        for row, coefficients, label in zip(rows, found, own[number], strict=True):
            row[: len(coefficients)] = coefficients[:, label]
        published.append(rows)
    for i in range(1, len(models)):
        known = Explained("lime", exact[0], exact[i], lengths, spread[0], spread[i], Resampling(len(items)))
        ours_ = Explained("lime", quick[0], quick[i], lengths, spread[0], spread[i], Resampling(len(items)))
        high, low = alignment(known)["alignment_lime"], alignment(ours_)["alignment_lime"]
        plain = cosine(published[0], published[i], lengths)
        tops = [top_k(x, lengths, 10) for x in (exact[0].whole, exact[i].whole, published[0], published[i])]
        sets = jaccard(tops[2], tops[3]) - jaccard(tops[0], tops[1])
        root = np.sqrt(len(items))
        print(
            f"  {models[i].name:9} alignment, {masks} masks: {high.value:.3f}; ours, "
            f"{np.mean([len(p) for p in ours.plans]):.0f} masks: {low.value:.3f} (bias {low.value - high.value:+.3f}, "
            f"standard error {standard_error(ours_):.3f}); plain cosine, 1,000 samples: {np.nanmean(plain):.3f} "
            f"(bias {np.nanmean(plain) - high.value:+.3f}, standard error {np.nanstd(plain) / root:.3f}); Jaccard "
            f"{jaccard(tops[2], tops[3]).mean():.3f} (bias {sets.mean():+.3f}, standard error "
            f"{sets.std() / root:.3f})"
        )


def single_texts(data: Path, kind: str, count: int) -> list[tuple[str, ...]]:
    """Sentences, or beginnings of reviews, each cut at the last end of a sentence within its own limit."""
    file, lengths = {
        "sentences": ("sst2_test.jsonl.gz", [(16, 22)] * count),
        "reviews": (
            "eraser_movies_test.jsonl.gz",
            [(int(0.75 * most), int(most)) for most in np.linspace(80, 200, count)],
        ),
    }[kind]
    found: list[tuple[str, ...]] = []
    for text in trusteq.read_items(data / file, text=["text"], label="label", id="id").texts()[0]:
        if len(found) < count:
            fewest, most = lengths[len(found)]
            ends = sentences((text,)).spans[:, 2]
            made = [beginning for end in ends if fewest <= len(trusteq_words(beginning := (text[:end],))) <= most]
            found += made[-1:]
    return found


def of_single_texts(kind: str, given: argparse.Namespace) -> None:
    """Same work and overhead on texts of this kind."""
    model = trusteq.open_model(str(given.models / "sst2" / "base"), name="base")
    texts = single_texts(given.data, kind, given.pairs)
    lengths = [len(trusteq_words(text)) for text in texts]
    owen_cut = sentences if kind == "reviews" else trusteq_words
    parts = [len(owen_cut(text)) for text in texts]
    print(
        f"base of SST-2: {len(texts)} {kind} of {min(lengths)}-{max(lengths)} words, medians of {given.repeats}; "
        f"partition and Owen values of {min(parts)}-{max(parts)} {'sentences' if kind == 'reviews' else 'words'}"
    )
    (asked,) = in_precision([model], given.precision)
    if "same" in given.part:
        same_work(model, asked, texts, given, owen_cut)
    if "overhead" in given.part:
        overhead(asked, texts, given.repeats, owen_cut)


def of_pairs(given: argparse.Namespace) -> None:
    """All parts on pairs of sentences."""
    items = trusteq.read_items(given.data / "snli_test.jsonl.gz", text=["text_a", "text_b"], label="label", id="id")
    pairs = list(zip(*items.texts(), strict=True))
    pairs = [pair for pair in pairs if 16 <= len(trusteq_words(pair)) <= 22][: given.pairs]
    models: list[Any] = [trusteq.open_model(str(given.models / "snli" / name), name=name) for name in NAMES]
    tiny: Any = trusteq.open_model(str(given.models / "snli" / "tiny"), name="tiny")
    library: Seconds = {}
    for model in (models[0], models[-1], tiny):
        print(f"{model.name}: {len(pairs)} pairs of 16-22 words, medians of {given.repeats}")
        (asked,) = in_precision([model], given.precision)
        if "same" in given.part:
            seconds = same_work(model, asked, pairs, given)
            protocol = seconds["lime"] + seconds["shap"]
            if "audit" in given.part and model is not tiny:
                library[model.model.config.num_hidden_layers] = protocol, seconds["lime"], by_default(model, pairs[0])
        if "overhead" in given.part:
            overhead(asked, pairs, given.repeats)
    if "audit" in given.part and library:
        print(f"whole audit: {given.items} pairs, {len(models)} models")
        whole_audit(models, items.take(range(given.items)), library, given.precision)
    if "truth" in given.part:
        print(f"truth: {given.items} pairs")
        against_truth([m for m in models if m.name in ("base", "peer", "layers-4")], items.take(range(given.items)))


def main() -> None:
    """All parts, or some."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", type=Path, default=Path("build/classifiers"))
    parser.add_argument("--part", nargs="+", default=["same", "overhead", "audit"])
    parser.add_argument("--texts", nargs="+", choices=("pairs", "sentences", "reviews"), default=["pairs"])
    parser.add_argument("--pairs", type=int, default=4, help="how many, or how many single texts of each kind")
    parser.add_argument("--items", type=int, default=50)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--precision", choices=PRECISIONS, default="own")
    given = parser.parse_args()
    warnings.filterwarnings("ignore")
    keep_freed_memory()  # as the command line does, for both sides
    for kind in given.texts:
        if kind != "pairs":
            of_single_texts(kind, given)
    if "pairs" in given.texts:
        of_pairs(given)


if __name__ == "__main__":
    main()
